package bittorrent

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/torrent"
	driver "github.com/p2pspec/p2pspec/transport/tracker"
)

// listen starts a peer on real sockets.
func (b Builtin) listen(_ conformance.Network, opt conformance.StartOptions) (conformance.Instance, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: conformance.LoopbackAddr().AsSlice()})
	if err != nil {
		return nil, err
	}
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	cfg := core.Config{ExternalIP: at.Addr().Unmap(), ListenPort: at.Port()}
	rand.Read(cfg.Seed[:]) // never fails
	r, err := b.new(opt, cfg, 0)
	if err != nil {
		listener.Close()
		return nil, err
	}
	i := &loopbackInstance{running: r}
	begin, ready := r.progress(), make(chan struct{})
	r.report = func() {
		<-ready
		if i.announcer != nil {
			_ = i.announcer.Report(r.progress()) // it fails only when the peer is being stopped
		}
	}
	i.tcp = transport.ServeTCP(listener, transport.TCPConfig{
		Machine: r.machine, Codec: r.codec, Storage: r.storage, Observe: r.observe,
		Wrap: torrent.Encryption(r.policy, r.node.InfoHash(), netip.Addr{}),
	})
	err = i.announce(cfg.ListenPort, begin)
	close(ready)
	return i, errors.Join(err, i.tcp.Do(core.AddPeers{Source: core.FromUser, Addrs: opt.Peers}),
		i.tcp.Do(core.AddPeers{Source: core.FromMagnet, Addrs: r.linked}))
}

// announce begins to tell the torrent's trackers.
func (i *loopbackInstance) announce(port uint16, p tracker.Progress) (err error) {
	if len(i.tiers) == 0 {
		return nil
	}
	i.announcer, err = driver.Announce(driver.AnnouncerConfig{
		Client: i.announcing(port), Bind: i.tcp.LocalAddr().Addr(),
		Observe: func(e spec.Event) {
			for _, in := range i.heard(e) {
				_ = i.tcp.Do(in)
			}
		},
	}, p)
	return err
}

type loopbackInstance struct {
	*running
	tcp       *transport.TCP
	announcer *driver.Announcer // nil without trackers
	ended     chan error        // the outcome of a Quit; nil before
}

func (i *loopbackInstance) Addr() netip.AddrPort { return i.tcp.LocalAddr() }

func (i *loopbackInstance) Exited() error { return nil }

// Quit begins to end: trackers are told, and may take their time to answer.
func (i *loopbackInstance) Quit() error {
	i.ended = make(chan error, 1)
	go func() { i.ended <- i.end() }()
	return nil
}

func (i *loopbackInstance) Stop() error {
	if i.ended != nil {
		return <-i.ended
	}
	return i.end()
}

func (i *loopbackInstance) end() error {
	i.tcp.Close()
	if i.announcer == nil {
		return nil
	}
	return i.announcer.Close(i.progress()) // nobody steps the machine any more
}
