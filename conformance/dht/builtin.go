package dht

import (
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// Builtin is what the two built-in targets have in common: how to make the
// reference node, or a mutant of it. The zero value is the node as it is.
type Builtin struct {
	// Configure changes the node's configuration.
	Configure func(*mainline.Config)
	// Wrap puts a machine around the node, which sees all inputs and effects.
	Wrap func(spec.Machine) spec.Machine
	// Codec replaces the wire format.
	Codec spec.Codec
}

func (b Builtin) new(cfg mainline.Config, opt conformance.StartOptions, now time.Duration) (*running, error) {
	cfg.ReadOnly = opt.ReadOnly
	if opt.IPv6 {
		cfg.Families = mainline.IPv4 | mainline.IPv6
	}
	var err error
	if cfg.Contacts, err = loadContacts(opt.Dir); err != nil {
		return nil, err
	}
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	node, err := mainline.New(cfg, now)
	if err != nil {
		return nil, err
	}
	r := &running{machine: node, codec: b.Codec, dir: opt.Dir, pending: map[spec.OpID]*conformance.Pending{}}
	if b.Wrap != nil {
		r.machine = b.Wrap(node)
	}
	if r.codec == nil {
		r.codec = mainline.Codec{}
	}
	r.contacts = node.Contacts
	return r, nil
}

// running is one instance of the node, whatever drives it.
type running struct {
	machine  spec.Machine
	codec    spec.Codec
	dir      string
	contacts func() []kademlia.Contact

	mu      sync.Mutex
	lastOp  spec.OpID
	pending map[spec.OpID]*conformance.Pending
}

// begin translates a command and makes its place in the pending list.
func (r *running) begin(c conformance.Command) (spec.Input, *conformance.Pending, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in, err := command(r.lastOp+1, c)
	if err != nil {
		return nil, nil, err
	}
	r.lastOp++
	p := &conformance.Pending{}
	r.pending[r.lastOp] = p
	return in, p, nil
}

// end finishes the command of a Done and reports whether e was one.
func (r *running) end(e spec.Effect) bool {
	done, ok := e.(spec.Done)
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pending[done.Op]; p != nil {
		p.Finish(reply(done.Result), done.Err)
		delete(r.pending, done.Op)
	}
	return true
}

func (r *running) bootstrap(nodes []netip.AddrPort) spec.Input {
	return mainline.Bootstrap{Nodes: nodes}
}

// The addresses of the node on a virtual network.
var (
	virtualAddr  = netip.MustParseAddrPort("127.0.0.1:6881")
	virtualAddr6 = netip.MustParseAddrPort("[::1]:6881")
)

// Targets is the node as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	needs := []conformance.Need{
		conformance.NeedFresh, conformance.NeedBootstrap, conformance.NeedClock, conformance.NeedRestart,
		conformance.NeedIPv6, conformance.NeedAddresses,
	}
	for _, verb := range verbs() {
		needs = append(needs, conformance.NeedVerb(verb))
	}
	return conformance.BuiltIn{Noun: "node", Needs: needs, Sockets: b.listen, Virtual: b.place}
}

// place starts a node on virtual time.
func (b Builtin) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	r, err := b.new(mainline.Config{}, opt, net.Now())
	if err != nil {
		return nil, err
	}
	i := &virtualInstance{running: r, net: net, addrs: []netip.AddrPort{virtualAddr}}
	if opt.IPv6 {
		i.addrs = append(i.addrs, virtualAddr6)
	}
	i.host = &conformance.MachineHost{Machine: r.machine, Codec: r.codec}
	i.host.OnEffect = func(_ time.Duration, e spec.Effect) {
		if r.end(e) {
			net.Wake()
		}
	}
	net.Attach(i.host, i.addrs...)
	net.Emit(i.host, i.host.Apply(net.Now(), r.bootstrap(opt.Bootstrap), nil))
	return i, nil
}

type virtualInstance struct {
	*running
	net   *conformance.VirtualNetwork
	host  *conformance.MachineHost
	addrs []netip.AddrPort
}

func (i *virtualInstance) Addr() netip.AddrPort { return i.addrs[0] }

func (i *virtualInstance) Addr6() netip.AddrPort {
	if len(i.addrs) < 2 {
		return netip.AddrPort{}
	}
	return i.addrs[1]
}

func (i *virtualInstance) Do(c conformance.Command) (*conformance.Pending, error) {
	in, p, err := i.begin(c)
	if err == nil {
		i.net.Emit(i.host, i.host.Apply(i.net.Now(), in, nil))
	}
	return p, err
}

func (i *virtualInstance) Exited() error { return nil }

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return saveContacts(i.dir, i.contacts())
}

// loopbackTimeout is enough for an answer on one machine, and keeps a run with
// silent nodes short.
const loopbackTimeout = time.Second

// listen starts a node on a real socket.
func (b Builtin) listen(n conformance.Network, opt conformance.StartOptions) (conformance.Instance, error) {
	cfg := mainline.Config{QueryTimeout: loopbackTimeout}
	rand.Read(cfg.Seed[:]) // never fails
	opt.IPv6 = false
	r, err := b.new(cfg, opt, 0)
	if err != nil {
		return nil, err
	}
	udp, err := transport.ListenUDP(netip.AddrPortFrom(conformance.LoopbackAddr(), 0), transport.UDPConfig{
		Machine: r.machine, Codec: r.codec,
		Observe: func(_ time.Duration, e spec.Effect) {
			if r.end(e) {
				n.Wake()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return &loopbackInstance{running: r, udp: udp}, udp.Do(r.bootstrap(opt.Bootstrap))
}

type loopbackInstance struct {
	*running
	udp *transport.UDP
}

func (i *loopbackInstance) Addr() netip.AddrPort  { return i.udp.LocalAddr() }
func (i *loopbackInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }

func (i *loopbackInstance) Do(c conformance.Command) (*conformance.Pending, error) {
	in, p, err := i.begin(c)
	if err != nil {
		return nil, err
	}
	return p, i.udp.Do(in)
}

func (i *loopbackInstance) Exited() error {
	select {
	case <-i.udp.Ended():
		return i.udp.Close()
	default:
		return nil
	}
}

func (i *loopbackInstance) Stop() error {
	if err := i.udp.Close(); err != nil {
		return err
	}
	return saveContacts(i.dir, i.contacts())
}
