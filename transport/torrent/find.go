package torrent

import (
	"crypto/rand"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	transporttracker "github.com/p2pspec/p2pspec/transport/tracker"
)

// reportEvery is how often trackers' next announce is brought up to date.
const reportEvery = time.Minute

// find starts the sources of peers that are not yet asked; info is nil while
// it is not known. A private torrent has its trackers alone (BEP27-PRIV-002).
// That it is private is known with the metadata only: a link asks the DHT
// before.
func (t *Torrent) find(info *metainfo.Info) {
	switch {
	case info != nil && info.Private:
		t.closeDHT()
	case t.cfg.DHT && t.dht == nil:
		t.startDHT()
	}
	if t.announcer == nil {
		t.announce()
	} else {
		t.report()
	}
}

// announce begins to tell the trackers, if there are any.
func (t *Torrent) announce() {
	tiers := t.tiers()
	if len(tiers) == 0 {
		return
	}
	cfg := transporttracker.AnnouncerConfig{
		Client: tracker.ClientConfig{
			InfoHash: t.hash, PeerID: t.peerID, Port: t.local.Port(), Tiers: tiers,
		},
		Observe: t.announced,
	}
	if a := t.local.Addr(); !a.IsUnspecified() {
		cfg.Bind = a
	}
	_, err := rand.Read(cfg.Client.Seed[:])
	if err == nil {
		t.announcer, err = transporttracker.Announce(cfg, t.progress())
	}
	if err != nil {
		t.fail(err)
	}
}

// tiers are the trackers of the torrent or link, and those of the
// configuration, each in a tier of its own.
func (t *Torrent) tiers() (tiers [][]string) {
	var single []string
	if t.cfg.Torrent != nil {
		tiers = append(tiers, t.cfg.Torrent.Trackers()...)
	} else {
		single = append(single, t.cfg.Magnet.Trackers...)
	}
	for _, url := range append(single, t.cfg.Trackers...) {
		tiers = append(tiers, []string{url})
	}
	return tiers
}

// announced takes what a tracker answered.
func (t *Torrent) announced(e spec.Event) {
	if a, ok := e.(tracker.Announced); ok {
		t.mu.Lock()
		private := t.info != nil && t.info.Private
		if a.Switched && private && t.tcp != nil {
			_ = t.tcp.Do(bittorrent.DropPeers{}) // BEP27-PRIV-005
		}
		t.mu.Unlock()
		var addrs []netip.AddrPort
		for _, p := range a.Response.Peers {
			addrs = append(addrs, p.Addr)
		}
		t.AddPeers(bittorrent.FromTracker, addrs)
	}
	t.observe(e)
}

// progress is what trackers are told.
func (t *Torrent) progress() tracker.Progress {
	t.mu.Lock()
	tcp, known := t.tcp, t.info != nil
	t.mu.Unlock()
	if tcp == nil || !known {
		return tracker.Progress{Left: tracker.LeftUnknown}
	}
	machine, _ := tcp.Snapshot()
	node := machine.(*bittorrent.Node)
	return tracker.Progress{Uploaded: node.Uploaded(), Downloaded: node.Downloaded(), Left: node.Left()}
}

// report brings the next announce up to date, and tells a completion at once.
func (t *Torrent) report() {
	if t.announcer != nil {
		_ = t.announcer.Report(t.progress()) // one that is busy is told the next time
	}
}

// contact is a DHT node that a peer named.
func (t *Torrent) contact(addr netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dht != nil {
		t.dht.contact(addr)
	}
}

// closeFinders takes the peer out of all sources: trackers are told.
func (t *Torrent) closeFinders() {
	t.closeDHT()
	if t.announcer != nil {
		_ = t.announcer.Close(t.progress()) // trackers forget who does not come again
		t.announcer = nil
	}
}
