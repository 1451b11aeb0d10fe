package gnutella

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// watched is a servent whose every step a world looks at.
type watched struct {
	*Node
	see func(in spec.Input, out []spec.Effect)
}

func (w watched) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	effects := w.Node.Step(now, in, nil)
	w.see(in, effects)
	return append(out, effects...)
}

// message names a descriptor wherever it is.
type message struct {
	typ  wire.Type
	guid wire.GUID
}

// world is a network of servents, and what it has seen them do.
type world struct {
	rapid.TB
	*sim.Network
	op     spec.OpID
	nodes  map[netip.AddrPort]*Node
	taken  map[netip.AddrPort]map[message]int // times that a query was not refused
	sums   map[message]int                    // TTL and hops at the origin
	writes map[message]int
	events map[netip.AddrPort][]spec.Event
	drops  map[string]int // by clause

	origins map[wire.GUID]netip.AddrPort
	answers map[found]int                        // hits as they were written at first
	queries map[netip.AddrPort][]wire.Descriptor // that a servent got
	raises  bool                                 // ultrapeers give the queries of leaves a TTL
}

func newWorld(t rapid.TB, seed byte) *world {
	w := &world{
		TB: t, nodes: map[netip.AddrPort]*Node{}, taken: map[netip.AddrPort]map[message]int{},
		sums: map[message]int{}, writes: map[message]int{}, events: map[netip.AddrPort][]spec.Event{},
		drops: map[string]int{}, origins: map[wire.GUID]netip.AddrPort{}, answers: map[found]int{},
		queries: map[netip.AddrPort][]wire.Descriptor{},
	}
	w.Network = sim.New(sim.Config{
		Seed: [32]byte{seed}, Check: true, StreamCodec: wire.Codec{}, Codec: wire.DatagramCodec{},
		Link: sim.Link{Latency: sim.Constant(50 * time.Millisecond)},
	})
	w.OnEffect(func(_ time.Duration, at netip.AddrPort, e spec.Effect) {
		switch e := e.(type) {
		case spec.Notify:
			w.events[at] = append(w.events[at], e.Event)
		case spec.Drop:
			w.drops[e.Clause]++
		}
	})
	return w
}

// add starts a servent at address i that shares files of the given names.
func (w *world) add(i int, cfg Config, names ...string) *Node {
	cfg.Seed, cfg.Addr = [32]byte{byte(i), byte(i >> 8), 1}, addr(i)
	cfg.Library, cfg.OnlyGiven = library(w, names...), true
	n, err := New(cfg, w.Now())
	if err != nil {
		w.Fatal(err)
	}
	at := addr(i)
	w.nodes[at], w.taken[at] = n, map[message]int{}
	w.Add(at, watched{n, func(in spec.Input, out []spec.Effect) { w.look(at, in, out) }})
	return n
}

// link lets a dial b.
func (w *world) link(a int, b ...int) {
	w.op++
	c := Connect{Op: w.op}
	for _, i := range b {
		c.Addrs = append(c.Addrs, addr(i))
	}
	w.Input(addr(a), c)
}

// look holds a step to what is promised of all.
func (w *world) look(at netip.AddrPort, in spec.Input, out []spec.Effect) {
	got, _ := in.(spec.Got)
	d, isDescriptor := got.Msg.(wire.Descriptor)
	refused := false
	for _, e := range out {
		switch e := e.(type) {
		case spec.Drop:
			refused = true
		case spec.Done:
			if r, ok := e.Result.(Searching); ok {
				w.origins[r.GUID] = at
			}
		case spec.Write:
			if m, ok := e.Msg.(wire.Descriptor); ok {
				w.written(at, m)
				if isDescriptor && m.Type != wire.TypeVendor && m.GUID == d.GUID && m.Type == d.Type && e.Conn == got.Conn {
					w.Fatalf("%v sent a %v back where it came from", at, m.Type)
				}
			}
		}
	}
	if isDescriptor && d.Type == wire.TypeQuery {
		kept := d
		kept.Payload = slices.Clone(d.Payload)
		w.queries[at] = append(w.queries[at], kept)
	}
	if isDescriptor && d.Type == wire.TypeQuery && !refused {
		if w.taken[at][message{d.Type, d.GUID}]++; w.taken[at][message{d.Type, d.GUID}] > 1 {
			w.Fatalf("%v took a query twice (GN-HD-17)", at)
		}
	}
}

// written holds TTL and hops to their sum at the origin.
//
// GN-HD-09, GN-HD-13.
func (w *world) written(at netip.AddrPort, d wire.Descriptor) {
	m := message{d.Type, d.GUID}
	w.writes[m]++
	if d.Type == wire.TypeQueryHit && d.Hops == 0 {
		w.answers[found{w.origins[d.GUID], at, d.GUID}]++
	}
	sum := int(d.TTL) + int(d.Hops)
	if d.Type == wire.TypePong {
		return // many have the GUID of one ping
	}
	if limit, known := w.sums[m]; !known || d.Hops == 0 || w.raises && d.Hops == 1 && d.Type == wire.TypeQuery {
		w.sums[m] = max(limit, sum)
	} else if sum > limit {
		w.Fatalf("%v sent a %v with TTL %d after %d hops, it began with %d (GN-HD-13)", at, d.Type, d.TTL, d.Hops, limit)
	}
}

