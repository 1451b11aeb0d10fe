package gnutella

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// found is a hit by who asked, who answered, and the query.
type found struct {
	origin, holder netip.AddrPort
	guid           wire.GUID
}

// play lets ultrapeers and leaves search and push, in a network that is drawn. Some
// crash, if they may; pushes goes to all hits that ask for one.
func play(t *rapid.T, mayCrash bool) *world {
	w := newWorld(t, rapid.Byte().Draw(t, "seed"))
	w.raises = true
	share := func(i int) (names []string) {
		for n := range rapid.IntRange(0, 3).Draw(t, "files") {
			words := rapid.SliceOfN(rapid.SampledFrom(vocabulary()), 1, 3).Draw(t, "words")
			names = append(names, fmt.Sprintf("%s %d-%d.txt", strings.Join(words, " "), i, n))
		}
		return names
	}
	noDynamic := rapid.Bool().Draw(t, "no dynamic queries")
	ultrapeers, leaves := rapid.IntRange(2, 4).Draw(t, "ultrapeers"), rapid.IntRange(1, 5).Draw(t, "leaves")
	servents := []int{}
	for u := range ultrapeers {
		w.add(u, Config{Mode: Ultrapeer, QRPSlots: 1 << 9, NoDynamic: noDynamic, QueryTTL: 4}, share(u)...)
		servents = append(servents, u)
		for range min(u, 2) {
			w.link(u, rapid.IntRange(0, u-1).Draw(t, "link"))
		}
	}
	for l := 100; l < 100+leaves; l++ {
		w.add(l, Config{Mode: Leaf, QRPSlots: 1 << 9, Firewalled: rapid.Bool().Draw(t, "firewalled")}, share(l)...)
		servents = append(servents, l)
		for range 2 {
			w.link(l, rapid.IntRange(0, ultrapeers-1).Draw(t, "ultrapeer"))
		}
	}
	w.RunFor(45 * time.Second) // tables have gone around
	for range rapid.IntRange(1, 4).Draw(t, "searches") {
		text := rapid.SliceOfN(rapid.SampledFrom(vocabulary()), 1, 2).Draw(t, "text")
		w.search(rapid.SampledFrom(servents).Draw(t, "origin"), Search{Text: strings.Join(text, " ")})
		w.RunFor(time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond)
		if mayCrash && rapid.Bool().Draw(t, "crash") {
			w.Crash(addr(rapid.SampledFrom(servents).Draw(t, "who")))
		}
	}
	w.RunFor(time.Minute)
	return w
}

func vocabulary() []string { return []string{"alpha", "bravo", "charlie", "delta", "echo"} }

// pushAll pushes for every hit that asks for it, and counts these by who shall dial.
func (w *world) pushAll() map[netip.AddrPort]int {
	sent := map[netip.AddrPort]int{}
	for i := range 200 {
		for _, e := range w.events[addr(i)] {
			if h, ok := e.(Hit); ok && h.Push && !w.nodes[addr(i)].cfg.Firewalled {
				w.op++
				w.Input(addr(i), Push{Op: w.op, ServentID: h.ServentID, Index: h.Results[0].Index})
				sent[h.Addr]++
			}
		}
	}
	w.RunFor(time.Minute)
	return sent
}

// pushes counts what a servent was asked to act on.
func (w *world) pushes(at netip.AddrPort) (count int) {
	for _, e := range w.events[at] {
		if _, ok := e.(PushRequested); ok {
			count++
		}
	}
	return count
}

// A hit is told to the origin of its query alone: each once, if nobody dies, and at
// most once otherwise.
//
// GN-QH-05, GN-QH-03.
func TestHitsReachTheirOriginAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mayCrash := rapid.Bool().Draw(t, "may crash")
		w := play(t, mayCrash)
		told := map[found]int{}
		for at, events := range w.events {
			for _, e := range events {
				if h, ok := e.(Hit); ok {
					told[found{at, h.Addr, h.GUID}]++
				}
			}
		}
		for f, n := range told {
			if w.origins[f.guid] != f.origin || n > w.answers[f] {
				t.Fatalf("%v was told %d times of a hit of %v, which wrote %d; the query is of %v",
					f.origin, n, f.holder, w.answers[f], w.origins[f.guid])
			}
		}
		for f, n := range w.answers {
			if !mayCrash && told[f] != n {
				t.Fatalf("%v wrote %d hits for %v, which was told of %d", f.holder, n, f.origin, told[f])
			}
		}
	})
}

// A leaf is sent no query of others that its table excludes.
//
// GN-UQ-01.
func TestLeavesAreSpared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, true)
		for i := 100; i < 106; i++ {
			n := w.nodes[addr(i)]
			if n == nil {
				continue
			}
			table, err := qrp.NewTable(uint32(n.cfg.QRPSlots), qrp.DefaultInfinity)
			if err != nil {
				t.Fatal(err)
			}
			n.cfg.Library.AddTo(table)
			for _, d := range w.queries[addr(i)] {
				q, err := wire.ParseQuery(d.Payload)
				if err != nil {
					t.Fatal(err)
				}
				if wish := understand(&q); !wish.mayBeIn(table) {
					t.Fatalf("leaf %d was asked for %q, which its table excludes", i, q.Text)
				}
			}
		}
	})
}

