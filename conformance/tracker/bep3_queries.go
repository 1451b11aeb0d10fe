package tracker

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// specialCase announces torrents whose hashes need care.
const specialCase = "bep3/tracker/hash-with-special-bytes"

// bep3Queries: how an announce may be written.
func bep3Queries() []Case {
	return []Case{
		{
			ID: specialCase, Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announces, which are answered",
			Explain: "A peer announces an info-hash with a NUL, a percent sign, an ampersand, a line feed and " +
				"other bytes that mean something in a URL, all of them escaped; others announce it too, and " +
				"one that has a plus sign for the blank. The first must be listed for its own hash, and not " +
				"for the other one.",
			Causes: []string{
				"the query is decoded as text of some character set",
				"a blank and a plus sign become one before the escapes are read",
			},
			Kills: []string{
				"lists-the-source-port", "one-list-for-all", "plus-is-a-blank", "ports-in-host-order",
			},
			Run: run(func(t *T) {
				blank, plus := t.SpecialHashes()
				a, b := NewPeer(t), NewPeer(t)
				a.Announce(blank, nil)
				b.Announce(plus, nil)
				t.sees("peers", t.look(blank), a)
				t.misses("peers", t.look(blank), b)
				t.sees("peers of the hash with a plus sign", t.look(plus), b)
			}),
		},
		{
			ID: "bep3/tracker/escapes-in-lower-case", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-002"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the first announce, which is answered",
			Explain: "Two peers announce one torrent: the first with escapes like %AF, the second with every " +
				"byte escaped like %af, letters and digits as well. The second must be told of the first: " +
				"both wrote the same hash.",
			Kills: []string{"escapes-in-capitals-alone", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, nil)
				r := NewPeer(t).Announce(h, Params{"info_hash": allEscaped(string(h[:]))})
				t.sees("peers", addrs(r.Peers()), a)
			}),
		},
		{
			ID: "bep3/tracker/order-of-keys-is-free", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-001"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces with the keys of its query in reverse. It must be served as any other.",
			Kills:   []string{"lists-the-source-port", "order-of-keys-matters", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				parts := strings.Split(a.query(h, nil), "&")
				for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
					parts[i], parts[j] = parts[j], parts[i]
				}
				a.served(a.Get("/announce?"+strings.Join(parts, "&"), "announce with its keys in reverse"))
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/unknown-keys-are-ignored", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces with keys of other documents and with some that nobody knows. It should " +
				"be served: that is how the protocol grows.",
			Kills: []string{"lists-the-source-port", "ports-in-host-order", "unknown-keys-are-refused"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{
					"supportcrypto": "1", "corrupt": "0", "redundant": "0", "p2pspec": "x=y", "passkey": "0123456789abcdef",
				})
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/empty-event-is-none", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces with an event that is empty, which the document allows for a regular " +
				"announce. It must be served and listed.",
			Kills: []string{"empty-event-is-refused", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"event": ""})
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/peer-id-of-any-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-002", "BEP03-TRK-016"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the peer in the list",
			Explain: "A peer whose id has NULs, blanks and bytes beyond 127 announces. In a list that is not " +
				"compact its id must come back byte by byte.",
			Causes: []string{"ids are kept as text", "an id ends at its first NUL"},
			Kills:  []string{"ids-end-at-nul", "ip-as-bytes", "list-form-without-ids", "lists-the-source-port"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				copy(a.ID[8:], "\x00 +%&\xff\x80\n")
				a.Announce(h, nil)
				if e := t.entryOf(t.listForm(h, nil), a); e.ID != string(a.ID[:]) {
					t.Mismatch("peer id", fmt.Sprintf("%x", e.ID), fmt.Sprintf("%x", a.ID))
				}
			}),
		},
		{
			ID: "bep3/tracker/counts-beyond-32-bits", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-004", "BEP03-TRK-022"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer of which 2^32 bytes are missing announces. The low 32 bits of that are zero, and " +
				"yet it must not count as a seed.",
			Causes: []string{"left is kept in 32 bits"},
			Kills:  []string{"counts-swapped", "left-in-32-bits"},
			Run: run(func(t *T) {
				h := t.NewHash()
				r := NewPeer(t).Announce(h, Params{
					"left": "4294967296", "uploaded": "1099511627776", "downloaded": "1099511627776", "event": "started",
				})
				equal(t, "complete", r.Count("complete"), 0, decimal64)
				equal(t, "incomplete", r.Count("incomplete"), 1, decimal64)
			}),
		},
		{
			ID: "bep3/tracker/old-http-is-served", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer announces by HTTP/1.0 without a Host, as small clients do. It should be served.",
			Kills:   []string{"http-1-1-alone", "lists-the-source-port", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				text := "GET " + a.at("/announce?"+a.query(h, nil)) + " HTTP/1.0\r\n\r\n"
				a.served(a.exchange(func(s *conformance.Stream) { s.Write([]byte(text), "announce") }, "announce by HTTP/1.0"))
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/request-in-pieces", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A request arrives in three pieces, cut within an escape and within a line end. It must be " +
				"served as if it had come in one.",
			Causes: []string{"one read is taken for one request"},
			Kills:  []string{"lists-the-source-port", "one-read-is-one-request", "ports-in-host-order"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				b := a.request("/announce?" + a.query(h, nil))
				cut := strings.Index(string(b), "%") + 1
				if cut == 0 {
					cut = 20
				}
				a.served(a.exchange(func(s *conformance.Stream) {
					for _, piece := range [][]byte{b[:cut], b[cut : len(b)-3], b[len(b)-3:]} {
						s.WriteMalformed(piece, "a piece of an announce")
						t.Wait(pieceGap)
					}
				}, "announce in three pieces"))
				t.sees("peers", t.look(h), a)
			}),
		},
		{
			ID: "bep3/tracker/ip-parameter-of-a-stranger", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP03-TRK-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer names an address of somebody else in its announce. A target that lists the " +
				"stranger sends others there; one that does so for a sender on its own host, as here, is " +
				"recorded.",
			Kills: []string{"believes-ip"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.Announce(h, Params{"ip": "203.0.113.77"})
				for _, got := range t.look(h) {
					if got.Addr().String() == "203.0.113.77" {
						t.Infof("the ip parameter is believed, at least from this host: %v is listed", got)
					}
				}
			}),
		},
	}
}

// allEscaped writes every byte of a value as an escape with small letters.
func allEscaped(s string) raw {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return raw(b.String())
}
