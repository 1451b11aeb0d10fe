package dht

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// Kind is what an answer is: the value of its "y", or empty while none came.
type Kind string

// The kinds of answers.
const (
	None     Kind = ""
	Response Kind = "r"
	Error    Kind = "e"
)

// Answer is what came back to one query. Its readers end the case with the
// path of the field that is not as the document asks.
type Answer struct {
	What string // the query, for messages
	Kind Kind
	Msg  bencode.Value // the whole message
	R    bencode.Value // the dictionary "r" of a response
	ID   kademlia.ID   // of the responder
	Code int64         // of an error
	Text string        // of an error
	RTT  time.Duration
	Raw  []byte
	// Fault says what makes the answer malformed: the field, and what is
	// wrong with it. Empty means well formed.
	Fault string

	t    *conformance.T
	sent time.Duration
}

func (a *Answer) fill(d conformance.Datagram, msg bencode.Value, kind Kind) {
	a.Kind, a.Msg, a.Raw, a.RTT = kind, msg, d.Data, d.At-a.sent
	if kind == Error {
		a.fillError()
		return
	}
	a.R, _ = msg.Get("r")
	id, ok := field(a.R, "id")
	switch {
	case a.R.Kind() != bencode.Dict:
		a.Fault = "r is not a dictionary"
	case !ok:
		a.Fault = "r.id is absent or not a string"
	case len(id) != len(a.ID):
		a.Fault = fmt.Sprintf("r.id has %d bytes, not 20", len(id))
	default:
		copy(a.ID[:], id)
	}
}

func (a *Answer) fillError() {
	e, _ := a.Msg.Get("e")
	var items []bencode.Value
	for v := range e.Items() {
		items = append(items, v)
	}
	if len(items) < 2 {
		a.Fault = "e is not a list of a code and a text"
		return
	}
	var ok bool
	if a.Code, ok = items[0].Int64(); !ok {
		a.Fault = "e[0] is not an integer"
		return
	}
	text, ok := items[1].Bytes()
	if a.Text = string(text); !ok {
		a.Fault = "e[1] is not a string"
	}
}

// String describes the answer in a few words.
func (a *Answer) String() string {
	switch {
	case a.Kind == None:
		return "silence"
	case a.Fault != "":
		return "a malformed answer (" + a.Fault + ")"
	case a.Kind == Error:
		return fmt.Sprintf("error %d %q", a.Code, a.Text)
	default:
		return "a response"
	}
}

// Response ends the case unless the answer is a well-formed response.
func (a *Answer) Response() {
	if a.Kind != Response || a.Fault != "" {
		a.t.Fail(conformance.Failure{
			Message: a.What + " was answered by " + a.String(), Where: a.What,
			Expected: []string{"a response"}, Got: a.String(),
		})
	}
}

// Refused ends the case unless the answer is a well-formed error with one of
// the codes; no codes accept any. Silence is not a refusal here: see
// [Peer.Silent] for where it is one.
func (a *Answer) Refused(codes ...int64) {
	want := make([]string, len(codes))
	for i, c := range codes {
		want[i] = fmt.Sprintf("error %d", c)
		if a.Kind == Error && a.Fault == "" && a.Code == c {
			return
		}
	}
	if len(codes) == 0 {
		want = []string{"an error"}
		if a.Kind == Error && a.Fault == "" {
			return
		}
	}
	a.t.Fail(conformance.Failure{
		Message: a.What + " was answered by " + a.String(), Where: a.What, Expected: want, Got: a.String(),
	})
}

// Has reports whether the response has the key at all.
func (a *Answer) Has(key string) bool {
	_, ok := a.R.Get(key)
	return ok
}

// Bytes is the string under key.
func (a *Answer) Bytes(key string) []byte {
	s, ok := field(a.R, key)
	if !ok {
		a.t.Mismatch("r."+key, a.show(key), "a string")
	}
	return []byte(s)
}

// Int is the integer under key.
func (a *Answer) Int(key string) int64 {
	v, _ := a.R.Get(key)
	n, ok := v.Int64()
	if !ok {
		a.t.Mismatch("r."+key, a.show(key), "an integer")
	}
	return n
}

// Token is the write token: a string of any length.
func (a *Answer) Token() []byte { return a.Bytes("token") }

// Contact is one entry of "nodes" or "nodes6".
type Contact = kademlia.Contact

// Nodes is the compact node info of "nodes", 26 bytes an entry; none if the
// key is absent, as it is from some targets that know nobody.
func (a *Answer) Nodes() []Contact { return a.contacts("nodes", 4) }

// Nodes6 is the compact node info of "nodes6", 38 bytes an entry.
func (a *Answer) Nodes6() []Contact { return a.contacts("nodes6", 16) }

func (a *Answer) contacts(key string, ip int) []Contact {
	if !a.Has(key) {
		return nil
	}
	s := a.Bytes(key)
	entry := len(kademlia.ID{}) + ip + 2
	if len(s)%entry != 0 {
		a.t.Mismatch("r."+key, fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("a multiple of %d bytes", entry))
	}
	var out []Contact
	for ; len(s) > 0; s = s[entry:] {
		out = append(out, Contact{
			ID: kademlia.ID(s[:20]), Addr: endpoint(s[20:entry]),
		})
	}
	return out
}

// Values is the list of compact peers, 6 bytes (IPv4) or 18 (IPv6) each.
func (a *Answer) Values() []netip.AddrPort {
	v, ok := a.R.Get("values")
	if !ok || v.Kind() != bencode.List {
		a.t.Mismatch("r.values", a.show("values"), "a list of strings")
	}
	var out []netip.AddrPort
	for e := range v.Items() {
		s, ok := e.Bytes()
		if !ok || len(s) != 6 && len(s) != 18 {
			a.t.Mismatch(fmt.Sprintf("r.values[%d]", len(out)), fmt.Sprintf("%s of %d bytes", e.Kind(), len(s)),
				"a string of 6 bytes", "a string of 18 bytes")
		}
		out = append(out, endpoint(s))
	}
	return out
}

// Samples is the info-hashes of "samples", 20 bytes each.
func (a *Answer) Samples() []kademlia.ID {
	s := a.Bytes("samples")
	if len(s)%20 != 0 {
		a.t.Mismatch("r.samples", fmt.Sprintf("%d bytes", len(s)), "a multiple of 20 bytes")
	}
	var out []kademlia.ID
	for ; len(s) > 0; s = s[20:] {
		out = append(out, kademlia.ID(s[:20]))
	}
	return out
}

// Bloom is a scrape filter, 256 bytes.
func (a *Answer) Bloom(key string) []byte {
	s := a.Bytes(key)
	if len(s) != 256 {
		a.t.Mismatch("r."+key, fmt.Sprintf("%d bytes", len(s)), "256 bytes")
	}
	return s
}

// show renders a field for a mismatch.
func (a *Answer) show(key string) string {
	v, ok := a.R.Get(key)
	if !ok {
		return "absent"
	}
	return fmt.Sprintf("%s %.80q", v.Kind(), v.Raw())
}

// endpoint reads a compact address: 4 or 16 bytes of IP, 2 of port.
func endpoint(s []byte) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(s[:len(s)-2])
	return netip.AddrPortFrom(ip, uint16(s[len(s)-2])<<8|uint16(s[len(s)-1]))
}

// compact writes a compact address.
func compact(a netip.AddrPort) []byte {
	return append(a.Addr().Unmap().AsSlice(), byte(a.Port()>>8), byte(a.Port()))
}
