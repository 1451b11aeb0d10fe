package annotate

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// maxMessage bounds what is annotated: the largest UDP payload.
const maxMessage = 65535

// DHT annotates one message of the Mainline DHT (BEP 5 and its extensions).
//
// The error is a *[bencode.SyntaxError] when the message is not strict
// bencoding. If a lenient reader would still accept it, its fields are
// returned as well.
func DHT(message []byte) ([]Field, error) {
	_, strict := bencode.Parse(message, bencode.Options{MaxSize: maxMessage})
	lenient := bencode.Options{Lenient: true, MaxSize: maxMessage}
	v, rest, err := bencode.ParsePrefix(message, lenient)
	if err != nil {
		return nil, err
	}
	w := &walker{message: message, rules: dhtRule}
	end := w.element(0, 0, 0, "", v)
	if len(rest) > 0 {
		w.add(end, len(message), 0, "", fmt.Sprintf("%d bytes", len(rest)), rule{
			meaning: "bytes behind the message", clause: "BEP03-BENC-013",
		}, "a message is one element and nothing else")
	}
	return w.fields, strict
}

// listItem is the index at the end of the path of a list's element.
var listItem = regexp.MustCompile(`\[\d+\]$`)

// dhtRule is what the documents say about the field at path.
func dhtRule(path string) rule {
	item := listItem.MatchString(path)
	switch base := listItem.ReplaceAllString(path, ""); {
	case path == "":
		return rule{meaning: "KRPC message", clause: "BEP05-KRPC-001", check: envelope}
	case item && base == "e":
		return rule{meaning: "error code or text", clause: "BEP05-KRPC-005"}
	case item && base == "r.values":
		return rule{meaning: "peer", clause: "BEP05-RPC-004", check: peerSize, entry: endpoint}
	case item && base == "a.want":
		return rule{meaning: "family asked for", clause: "BEP32-DHT6-006"}
	case item:
		return rule{}
	case strings.HasPrefix(path, "a."):
		return argument(path[2:])
	case strings.HasPrefix(path, "r."):
		return result(path[2:])
	default:
		return topLevel(path)
	}
}

func topLevel(key string) rule {
	switch key {
	case "t":
		return rule{meaning: "transaction id, echoed in the answer", clause: "BEP05-KRPC-002",
			check: isString}
	case "y":
		return rule{meaning: "kind: q query, r response, e error", clause: "BEP05-KRPC-001",
			check: oneOf("q", "r", "e")}
	case "q":
		return rule{meaning: "method", clause: "BEP05-KRPC-003", check: isString}
	case "a":
		return rule{meaning: "arguments of the query", clause: "BEP05-KRPC-003", check: isDict}
	case "r":
		return rule{meaning: "return values", clause: "BEP05-KRPC-004", check: isDict}
	case "e":
		return rule{meaning: "error: code and text", clause: "BEP05-KRPC-005", check: isError}
	case "v":
		return rule{meaning: "client and version", clause: "BEP05-KRPC-006"}
	case "ro":
		return rule{meaning: "1: the sender is read-only", clause: "BEP43-RO-001"}
	case "ip":
		return rule{meaning: "the receiver's address as the sender sees it",
			clause: "BEP42-SEC-002", check: peerSize, entry: endpoint}
	default:
		return rule{clause: "BEP05-KRPC-007"}
	}
}

func argument(key string) rule {
	switch key {
	case "id":
		return rule{meaning: "node id of the querier", clause: "BEP05-KRPC-003", check: size(20),
			entry: hexadecimal}
	case "target":
		return rule{meaning: "id or key looked for", clause: "BEP05-RPC-002", check: size(20),
			entry: hexadecimal}
	case "info_hash":
		return rule{meaning: "info-hash of the torrent", clause: "BEP05-RPC-003", check: size(20),
			entry: hexadecimal}
	case "port":
		return rule{meaning: "port of the peer", clause: "BEP05-RPC-007", check: between(1, 65535)}
	case "implied_port":
		return rule{meaning: "not 0: the UDP source port is the peer's", clause: "BEP05-RPC-008"}
	case "token":
		return rule{meaning: "token that the receiver gave to this address",
			clause: "BEP05-RPC-005", check: isString}
	case "want":
		return rule{meaning: "families of nodes asked for", clause: "BEP32-DHT6-006"}
	case "seed":
		return rule{meaning: "1: the peer has it all", clause: "BEP33-SCRAPE-001"}
	case "scrape":
		return rule{meaning: "1: send Bloom filters", clause: "BEP33-SCRAPE-003"}
	case "noseed":
		return rule{meaning: "1: rather not seeds", clause: "BEP33-SCRAPE-005"}
	case "cas":
		return rule{meaning: "sequence number that may be replaced", clause: "BEP44-ITEM-006"}
	case "salt":
		return rule{meaning: "salt of a mutable item", clause: "BEP44-ITEM-009",
			check: atMost(64)}
	default:
		return stored(key)
	}
}

