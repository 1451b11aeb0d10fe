package gnutella

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// searches judges what the target asks itself, how much others may ask, and letters
// beyond ASCII.
var searches = []Case{
	{
		ID: "gnutella06/search/own-query", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QY-01", "GN-QY-03", "GN-QY-11"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedVerb(verbSearch)},
		Control: "a ping of TTL 1 is answered on the link before",
		Explain: "The target is asked to search for two words. Its query must have hops 0, a TTL of 1 to " +
			"10, and a payload of two bytes, the words, a NUL, and extensions if it has some. A TTL above 7, " +
			"and a NUL behind the extensions, are recorded: they should not be.",
		Causes: []string{"the text has no NUL", "the TTL is that of the days before there were ultrapeers"},
		Kills:  []string{"own-queries-with-hops", "own-queries-with-ttl-15", "queries-without-a-nul"},
		Run: func(t *T) {
			p := met(t)
			text := word(t) + " " + word(t)
			t.Await(t.Do(verbSearch, map[string]any{"text": text}), AnswerWithin)
			r := p.Await(CallWithin, func(r *Received) bool {
				return isQuery(r) && bytes.Contains(r.Payload, []byte(text))
			})
			if r == nil {
				t.Inconclusivef("no query for %q comes from the target within %v: %s", text, CallWithin, p.Last())
			}
			q, err := wire.ParseQuery(r.Payload)
			switch {
			case err != nil:
				t.Failf("the target's query is none: %v", err)
			case string(q.Text) != text:
				t.Mismatch("the text of the query", string(q.Text), text)
			case r.Hops != 0 || r.TTL < 1 || r.TTL > 10:
				t.Mismatch("TTL and hops of an own query", r.String(), "hops 0, and a TTL of 1 to 10")
			}
			if r.TTL > maxHops {
				t.Observef("the TTL of an own query is %d", r.TTL)
			}
			if len(q.Extensions) > 0 && q.Extensions[0] != 0xc3 && r.Payload[len(r.Payload)-1] == 0 {
				t.Observef("the extensions of the query end in a NUL")
			}
		},
	},
	{
		ID: "gnutella06/query/too-many-of-a-neighbour", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-05"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "queries are passed on before, and those of another neighbour afterwards",
		Explain: "A neighbour sends 100 queries of its own at once, each for another word. Nobody types " +
			"that: some of them should be dropped, or the link be closed.",
		Causes: []string{"how often a neighbour asks is not counted"},
		Kills:  []string{"passes-on-all-queries"},
		Run: func(t *T) {
			l, other := Between(t), met(t)
			l.Relays()
			var all []wire.Descriptor
			for range 100 {
				all = append(all, NewQuery(t, word(t), 3, 0))
			}
			l.A.Send(all...)
			t.Wait(GatherFor)
			Line{other, l.B, t}.Relays()
			passed := 0
			for _, q := range all {
				passed += min(1, l.B.Saw(q.Type, q.GUID))
			}
			t.Observef("of 100 queries at once, %d are passed on", passed)
			if passed == len(all) && !l.A.Ended() {
				t.Failf("100 queries that a neighbour asks at once are all passed on")
			}
		},
	},
	{
		ID: "gnutella06/query/letters-beyond-ascii", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-09"}, Role: conformance.Servent, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "a query for a word of the file that has ASCII letters alone is answered",
		Explain: "The target shares 'études señor kilo.txt'. Queries for its first two words, in UTF-8 " +
			"and in ISO 8859-1, should both find it: a servent has to guess.",
		Causes: []string{"one encoding is taken for granted"},
		Kills:  []string{"case-of-words-counts", "reads-utf-8-alone"},
		Run: func(t *T) {
			const name, text = "études señor kilo.txt", "études señor"
			opt := t.Standard()
			opt.Files = map[string][]byte{name: []byte("content")}
			t.Start(opt)
			finding(t, "kilo")
			t.Earn()
			latin := strings.NewReplacer("é", "\xe9", "ñ", "\xf1").Replace(text)
			for _, q := range [][2]string{{"UTF-8", text}, {"ISO 8859-1", latin}} {
				if AskAlone(t, NewQuery(t, q[1], 2, 0)) == nil {
					t.Failf("a query for %q in %s finds nothing", text, q[0])
				}
			}
		},
	},
}

