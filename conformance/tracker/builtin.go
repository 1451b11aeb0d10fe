package tracker

import (
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

// Targets is the tracker as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	return conformance.BuiltIn{
		Noun: "tracker", Roles: []conformance.Role{conformance.Tracker},
		Needs: []conformance.Need{
			conformance.NeedFresh, conformance.NeedClock, conformance.NeedIPv6, conformance.NeedAddresses,
		},
		Sockets: b.listen, Virtual: b.place,
	}
}

// The addresses of the tracker on a virtual network.
var (
	virtualAddr  = netip.MustParseAddrPort("127.0.0.1:6969")
	virtualAddr6 = netip.MustParseAddrPort("[::1]:6969")
)

// place starts a tracker on virtual time, at an address of each family.
func (b Builtin) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	machine, err := b.new(tracker.ServerConfig{}, opt)
	if err != nil {
		return nil, err
	}
	i := &virtualInstance{net: net, host: newHTTPHost(machine, b.codec())}
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

// listen starts a tracker on real sockets.
func (b Builtin) listen(_ conformance.Network, opt conformance.StartOptions) (conformance.Instance, error) {
	cfg := tracker.ServerConfig{}
	rand.Read(cfg.Seed[:]) // never fails
	machine, err := b.new(cfg, opt)
	if err != nil {
		return nil, err
	}
	server, err := driver.Listen(netip.AddrPortFrom(conformance.LoopbackAddr(), 0), driver.ServerConfig{Machine: machine})
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
