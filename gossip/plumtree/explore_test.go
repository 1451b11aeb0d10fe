package plumtree

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
	"github.com/stretchr/testify/require"
)

// bare is the tree of a node over links that are given, as a machine: the
// explorer delivers its messages in every order, which covers that of streams.
type bare struct {
	tree
	flaw flaw
}

// linkDown is what the membership tells of a neighbour that has failed.
type linkDown struct{ peer netip.AddrPort }

func (linkDown) IsInput() {}

func (b *bare) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	b.now = max(b.now, now)
	begin := len(out)
	for b.due() <= b.now {
		out = b.fire(out)
	}
	switch in := in.(type) {
	case Broadcast:
		out = b.broadcast(in, out)
	case linkDown:
		b.down(in.peer)
	case spec.Recv:
		if b.isEager(in.From) || slices.Contains(b.appendPeers(nil, false), in.From) { // else the stream has ended
			out = b.bent(in, out)
		}
	}
	return append(out[:begin], slices.DeleteFunc(out[begin:], b.withheld)...)
}

// due is the deadline that a node of the flaw has.
func (b *bare) due() time.Duration {
	if b.flaw == noGraftTimer {
		return min(b.announceAt, b.store.deadline(&b.cfg))
	}
	return b.deadline()
}

func (b *bare) Deadline() (time.Duration, bool) { return b.due(), b.due() != never }

func (b *bare) Clone() spec.Machine           { return &bare{b.clone(), b.flaw} }
func (b *bare) AppendState(buf []byte) []byte { return b.appendState(buf) }
func (b *bare) Check() error                  { return b.check() }
func (b *bare) isEager(a netip.AddrPort) bool { return slices.Contains(b.appendPeers(nil, true), a) }

// flaw is what a mutant does wrong.
type flaw string

const (
	noGraftTimer flaw = "never asks for what is missing"
	noPrune      flaw = "keeps links by which it hears what it knows"
	deafToPrune  flaw = "pushes on although it was pruned"
	noEager      flaw = "answers a Graft and stays lazy"
	noIHave      flaw = "announces nothing"
	keepsParent  flaw = "forgets to make the link eager by which it hears news"
)

// bent receives a message as a node of the flaw does.
func (b *bare) bent(in spec.Recv, out []spec.Effect) []spec.Effect {
	eager := b.isEager(in.From)
	out = b.receive(in.From, in.Msg, out)
	switch in.Msg.(type) {
	case Prune:
		if b.flaw == deafToPrune {
			b.setEager(in.From, eager)
		}
	case Graft:
		if b.flaw == noEager {
			b.setEager(in.From, eager)
		}
	case Gossip:
		if b.flaw == keepsParent && !eager || b.flaw == noPrune {
			b.setEager(in.From, eager)
		}
	}
	return out
}

// withheld reports whether a node of the flaw does not send what it should.
func (b *bare) withheld(e spec.Effect) bool {
	s, _ := e.(spec.Send)
	switch s.Msg.(type) {
	case Prune:
		return b.flaw == noPrune
	case IHave:
		return b.flaw == noIHave
	}
	return false
}

// scope is a network to be explored.
type scope struct {
	nodes   int
	links   [][2]int
	origins []int // of broadcasts that may be under way together
	last    []int // of those that follow, each when the one before is over
	crashes int   // before the last broadcast
	hops    int   // the threshold of the optimisation, if not the default
	flaw    flaw
}

func triangle() [][2]int { return [][2]int{{0, 1}, {1, 2}, {0, 2}} }

func ring() [][2]int { return [][2]int{{0, 1}, {1, 2}, {2, 3}, {0, 3}} }

// square has a diagonal.
func square() [][2]int { return [][2]int{{0, 1}, {1, 2}, {2, 3}, {0, 3}, {0, 2}} }

