package wire

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// The names under which extensions are registered in a handshake's m.
const (
	ExtMetadata   = "ut_metadata"  // BEP 9
	ExtPex        = "ut_pex"       // BEP 11
	ExtUploadOnly = "upload_only"  // BEP 21, as libtorrent sends changes of it
	ExtDontHave   = "lt_donthave"  // BEP 54
	ExtHolepunch  = "ut_holepunch" // BEP 55
)

// MaxExtensions is how many entries of m are kept of one handshake: several
// times what any client registers.
const MaxExtensions = 100

// extNesting is the depth of the dictionaries of extended messages, with room
// for keys that no document knows.
const extNesting = 10

// ExtensionHandshake is the payload of the extended message with id 0
// (BEP 10). All keys are optional, and a peer may send it again; what it then
// names changes, and the rest stays (BEP10-EXT-004, BEP10-EXT-008).
type ExtensionHandshake struct {
	// M registers the ids under which the sender wants to receive messages,
	// in the order of the names. Id 0 switches an extension off.
	// BEP10-EXT-006, BEP10-EXT-007
	M []Extension

	Port    uint16     // p: the sender's listening port; 0 is absent
	Version string     // v: client and version, meant to be UTF-8
	YourIP  netip.Addr // yourip: the receiver's address as the sender sees it
	IPv4    netip.Addr // ipv4: another address of the sender
	IPv6    netip.Addr // ipv6: another address of the sender
	Reqq    int32      // reqq: requests that the sender keeps queued; 0 is absent

	// MetadataSize is metadata_size, the length of the info dictionary in
	// bytes; 0 means that the sender does not have it. BEP09-META-001
	MetadataSize int64

	// UploadOnly is upload_only: the sender wants no pieces. It counts only if
	// HasUploadOnly is set. BEP21-PART-001
	UploadOnly, HasUploadOnly bool

	// Other are the keys that are none of the above, in order, with the
	// bencoding of their values. BEP10-EXT-005
	Other []RawEntry

	// Fault is the first defect that reading passed over; nil if there is
	// none. It is not written.
	Fault *Error
}

// Extension is an entry of the handshake's m.
type Extension struct {
	Name string
	ID   uint8
}

// RawEntry is an entry of a dictionary whose value has not been read.
type RawEntry struct {
	Key string
	Raw []byte // bencoded
}

// Lookup returns the id that m gives to a name; ok is false if m does not
// mention it.
func (h *ExtensionHandshake) Lookup(name string) (id uint8, ok bool) {
	for _, e := range h.M {
		if e.Name == name {
			return e.ID, true
		}
	}
	return 0, false
}

// Append appends the payload, in canonical bencoding. Of entries with the same
// key the last counts.
func (h *ExtensionHandshake) Append(b []byte) []byte {
	dict := make(map[string]any)
	for _, e := range h.Other {
		dict[e.Key] = bencode.Raw(e.Raw)
	}
	if len(h.M) > 0 {
		m := make(map[string]any)
		for _, e := range h.M {
			m[e.Name] = int64(e.ID)
		}
		dict["m"] = m
	}
	setInt(dict, "p", int64(h.Port))
	setInt(dict, "reqq", int64(h.Reqq))
	setInt(dict, "metadata_size", h.MetadataSize)
	if h.Version != "" {
		dict["v"] = h.Version
	}
	setAddr(dict, "yourip", h.YourIP)
	setAddr(dict, "ipv4", h.IPv4)
	setAddr(dict, "ipv6", h.IPv6)
	if h.HasUploadOnly {
		n := int64(0)
		if h.UploadOnly {
			n = 1
		}
		dict["upload_only"] = n
	}
	return bencode.MustAppend(b, dict)
}

func setInt(dict map[string]any, key string, n int64) {
	if n != 0 {
		dict[key] = n
	}
}

func setAddr(dict map[string]any, key string, ip netip.Addr) {
	if ip.IsValid() {
		dict[key] = ip.AsSlice()
	}
}

