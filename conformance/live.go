package conformance

import (
	"context"
	"net/netip"
)

// LiveTarget is a client that somebody else runs at an address. It cannot be
// started, stopped or commanded, so the cases that need that are skipped.
type LiveTarget struct {
	Role    Role   // that it is judged in; empty is any but those that have to be started
	Content []byte // the metainfo file of what a seeder has; nil for another
	// Announce is the path and query of a tracker's announce URL; empty is /announce.
	Announce string

	addr    netip.AddrPort
	sources *Sources
}

// NewLiveTarget returns the target at addr, reached from the given pool.
func NewLiveTarget(addr netip.AddrPort, sources *Sources) *LiveTarget {
	return &LiveTarget{addr: addr, sources: sources}
}

// Identity names the address.
func (l *LiveTarget) Identity() Identity {
	return Identity{Name: l.addr.String(), How: "live", Address: l.addr.String()}
}

// Can says what a running program of somebody else's cannot do for us.
func (l *LiveTarget) Can(n Need) (bool, string) {
	switch n {
	case NeedClock:
		return false, "the case waits for minutes: add --slow"
	case NeedAddresses:
		return l.sources.Many()
	case NeedNeighbours:
		return l.sources.Near()
	case NeedIPv6:
		return false, "only one address was given: use --exec or --client"
	default:
		return false, "the target has to be started for this case: use --exec or --client"
	}
}

// Plays says which roles somebody else's program can play for us.
func (l *LiveTarget) Plays(r Role) (bool, string) {
	switch {
	case r == Leecher || r == Parser || r == Member:
		return false, "a " + string(r) + " has to be started: use --exec or --client"
	case r == Seeder && l.Content == nil:
		return false, "the torrent that the target seeds is not known: add --torrent"
	default:
		return l.Role == "" || l.Role == r, "the target is judged as a " + string(l.Role)
	}
}

// Torrent is the metainfo file that came with the target.
func (l *LiveTarget) Torrent() []byte { return l.Content }

// PerCase is false: there is one instance.
func (l *LiveTarget) PerCase() bool { return false }

// Network opens real sockets.
func (l *LiveTarget) Network() (Network, error) { return NewSocketNetwork(l.sources), nil }

// Start returns the running instance.
func (l *LiveTarget) Start(context.Context, Network, StartOptions) (Instance, error) {
	if l.Announce != "" {
		return liveTracker{liveInstance{l.addr}, l.Announce}, nil
	}
	return liveInstance{l.addr}, nil
}

type liveInstance struct{ addr netip.AddrPort }

func (l liveInstance) Addr() netip.AddrPort         { return l.addr }
func (l liveInstance) Addr6() netip.AddrPort        { return netip.AddrPort{} }
func (l liveInstance) Do(Command) (*Pending, error) { return nil, ErrUnsupported }
func (l liveInstance) Exited() error                { return nil }
func (l liveInstance) Stop() error                  { return nil }

// liveTracker is one whose announce URL is known.
type liveTracker struct {
	liveInstance
	announce string
}

// Announce is the path and query of the announce URL.
func (l liveTracker) Announce() string { return l.announce }
