package gnutella

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/servent"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/spec"
)

// Builtin is how to make the reference servent, or a mutant of it. The zero value
// is the servent as it is.
type Builtin struct {
	// Configure changes the servent's configuration, its role included.
	Configure func(*core.Config)
	// ConfigureFiles changes how it sends and fetches files.
	ConfigureFiles func(*transfer.Config)
	// Wrap puts a machine around the servent, which sees all inputs and effects.
	Wrap func(spec.Machine) spec.Machine
	// Codec replaces the format of its streams.
	Codec spec.StreamCodec
}

// Targets is the servent as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	return conformance.BuiltIn{
		Noun:  "servent",
		Roles: []conformance.Role{conformance.Servent, conformance.Ultrapeer, conformance.Leaf},
		Needs: []conformance.Need{
			conformance.NeedFresh, conformance.NeedBootstrap, conformance.NeedClock, conformance.NeedAddresses,
			conformance.NeedMaxPeers, conformance.NeedFiles, conformance.NeedVerb(verbSearch),
			conformance.NeedVerb(verbDownload),
		},
		Sockets: b.listen, Virtual: b.place,
	}
}

// running is one instance of the servent, whatever drives it.
type running struct {
	*desk
	node    *servent.Node
	machine spec.Machine
	codec   spec.StreamCodec
}

// new makes a servent at an address.
func (b Builtin) new(opt conformance.StartOptions, at netip.AddrPort, seed [32]byte) (*running, error) {
	r := &running{desk: newDesk(opt.Files), codec: servent.Codec{}}
	lib, err := r.library()
	if err != nil {
		return nil, err
	}
	cfg := servent.Config{Node: core.Config{
		Seed: seed, Mode: modeOf(opt), Addr: at, Library: lib, Peers: opt.MaxPeers, Deflate: true,
	}}
	if cfg.Node.Mode == core.Ultrapeer {
		cfg.Node.Leaves = opt.MaxPeers
	}
	if b.Configure != nil {
		b.Configure(&cfg.Node)
	}
	if b.ConfigureFiles != nil {
		b.ConfigureFiles(&cfg.Transfer)
	}
	if r.node, err = servent.New(cfg, 0); err != nil {
		return nil, err
	}
	r.machine = r.node
	if b.Wrap != nil {
		r.machine = b.Wrap(r.node)
	}
	if b.Codec != nil {
		r.codec = b.Codec
	}
	return r, nil
}

// modeOf is the role that a case asks for: that of any servent leaves the choice.
func modeOf(opt conformance.StartOptions) core.Mode {
	switch {
	case opt.Flat:
		return core.Flat
	case opt.Role == conformance.Leaf:
		return core.Leaf
	default:
		return core.Ultrapeer
	}
}

// The operations of the commands that every servent is given. Those of a case
// follow.
const (
	connecting spec.OpID = iota + 1
	leaving
)

// begin is what a servent is told when it starts.
func begin(opt conformance.StartOptions) []spec.Input {
	if len(opt.Peers) == 0 {
		return nil
	}
	return []spec.Input{core.Connect{Op: connecting, Addrs: opt.Peers}}
}