// ParseExtensionHandshake reads the payload of an extended message with id 0.
//
// It is lenient, because what a handshake says is advice: keys out of order
// are read, bytes behind the dictionary are not, and a value that is not of
// its key's type or range is as if it were absent. The Fault tells. The error,
// an *[Error], is left for a payload that begins with no bencoded dictionary.
// Other borrows from the payload. BEP10-EXT-004, BEP10-EXT-013
func ParseExtensionHandshake(payload []byte) (ExtensionHandshake, error) {
	var h ExtensionHandshake
	v, err := parseDict(payload, "BEP10-EXT-004", "the extension handshake")
	if err != nil {
		return h, err
	}
	for key, value := range v.Entries() {
		h.parseEntry(string(key), value)
	}
	slices.SortStableFunc(h.M, func(a, b Extension) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(h.Other, func(a, b RawEntry) int { return strings.Compare(a.Key, b.Key) })
	return h, nil
}

func (h *ExtensionHandshake) parseEntry(key string, value bencode.Value) {
	switch key {
	case "m":
		h.parseM(value)
	case "p":
		h.Port = uint16(h.number(key, value, "BEP10-EXT-011", 65535))
	case "v":
		v, ok := value.Bytes()
		if h.Version = string(v); !ok {
			h.fault("BEP10-EXT-012", "v is a string")
		}
	case "yourip":
		h.YourIP = h.address(key, value, 4, 16)
	case "ipv4":
		h.IPv4 = h.address(key, value, 4, 4)
	case "ipv6":
		h.IPv6 = h.address(key, value, 16, 16)
	case "reqq":
		h.Reqq = int32(h.number(key, value, "BEP10-EXT-010", 1<<31-1))
	case "metadata_size":
		h.MetadataSize = h.number(key, value, "BEP09-META-009", 1<<62)
	case "upload_only":
		n, ok := value.Int64()
		h.UploadOnly, h.HasUploadOnly = n != 0, ok
		if !ok {
			h.fault("BEP21-PART-001", "upload_only is a number")
		}
	default:
		h.Other = append(h.Other, RawEntry{key, value.Raw()})
	}
}

// parseM reads the registered extensions. BEP10-EXT-006
func (h *ExtensionHandshake) parseM(m bencode.Value) {
	if m.Kind() != bencode.Dict {
		h.fault("BEP10-EXT-004", "m is a dictionary")
	}
	var seen [256]bool
	for name, value := range m.Entries() {
		id, ok := value.Int64()
		switch {
		case !ok || id < 0 || id > 255:
			h.fault("BEP10-EXT-006", fmt.Sprintf("the id of %.40q is a number from 0 to 255", name))
			continue
		case len(h.M) == MaxExtensions:
			h.fault("BEP10-EXT-006", fmt.Sprintf("m has more than %d extensions", MaxExtensions))
			return
		case id != 0 && seen[id]:
			h.fault("BEP10-EXT-006", fmt.Sprintf("two extensions have the id %d", id))
		}
		seen[id] = true
		h.M = append(h.M, Extension{string(name), uint8(id)})
	}
}

// number reads a number from 0 to most, and anything else as 0.
func (h *ExtensionHandshake) number(key string, value bencode.Value, clause string, most int64) int64 {
	n, ok := value.Int64()
	if !ok || n < 0 || n > most {
		h.fault(clause, fmt.Sprintf("%s is a number from 0 to %d", key, most))
		return 0
	}
	return n
}

// address reads an address of one of two lengths. BEP10-EXT-012
func (h *ExtensionHandshake) address(key string, value bencode.Value, length, or int) netip.Addr {
	b, _ := value.Bytes()
	if len(b) != length && len(b) != or {
		h.fault("BEP10-EXT-012", fmt.Sprintf("%s of %d bytes is no address", key, len(b)))
		return netip.Addr{}
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

func (h *ExtensionHandshake) fault(clause, what string) {
	if h.Fault == nil {
		h.Fault = &Error{clause, what}
	}
}

// parseDict reads the dictionary that a payload begins with.
func parseDict(payload []byte, clause, of string) (bencode.Value, error) {
	v, _, err := bencode.ParsePrefix(payload, bencode.Options{Lenient: true, MaxDepth: extNesting})
	if err != nil {
		return v, &Error{clause, fmt.Sprintf("%s: %v", of, err)}
	}
	if v.Kind() != bencode.Dict {
		return v, &Error{clause, fmt.Sprintf("%s is a dictionary, not %v", of, v.Kind())}
	}
	return v, nil
}
