package tracker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
	driver "github.com/p2pspec/p2pspec/transport/tracker"
)

// Builtin is what the two built-in targets have in common: how to make the
// reference tracker, or a mutant of it. The zero value is the tracker as it is.
type Builtin struct {
	// Configure changes the tracker's configuration.
	Configure func(*tracker.ServerConfig)
	// Wrap puts a machine around the tracker, which sees all inputs and effects.
	Wrap func(spec.Machine) spec.Machine
	// Codec replaces the format of packets.
	Codec spec.Codec
}

func (b Builtin) new(cfg tracker.ServerConfig, opt conformance.StartOptions) (spec.Machine, error) {
	for _, text := range opt.InfoHashes {
		h, err := hex.DecodeString(text)
		if err != nil || len(h) != len(Hash{}) {
			return nil, fmt.Errorf("%q is no info-hash in hexadecimal digits", text)
		}
		cfg.Whitelist = append(cfg.Whitelist, Hash(h))
	}
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	server, err := tracker.NewServer(cfg, 0)
	if err != nil {
		return nil, err
	}
	if b.Wrap != nil {
		return b.Wrap(server), nil
	}
	return server, nil
}

func (b Builtin) codec() spec.Codec {
	if b.Codec != nil {
		return b.Codec
	}
	return tracker.ServerCodec{}
}

func plays(r conformance.Role) (bool, string) {
	return r == conformance.Tracker || r == "", "the built-in tracker is no " + string(r)
}

func canDo(n conformance.Need) (bool, string) {
	switch n {
	case conformance.NeedFresh, conformance.NeedClock, conformance.NeedIPv6, conformance.NeedAddresses:
		return true, ""
	}
	return false, "the built-in tracker has no " + string(n)
}

// The addresses of the tracker on a virtual network.
var (
	virtualAddr  = netip.MustParseAddrPort("127.0.0.1:6969")
	virtualAddr6 = netip.MustParseAddrPort("[::1]:6969")
)

// Virtual is the reference tracker on virtual time, where a wait of hours costs
// nothing and a run repeats exactly.
type Virtual struct{ Builtin }

// Identity names the reference tracker.
func (Virtual) Identity() conformance.Identity {
	return conformance.Identity{Name: "p2pspec", How: "built-in, virtual time"}
}

// Can tells that the tracker can do all that a case may need.
func (Virtual) Can(n conformance.Need) (bool, string) { return canDo(n) }

// Plays tells that it is a tracker.
func (Virtual) Plays(r conformance.Role) (bool, string) { return plays(r) }

// PerCase is true: every case gets its own network and tracker.
func (Virtual) PerCase() bool { return true }

// Network makes a network at time zero.
func (Virtual) Network() (conformance.Network, error) { return conformance.NewVirtualNetwork(), nil }

// Start places a tracker on the network, at an address of each family.
func (v Virtual) Start(
	_ context.Context, n conformance.Network, opt conformance.StartOptions,
) (conformance.Instance, error) {
	machine, err := v.new(tracker.ServerConfig{}, opt)
	if err != nil {
		return nil, err
	}
	net := n.(*conformance.VirtualNetwork)
	i := &virtualInstance{net: net, host: newHTTPHost(machine, v.codec())}
	net.Attach(i.host, virtualAddr, virtualAddr6)
	return i, nil
}

type virtualInstance struct {
	net  *conformance.VirtualNetwork
	host *httpHost
}

func (i *virtualInstance) Addr() netip.AddrPort  { return virtualAddr }
func (i *virtualInstance) Addr6() netip.AddrPort { return virtualAddr6 }
func (i *virtualInstance) Exited() error         { return nil }

func (i *virtualInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return nil
}

// Loopback is the reference tracker on real sockets at 127.0.0.1.
type Loopback struct {
	Builtin
	Sources *conformance.Sources
}

// Identity names the reference tracker.
func (Loopback) Identity() conformance.Identity {
	return conformance.Identity{Name: "p2pspec", How: "built-in"}
}

// Can is what the virtual tracker can do, but for the clock and for IPv6.
func (l Loopback) Can(n conformance.Need) (bool, string) {
	switch n {
	case conformance.NeedAddresses:
		return l.Sources.Many()
	case conformance.NeedClock:
		return false, "the case waits for minutes: add --slow"
	case conformance.NeedIPv6:
		return false, "the built-in tracker has one address; virtual time has both families"
	}
	return canDo(n)
}

// Plays tells that it is a tracker.
func (Loopback) Plays(r conformance.Role) (bool, string) { return plays(r) }

// PerCase is true: a tracker starts in microseconds.
func (Loopback) PerCase() bool { return true }

// Network opens real sockets.
func (l Loopback) Network() (conformance.Network, error) {
	return conformance.NewSocketNetwork(l.Sources), nil
}

// Start runs a tracker on a free port.
func (l Loopback) Start(
	_ context.Context, _ conformance.Network, opt conformance.StartOptions,
) (conformance.Instance, error) {
	cfg := tracker.ServerConfig{}
	rand.Read(cfg.Seed[:]) // never fails
	machine, err := l.new(cfg, opt)
	if err != nil {
		return nil, err
	}
	server, err := driver.Listen(netip.MustParseAddrPort("127.0.0.1:0"), driver.ServerConfig{Machine: machine})
	if err != nil {
		return nil, err
	}
	return loopbackInstance{server}, nil
}

type loopbackInstance struct{ server *driver.Server }

func (i loopbackInstance) Addr() netip.AddrPort  { return i.server.Addr() }
func (i loopbackInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i loopbackInstance) Stop() error           { return i.server.Close() }

func (i loopbackInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

func (i loopbackInstance) Exited() error {
	select {
	case <-i.server.Ended():
		return i.server.Close()
	default:
		return nil
	}
}

// Reference is the reference tracker as it stands in when no target is named:
// on real sockets, and on virtual time for the cases that wait for hours or
// need both address families.
type Reference struct {
	Loopback
	Virtual Virtual
}

// For picks the tracker that can play the case.
func (r Reference) For(_ *conformance.Suite, c *conformance.Case) conformance.Target {
	for _, n := range c.Needs {
		if ok, _ := r.Loopback.Can(n); !ok {
			return r.Virtual
		}
	}
	return r.Loopback
}