// hits are the files that a servent has learnt of, by who has them.
func (w *world) hits(i int) map[netip.AddrPort][]Found {
	found := map[netip.AddrPort][]Found{}
	for _, e := range w.events[addr(i)] {
		if h, ok := e.(Hit); ok {
			found[h.Addr] = append(found[h.Addr], h.Results...)
		}
	}
	return found
}

func (w *world) search(i int, s Search) {
	w.op++
	s.Op = w.op
	w.Input(addr(i), s)
}

// In any network of flat servents a query is taken once by each in its reach, and
// every hit comes to the origin, once, and to nobody else.
//
// GN-QY-04, GN-QY-06, GN-QH-03, GN-QH-05, GN-HD-07, GN-HD-08, GN-HD-17, GN-HS-12.
func TestFloodingReachesAllOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(3, 12).Draw(t, "servents")
		w := newWorld(t, rapid.Byte().Draw(t, "seed"))
		links := make([][]int, size)
		for i := range size {
			w.add(i, Config{Peers: size}, fmt.Sprintf("alpha number%d.txt", i))
			if i == 0 {
				continue
			}
			to := []int{rapid.IntRange(0, i-1).Draw(t, "link")}
			if other := rapid.IntRange(0, i-1).Draw(t, "second"); other != to[0] {
				to = append(to, other)
			}
			for _, o := range to {
				links[i], links[o] = append(links[i], o), append(links[o], i)
			}
			w.link(i, to...)
		}
		w.RunFor(5 * time.Second)
		ttl := rapid.IntRange(1, 7).Draw(t, "TTL")
		w.search(0, Search{Text: "ALPHA", TTL: uint8(ttl)})
		w.RunFor(10 * time.Second)
		reach := distances(links, 0)
		found := w.hits(0)
		for i := 1; i < size; i++ {
			if near := reach[i] <= ttl; near != (len(found[addr(i)]) == 1) {
				t.Fatalf("servent %d at %d hops, TTL %d: %d hits", i, reach[i], ttl, len(found[addr(i)]))
			}
			if len(w.hits(i)) > 0 {
				t.Fatalf("servent %d got hits of another's query", i)
			}
		}
	})
}

// distances are the hops from one servent to all.
func distances(links [][]int, from int) []int {
	d := make([]int, len(links))
	for i := range d {
		d[i] = len(links) + 99
	}
	d[from] = 0
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, o := range links[queue[0]] {
			if d[o] > d[queue[0]]+1 {
				d[o] = d[queue[0]] + 1
				queue = append(queue, o)
			}
		}
	}
	return d
}

// hierarchy is a ring of ultrapeers, each with two leaves: leaves 100+2u, 101+2u of
// ultrapeer u. Leaf l shares "leaf word<l>".
func hierarchy(t rapid.TB, seed byte, ultrapeers int, cfg Config) *world {
	w := newWorld(t, seed)
	w.raises = true
	for u := range ultrapeers {
		c := cfg
		c.Mode, c.QRPSlots = Ultrapeer, 1<<12
		w.add(u, c)
		if u > 0 {
			w.link(u, u-1)
		}
	}
	if ultrapeers > 2 {
		w.link(0, ultrapeers-1)
	}
	for l := 100; l < 100+2*ultrapeers; l++ {
		w.add(l, Config{Mode: Leaf, QRPSlots: 1 << 12, Firewalled: l%2 == 1}, fmt.Sprintf("leaf word%d.txt", l))
		w.link(l, (l-100)/2)
	}
	w.add(200, Config{Mode: Leaf, QRPSlots: 1 << 12}) // shares nothing, and is asked nothing
	w.link(200, 0)
	w.RunFor(90 * time.Second) // tables have gone around
	return w
}

// A leaf finds what another has, which is the only leaf to see the query.
//
// GN-UQ-01, GN-UQ-03, GN-UQ-04, GN-UQ-05, GN-UQ-18, GN-QY-16.
func TestLeavesAreAskedWhatTheyHave(t *testing.T) {
	for _, cfg := range []Config{{}, {NoDynamic: true}} {
		w := hierarchy(t, 1, 5, cfg)
		w.search(100, Search{Text: "word105"})
		w.search(100, Search{SHA1: urn.Sum([]byte("leaf word108.txt")).SHA1})
		w.RunFor(time.Minute)
		found := w.hits(100)
		if len(found) != 2 || len(found[addr(105)]) != 1 || len(found[addr(108)]) != 1 {
			t.Errorf("found %v (NoDynamic: %v), drops %v", found, cfg.NoDynamic, w.drops)
		}
		for _, l := range []int{100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 200} {
			want := map[int]int{105: 1, 108: 1}[l]
			if got := len(w.taken[addr(l)]); got != want {
				t.Errorf("leaf %d saw %d queries, want %d", l, got, want)
			}
		}
	}
}

