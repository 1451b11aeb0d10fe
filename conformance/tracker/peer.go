package tracker

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// The cases of this package are written in these short names.
type (
	Case = conformance.Case
	Hash = tracker.Hash
)

// T is one run of one case, with the torrents that it has used.
type T struct {
	*conformance.T
	drawn *atomic.Int32 // of the case's own hashes, in all its runs
	any   *bool         // whether the target takes any torrent; nil: not known
}

// run makes the Run of a case. Runs of the same case use different torrents,
// but for those on virtual time, where each has a target of its own.
func run(f func(*T)) func(*conformance.T) {
	drawn := new(atomic.Int32)
	return func(t *conformance.T) {
		if t.Virtual() {
			f(&T{T: t, drawn: new(atomic.Int32)})
		} else {
			f(&T{T: t, drawn: drawn})
		}
	}
}

// Peer is one participant of torrents: a source address, a listening port and
// an id.
type Peer struct {
	ID   tracker.PeerID
	Port uint16 // that it announces
	Key  uint32

	t       *T
	sock    *conformance.Socket
	prefix  uint16 // of its transaction ids
	asked   uint16
	open    map[uint32]*Packet // by transaction id
	strays  []conformance.Datagram
	connect uint64 // the connection id that it holds; 0: none

	patience time.Duration // with an answer over HTTP
}

// NewPeer opens a peer at a source address of its own.
func NewPeer(t *T) *Peer { return newPeerAt(t, netip.AddrPort{}) }

// NewPeer6 opens a peer at ::1, which speaks to the target's IPv6 address.
func NewPeer6(t *T) *Peer { return newPeerAt(t, netip.AddrPortFrom(netip.IPv6Loopback(), 0)) }

// NewPeers opens several.
func NewPeers(t *T, n int) []*Peer {
	peers := make([]*Peer, n)
	for i := range peers {
		peers[i] = NewPeer(t)
	}
	return peers
}

func newPeerAt(t *T, local netip.AddrPort) *Peer {
	p := &Peer{t: t, open: map[uint32]*Packet{}, patience: AnswerWithin}
	r := t.Fresh()
	copy(p.ID[:], "-PS0001-")
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for i := 8; i < len(p.ID); i++ {
		p.ID[i] = letters[r.Below(uint64(len(letters)))]
	}
	p.Port = uint16(10_000 + r.Below(40_000))
	p.Key = uint32(r.Uint64()) | 1
	p.prefix = uint16(r.Uint64()) | 0x8000
	p.sock = t.OpenAt(local)
	p.sock.Handle = p.receive
	return p
}

// Sibling is another peer at the same IP address.
func (p *Peer) Sibling() *Peer { return newPeerAt(p.t, netip.AddrPortFrom(p.IP(), 0)) }

// IP is the address that the target sees.
func (p *Peer) IP() netip.Addr { return p.sock.Addr().Addr() }

// Addr is where others should be told to find the peer.
func (p *Peer) Addr() netip.AddrPort { return netip.AddrPortFrom(p.IP(), p.Port) }

// target is the target's address of the peer's family.
func (p *Peer) target() netip.AddrPort {
	if p.IP().Is6() {
		return p.t.Instance().Addr6()
	}
	return p.t.Target()
}
