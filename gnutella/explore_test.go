package gnutella

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

// bare is a servent with links that are given, as a machine among datagrams: the
// explorer delivers its messages in every order, which covers that of streams.
type bare struct {
	*Node
	flaw  flaw
	links []end // that are not down

	visits []visit  // of queries, in the order of their coming
	finds  []answer // hits that it was told of
	pushes int32    // that it was asked to act on
}

// end is that of a link.
type end struct {
	conn spec.Conn
	peer netip.AddrPort
}

// visit is a query that was not refused, and by whom it came first.
type visit struct {
	guid  wire.GUID
	from  netip.AddrPort
	times int32
}

// answer is a hit as the application gets it.
type answer struct {
	guid wire.GUID
	from netip.AddrPort
}

// linkDown is what the driver tells of a stream that has ended.
type linkDown struct{ peer netip.AddrPort }

func (linkDown) IsInput() {}

func (b *bare) Clone() spec.Machine {
	c := *b
	c.Node = b.Node.Clone().(*Node)
	c.links, c.visits, c.finds = slices.Clone(b.links), slices.Clone(b.visits), slices.Clone(b.finds)
	return &c
}

func (b *bare) AppendState(buf []byte) []byte {
	return fmt.Append(b.Node.AppendState(buf), b.links, b.visits, b.finds, b.pushes)
}

func (b *bare) to(peer netip.AddrPort) (spec.Conn, bool) {
	i := slices.IndexFunc(b.links, func(l end) bool { return l.peer == peer })
	if i < 0 {
		return 0, false
	}
	return b.links[i].conn, true
}

func (b *bare) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	var effects []spec.Effect
	switch in := in.(type) {
	case linkDown:
		conn, _ := b.to(in.peer)
		b.links = slices.DeleteFunc(b.links, func(l end) bool { return l.peer == in.peer })
		effects = b.bent(now, spec.Closed{Conn: conn})
	case spec.Recv:
		conn, ok := b.to(in.From)
		if !ok {
			return out // the stream has ended
		}
		effects = b.bent(now, spec.Got{Conn: conn, Msg: in.Msg})
		b.visited(in, effects)
	default:
		effects = b.bent(now, in)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Write:
			i := slices.IndexFunc(b.links, func(l end) bool { return l.conn == e.Conn })
			out = append(out, spec.Send{To: b.links[i].peer, Msg: e.Msg})
			b.Node.Step(now, spec.Drained{Conn: e.Conn}, nil)
		case spec.Notify:
			b.told(e.Event)
		default:
			out = append(out, e)
		}
	}
	return out
}

func (b *bare) visited(in spec.Recv, effects []spec.Effect) {
	d, ok := in.Msg.(wire.Descriptor)
	refused := slices.ContainsFunc(effects, func(e spec.Effect) bool { _, drop := e.(spec.Drop); return drop })
	if !ok || d.Type != wire.TypeQuery || refused {
		return
	}
	for i := range b.visits {
		if b.visits[i].guid == d.GUID {
			b.visits[i].times++
			return
		}
	}
	b.visits = append(b.visits, visit{d.GUID, in.From, 1})
}

func (b *bare) told(e spec.Event) {
	switch e := e.(type) {
	case Hit:
		b.finds = append(b.finds, answer{e.GUID, e.Addr})
		slices.SortFunc(b.finds, func(x, y answer) int {
			return x.from.Compare(y.from) + 9*slices.Compare(x.guid[:], y.guid[:])
		})
	case PushRequested:
		b.pushes++
	}
}

// scope is a network to be explored.
type scope struct {
	nodes   int
	links   [][2]int
	origins []int // of a search each
	sharing []int // who has what is searched for; nil: all
	cuts    int   // links that may break
	push    bool  // the first origin pushes the last servent, once it has its hit
	ttl     uint8
	flaw    flaw
}

func line() [][2]int     { return [][2]int{{0, 1}, {1, 2}, {2, 3}} }
func triangle() [][2]int { return [][2]int{{0, 1}, {1, 2}, {0, 2}} }
func square() [][2]int   { return [][2]int{{0, 1}, {1, 2}, {2, 3}, {0, 3}} }
func diamond() [][2]int  { return append(square(), [2]int{0, 2}) }
func complete() [][2]int { return append(diamond(), [2]int{1, 3}) }
func pentagon() [][2]int { return [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {0, 4}} }

// start links flat servents and waits until all is quiet.
func (s *scope) start(t testing.TB) (list []*bare) {
	for i := range s.nodes {
		cfg := Config{Addr: addr(i), Seed: [32]byte{byte(i)}, OnlyGiven: true}
		if s.shares(addr(i)) {
			cfg.Library = library(t, "alpha.txt")
		}
		n, err := New(cfg, 0)
		require.NoError(t, err)
		list = append(list, &bare{Node: n})
	}
	for i, l := range s.links {
		a, b := list[l[0]], list[l[1]]
		var dial spec.Dial
		for _, e := range a.Node.Step(0, Connect{Addrs: []netip.AddrPort{b.cfg.Addr}}, nil) {
			if d, ok := e.(spec.Dial); ok {
				dial = d
			}
		}
		a.links = append(a.links, end{dial.Conn, b.cfg.Addr})
		b.links = append(b.links, end{-spec.Conn(i + 1), a.cfg.Addr})
		b.Step(0, spec.Opened{Conn: -spec.Conn(i + 1), Remote: a.cfg.Addr}, nil)
		flight := []explore.Packet{}
		send := func(from *bare, effects []spec.Effect) {
			for _, e := range effects {
				if e, ok := e.(spec.Send); ok {
					flight = append(flight, explore.Packet{From: from.cfg.Addr, To: e.To, Msg: e.Msg})
				}
			}
		}
		send(a, a.Step(0, spec.Opened{Conn: dial.Conn, Remote: b.cfg.Addr}, nil))
		for ; len(flight) > 0; flight = flight[1:] {
			to := list[slices.IndexFunc(list, func(b *bare) bool { return b.cfg.Addr == flight[0].To })]
			send(to, to.Step(0, spec.Recv{From: flight[0].From, Msg: flight[0].Msg}, nil))
		}
	}
	for _, b := range list {
		b.flaw = s.flaw
		require.Len(t, b.Links(), len(b.links))
	}
	return list
}

