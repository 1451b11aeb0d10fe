package conformance

import (
	"context"
	"net/netip"
)

// LiveTarget is a client that somebody else runs at an address. It cannot be
// started, stopped or commanded, so the cases that need that are skipped.
type LiveTarget struct {
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
	case NeedIPv6:
		return false, "only one address was given: use --exec or --client"
	default:
		return false, "the target has to be started for this case: use --exec or --client"
	}
}

// PerCase is false: there is one instance.
func (l *LiveTarget) PerCase() bool { return false }

// Network opens real sockets.
func (l *LiveTarget) Network() (Network, error) { return NewSocketNetwork(l.sources), nil }

// Start returns the running instance.
func (l *LiveTarget) Start(context.Context, Network, StartOptions) (Instance, error) {
	return liveInstance{l.addr}, nil
}

type liveInstance struct{ addr netip.AddrPort }

func (l liveInstance) Addr() netip.AddrPort         { return l.addr }
func (l liveInstance) Addr6() netip.AddrPort        { return netip.AddrPort{} }
func (l liveInstance) Do(Command) (*Pending, error) { return nil, ErrUnsupported }
func (l liveInstance) Exited() error                { return nil }
func (l liveInstance) Stop() error                  { return nil }
