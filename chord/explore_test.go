package chord

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
)

// scope is a ring to be explored: N identifiers, lists of R successors, and the
// first R+1 identifiers in an ideal ring.
type scope struct {
	model.Model
	active   int // nodes that maintain or join at a time, at most; 0: all
	variant  Variant
	first    int                         // members at the beginning, if not R+1
	hasty    bool                        // requests may time out although the answer is on its way
	reckless bool                        // a node may crash whenever the others keep a live successor
	direct   bool                        // who joins asks the member before its place
	only     func(a explore.Action) bool // what is tried, of all that may happen; nil: all
	breaks   model.Property              // the only one that is looked at; "": the invariant and all that follows
	flaw     flaw                        // of all machines
}

func exploreAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
}

func explorePeer(id model.ID) Peer { return Peer{FromUint(uint64(id)), exploreAddr(int(id))} }

// placeOf is the index of the node with the identifier; where no node is None.
func placeOf(p Peer) model.ID {
	if !p.known() {
		return model.None
	}
	return model.ID(p.ID.Uint())
}

func (s *scope) config() explore.Config {
	s.first = cmp.Or(s.first, s.R+1)
	c := explore.Config{
		Crashes: explore.Unlimited, Forget: true, Endless: true,
		May: s.may, View: view, Overview: overview, Symmetry: s.renaming(),
	}
	first := s.initial()
	for id := range model.ID(s.N) {
		cfg := Config{
			ID: FromUint(uint64(id)), IDBits: 3, Successors: s.R, Variant: s.variant,
			FixFingers: -1, Jitter: -1, RPCBits: 2, LateAnswers: -1,
		}
		fresh, err := New(cfg, 0)
		if err != nil {
			panic(err)
		}
		start := explore.Start{Addr: exploreAddr(int(id)), Fresh: s.machine(fresh)}
		if first[id].Member {
			snapshot := Snapshot{Predecessor: explorePeer(first[id].Prdc)}
			for _, y := range first[id].Succ[:min(s.R, s.first-1)] {
				snapshot.Successors = append(snapshot.Successors, explorePeer(y))
			}
			n, err := Restore(cfg, 0, snapshot)
			if err != nil {
				panic(err)
			}
			start.Machine = s.machine(n)
		}
		c.Nodes = append(c.Nodes, start)
		for via := range model.ID(s.N) {
			if via != id {
				join := explore.Command{Node: start.Addr, Input: Join{Via: explorePeer(via)}}
				c.Commands = append(c.Commands, join)
			}
		}
	}
	c.Always = []explore.Invariant{{Name: "Zave's invariant", Hold: s.invariant}}
	return c
}

// invariant is that of the abstract state, with all that follows from it.
//
// CHORD-INV-001, CHORD-INV-002 (Zave 2017).
func (s *scope) invariant(w *explore.World) error {
	state := w.View.(*whole).state
	p := s.breaks
	switch {
	case p != "" && s.holds(&state, p):
		return nil
	case p == "":
		if p = s.Invariant(state); p == "" {
			p = s.Consequence(state)
		}
	}
	if p != "" {
		return fmt.Errorf("%v does not hold in %v", p, state)
	}
	return nil
}

// holds reports whether one of the consequences does.
func (s *scope) holds(state *model.State, p model.Property) bool {
	ring := s.InRing(state)
	for id := range model.ID(s.N) {
		from, at := model.Set(0), s.Best(state, id)
		for ; at != model.None && !from.Has(at); at = s.Best(state, at) {
			from |= 1 << at
		}
		switch p {
		case model.AtMostOneRing:
			if ring.Has(id) && from != ring {
				return false
			}
		case model.ConnectedAppendages:
			if state[id].Member && from&ring == 0 {
				return false
			}
		case model.OrderedRing:
			for other := range model.ID(s.N) { // two rings are another matter
				if from == ring && ring.Has(id) && ring.Has(other) && model.Between(id, other, s.Best(state, id)) {
					return false
				}
			}
		}
	}
	return p != model.AtLeastOneRing || ring != 0
}

func (s *scope) initial() model.State {
	members := make([]model.ID, s.first)
	for i := range members {
		members[i] = model.ID(i)
	}
	return s.Ring(members...)
}

func (s *scope) machine(n *Node) spec.Machine {
	if s.flaw == "" {
		return n
	}
	return &mutant{n, s.flaw}
}

// unwrapped is the node in a machine of an exploration.
func unwrapped(m spec.Machine) *Node {
	if m, ok := m.(*mutant); ok {
		return m.Node
	}
	return m.(*Node)
}

// seen is what the properties want to know of a node.
type seen struct {
	node    *Node
	model   model.Node
	busy    bool // it maintains or joins
	awaited uint32
	asked   int // place of who is asked, -1: nobody
}

func view(e *explore.Node) any {
	if e.Machine == nil {
		return &seen{asked: -1}
	}
	n := unwrapped(e.Machine)
	s := &seen{node: n, asked: -1}
	s.busy = n.query.kind != noQuery || len(n.lookups) > 0
	switch t := n.nextTimer(); t.kind {
	case queryTimer:
		s.asked, s.awaited = int(placeOf(n.query.to)), n.query.rpc
	case lookupTimer:
		if l := &n.lookups[t.index]; l.phase != resting {
			s.asked, s.awaited = int(placeOf(l.asked)), l.rpc
		}
	}
	if !n.member {
		return s
	}
	s.model = model.Node{
		Member: true, Prdc: placeOf(n.predecessor),
		Candidate: placeOf(n.candidate), RectifyWith: placeOf(n.rectifyWith),
	}
	for i := range s.model.Succ {
		s.model.Succ[i] = model.None
		if i < len(n.successors) {
			s.model.Succ[i] = model.ID(n.successors[i].ID.Uint())
		}
	}
	if len(n.successors) == 0 { // alone
		s.model.Succ[0] = model.ID(n.cfg.ID.Uint())
	}
	return s
}

