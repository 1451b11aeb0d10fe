package gnutella

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/spec"
)

// virtualAddr is the address of the servent on a virtual network.
var virtualAddr = netip.MustParseAddrPort("127.0.0.1:6346")

// place starts a servent on virtual time.
func (b Builtin) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	r, err := b.new(opt, virtualAddr, [32]byte{})
	if err != nil {
		return nil, err
	}
	i := &virtualInstance{running: r, net: net}
	i.host = &conformance.MachineHost{
		Machine: r.machine, Streams: r.codec, Storage: r.desk,
		OnEffect: func(_ time.Duration, e spec.Effect) { r.observe(e) },
	}
	net.Attach(i.host, virtualAddr)
	for _, in := range begin(opt) {
		i.tell(in)
	}
	return i, nil
}

type virtualInstance struct {
	*running
	net  *conformance.VirtualNetwork
	host *conformance.MachineHost
}

func (i *virtualInstance) tell(in spec.Input) {
	i.net.Emit(i.host, i.host.Apply(i.net.Now(), in, nil))
}

func (i *virtualInstance) Addr() netip.AddrPort  { return virtualAddr }
func (i *virtualInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i *virtualInstance) Exited() error         { return nil }

// Do gives the servent a command.
func (i *virtualInstance) Do(cmd conformance.Command) (*conformance.Pending, error) {
	in, p, err := i.command(cmd)
	if err == nil {
		i.tell(in)
	}
	return p, err
}

// Quit has the servent take its leave of all others.
func (i *virtualInstance) Quit() error {
	i.tell(core.Shutdown{Op: leaving})
	return nil
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return nil
}