// A push finds the firewalled leaf whose hit came, and dies where no way is known.
//
// GN-PU-02, GN-PU-03, GN-PU-04, GN-PU-05, GN-QY-13.
func TestPush(t *testing.T) {
	w := hierarchy(t, 2, 4, Config{})
	w.search(100, Search{Text: "word105"})
	w.search(101, Search{Text: "word105"}) // both are behind firewalls: no answer
	w.RunFor(time.Minute)
	if len(w.hits(100)[addr(105)]) != 1 || len(w.hits(101)) != 0 {
		t.Fatalf("the hits are %v and %v", w.hits(100), w.hits(101))
	}
	id := w.nodes[addr(105)].ServentID()
	w.Input(addr(100), Push{Op: 1, ServentID: id, Index: 1})
	w.RunFor(time.Second)
	want := PushRequested{To: addr(100), ServentID: id, Index: 1, Name: "leaf word105.txt"}
	events := w.events[addr(105)]
	if last := events[len(events)-1]; last != spec.Event(want) {
		t.Errorf("the leaf was told %v, want %v", last, want)
	}
	before := w.drops["GN-PU-03"]
	p := wire.Push{ServentID: wire.GUID{9}, Addr: addr(100)}
	leaf := w.nodes[addr(100)]
	w.nodes[addr(100)].servents.put(seenKey{wire.TypePush, p.ServentID}, leaf.Links()[0].Conn, 9)
	w.Input(addr(100), Push{Op: 2, ServentID: p.ServentID, Index: 1})
	w.RunFor(time.Second)
	if w.drops["GN-PU-03"] != before+1 {
		t.Errorf("a push to nobody: %d drops before, then %d", before, w.drops["GN-PU-03"])
	}
}

// What comes to a proxy is passed on to its leaf, whose hits name the proxy.
//
// GN-VE-08.
func TestPushByProxy(t *testing.T) {
	w := hierarchy(t, 4, 4, Config{})
	w.search(100, Search{Text: "word105"})
	w.RunFor(time.Minute)
	var hit Hit
	for _, e := range w.events[addr(100)] {
		if h, ok := e.(Hit); ok {
			hit = h
		}
	}
	if !hit.Push || len(hit.Proxies) != 1 || hit.Proxies[0] != addr(2) {
		t.Fatalf("the hit is %+v", hit)
	}
	w.Input(hit.Proxies[0], Relay{Op: 1, ServentID: hit.ServentID, Index: hit.Results[0].Index, To: addr(100)})
	w.RunFor(time.Second)
	want := PushRequested{To: addr(100), ServentID: hit.ServentID, Index: 1, Name: "leaf word105.txt"}
	events := w.events[addr(105)]
	if last := events[len(events)-1]; last != spec.Event(want) {
		t.Errorf("the leaf was told %v, want %v", last, want)
	}
}

// Out of band hits come past all that lies between, which is not troubled by them.
//
// GN-VE-05, GN-VE-06, GN-VE-07.
func TestHitsOutOfBandCome(t *testing.T) {
	w := newWorld(t, 5)
	for i := range 6 {
		w.add(i, Config{OutOfBand: true}, "alpha.txt")
		if i > 0 {
			w.link(i, i-1)
		}
	}
	w.RunFor(5 * time.Second)
	w.search(0, Search{Text: "alpha"})
	w.RunFor(10 * time.Second)
	found := w.hits(0)
	for i := 1; i < 6; i++ {
		if len(found[addr(i)]) != 1 {
			t.Errorf("servent %d was found %d times", i, len(found[addr(i)]))
		}
	}
	for m, n := range w.writes {
		if m.typ == wire.TypeQueryHit && n != 3 { // of 1, and of 2 by 1
			t.Errorf("hits were written %d times on streams, want 3", n)
		}
	}
}

// When the way back dies its hits are dropped, and reach nobody else.
//
// GN-QH-05.
func TestHitsDieWithTheirWay(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 5 {
		w.add(i, Config{}, "alpha.txt")
		if i > 0 {
			w.link(i, i-1)
		}
	}
	w.RunFor(5 * time.Second)
	w.search(0, Search{Text: "alpha"})
	w.RunFor(170 * time.Millisecond) // 4 has not answered
	w.Crash(addr(1))
	w.RunFor(5 * time.Second)
	for i := range 5 {
		if found := w.hits(i); i != 0 && len(found) > 0 || len(found[addr(4)]) > 0 {
			t.Errorf("servent %d got %v", i, found)
		}
	}
	if w.drops["GN-QH-05"] == 0 {
		t.Error("no hit was dropped")
	}
}
