package conformance

import (
	"context"
	"net/netip"
	"slices"
)

// BuiltIn is a reference node, or a mutant of it, to be judged as a [Target]: on
// real sockets, on virtual time, or on whichever can play a case. Every case gets
// a node of its own, since one starts in microseconds.
type BuiltIn struct {
	Noun  string // what reasons call it, such as "tracker"
	Roles []Role // that it plays; none means all
	Needs []Need // that it can meet on virtual time
	// Mutant is its name if it is wrong on purpose. Only virtual time has mutants.
	Mutant string

	// Sockets starts it at a free port of [LoopbackAddr].
	Sockets func(Network, StartOptions) (Instance, error)
	// Virtual places it on a network where a wait of hours costs nothing and a
	// run repeats exactly.
	Virtual func(*VirtualNetwork, StartOptions) (Instance, error)
}

// LoopbackAddr is where built-in nodes listen on real sockets.
func LoopbackAddr() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// OnSockets is the node on real sockets, where a case cannot wait for minutes and
// one family of addresses has to do.
func (b BuiltIn) OnSockets(sources *Sources) Target { return onSockets{builtIn{b}, sources} }

// OnVirtualTime is the node on virtual time.
func (b BuiltIn) OnVirtualTime() Target { return onVirtualTime{builtIn{b}} }

// Reference is the node as it stands in when no target is named: on real sockets,
// and on virtual time for the cases that need it.
func (b BuiltIn) Reference(sources *Sources) Chooser {
	return eitherWay{onSockets{builtIn{b}, sources}, b.OnVirtualTime()}
}

// builtIn is what both targets have in common.
type builtIn struct{ BuiltIn }

func (b builtIn) PerCase() bool { return true }

func (b builtIn) Can(n Need) (bool, string) {
	return slices.Contains(b.Needs, n), "the built-in " + b.Noun + " has no " + string(n)
}

func (b builtIn) Plays(r Role) (bool, string) {
	return len(b.Roles) == 0 || slices.Contains(b.Roles, r), "the built-in " + b.Noun + " is no " + string(r)
}

type onVirtualTime struct{ builtIn }

func (v onVirtualTime) Identity() Identity {
	if v.Mutant != "" {
		return Identity{Name: v.Mutant, How: "mutant, virtual time"}
	}
	return Identity{Name: "p2pspec", How: "built-in, virtual time"}
}

func (v onVirtualTime) Network() (Network, error) { return NewVirtualNetwork(), nil }

func (v onVirtualTime) Start(_ context.Context, n Network, opt StartOptions) (Instance, error) {
	return v.Virtual(n.(*VirtualNetwork), opt)
}

type onSockets struct {
	builtIn
	sources *Sources
}

func (s onSockets) Identity() Identity { return Identity{Name: "p2pspec", How: "built-in"} }

func (s onSockets) Can(n Need) (bool, string) {
	switch n {
	case NeedAddresses:
		return s.sources.Many()
	case NeedNeighbours:
		return s.sources.Near()
	case NeedClock:
		return false, "the case waits for minutes: add --slow"
	case NeedIPv6:
		return false, "the built-in " + s.Noun + " has one address; virtual time has both families"
	}
	return s.builtIn.Can(n)
}

func (s onSockets) Network() (Network, error) { return NewSocketNetwork(s.sources), nil }

func (s onSockets) Start(_ context.Context, n Network, opt StartOptions) (Instance, error) {
	return s.Sockets(n, opt)
}

type eitherWay struct {
	onSockets
	virtual Target
}

// For picks the node that can play the case.
func (e eitherWay) For(_ *Suite, c *Case) Target {
	for _, n := range c.Needs {
		if ok, _ := e.onSockets.Can(n); !ok {
			return e.virtual
		}
	}
	return e.onSockets
}
