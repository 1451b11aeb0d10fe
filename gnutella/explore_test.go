package gnutella

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// end is one end of a stream between two of a few servents.
type end struct {
	node int
	conn spec.Conn
}

// scene is a small network at one moment. Every way in which messages can overtake
// each other, on different streams, leads to another.
type scene struct {
	nodes  []*Node
	other  map[end]end            // of each stream; never changes
	queues map[end][]spec.Message // on their way to an end
	taken  []int                  // queries that each has taken
	hits   map[netip.AddrPort]int // that the origin, servent 0, has got, by who sent them
	cut    bool                   // a stream has broken: at most one does
}

// newScene links flat servents and waits until all is quiet.
func newScene(t *testing.T, size int, links [][2]int) *scene {
	s := &scene{
		other: map[end]end{}, queues: map[end][]spec.Message{},
		taken: make([]int, size), hits: map[netip.AddrPort]int{},
	}
	for i := range size {
		cfg := Config{Addr: addr(i), Seed: [32]byte{byte(i)}, OnlyGiven: true, Library: library(t, "alpha.txt")}
		n, err := New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.nodes = append(s.nodes, n)
	}
	for i, l := range links {
		a, b := end{l[0], 0}, end{l[1], -spec.Conn(i + 1)}
		for _, e := range s.nodes[a.node].Step(0, Connect{Addrs: []netip.AddrPort{addr(b.node)}}, nil) {
			if d, ok := e.(spec.Dial); ok {
				a.conn = d.Conn
			}
		}
		s.other[a], s.other[b] = b, a
		s.step(t, b.node, spec.Opened{Conn: b.conn, Remote: addr(a.node)})
		s.step(t, a.node, spec.Opened{Conn: a.conn, Remote: addr(b.node)})
		for e, ok := s.waiting(); ok; e, ok = s.waiting() {
			s.deliver(t, e)
		}
	}
	return s
}

// waiting is an end that has something to read.
func (s *scene) waiting() (end, bool) {
	for _, e := range s.ends() {
		if len(s.queues[e]) > 0 {
			return e, true
		}
	}
	return end{}, false
}

func (s *scene) ends() []end {
	return slices.SortedFunc(maps.Keys(s.other), func(a, b end) int {
		return 1000*(a.node-b.node) + int(a.conn-b.conn)
	})
}

func (s *scene) clone() *scene {
	c := &scene{other: s.other, queues: maps.Clone(s.queues), cut: s.cut}
	c.taken, c.hits = slices.Clone(s.taken), maps.Clone(s.hits)
	for _, n := range s.nodes {
		c.nodes = append(c.nodes, n.Clone().(*Node))
	}
	return c
}

func (s *scene) key() [32]byte {
	b := fmt.Append(nil, s.taken, s.hits, s.cut)
	for _, n := range s.nodes {
		b = n.AppendState(b)
	}
	for _, e := range s.ends() {
		b = fmt.Appendf(b, "%v%v", e, s.queues[e])
	}
	return sha256.Sum256(b)
}

func (s *scene) deliver(t *testing.T, e end) {
	m := s.queues[e][0]
	s.queues[e] = s.queues[e][1:]
	dropped := s.step(t, e.node, spec.Got{Conn: e.conn, Msg: m})
	if d, ok := m.(wire.Descriptor); ok && d.Type == wire.TypeQuery && !dropped {
		s.taken[e.node]++
	}
}

func (s *scene) step(t *testing.T, i int, in spec.Input) (dropped bool) {
	for _, e := range s.nodes[i].Step(0, in, nil) {
		switch e := e.(type) {
		case spec.Write:
			to := s.other[end{i, e.Conn}]
			s.queues[to] = append(slices.Clone(s.queues[to]), e.Msg)
		case spec.Drop:
			dropped = true
		case spec.Notify:
			h, ok := e.Event.(Hit)
			switch {
			case ok && i != 0:
				t.Fatalf("servent %d got a hit of another's query (GN-QH-05)", i)
			case ok:
				s.hits[h.Addr]++
			}
		}
	}
	if err := s.nodes[i].Check(); err != nil {
		t.Fatal(err)
	}
	return dropped
}

// breaks is the scene after a stream has broken, with all that was on its way.
func (s *scene) breaks(t *testing.T, e end) *scene {
	c := s.clone()
	c.cut = true
	for _, side := range []end{e, s.other[e]} {
		delete(c.queues, side)
		c.step(t, side.node, spec.Closed{Conn: side.conn})
	}
	return c
}

// explore visits every scene that can follow, and judges each.
func (s *scene) explore(t *testing.T, seen map[[32]byte]bool, mayBreak bool) {
	key := s.key()
	if seen[key] {
		return
	}
	seen[key] = true
	quiet := true
	for _, e := range s.ends() {
		if len(s.queues[e]) > 0 {
			quiet = false
			next := s.clone()
			next.deliver(t, e)
			next.explore(t, seen, mayBreak)
		}
		if mayBreak && !s.cut && e.conn > 0 {
			s.breaks(t, e).explore(t, seen, mayBreak)
		}
	}
	for i, n := range s.taken {
		if n > 1 || n == 1 && i == 0 || quiet && !s.cut && n != 1 && i > 0 {
			t.Fatalf("servent %d has taken the query %d times (GN-HD-17)", i, n)
		}
		if n := s.hits[addr(i)]; n > 1 || quiet && !s.cut && n != 1 && i > 0 {
			t.Fatalf("the origin has got %d hits of servent %d", n, i)
		}
	}
}

// In every order of events a query visits each servent once, and its hits come back
// once; when a stream breaks, at most once.
//
// GN-HD-17, GN-QH-05.
func TestExploreSmallGraphs(t *testing.T) {
	for name, g := range map[string]struct {
		size  int
		links [][2]int
		cuts  bool
	}{
		"triangle":    {3, [][2]int{{0, 1}, {1, 2}, {2, 0}}, true},
		"square":      {4, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}}, true},
		"two squares": {4, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}, {0, 2}}, false},
	} {
		s := newScene(t, g.size, g.links)
		s.step(t, 0, Search{Op: 1, Text: "alpha"})
		seen := map[[32]byte]bool{}
		s.explore(t, seen, g.cuts)
		t.Logf("%s: %d scenes", name, len(seen))
	}
}