func result(key string) rule {
	switch key {
	case "id":
		return rule{meaning: "node id of the responder", clause: "BEP05-KRPC-004", check: size(20),
			entry: hexadecimal}
	case "nodes":
		return rule{meaning: "closest nodes, 26 bytes each", clause: "BEP05-KRPC-013",
			check: multiple(26), split: 26, entry: contact, each: "node id and address"}
	case "nodes6":
		return rule{meaning: "closest IPv6 nodes, 38 bytes each", clause: "BEP32-DHT6-009",
			check: multiple(38), split: 38, entry: contact, each: "node id and address"}
	case "values":
		return rule{meaning: "peers of the torrent", clause: "BEP05-RPC-004", check: isList}
	case "token":
		return rule{meaning: "token for a later announce or put", clause: "BEP05-RPC-003",
			check: isString}
	case "BFsd":
		return rule{meaning: "Bloom filter of seeds", clause: "BEP33-SCRAPE-003", check: size(256)}
	case "BFpe":
		return rule{meaning: "Bloom filter of downloaders", clause: "BEP33-SCRAPE-003",
			check: size(256)}
	case "samples":
		return rule{meaning: "info-hashes, 20 bytes each", clause: "BEP51-SAMPLE-001",
			check: multiple(20), split: 20, entry: hexadecimal, each: "info-hash"}
	case "num":
		return rule{meaning: "info-hashes that the node stores", clause: "BEP51-SAMPLE-002"}
	case "interval":
		return rule{meaning: "seconds until it may be asked again", clause: "BEP51-SAMPLE-001",
			check: between(0, 21600)}
	default:
		return stored(key)
	}
}

// stored are the parts of an item, which puts and the answers to gets share.
func stored(key string) rule {
	switch key {
	case "v":
		return rule{meaning: "value of the item", clause: "BEP44-ITEM-002"}
	case "k":
		return rule{meaning: "public key", clause: "BEP44-ITEM-004", check: size(32)}
	case "sig":
		return rule{meaning: "signature", clause: "BEP44-ITEM-003", check: size(64)}
	case "seq":
		return rule{meaning: "sequence number", clause: "BEP44-ITEM-005"}
	default:
		return rule{clause: "BEP05-KRPC-007"} // unknown keys are ignored
	}
}

// envelope checks the message as a whole.
func envelope(v bencode.Value) string {
	if v.Kind() != bencode.Dict {
		return "a message is a dictionary"
	}
	if _, ok := v.Get("t"); !ok {
		return "t, the transaction id, is missing"
	}
	kind, ok := v.Get("y")
	if !ok {
		return "y, the kind of message, is missing"
	}
	y, _ := kind.Bytes()
	body := map[string]string{"q": "a", "r": "r", "e": "e"}[string(y)]
	if _, ok := v.Get(body); body != "" && !ok {
		return fmt.Sprintf("%s is missing", body)
	}
	return ""
}

func isString(v bencode.Value) string { return kind(v, bencode.String) }
func isDict(v bencode.Value) string   { return kind(v, bencode.Dict) }
func isList(v bencode.Value) string   { return kind(v, bencode.List) }

func kind(v bencode.Value, want bencode.Kind) string {
	if v.Kind() != want {
		return fmt.Sprintf("a %v, not a %v", want, v.Kind())
	}
	return ""
}

func isError(v bencode.Value) string {
	kinds := []bencode.Kind{}
	for item := range v.Items() {
		kinds = append(kinds, item.Kind())
	}
	if !slices.Equal(kinds, []bencode.Kind{bencode.Integer, bencode.String}) {
		return "a list of a code and a text"
	}
	return ""
}

func oneOf(allowed ...string) func(bencode.Value) string {
	return func(v bencode.Value) string {
		if s, ok := v.Bytes(); !ok || !slices.Contains(allowed, string(s)) {
			return fmt.Sprintf("one of %q", allowed)
		}
		return ""
	}
}

func size(n int) func(bencode.Value) string {
	return func(v bencode.Value) string {
		if s, ok := v.Bytes(); !ok || len(s) != n {
			return fmt.Sprintf("a string of %d bytes", n)
		}
		return ""
	}
}

func atMost(n int) func(bencode.Value) string {
	return func(v bencode.Value) string {
		if s, ok := v.Bytes(); !ok || len(s) > n {
			return fmt.Sprintf("a string of at most %d bytes", n)
		}
		return ""
	}
}

func multiple(n int) func(bencode.Value) string {
	return func(v bencode.Value) string {
		if s, ok := v.Bytes(); !ok || len(s)%n != 0 {
			return fmt.Sprintf("a string of a multiple of %d bytes", n)
		}
		return ""
	}
}

func between(low, high int64) func(bencode.Value) string {
	return func(v bencode.Value) string {
		if n, ok := v.Int64(); !ok || n < low || n > high {
			return fmt.Sprintf("a number from %d to %d", low, high)
		}
		return ""
	}
}

func peerSize(v bencode.Value) string {
	if s, ok := v.Bytes(); !ok || len(s) != 6 && len(s) != 18 {
		return "6 bytes, or 18 for IPv6"
	}
	return ""
}

func hexadecimal(b []byte) string { return fmt.Sprintf("%x", b) }

// endpoint is an address and a port in network order, 6 or 18 bytes.
func endpoint(b []byte) string {
	ip, ok := netip.AddrFromSlice(b[:len(b)-2])
	if !ok {
		return readable(b)
	}
	port := uint16(b[len(b)-2])<<8 | uint16(b[len(b)-1])
	return netip.AddrPortFrom(ip, port).String()
}

// contact is a node id and an endpoint.
func contact(b []byte) string { return fmt.Sprintf("%x at %s", b[:20], endpoint(b[20:])) }
