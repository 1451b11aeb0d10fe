package main

import (
	"net/netip"
	"sync"

	"github.com/anacrolix/dht/v2/krpc"
	peer_store "github.com/anacrolix/dht/v2/peer-store"
)

// peerStore holds what was announced, in order of announcement. The module's
// own in-memory store keys its entries by IP alone and then reads that key
// back as IP and port, which panics or returns nothing.
type peerStore struct {
	mu    sync.Mutex
	peers map[peer_store.InfoHash][]krpc.NodeAddr
}

func (s *peerStore) AddPeer(hash peer_store.InfoHash, peer krpc.NodeAddr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers == nil {
		s.peers = map[peer_store.InfoHash][]krpc.NodeAddr{}
	}
	for _, known := range s.peers[hash] {
		if known.Port == peer.Port && addr(known) == addr(peer) {
			return
		}
	}
	s.peers[hash] = append(s.peers[hash], peer)
}

func (s *peerStore) GetPeers(hash peer_store.InfoHash) []krpc.NodeAddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]krpc.NodeAddr(nil), s.peers[hash]...)
}

func addr(p krpc.NodeAddr) netip.Addr {
	a, _ := netip.AddrFromSlice(p.IP)
	return a.Unmap()
}
