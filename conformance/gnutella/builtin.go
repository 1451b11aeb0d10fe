package gnutella

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Builtin is how to make the reference servent, or a mutant of it. The zero value
// is the servent as it is.
type Builtin struct {
	// Configure changes the servent's configuration, its role included.
	Configure func(*core.Config)
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
			conformance.NeedMaxPeers, conformance.NeedVerb(verbSearch),
		},
		Sockets: b.listen, Virtual: b.place,
	}
}

// running is one instance of the servent, whatever drives it.
type running struct {
	node    *core.Node
	machine spec.Machine
	codec   spec.StreamCodec
	files   map[string][]byte
}

// new makes a servent at an address.
func (b Builtin) new(opt conformance.StartOptions, at netip.AddrPort, seed [32]byte) (*running, error) {
	lib, err := library(opt.Files)
	if err != nil {
		return nil, err
	}
	cfg := core.Config{Seed: seed, Mode: modeOf(opt), Addr: at, Library: lib, Peers: opt.MaxPeers, Deflate: true}
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	r := &running{codec: wire.Codec{}, files: opt.Files}
	if r.node, err = core.New(cfg, 0); err != nil {
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

// library is what is shared, with the indexes in the order of the names.
func library(files map[string][]byte) (*core.Library, error) {
	var list []core.File
	for i, name := range names(files) {
		list = append(list, core.File{
			Index: uint32(i + 1), Size: uint32(len(files[name])), Name: name, SHA1: urn.Sum(files[name]).SHA1,
		})
	}
	return core.NewLibrary(list)
}

// The operations of the commands that a servent is given.
const (
	connecting spec.OpID = iota + 1
	searching
	leaving
)

// begin is what a servent is told when it starts.
func begin(opt conformance.StartOptions) []spec.Input {
	if len(opt.Peers) == 0 {
		return nil
	}
	return []spec.Input{core.Connect{Op: connecting, Addrs: opt.Peers}}
}

// verbSearch has the target ask the network for a text: {"text": "…"}.
const verbSearch = "search"

// order is the input that a command stands for.
func order(cmd conformance.Command) (spec.Input, error) {
	text, ok := cmd.Args["text"].(string)
	if cmd.Verb != verbSearch || !ok {
		return nil, conformance.ErrUnsupported
	}
	return core.Search{Op: searching, Text: text}, nil
}
