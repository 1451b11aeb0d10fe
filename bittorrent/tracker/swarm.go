package tracker

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

// swarm is the peers of one torrent.
type swarm struct {
	hash       Hash
	downloaded int64  // peers that said completed
	peers      []peer // sorted by address
}

// peer is one participant. Its address names it: that is what the tracker
// sees, and what others can use.
type peer struct {
	addr      netip.AddrPort
	id        PeerID
	seed      bool
	completed bool // it said so, and was counted
	expires   time.Duration
}

// families selects peers by the family of their address.
type families uint8

const (
	ip4 families = 1 << iota
	ip6
	eitherFamily = ip4 | ip6
)

func (f families) has(ip netip.Addr) bool {
	if ip.Is4() {
		return f&ip4 != 0
	}
	return f&ip6 != 0
}

func compareHashes(a, b Hash) int { return bytes.Compare(a[:], b[:]) }

func comparePeers(p peer, a netip.AddrPort) int { return p.addr.Compare(a) }

func (w *swarm) find(a netip.AddrPort) (int, bool) {
	return slices.BinarySearchFunc(w.peers, a, comparePeers)
}

// stats counts the peers. BEP03-TRK-022
func (w *swarm) stats() ScrapeStats {
	stats := ScrapeStats{Downloaded: w.downloaded}
	for i := range w.peers {
		if w.peers[i].seed {
			stats.Complete++
		} else {
			stats.Incomplete++
		}
	}
	return stats
}

// find returns the place of a hash among the swarms.
func (s *Server) find(h Hash) (int, bool) {
	return slices.BinarySearchFunc(s.swarms, h, func(w swarm, h Hash) int { return compareHashes(w.hash, h) })
}

// live returns the swarm of a hash, or nil, after it has taken out who expired
// since the last sweep: nothing shows that they are swept now and then only.
func (s *Server) live(h Hash) *swarm {
	i, ok := s.find(h)
	if !ok {
		return nil
	}
	w := &s.swarms[i]
	before := len(w.peers)
	w.peers = slices.DeleteFunc(w.peers, func(p peer) bool { return p.expires <= s.now })
	s.peers -= int32(before - len(w.peers))
	if len(w.peers) == 0 {
		s.drop(i)
		return nil
	}
	return w
}

// isFull reports whether a limit keeps a newcomer out. Those who have expired
// count until they are swept.
func (s *Server) isFull(h Hash, a netip.AddrPort) bool {
	i, known := s.find(h)
	if !known {
		return s.peers >= s.cfg.MaxPeers || len(s.swarms) >= int(s.cfg.MaxSwarms)
	}
	w := &s.swarms[i]
	_, member := w.find(a)
	return !member && (s.peers >= s.cfg.MaxPeers || len(w.peers) >= int(s.cfg.MaxSwarmPeers))
}

// enter adds or renews a peer. A completed download counts once, however
// often a peer says so.
func (s *Server) enter(h Hash, p peer, completed bool) {
	w := s.live(h)
	if w == nil {
		i, _ := s.find(h)
		s.swarms = slices.Insert(s.swarms, i, swarm{hash: h})
		w = &s.swarms[i]
	}
	at, member := w.find(p.addr)
	if member {
		p.completed = w.peers[at].completed
	}
	if completed && !p.completed {
		p.completed = true
		w.downloaded++
	}
	if member {
		w.peers[at] = p
	} else {
		w.peers = slices.Insert(w.peers, at, p)
		s.peers++
	}
	if s.sweepAt == never {
		s.sweepAt = s.now + sweepEvery
	}
}

// leave takes a peer out. BEP03-TRK-021
func (s *Server) leave(h Hash, a netip.AddrPort) {
	w := s.live(h)
	if w == nil {
		return
	}
	at, ok := w.find(a)
	if !ok {
		return
	}
	w.peers = slices.Delete(w.peers, at, at+1)
	if s.peers--; len(w.peers) == 0 {
		i, _ := s.find(h)
		s.drop(i)
	}
}

// drop forgets a swarm that nobody is in. Without any the sweep rests.
func (s *Server) drop(i int) {
	if s.swarms = slices.Delete(s.swarms, i, i+1); len(s.swarms) == 0 {
		s.sweepAt = never
	}
}

// sweep takes out whoever has expired.
func (s *Server) sweep() {
	for i := len(s.swarms) - 1; i >= 0; i-- {
		s.live(s.swarms[i].hash)
	}
	if s.sweepAt != never {
		s.sweepAt = s.now + sweepEvery
	}
}

// choose draws up to n peers for p, each with the same probability: of its own
// family first, then of the other. A seed has no use for seeds.
func (s *Server) choose(w *swarm, p peer, f families, n int32) []Peer {
	own := ip4
	if !p.addr.Addr().Is4() {
		own = ip6
	}
	chosen := s.sample(w, p, f&own, n)
	return append(chosen, s.sample(w, p, f&^own, n-int32(len(chosen)))...)
}

// sample draws up to n by algorithm R: the first n, then each later one takes
// the place of a random earlier one with falling probability.
func (s *Server) sample(w *swarm, p peer, f families, n int32) []Peer {
	var chosen []Peer
	seen := uint64(0)
	for i := range w.peers {
		q := &w.peers[i]
		if q.addr == p.addr || p.seed && q.seed || !f.has(q.addr.Addr()) || n <= 0 {
			continue
		}
		seen++
		entry := Peer{Addr: q.addr, ID: q.id}
		if len(chosen) < int(n) {
			chosen = append(chosen, entry)
		} else if at := s.rng.Below(seen); at < uint64(n) {
			chosen[at] = entry
		}
	}
	return chosen
}