func searchMutants() []Mutant {
	ownQueries := func(change func(d *wire.Descriptor)) func(*bent) {
		return changing(wire.TypeQuery, func(d *wire.Descriptor) {
			if d.Hops == 0 {
				change(d)
			}
		})
	}
	return []Mutant{
		{Name: "own-queries-with-ttl-15", What: "an own query has a TTL of 15",
			bend: ownQueries(func(d *wire.Descriptor) { d.TTL = 15 })},
		{Name: "own-queries-with-hops", What: "an own query has made a hop already",
			bend: ownQueries(func(d *wire.Descriptor) { d.Hops = 1 })},
		{Name: "queries-without-a-nul", What: "a query ends with its text",
			bend: ownQueries(func(d *wire.Descriptor) {
				if end := bytes.IndexByte(d.Payload[2:], 0); end >= 0 {
					d.Payload = d.Payload[:2+end]
				}
			})},
		{Name: "passes-on-all-queries", What: "a neighbour may ask as often as it likes",
			bend: func(b *bent) {
				asked := map[conn]int{}
				hearingType(wire.TypeQuery, func(b *bent, c conn, d wire.Descriptor) []message {
					if asked[c]++; asked[c] < 30 {
						return same(d)
					}
					b.spread(c, d)
					return nil
				})(b)
			}},
		{Name: "reads-utf-8-alone", What: "a query that is no UTF-8 is dropped",
			bend: reading(func(q *wire.Query) bool { return utf8.Valid(q.Text) })},
	}
}

// oldCalls judges how the target asks for a connection in 0.4.
var oldCalls = []Case{{
	ID: "gnutella04/call/ends-in-line-feeds", Rev: 1, Since: "0.2.0", Level: conformance.Must,
	Requirements: []string{"GN-HS-13", "GN-HS-12"}, Role: conformance.Servent, Kind: conformance.Behaviour,
	Needs:   dialling(),
	Control: "the connection is accepted, and a ping is answered on it",
	Explain: "The target is told of a host and dials it; one that begins in 0.6 is hung up on, and " +
		"may dial again. In 0.4 it must send the connect string and two line feeds: CR LF may be read, " +
		"and must not be sent.",
	Causes: []string{"lines end as those of 0.6"},
	Kills:  []string{"dials-04-with-cr-lf"},
	Run: func(t *T) {
		var calls []*conformance.Stream
		l := t.Listen(func(s *conformance.Stream) { calls = append(calls, s) })
		opt := t.Standard()
		opt.Peers = append(opt.Peers, l.Addr())
		t.Start(opt)
		for n := range 2 {
			if !t.Until(func() bool { return len(calls) > n && len(calls[n].Buffered()) >= len(oldConnect) }, CallWithin) {
				break
			}
			s := calls[n]
			b := string(s.Buffered()[:len(oldConnect)])
			if !strings.HasPrefix(b, "GNUTELLA CONNECT/0.4") {
				s.Close()
				continue
			}
			if b != oldConnect {
				t.Mismatch("the connect string", fmt.Sprintf("%q", b), fmt.Sprintf("%q", oldConnect))
			}
			p := NewPeer(t, s)
			p.Write(encode(wire.Status{Old: true}), "accepted as in 0.4")
			p.Control()
			return
		}
		if len(calls) == 0 {
			t.Inconclusivef("the target did not dial the host that it was told of within %v", CallWithin)
		}
		Dial(t).Alive()
		t.Unsupportedf("the target does not dial in 0.4")
	},
}}