// A push comes to the servent of its hit, once, if nobody has died; otherwise it does
// or is dropped, and in no case comes to somebody else.
//
// GN-PU-02, GN-PU-03, GN-PU-05.
func TestPushesFindTheirWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mayCrash := rapid.Bool().Draw(t, "may crash")
		w := play(t, mayCrash)
		sent := w.pushAll()
		for at, n := range w.nodes {
			got := w.pushes(at)
			if got > sent[at] || !mayCrash && got != sent[at] {
				t.Fatalf("%v was asked %d times, %d pushes were for it", at, got, sent[at])
			}
			for _, e := range w.events[at] {
				if p, ok := e.(PushRequested); ok && p.ServentID != n.ServentID() {
					t.Fatalf("%v was asked to act for %v", at, p.ServentID)
				}
			}
		}
	})
}

// Whatever hosts send, and however much, the tables keep to their bounds, and what
// the oldest was makes room; what came last is still routed.
//
// GN-HD-17, GN-QH-05, GN-QY-05.
func TestTablesUnderAttack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := Mode(rapid.IntRange(0, 2).Draw(t, "mode"))
		cfg := Config{Mode: mode, MaxSeen: 64, MaxHosts: 8, MaxPongs: 6, MaxQueries: 4, Peers: 3, Addr: addr(99)}
		cfg.Library = library(t, "alpha.txt")
		n, err := New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		honest, flooder := spec.Conn(-1), spec.Conn(-2)
		now := time.Duration(0)
		step := func(in spec.Input) []spec.Effect {
			out := n.Step(now, in, nil)
			if err := n.Check(); err != nil {
				t.Fatal(err)
			}
			if len(out) > cfg.MaxEffects() {
				t.Fatalf("%d effects", len(out))
			}
			return out
		}
		for _, c := range []spec.Conn{honest, flooder} {
			step(spec.Opened{Conn: c, Remote: addr(int(-c))})
			step(spec.Got{Conn: c, Msg: wire.Connect{Version: wire.V04()}})
		}
		random := spec.NewRand([32]byte{rapid.Byte().Draw(t, "seed")})
		var pinged, asked wire.GUID
		for i := range rapid.IntRange(100, 1000).Draw(t, "messages") {
			now += time.Duration(random.Uint64()%200) * time.Millisecond
			if i%20 == 0 { // something that hits can answer
				d := query(2, 4, 1, "zulu")
				random.Fill(d.GUID[:])
				asked = d.GUID
				step(spec.Got{Conn: honest, Msg: d})
			}
			out := step(spec.Got{Conn: flooder, Msg: attack(&random, pinged, asked)})
			if _, pings := sent(out, wire.TypePing); len(pings) > 0 {
				pinged = pings[0].GUID
			}
			step(spec.Drained{Conn: flooder})
			step(spec.Drained{Conn: honest})
			descriptors, servents := n.Seen()
			if descriptors > cfg.MaxSeen || servents > cfg.MaxSeen {
				t.Fatalf("%d descriptors and %d servents are remembered, at most %d", descriptors, servents, cfg.MaxSeen)
			}
		}
		last := query(1, 4, 1, "zulu")
		last.GUID[15] = 9
		step(spec.Got{Conn: honest, Msg: last})
		hit := (&wire.QueryHit{Count: 0, Addr: addr(1), Trailer: &wire.Trailer{}}).Append(nil)
		back := wire.Descriptor{GUID: last.GUID, Type: wire.TypeQueryHit, TTL: 3, Payload: hit}
		to, _ := sent(step(spec.Got{Conn: flooder, Msg: back}), wire.TypeQueryHit)
		if n.find(flooder) != nil && (len(to) != 1 || to[0] != honest) {
			t.Fatalf("after the attack a hit went to %v", to)
		}
	})
}

// attack is a descriptor of a type that leaves something in a table: with a GUID of its
// own, or that of a ping or a query if it is an answer.
func attack(random *spec.Rand, pinged, asked wire.GUID) wire.Descriptor {
	d := wire.Descriptor{TTL: 1 + uint8(random.Uint64()%7), Hops: uint8(random.Uint64() % 3)}
	random.Fill(d.GUID[:])
	var id wire.GUID
	random.Fill(id[:])
	port := 1 + uint16(random.Uint64()%60000)
	host := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(random.Uint64())}), port)
	switch random.Uint64() % 6 {
	case 0:
		d.Type = wire.TypePing
	case 1:
		d.GUID, d.Type, d.Payload = pinged, wire.TypePong, (&wire.Pong{Addr: host, Kilobytes: 8}).Append(nil)
	case 2, 3:
		q := query(0, d.TTL, d.Hops, []string{"alpha", "zulu", browse}[random.Uint64()%3])
		d.Type, d.Payload = q.Type, q.Payload
	case 4:
		d.Type, d.Payload = wire.TypePush, (&wire.Push{ServentID: id, Addr: host}).Append(nil)
	case 5:
		h := wire.QueryHit{Addr: host, ServentID: id, Trailer: &wire.Trailer{}}
		d.GUID, d.Type, d.Payload = asked, wire.TypeQueryHit, h.Append(nil)
	}
	return d
}
