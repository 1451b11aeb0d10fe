package torrent

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// metadata is the info dictionary: of the torrent, or fetched from peers of
// the magnet link by a machine that knows no more. ok is false when the
// torrent was closed before, or has failed.
func (t *Torrent) metadata() (info *metainfo.Info, ok bool) {
	if t.cfg.Torrent != nil {
		return t.cfg.Torrent.Info, true
	}
	raw, err := t.fetch()
	if err == nil && raw != nil {
		info, err = metainfo.ParseInfo(raw, metainfo.Options{Lenient: true})
	}
	if err != nil {
		t.fail(fmt.Errorf("torrent: the metadata: %w", err))
	}
	return info, info != nil
}

// fetch returns nil when the torrent was closed before.
func (t *Torrent) fetch() ([]byte, error) {
	node, err := t.newNode(bittorrent.Config{InfoHashV2: t.cfg.Magnet.InfoHashV2})
	if err != nil {
		return nil, err
	}
	l, err := duplicate(t.listener)
	if err != nil {
		return nil, err
	}
	t.serve(l, node, nil, nil)
	defer t.leave()
	t.AddPeers(bittorrent.FromMagnet, addresses(t.cfg.Magnet.Peers))
	t.find(nil)
	select {
	case raw := <-t.received:
		return raw, nil
	case <-t.stop:
		return nil, nil
	}
}

// duplicate returns a listener on the same socket, so that who connects
// between two machines waits instead of being refused.
func duplicate(l *net.TCPListener) (*net.TCPListener, error) {
	f, err := l.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	twin, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return twin.(*net.TCPListener), nil
}

// addresses resolves the host names of a link. Those without an address are
// left out.
func addresses(hosts []string) (addrs []netip.AddrPort) {
	for _, host := range hosts {
		if addr, err := net.ResolveTCPAddr("tcp", host); err == nil {
			addrs = append(addrs, unmapped(addr.AddrPort()))
		}
	}
	return addrs
}
