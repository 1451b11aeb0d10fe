package tracker

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// Reply is what came over HTTP.
type Reply struct {
	What   string
	Status int // 0: no HTTP response came
	Header http.Header
	Body   []byte
	Value  bencode.Value // the body, if it is bencoded
	Got    []byte        // all bytes that arrived
	RTT    time.Duration

	t     *T
	size  int
	fault error // why the body is not bencoded
}

// isTracker reports whether this is an answer of a tracker: a dictionary with
// one of the keys that make it one.
func (r *Reply) isTracker() bool {
	for _, key := range []string{"failure reason", "interval", "peers", "files"} {
		if _, ok := r.Value.Get(key); ok {
			return r.Status != 0
		}
	}
	return false
}

// Failure is the failure reason.
func (r *Reply) Failure() (reason string, ok bool) {
	v, ok := r.Value.Get("failure reason")
	s, _ := v.Bytes()
	return string(s), ok
}

// String says what came, for the reports.
func (r *Reply) String() string {
	reason, refused := r.Failure()
	switch {
	case r.Status == 0 && len(r.Got) == 0:
		return "nothing"
	case r.Status == 0:
		return fmt.Sprintf("%d bytes that are no HTTP response", len(r.Got))
	case refused:
		return fmt.Sprintf("the failure reason %q", reason)
	case !r.isTracker():
		return fmt.Sprintf("status %d with a body that is no tracker's answer: %.60q", r.Status, r.Body)
	default:
		return fmt.Sprintf("status %d with a tracker's answer", r.Status)
	}
}

// served ends the case unless the request was served. The fault is the
// target's if it answers a common request right after it.
func (p *Peer) served(r *Reply) {
	if _, refused := r.Failure(); r.isTracker() && !refused {
		return
	}
	p.control()
	p.t.Fail(conformance.Failure{
		Message: "the target did not serve a well-formed " + r.What, Where: r.What,
		Expected: []string{"a dictionary without a failure reason"}, Got: r.String(),
	})
}

// refused ends the case unless the request was refused with a failure reason.
func (p *Peer) refused(r *Reply) {
	if r.Status == 0 || !r.isTracker() {
		p.control()
	}
	if _, ok := r.Failure(); !ok {
		p.t.Mismatch(r.What, r, "a failure reason")
	}
}

// control is the exchange that a healthy target answers, and which changes
// nothing: a peer leaves a torrent that it was never in. It ends the case as
// inconclusive if no tracker's answer comes, of which a refusal is one.
func (p *Peer) control() time.Duration {
	r := p.Ask(controlHash(), Params{"event": "stopped", "numwant": "0"})
	if !r.isTracker() {
		p.t.Inconclusivef("a common announce was met with %v", r)
	}
	return r.RTT
}

// Int is the integer under a key; ok is false if there is none.
func (r *Reply) Int(key string) (n int64, ok bool) {
	v, _ := r.Value.Get(key)
	return v.Int64()
}

// Count is Int for a number that the target may leave out; then the case ends
// as unsupported.
func (r *Reply) Count(key string) int64 {
	v, ok := r.Value.Get(key)
	if !ok {
		r.t.Unsupportedf("the answer to an announce has no %q", key)
	}
	n, ok := v.Int64()
	if !ok {
		r.t.Mismatch(key, v.Any(), "an integer")
	}
	return n
}

// Compact reports whether peers has the compact form.
func (r *Reply) Compact() bool {
	v, _ := r.Value.Get("peers")
	return v.Kind() == bencode.String
}

// String under a key, and whether there is one.
func (r *Reply) bytes(key string) ([]byte, bool) {
	v, _ := r.Value.Get(key)
	return v.Bytes()
}

// Entry is one peer of a reply.
type Entry struct {
	Addr netip.AddrPort // zero for a host name
	IP   string         // as the list form has it
	ID   string
	Has  string // the keys of a list entry, joined by blanks
}

// Peers are those of the reply, of either form and family. What is not shaped
// like peers ends the case.
func (r *Reply) Peers() []Entry {
	v, ok := r.Value.Get("peers")
	var entries []Entry
	switch {
	case !ok:
		if _, six := r.Value.Get("peers6"); !six {
			r.t.Mismatch("peers", "nothing", "a string or a list")
		}
	case v.Kind() == bencode.String:
		entries = r.compact("peers", false)
	case v.Kind() == bencode.List:
		entries = r.list(v)
	default:
		r.t.Mismatch("peers", v.Kind(), "a string or a list")
	}
	if _, ok := r.Value.Get("peers6"); ok {
		entries = append(entries, r.compact("peers6", true)...)
	}
	return entries
}

func (r *Reply) compact(key string, ip6 bool) (entries []Entry) {
	size := map[bool]int{false: 6, true: 18}[ip6]
	b, ok := r.bytes(key)
	if !ok || len(b)%size != 0 {
		r.t.Mismatch(key, fmt.Sprintf("%d bytes", len(b)), fmt.Sprintf("a string of whole entries of %d bytes", size))
	}
	for ; len(b) > 0; b = b[size:] {
		ip, _ := netip.AddrFromSlice(b[:size-2])
		entries = append(entries, Entry{Addr: netip.AddrPortFrom(ip, uint16(b[size-2])<<8|uint16(b[size-1]))})
	}
	return entries
}

func (r *Reply) list(v bencode.Value) (entries []Entry) {
	for item := range v.Items() {
		var e Entry
		var keys []string
		for key := range item.Entries() {
			keys = append(keys, string(key))
		}
		e.Has = strings.Join(keys, " ")
		ip, _ := item.Get("ip")
		s, _ := ip.Bytes()
		e.IP = string(s)
		id, _ := item.Get("peer id")
		s, _ = id.Bytes()
		e.ID = string(s)
		port, _ := item.Get("port")
		n, _ := port.Int64()
		if addr, err := netip.ParseAddr(e.IP); err == nil && n >= 0 && n < 1<<16 {
			e.Addr = netip.AddrPortFrom(addr.Unmap(), uint16(n))
		}
		entries = append(entries, e)
	}
	return entries
}

// addrs are the addresses of entries.
func addrs(entries []Entry) []netip.AddrPort {
	list := make([]netip.AddrPort, len(entries))
	for i, e := range entries {
		list[i] = e.Addr
	}
	return list
}

// Stats are the numbers of a torrent in the answer to a scrape; ok is false if
// it is not there. What is not shaped like an answer ends the case.
func (r *Reply) Stats(h Hash) (stats tracker.ScrapeStats, ok bool) {
	files, _ := r.Value.Get("files")
	if files.Kind() != bencode.Dict {
		r.t.Mismatch("files", files.Kind(), "a dictionary")
	}
	entry, ok := files.Get(string(h[:]))
	if !ok {
		return stats, false
	}
	for _, n := range []struct {
		key string
		v   *int64
	}{{"complete", &stats.Complete}, {"downloaded", &stats.Downloaded}, {"incomplete", &stats.Incomplete}} {
		v, _ := entry.Get(n.key)
		if *n.v, ok = v.Int64(); !ok {
			r.t.Mismatch("files."+n.key, v.Any(), "an integer")
		}
	}
	return stats, true
}

// show lists addresses for a report.
func show(list []netip.AddrPort) string {
	if len(list) == 0 {
		return "nobody"
	}
	parts := make([]string, min(len(list), 20))
	for i := range parts {
		parts[i] = list[i].String()
	}
	if len(list) > len(parts) {
		parts = append(parts, fmt.Sprintf("and %d more", len(list)-len(parts)))
	}
	return strings.Join(parts, ", ")
}
