package gnutella

import (
	"crypto/rand"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// listen starts a servent on real sockets.
func (b Builtin) listen(network conformance.Network, opt conformance.StartOptions) (conformance.Instance, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: conformance.LoopbackAddr().AsSlice()})
	if err != nil {
		return nil, err
	}
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	r, err := b.new(opt, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), seed)
	if err != nil {
		listener.Close()
		return nil, err
	}
	i := loopbackInstance{r, transport.ServeTCP(listener, transport.TCPConfig{
		Machine: r.machine, Codec: r.codec, Storage: r.desk, Bind: conformance.LoopbackAddr(),
		Observe: func(_ time.Duration, e spec.Effect) {
			if r.observe(e) {
				network.Wake()
			}
		},
	})}
	for _, in := range begin(opt) {
		if err := i.tcp.Do(in); err != nil {
			return nil, err
		}
	}
	return i, nil
}

type loopbackInstance struct {
	*running
	tcp *transport.TCP
}

func (i loopbackInstance) Addr() netip.AddrPort  { return i.tcp.LocalAddr() }
func (i loopbackInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i loopbackInstance) Exited() error         { return nil }

// Do gives the servent a command.
func (i loopbackInstance) Do(cmd conformance.Command) (*conformance.Pending, error) {
	in, p, err := i.command(cmd)
	if err != nil {
		return nil, err
	}
	return p, i.tcp.Do(in)
}

// Quit has the servent take its leave of all others.
func (i loopbackInstance) Quit() error { return i.tcp.Do(core.Shutdown{Op: leaving}) }

func (i loopbackInstance) Stop() error {
	i.tcp.Close()
	return nil
}
