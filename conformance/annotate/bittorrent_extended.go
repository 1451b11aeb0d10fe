package annotate

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// extended appends the id and the payload of an extended message. The ids are
// the ones that the receiver has chosen, in the other direction of the
// connection; so a payload is taken for what it looks like.
func (s *peerStream) extended(m *wire.Message) {
	meaning := "the id that the receiver gave the extension"
	if m.ExtID == 0 {
		meaning = "extension handshake"
	}
	s.take(1, "ext_id", fmt.Sprint(m.ExtID), rule{meaning: meaning, clause: "BEP10-EXT-006"}, "")
	if len(m.Data) == 0 {
		return
	}
	v, rest, err := bencode.ParsePrefix(m.Data, bencode.Options{Lenient: true})
	switch {
	case err == nil && m.ExtID == 0:
		s.dictionary(v, "extension_handshake", handshakeRule)
	case err == nil && has(v, "msg_type"):
		s.dictionary(v, "ut_metadata", metadataRule)
		if len(rest) > 0 {
			s.take(len(rest), "block", readable(rest), rule{meaning: "block of the info dictionary",
				clause: "BEP09-META-004"}, metadataBlock(v, rest))
		}
		return
	case err == nil && has(v, "added", "added6", "dropped", "dropped6"):
		s.dictionary(v, "ut_pex", pexRule)
	case err == nil && v.Kind() == bencode.Dict:
		s.dictionary(v, "payload", func(string) rule { return rule{clause: "BEP10-EXT-005"} })
	default:
		s.binaryPayload(m)
		return
	}
	if len(rest) > 0 {
		s.take(len(rest), "trailing", readable(rest), rule{meaning: "bytes behind the dictionary",
			clause: "BEP03-BENC-013"}, "the payload is one dictionary and nothing else")
	}
}

// dictionary appends the fields of a bencoded payload.
func (s *peerStream) dictionary(v bencode.Value, name string, of func(path string) rule) {
	prefix := s.prefix + "." + name
	s.rules = func(path string) rule { return of(strings.TrimPrefix(strings.TrimPrefix(path, prefix), ".")) }
	head := len(s.fields)
	s.at = s.element(s.at, s.at, 1, prefix, v)
	if _, err := bencode.Parse(v.Raw(), bencode.Options{}); err != nil && s.fields[head].Problem == "" {
		s.fields[head].Problem = err.Error()
	}
}

// binaryPayload appends a payload that is no dictionary.
func (s *peerStream) binaryPayload(m *wire.Message) {
	name, value := "payload", readable(m.Data)
	r := rule{meaning: "payload of an extension", clause: "BEP10-EXT-009"}
	problem := ""
	switch hp, err := wire.ParseHolepunch(m.Data); {
	case m.ExtID == 0:
		problem = "an extension handshake is a dictionary"
		r.clause = "BEP10-EXT-004"
	case err == nil && hp.Type <= wire.HolepunchFailed:
		kind := [...]string{"rendezvous with", "connect to", "no rendezvous with"}[hp.Type]
		name, value = "ut_holepunch", fmt.Sprintf("%s %v", kind, hp.Addr)
		if hp.Err != 0 {
			value += fmt.Sprintf(", error %d", hp.Err)
		}
		r = rule{meaning: "hole punching, by its looks", clause: "BEP55-HP-005"}
	case len(m.Data) == 4:
		index, _ := wire.ParseDontHave(m.Data)
		name, value = "lt_donthave", fmt.Sprint(index)
		r = rule{meaning: "piece that the sender has no longer, by its looks", clause: "BEP54-DH-001"}
	case len(m.Data) == 1:
		name, value = "upload_only", fmt.Sprint(m.Data[0])
		r = rule{meaning: "1: the sender wants no pieces; by its looks", clause: "BEP21-PART-001"}
	}
	s.take(len(m.Data), name, value, r, problem)
}

func has(v bencode.Value, keys ...string) bool {
	for _, key := range keys {
		if _, ok := v.Get(key); ok {
			return true
		}
	}
	return false
}

