package bittorrent

import (
	"net/netip"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// virtualAddr is the address of the peer on a virtual network.
var virtualAddr = netip.MustParseAddrPort("127.0.0.1:6881")

// announcerAddr is where its announcer's packets come from.
var announcerAddr = netip.MustParseAddrPort("127.0.0.1:6969")

// place starts a peer on virtual time.
func (b Builtin) place(
	net *conformance.VirtualNetwork, opt conformance.StartOptions,
) (conformance.Instance, error) {
	r, err := b.new(opt, core.Config{ExternalIP: virtualAddr.Addr(), ListenPort: virtualAddr.Port()}, net.Now())
	if err != nil {
		return nil, err
	}
	i := &virtualInstance{running: r, net: net, host: newEncryptingHost(r, b.Shaking)}
	net.Attach(i.host, virtualAddr)
	i.tell(core.AddPeers{Source: core.FromUser, Addrs: opt.Peers})
	i.tell(core.AddPeers{Source: core.FromMagnet, Addrs: r.linked})
	return i, i.announce(b)
}

type virtualInstance struct {
	*running
	net       *conformance.VirtualNetwork
	host      *encryptingHost
	announcer *announcerHost // nil without trackers
}

// announce begins to tell the torrent's trackers.
func (i *virtualInstance) announce(b Builtin) error {
	if len(i.tiers) == 0 {
		return nil
	}
	cfg := i.announcing(virtualAddr.Port())
	if b.ConfigureTrackers != nil {
		b.ConfigureTrackers(&cfg)
	}
	client, err := tracker.NewClient(cfg, i.net.Now())
	if err != nil {
		return err
	}
	machine, packets := spec.Machine(client), spec.Codec(tracker.ClientCodec{})
	if b.WrapTrackers != nil {
		machine = b.WrapTrackers(client)
	}
	if b.TrackerCodec != nil {
		packets = b.TrackerCodec
	}
	i.announcer = newAnnouncerHost(machine, packets, func(e spec.Event) {
		for _, in := range i.heard(e) {
			i.tell(in)
		}
	})
	i.net.Attach(i.announcer, announcerAddr)
	i.report = func() { i.tellTrackers(tracker.Report{Progress: i.progress()}) }
	i.tellTrackers(tracker.Begin{Progress: i.progress()})
	return nil
}

func (i *virtualInstance) tellTrackers(in spec.Input) {
	i.net.Emit(i.announcer, i.announcer.Apply(i.net.Now(), in, nil))
}

func (i *virtualInstance) tell(in spec.Input) {
	i.net.Emit(i.host, i.host.Apply(i.net.Now(), in, nil))
}

func (i *virtualInstance) Addr() netip.AddrPort { return virtualAddr }
func (i *virtualInstance) Exited() error        { return nil }

// Quit leaves all peers, and tells the trackers.
func (i *virtualInstance) Quit() error {
	i.net.Detach(i.host)
	if i.announcer != nil {
		i.tellTrackers(tracker.End{Progress: i.progress()})
	}
	return nil
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	if i.announcer != nil {
		i.net.Detach(i.announcer)
	}
	return nil
}
