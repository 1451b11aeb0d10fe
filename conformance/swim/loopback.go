package swim

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/transport/swim"
)

// listen starts a member on real sockets.
func (b Builtin) listen(_ conformance.Network, opt conformance.StartOptions) (conformance.Instance, error) {
	member, err := swim.Listen(swim.Config{
		Listen: netip.AddrPortFrom(conformance.LoopbackAddr(), 0),
		Node:   b.config(netip.AddrPort{}), Format: formatOf(opt),
	})
	if err != nil {
		return nil, err
	}
	i := loopbackInstance{member}
	for _, in := range begin(opt) {
		if err := member.Do(in); err != nil {
			return nil, err
		}
	}
	return i, nil
}

type loopbackInstance struct{ member *swim.Member }

func (i loopbackInstance) Addr() netip.AddrPort  { return i.member.LocalAddr() }
func (i loopbackInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i loopbackInstance) Exited() error         { return nil }

func (i loopbackInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

// Quit has the member leave.
func (i loopbackInstance) Quit() error { return i.member.Do(core.Leave{Op: leaving}) }

func (i loopbackInstance) Stop() error {
	i.member.Close()
	return nil
}
