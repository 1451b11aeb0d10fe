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
	info, err := t.fetch()
	if err != nil {
		t.fail(fmt.Errorf("torrent: the metadata: %w", err))
	}
	return info, info != nil
}

// fetch returns nil when the torrent was closed before.
func (t *Torrent) fetch() (*metainfo.Info, error) {
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
	for {
		select {
		case e := <-t.received:
			info := e.info
			if info == nil {
				if info, err = metainfo.ParseInfo(e.raw, metainfo.Options{Lenient: true}); err != nil {
					return nil, err
				}
			}
			if info.HasV1 || !info.LacksLayers() {
				t.remember()
				return info, nil
			}
		case <-t.stop:
			return nil, nil
		}
	}
}

// remember keeps the addresses of who is connected for the next machine: those
// who dialled us are known from nowhere else.
func (t *Torrent) remember() {
	t.mu.Lock()
	tcp := t.tcp
	t.mu.Unlock()
	if machine, _ := tcp.Snapshot(); machine != nil {
		t.AddPeers(bittorrent.FromInbound, machine.(*bittorrent.Node).Contacts())
	}
}

// metadata is what peers sent: a dictionary, or one with its piece layers.
type metadata struct {
	raw  []byte
	info *metainfo.Info
}

// receive keeps metadata for fetch.
func (t *Torrent) receive(m metadata) {
	select {
	case t.received <- m:
	default: // fetch has what it needs
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
