package torrent

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// find starts the sources of peers, once; info is nil while it is not known.
// A private torrent has its trackers alone (BEP27-PRIV-002), which is known to
// be so with the metadata only: a link asks the DHT before (BEP 9).
func (t *Torrent) find(info *metainfo.Info) {
	if info != nil && info.Private {
		t.closeDHT()
	} else if t.cfg.DHT && t.dht == nil {
		t.startDHT()
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

// closeFinders takes the peer out of all sources.
func (t *Torrent) closeFinders() {
	t.closeDHT()
}
