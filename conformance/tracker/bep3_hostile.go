package tracker

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// pieceGap separates what should arrive in pieces.
const pieceGap = 20 * time.Millisecond

// bep3Hostile: what no client sends.
func bep3Hostile() []Case {
	return []Case{
		survival("bad-escape", "crashes-on-bad-escapes", "a query whose info_hash has %zz and ends in %",
			func(t *T, p *Peer) []byte {
				return p.request("/announce?info_hash=%zz%&peer_id=aaaaaaaaaaaaaaaaaaaa&port=1&left=0")
			}),
		survival("query-of-many-keys", "crashes-on-many-keys", "a query of two thousand keys",
			func(t *T, p *Peer) []byte {
				return p.request("/announce?" + p.query(t.NewHash(), nil) + strings.Repeat("&a=b", 2000))
			}),
		survival("query-without-end", "crashes-on-long-lines", "a request line of 60000 bytes",
			func(t *T, p *Peer) []byte {
				return p.request("/announce?info_hash=" + strings.Repeat("a", 60000))
			}),
		survival("empty-keys", "crashes-on-empty-keys", "a query of ampersands and equals signs",
			func(t *T, p *Peer) []byte { return p.request("/announce?&&==&=&a==b&&=") }),
		survival("bytes-that-are-not-escaped", "crashes-on-raw-bytes", "an info_hash of bytes beyond 127 as they are",
			func(t *T, p *Peer) []byte {
				return p.request("/announce?info_hash=" + strings.Repeat("\xfe", 20) + "&port=1")
			}),
		survival("negative-numbers", "crashes-on-negative-numbers",
			"left, uploaded, downloaded and numwant of -9223372036854775808",
			func(t *T, p *Peer) []byte {
				const n = "-9223372036854775808"
				return p.request("/announce?" + p.query(t.NewHash(), Params{
					"left": n, "uploaded": n, "downloaded": n, "numwant": n,
				}))
			}),
		survival("numbers-beyond-64-bits", "crashes-on-huge-numbers", "left and numwant of a hundred digits",
			func(t *T, p *Peer) []byte {
				n := strings.Repeat("9", 100)
				return p.request("/announce?" + p.query(t.NewHash(), Params{"left": n, "numwant": n}))
			}),
		survival("request-that-is-no-http", "crashes-on-other-protocols", "a handshake of the peer wire protocol",
			func(t *T, p *Peer) []byte {
				return append([]byte("\x13BitTorrent protocol"), make([]byte, 48)...)
			}),
		survival("method-other-than-get", "crashes-on-post", "a POST with a body",
			func(t *T, p *Peer) []byte {
				return fmt.Appendf(nil, "POST /announce HTTP/1.1\r\nHost: %v\r\nContent-Length: 5\r\n"+
					"Connection: close\r\n\r\nhello", p.target())
			}),
		{
			ID: "bep3/tracker/slow-client-holds-up-nobody", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce of the others, which is answered",
			Explain: "Ten connections send the beginning of a request and no more. An announce on another one " +
				"should be answered within a second.",
			Causes: []string{"one connection is served at a time", "reads block"},
			Kills:  []string{"one-connection-at-a-time"},
			Run: run(func(t *T) {
				var slow []*conformance.Stream
				for _, p := range NewPeers(t, 10) {
					s := t.DialFrom(addrOf(p), p.target())
					s.WriteMalformed([]byte("GET /announce?info_hash="), "the beginning of a request")
					slow = append(slow, s)
				}
				p := NewPeer(t)
				r := p.Ask(t.NewHash(), nil)
				for _, s := range slow {
					s.Close()
				}
				p.served(r)
				if r.RTT > time.Second {
					t.Mismatch("the time until the answer", r.RTT, "at most a second")
				}
			}),
		},
	}
}

// survival is the case of a request that no client sends: anything may be
// answered, or nothing, but others must be served right after.
func survival(name, mutant, what string, request func(*T, *Peer) []byte) Case {
	return Case{
		ID: "bep3/tracker/survives-" + name, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-014"}, Role: conformance.Tracker, Kind: conformance.State,
		Control: "an announce before and one after, which are served",
		Explain: "Somebody sends " + what + ". Whatever the answer, the target must serve others as before.",
		Causes:  []string{"a crash, or a loop that does not end"},
		Kills:   []string{mutant, "lists-the-source-port", "ports-in-host-order"},
		Run: run(func(t *T) {
			h, a := t.NewHash(), NewPeer(t)
			a.Announce(h, nil)
			p := NewPeer(t)
			p.patience = time.Second // nobody owes it an answer
			r := p.exchange(func(s *conformance.Stream) { s.WriteMalformed(request(t, p), what) }, what)
			t.Notef("the answer: %v", r)
			b := NewPeer(t)
			after := b.Ask(h, Params{"numwant": "100"})
			if !after.isTracker() {
				t.Mismatch("a common announce afterwards", after, "a tracker's answer")
			}
			b.served(after)
			t.sees("peers", addrs(after.Peers()), a)
		}),
	}
}