func (s *scope) config(t testing.TB) explore.Config {
	c := explore.Config{
		Horizon: time.Second, May: s.may, MaxStates: 3_000_000,
		Always: []explore.Invariant{
			{Name: "a query visits once", Hold: once}, {Name: "hits reach the origin alone", Hold: atOrigin},
			{Name: "TTL and hops do not rise", Hold: s.bounded},
		},
		Steps: []explore.StepInvariant{
			{Name: "nothing goes back", Hold: notBack}, {Name: "hits and pushes have one way", Hold: oneWay},
		},
		Finally: []explore.Invariant{
			{Name: "a query visits all", Hold: s.reached}, {Name: "hits come back", Hold: s.answered},
			{Name: "a push arrives", Hold: s.pushed},
		},
	}
	list := s.start(t)
	op := spec.OpID(0)
	add := func(node int, in spec.Input) {
		c.Commands = append(c.Commands, explore.Command{Node: addr(node), Input: in, Once: true})
	}
	for _, o := range s.origins {
		op++
		add(o, Search{Op: op, Text: "alpha", TTL: s.ttl})
	}
	if s.push {
		add(s.origins[0], Push{Op: op + 1, ServentID: list[s.nodes-1].ServentID(), Index: 1})
	}
	for _, l := range s.links {
		if s.cuts > 0 {
			add(l[0], linkDown{addr(l[1])})
			add(l[1], linkDown{addr(l[0])})
		}
	}
	for i, b := range list {
		c.Nodes = append(c.Nodes, explore.Start{Addr: addr(i), Machine: b})
	}
	return c
}

// may breaks only so many links, at each end for itself, and pushes whom it can.
func (s *scope) may(w *explore.World, a explore.Action) bool {
	if a.Kind != explore.Give {
		return true
	}
	switch in := a.Input.(type) {
	case Push:
		first := w.Nodes[s.origins[0]].Machine.(*bare)
		return slices.ContainsFunc(first.finds, func(f answer) bool { return f.from == addr(s.nodes-1) })
	case linkDown:
		broken := 0
		for _, l := range s.links {
			if !whole(w, addr(l[0]), addr(l[1])) {
				broken++
			}
		}
		return broken < s.cuts && len(w.Flight) > 0 || !whole(w, w.Nodes[a.Node].Addr, in.peer)
	}
	return true
}

// whole says whether neither end of a link is down.
func whole(w *explore.World, a, b netip.AddrPort) bool {
	_, there := w.Node(a).Machine.(*bare).to(b)
	_, back := w.Node(b).Machine.(*bare).to(a)
	return there && back
}

// In every order of events a query visits each servent once, its hits come back by
// the way it took, and a push goes that way again; when links break, what had to
// pass them is lost, and nothing else.
//
// GN-HD-07, GN-HD-13, GN-HD-17, GN-QY-04, GN-QH-03, GN-QH-05, GN-PU-03.
func TestExplore(t *testing.T) {
	for _, s := range []scope{
		{nodes: 3, links: triangle(), origins: []int{0}, cuts: 2},
		{nodes: 3, links: triangle(), origins: []int{0, 1}},
		{nodes: 3, links: triangle(), origins: []int{0, 1}, sharing: []int{2}, cuts: 1},
		{nodes: 3, links: line()[:2], origins: []int{0, 1, 2}},
		{nodes: 3, links: triangle(), origins: []int{0}, cuts: 1, push: true},
		{nodes: 4, links: line(), origins: []int{0}, cuts: 1, push: true},
		{nodes: 4, links: square(), origins: []int{0}, cuts: 1},
		{nodes: 4, links: square(), origins: []int{0, 2}, sharing: []int{1}},
		{nodes: 4, links: diamond(), origins: []int{1}, cuts: 1},
		{nodes: 4, links: complete(), origins: []int{0}},
		{nodes: 5, links: pentagon(), origins: []int{0}, sharing: []int{2, 3}, cuts: 1},
	} {
		s.ttl = 7
		r, err := explore.Run(s.config(t))
		t.Logf("%d servents, links %v, origins %v, %d cuts, push %v: %v", s.nodes, s.links, s.origins, s.cuts, s.push, r)
		require.NoError(t, err)
		require.Greater(t, r.Terminal, 0)
	}
}

// A copy that took a longer way and came first keeps a servent from passing on one
// that could go farther: so a query can miss somebody within its TTL. That is the
// price of visiting nobody twice, which X-Ext-Probes would pay otherwise.
//
// GN-HS-39, GN-HD-17.
func TestDuplicatesCutQueriesShort(t *testing.T) {
	s := scope{nodes: 4, links: append(triangle(), [2]int{2, 3}), origins: []int{0}, ttl: 2}
	_, err := explore.Run(s.config(t))
	var v *explore.Violation
	require.ErrorAs(t, err, &v)
	require.Equal(t, "a query visits all", v.Name)
	s.ttl = 3
	_, err = explore.Run(s.config(t))
	require.NoError(t, err)
}