// handshakeRule is what BEP 10 and the BEPs that add keys say of a handshake.
func handshakeRule(path string) rule {
	switch path {
	case "":
		return rule{meaning: "extension handshake", clause: "BEP10-EXT-004", check: isDict}
	case "m":
		return rule{meaning: "ids on which the sender wants extensions", clause: "BEP10-EXT-006", check: isDict}
	case "p":
		return rule{meaning: "the sender's listening port", clause: "BEP10-EXT-011", check: between(0, 65535)}
	case "v":
		return rule{meaning: "client and version", clause: "BEP10-EXT-012", check: isString}
	case "yourip":
		return rule{meaning: "the receiver's address", clause: "BEP10-EXT-012", check: addressSize, entry: address}
	case "ipv4":
		return rule{meaning: "the sender's IPv4 address", clause: "BEP10-EXT-012", check: size(4), entry: address}
	case "ipv6":
		return rule{meaning: "the sender's IPv6 address", clause: "BEP10-EXT-012", check: size(16), entry: address}
	case "reqq":
		return rule{meaning: "requests that the sender keeps", clause: "BEP10-EXT-010", check: between(1, 1<<31-1)}
	case "metadata_size":
		return rule{meaning: "length of the info dictionary; 0: it is not there", clause: "BEP09-META-001",
			check: between(0, 1<<31-1)}
	case "upload_only":
		return rule{meaning: "1: the sender wants no pieces", clause: "BEP21-PART-001", check: between(0, 1)}
	}
	if strings.HasPrefix(path, "m.") {
		return rule{meaning: "id; 0 switches it off", clause: "BEP10-EXT-007", check: between(0, 255)}
	}
	return rule{clause: "BEP10-EXT-005"}
}

// metadataRule is what BEP 9 says of a message of ut_metadata.
func metadataRule(path string) rule {
	switch path {
	case "":
		return rule{meaning: "message of ut_metadata, by its looks", clause: "BEP09-META-004"}
	case "msg_type":
		return rule{meaning: "0 request, 1 data, 2 reject", clause: "BEP09-META-007"}
	case "piece":
		return rule{meaning: "block of 16 KiB", clause: "BEP09-META-003", check: between(0, 1<<31-1)}
	case "total_size":
		return rule{meaning: "length of the info dictionary", clause: "BEP09-META-004", check: between(1, 1<<31-1)}
	}
	return rule{clause: "BEP10-EXT-005"}
}

// metadataBlock checks what follows the dictionary.
func metadataBlock(v bencode.Value, block []byte) string {
	kind, _ := v.Get("msg_type")
	if n, _ := kind.Int64(); n != int64(wire.MetadataData) {
		return "a block follows in data messages alone"
	}
	if len(block) > wire.MetadataBlock {
		return fmt.Sprintf("at most %d bytes", wire.MetadataBlock)
	}
	return ""
}

// pexRule is what BEP 11 says of a message of ut_pex.
func pexRule(path string) rule {
	list := func(meaning string, size int) rule {
		return rule{meaning: meaning, clause: "BEP11-PEX-009", check: multiple(size), split: size,
			entry: endpoint, each: "peer"}
	}
	flags := rule{meaning: "what the sender knows of each", clause: "BEP11-PEX-010", check: isString, split: 1,
		entry: pexFlags, each: "flags"}
	switch path {
	case "":
		return rule{meaning: "message of ut_pex, by its looks", clause: "BEP11-PEX-008"}
	case "added":
		return list("peers that the sender has connected to", 6)
	case "added6":
		return list("IPv6 peers that the sender has connected to", 18)
	case "dropped":
		return list("peers that it has lost", 6)
	case "dropped6":
		return list("IPv6 peers that it has lost", 18)
	case `"added.f"`, `"added6.f"`:
		return flags
	}
	return rule{clause: "BEP10-EXT-005"}
}

// pexFlags names the bits of a contact's flags.
func pexFlags(b []byte) string {
	var names []string
	for i, name := range []string{"encryption", "seed", "uTP", "hole punching", "outgoing"} {
		if b[0]&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if rest := b[0] >> 5; rest != 0 {
		names = append(names, fmt.Sprintf("%#02x", rest<<5))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func addressSize(v bencode.Value) string {
	if s, ok := v.Bytes(); !ok || len(s) != 4 && len(s) != 16 {
		return "4 bytes, or 16 for IPv6"
	}
	return ""
}

func address(b []byte) string {
	ip, _ := netip.AddrFromSlice(b)
	return ip.String()
}