func (s *scope) config(t testing.TB) explore.Config {
	c := explore.Config{
		Crashes: s.crashes, Forget: false, Horizon: 5 * time.Second, May: s.may,
		Finally: []explore.Invariant{
			{Name: "what one has all have", Hold: s.agreement},
			{Name: "both ends of a link agree", Hold: s.symmetry},
			{Name: "the eager links are a tree", Hold: s.spanning},
		},
		MaxStates: 3_000_000,
	}
	for i := range s.nodes {
		view := hyparview.Config{Self: at(i), Seed: [32]byte{byte(i)}}
		cfg, err := Config{View: view, AnnounceDelay: -1, Threshold: s.hops}.withDefaults()
		require.NoError(t, err)
		b := &bare{newTree(cfg, 0), s.flaw}
		for _, l := range s.links {
			for end := range l {
				if l[end] == i {
					b.up(at(l[1-end]), nil)
					down := explore.Command{Node: at(i), Input: linkDown{at(l[1-end])}, Once: true}
					c.Commands = append(c.Commands, down)
				}
			}
		}
		c.Nodes = append(c.Nodes, explore.Start{Addr: at(i), Machine: b})
	}
	for op, i := range append(slices.Clone(s.origins), s.last...) {
		command := explore.Command{Node: at(i), Input: Broadcast{Op: spec.OpID(op)}, Once: true}
		c.Commands = append(c.Commands, command)
	}
	return c
}

// may has the membership tell of failures, and of nothing else, and keeps the last
// broadcasts apart from what is before.
func (s *scope) may(w *explore.World, a explore.Action) bool {
	switch a.Kind {
	case explore.Crash:
		return !s.over(w)
	case explore.Give:
		if w.Nodes[a.Node].Machine == nil {
			return false
		}
	default:
		return true
	}
	switch in := a.Input.(type) {
	case linkDown:
		return w.Node(in.peer).Machine == nil
	case Broadcast:
		return int(in.Op) < len(s.origins) || int(in.Op) == s.given(w) && quiet(w)
	}
	return true
}

// given counts the broadcasts.
func (s *scope) given(w *explore.World) (count int) {
	for _, n := range w.Nodes {
		count += len(n.Done)
	}
	return count
}

// over reports whether the last broadcast was made, by itself.
func (s *scope) over(w *explore.World) bool {
	return len(s.origins) < 2 && len(s.last) == 0 && s.crashes == 0 || s.given(w) == len(s.origins)+len(s.last)
}

// quiet reports whether nothing is under way or missing, and failures are known.
func quiet(w *explore.World) bool {
	busy := slices.ContainsFunc(w.Nodes, func(n *explore.Node) bool {
		return n.Machine != nil && (len(n.Machine.(*bare).missing) > 0 ||
			slices.ContainsFunc(n.Machine.(*bare).peers, func(p peer) bool { return w.Node(p.addr).Machine == nil }))
	})
	return !busy && len(w.Flight) == 0
}

// agreement is the reliability of the paper.
func (s *scope) agreement(w *explore.World) error {
	for _, n := range w.Nodes {
		for _, other := range w.Nodes {
			if n.Machine == nil || other.Machine == nil {
				continue
			}
			for _, m := range n.Machine.(*bare).store.list {
				if !other.Machine.(*bare).store.has(m.id) {
					return fmt.Errorf("%v has %x, and %v does not", n.Addr, m.id[:2], other.Addr)
				}
			}
		}
	}
	return nil
}

func (s *scope) symmetry(w *explore.World) error {
	for _, l := range s.links {
		a, b := w.Node(at(l[0])), w.Node(at(l[1]))
		if a.Machine == nil || b.Machine == nil {
			continue
		}
		if x, y := a.Machine.(*bare).isEager(b.Addr), b.Machine.(*bare).isEager(a.Addr); x != y {
			return fmt.Errorf("eager from %v to %v: %v, and back: %v", a.Addr, b.Addr, x, y)
		}
	}
	return nil
}

// spanning wants the eager links of live nodes to be connected, and one less than
// they are, once a broadcast was made by itself.
func (s *scope) spanning(w *explore.World) error {
	if !s.over(w) || len(s.last) == 0 && len(s.origins) > 1 {
		return nil
	}
	links, live := 0, 0
	reached := map[netip.AddrPort]bool{}
	var queue []netip.AddrPort
	for _, n := range w.Nodes {
		if n.Machine != nil {
			live++
			queue = []netip.AddrPort{n.Addr}
		}
	}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		if reached[a] {
			continue
		}
		reached[a] = true
		eager := w.Node(a).Machine.(*bare).appendPeers(nil, true)
		links += len(eager)
		queue = append(queue, eager...)
	}
	if len(reached) != live || links != 2*(live-1) {
		return fmt.Errorf("%d of %d nodes, %d ends of eager links", len(reached), live, links)
	}
	return nil
}

