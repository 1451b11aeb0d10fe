package napster

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	driver "github.com/p2pspec/p2pspec/transport/napster"
)

// Builtin is how to make the reference server, or a mutant of it. The zero value is
// the server as it is.
type Builtin struct {
	// Configure changes the server's configuration.
	Configure func(*core.ServerConfig)
	// Wrap puts a machine around the server, which sees all inputs and effects; on
	// virtual time only, as the next.
	Wrap func(*core.Server) spec.Machine
	// Codec replaces what reads and writes streams.
	Codec spec.StreamCodec
}

// Targets is the server as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	return conformance.BuiltIn{
		Noun: "index", Roles: []conformance.Role{conformance.Index},
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock, conformance.NeedAddresses},
		Sockets: b.listen, Virtual: b.place,
	}
}

// config is that of a server which starts at a Unix time, in seconds.
func (b Builtin) config(epoch int64) core.ServerConfig {
	cfg := core.ServerConfig{Epoch: epoch, MOTD: []string{"the reference server of p2pspec"}}
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	return cfg
}

// virtualAddr is the address of the server on a virtual network.
var virtualAddr = netip.MustParseAddrPort("127.0.0.1:8888")

// virtualEpoch is the Unix time at which virtual time begins: in August 2000.
const virtualEpoch = 966_000_000

// place starts a server on virtual time.
func (b Builtin) place(net *conformance.VirtualNetwork, _ conformance.StartOptions) (conformance.Instance, error) {
	server, err := core.NewServer(b.config(virtualEpoch), net.Now())
	if err != nil {
		return nil, err
	}
	i := &virtualInstance{net: net, host: &conformance.MachineHost{Machine: server, Streams: core.Codec{}}}
	if b.Wrap != nil {
		i.host.Machine = b.Wrap(server)
	}
	if b.Codec != nil {
		i.host.Streams = b.Codec
	}
	net.Attach(i.host, virtualAddr)
	return i, nil
}

type virtualInstance struct {
	net  *conformance.VirtualNetwork
	host *conformance.MachineHost
}

func (i *virtualInstance) Addr() netip.AddrPort  { return virtualAddr }
func (i *virtualInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i *virtualInstance) Exited() error         { return nil }

func (i *virtualInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return nil
}

// listen starts a server on real sockets.
func (b Builtin) listen(conformance.Network, conformance.StartOptions) (conformance.Instance, error) {
	server, err := driver.Serve(driver.ServerConfig{
		Listen: netip.AddrPortFrom(conformance.LoopbackAddr(), 0), Server: b.config(time.Now().Unix()),
	})
	if err != nil {
		return nil, err
	}
	return loopbackInstance{server}, nil
}

type loopbackInstance struct{ server *transport.TCP }

func (i loopbackInstance) Addr() netip.AddrPort  { return i.server.LocalAddr() }
func (i loopbackInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i loopbackInstance) Exited() error         { return nil }

func (i loopbackInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

func (i loopbackInstance) Stop() error {
	i.server.Close()
	return nil
}
