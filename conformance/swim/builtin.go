package swim

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Builtin is how to make the reference member, or a mutant of it. The zero value
// is the member as it is, with the intervals of members on one host.
type Builtin struct {
	// Configure changes the member's configuration.
	Configure func(*core.Config)
	// Wrap puts a machine around the member, which sees all inputs and effects; on
	// virtual time only, as the next two.
	Wrap func(spec.Machine) spec.Machine
	// Packets and Streams replace what writes and reads in the cluster's format.
	Packets func(wire.Format) spec.Codec
	Streams func(wire.Format) spec.StreamCodec
}

// Targets is the member as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	return conformance.BuiltIn{
		Noun: "member", Roles: []conformance.Role{conformance.Responder},
		Needs: []conformance.Need{
			conformance.NeedFresh, conformance.NeedBootstrap, conformance.NeedClock, conformance.NeedAddresses,
			conformance.NeedLabel, conformance.NeedKey,
		},
		Sockets: b.listen, Virtual: b.place,
	}
}

// config is that of the member at an address.
func (b Builtin) config(at netip.AddrPort) core.Config {
	cfg := core.Local()
	cfg.Name, cfg.Addr, cfg.Meta = "target", at, []byte("target's metadata")
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	return cfg
}

// formatOf is how the members of the cluster speak.
func formatOf(opt conformance.StartOptions) wire.Format {
	f := wire.Format{Label: opt.Label, Compress: true, Version: 1}
	if opt.Key != nil {
		f.Keys = [][]byte{opt.Key}
	}
	return f
}

// The operations of the commands that a member is given.
const (
	sharing spec.OpID = iota + 1
	joining
	leaving
)

// begin is what a member is told when it starts.
func begin(opt conformance.StartOptions) []spec.Input {
	in := []spec.Input{core.Share{Op: sharing, State: []byte("target's state")}}
	if len(opt.Bootstrap) > 0 {
		in = append(in, core.Join{Op: joining, Addrs: opt.Bootstrap})
	}
	return in
}

// virtualAddr is the address of the member on a virtual network.
var virtualAddr = netip.MustParseAddrPort("127.0.0.1:7946")

// place starts a member on virtual time.
func (b Builtin) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	cfg, format := b.config(virtualAddr), formatOf(opt)
	cfg.PacketSize -= format.Overhead()
	node, err := core.New(cfg, net.Now())
	if err != nil {
		return nil, err
	}
	machine := spec.Machine(node)
	if b.Wrap != nil {
		machine = b.Wrap(node)
	}
	i := &virtualInstance{net: net, host: &conformance.MachineHost{
		Machine: machine, Codec: &format, Streams: format.Stream(),
	}}
	if b.Packets != nil {
		i.host.Codec = b.Packets(format)
	}
	if b.Streams != nil {
		i.host.Streams = b.Streams(format)
	}
	net.Attach(i.host, virtualAddr)
	for _, in := range begin(opt) {
		i.tell(in)
	}
	return i, nil
}

type virtualInstance struct {
	net  *conformance.VirtualNetwork
	host *conformance.MachineHost
}

func (i *virtualInstance) tell(in spec.Input) {
	i.net.Emit(i.host, i.host.Apply(i.net.Now(), in, nil))
}

func (i *virtualInstance) Addr() netip.AddrPort  { return virtualAddr }
func (i *virtualInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i *virtualInstance) Exited() error         { return nil }

func (i *virtualInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

// Quit has the member leave.
func (i *virtualInstance) Quit() error {
	i.tell(core.Leave{Op: leaving})
	return nil
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return nil
}