// witnesses show that what is explored is worth exploring.
func witnesses() []explore.Witness {
	sends := func(name string, is func(m spec.Message) bool) explore.Witness {
		return explore.Witness{Name: name, Taken: func(t *explore.Transition) bool {
			return slices.ContainsFunc(t.Effects, func(e spec.Effect) bool {
				s, ok := e.(spec.Send)
				return ok && is(s.Msg)
			})
		}}
	}
	return []explore.Witness{
		sends("a duplicate prunes", func(m spec.Message) bool { _, ok := m.(Prune); return ok }),
		sends("a broadcast is announced", func(m spec.Message) bool { _, ok := m.(IHave); return ok }),
		sends("what is missing is asked for", func(m spec.Message) bool { g, ok := m.(Graft); return ok && g.Wants }),
	}
}

// run explores the scope, and wants the witnesses if broadcasts follow each other.
func (s *scope) run(t testing.TB) (explore.Result, error) {
	c := s.config(t)
	if len(s.last) > 0 && s.flaw == "" {
		c.Sometimes = witnesses()
	}
	return explore.Run(c)
}

// In every order of events, what one live node has reaches all, and a broadcast
// that is made by itself leaves a tree.
//
// GO-PX-04, GO-PX-05 (Plumtree, tree construction, repair and optimisation).
func TestExplore(t *testing.T) {
	scopes := []scope{
		{nodes: 3, links: triangle(), origins: []int{0}},
		{nodes: 3, links: triangle(), last: []int{0, 1, 2, 1}},
		{nodes: 3, links: triangle(), last: []int{0, 1, 2}, hops: 1},
		{nodes: 3, links: triangle(), origins: []int{0, 1}, last: []int{2}},
		{nodes: 3, links: triangle(), origins: []int{0}, last: []int{1, 2}, crashes: 1},
		{nodes: 4, links: square(), origins: []int{0}},
		{nodes: 4, links: square(), last: []int{1, 3}},
		{nodes: 4, links: square(), last: []int{1, 3}, hops: 1},
		{nodes: 4, links: square(), origins: []int{1}, last: []int{3}, crashes: 1},
		{nodes: 4, links: ring(), origins: []int{0, 2}, last: []int{1}},
		{nodes: 4, links: ring(), last: []int{1, 3, 0}},
		{nodes: 4, links: ring(), origins: []int{1}, last: []int{3, 1}, crashes: 1},
	}
	for _, s := range scopes {
		r, err := s.run(t)
		t.Logf("N=%d links=%d broadcasts=%v+%v crashes=%d threshold=%d: %v",
			s.nodes, len(s.links), s.origins, s.last, s.crashes, s.hops, r)
		require.NoError(t, err)
		require.Empty(t, r.Unseen)
	}
}

// Two broadcasts that overlap can prune each other's links until the tree is in
// pieces. It takes the next one, alone, to mend it, which [TestExplore] shows.
func TestOverlappingBroadcastsPruneTooMuch(t *testing.T) {
	s := scope{nodes: 3, links: triangle(), origins: []int{0, 1}}
	c := s.config(t)
	c.Finally = []explore.Invariant{{Name: "the eager links are connected", Hold: func(w *explore.World) error {
		for _, n := range w.Nodes {
			if len(n.Machine.(*bare).appendPeers(nil, true)) == 0 {
				return fmt.Errorf("%v has no eager link", n.Addr)
			}
		}
		return nil
	}}}
	_, err := explore.Run(c)
	var broken *explore.Violation
	require.ErrorAs(t, err, &broken)
}

// Each mutant breaks a property, the one that is named.
func TestExploreCatchesMutants(t *testing.T) {
	alone := scope{nodes: 3, links: triangle(), last: []int{0, 1}}
	crash := scope{nodes: 3, links: triangle(), origins: []int{0}, last: []int{1}, crashes: 1}
	for _, c := range []struct {
		flaw  flaw
		scope scope
		want  string
	}{
		{noGraftTimer, crash, "what one has all have"},
		{noIHave, crash, "what one has all have"},
		{noPrune, alone, "the eager links are a tree"},
		{deafToPrune, alone, "both ends of a link agree"},
		{noEager, crash, "both ends of a link agree"},
		{keepsParent, scope{nodes: 3, links: triangle(), origins: []int{0, 1}, last: []int{2}}, "both ends of a link agree"},
	} {
		c.scope.flaw = c.flaw
		r, err := c.scope.run(t)
		t.Logf("%s: %v", c.flaw, r)
		require.ErrorContains(t, err, c.want, string(c.flaw))
	}
}