func seenIn(w *explore.World, i int) *seen { return w.Nodes[i].View.(*seen) }

// whole is what the properties want to know of a world.
type whole struct {
	// state is that of the ring in which answers that are under way have been
	// applied (Zave 2017, asynchronous form).
	state   model.State
	busy    int  // nodes that maintain or join
	joining bool // one joins
	// moot is the first message that nobody waits for, -1: there is none. Its
	// delivery changes nothing, whenever it comes, and is taken first.
	moot int
}

func overview(w *explore.World) any {
	o := &whole{moot: -1}
	for i := range w.Nodes {
		n := seenIn(w, i)
		o.state[i] = n.model
		if n.busy {
			o.busy++
			o.joining = o.joining || !n.model.Member
		}
	}
	for i, p := range w.Flight {
		to := place(p.To)
		if moot(p, seenIn(w, to)) {
			if o.moot < 0 {
				o.moot = i
			}
		} else if _, ok := p.Msg.(Neighbors); ok {
			o.state[to] = w.After(i).View.(*seen).model
		}
	}
	return o
}

// moot reports whether a message makes no difference to the node it is for,
// which is down or has given up waiting.
func moot(p *explore.Packet, n *seen) bool {
	if n.node == nil {
		return true
	}
	switch p.Msg.(type) {
	case Busy, Pong, Step, Neighbors:
		return n.asked < 0 || p.From != exploreAddr(n.asked) || rpcOf(p.Msg) != n.awaited
	}
	return false
}

func place(a netip.AddrPort) int { return int(a.Addr().As4()[3]) }

// may keeps what is explored within the assumptions: who joins asks a member, a
// failure leaves the others a successor and enough principals, and a request
// times out when no answer can come any more.
//
// CHORD-ASSUME-001, CHORD-ASSUME-002, CHORD-ASSUME-003 (Zave 2017).
func (s *scope) may(w *explore.World, a explore.Action) bool {
	i, n, o := a.Node, seenIn(w, a.Node), w.View.(*whole)
	if o.moot >= 0 {
		return a.Kind == explore.Deliver && a.Index == o.moot
	}
	if s.only != nil && a.Kind != explore.Deliver && !s.only(a) {
		return false
	}
	room := s.active == 0 || o.busy < s.active
	switch a.Kind {
	case explore.Give:
		via := seenIn(w, place(a.Input.(Join).Via.Addr))
		if s.direct && !model.Between(model.ID(place(a.Input.(Join).Via.Addr)), model.ID(i), via.model.Succ[0]) {
			return false
		}
		return n.node == nil && via.model.Member && room && !underWay(w, func(p *explore.Packet) bool {
			return p.From == exploreAddr(i) || p.To == exploreAddr(i)
		})
	case explore.Crash:
		if s.variant == Original && o.joining { // its answer is no list, and not counted
			return false
		}
		return o.state[i].Member && s.mayFail(&o.state, model.ID(i))
	case explore.Timeout:
		if s.hasty && n.asked >= 0 {
			return true
		}
		if underWay(w, func(p *explore.Packet) bool { return stale(p, i, n) }) {
			return false
		}
		if n.asked < 0 {
			return n.busy || room
		}
		return !answerable(w, i, n)
	}
	return true
}

// mayFail is the assumption on failures, or its first half.
func (s *scope) mayFail(state *model.State, f model.ID) bool {
	if !s.reckless {
		return s.MayFail(state, f)
	}
	after := *state
	if after[f] = (model.Node{}); s.Members(&after) == 0 {
		return false
	}
	for id := range model.ID(s.N) {
		if after[id].Member && s.Best(state, id) != model.None && s.Best(&after, id) == model.None {
			return false
		}
	}
	return true
}

// stale reports whether a message is older than what keeps node i waiting: all
// that it has sent for itself, what was said at once in answer, and when it
// waits for a node that is dead all that comes from there. No message takes
// longer than a timer runs.
func stale(p *explore.Packet, i int, n *seen) bool {
	if n.asked >= 0 && p.From == exploreAddr(n.asked) {
		return true
	}
	switch p.Msg.(type) {
	case Busy, Pong, Step:
		return p.To == exploreAddr(i)
	case Neighbors:
		return p.To == exploreAddr(i) && !(n.asked >= 0 && rpcOf(p.Msg) == n.awaited)
	}
	return p.From == exploreAddr(i)
}

func underWay(w *explore.World, match func(p *explore.Packet) bool) bool {
	return slices.ContainsFunc(w.Flight, match)
}

// answerable reports whether the request of node i may still be answered.
func answerable(w *explore.World, i int, n *seen) bool {
	self, peer := exploreAddr(i), exploreAddr(n.asked)
	for _, p := range w.Flight {
		if p.From == self && p.To == peer || p.From == peer && p.To == self {
			if _, ok := p.Msg.(Notify); !ok && rpcOf(p.Msg) == n.awaited {
				return true
			}
		}
	}
	if asked := seenIn(w, n.asked).node; asked != nil {
		for _, o := range asked.waiting {
			if o.from == self && o.rpc == n.awaited {
				return true
			}
		}
	}
	return false
}

func rpcOf(m spec.Message) uint32 {
	switch m := m.(type) {
	case Ping:
		return m.RPC
	case Pong:
		return m.RPC
	case GetNeighbors:
		return m.RPC
	case Neighbors:
		return m.RPC
	case Busy:
		return m.RPC
	case ClosestPreceding:
		return m.RPC
	case Step:
		return m.RPC
	}
	return 0
}
