package mainline

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
)

// keys is the sorted index of a bounded store.
type keys []kademlia.ID

func (k keys) find(id kademlia.ID) (int, bool) {
	return slices.BinarySearchFunc(k, id, kademlia.ID.Cmp)
}

// admit inserts id, which is not there yet, at index at. A full store keeps
// what is nearest to the own id, which is what lookups come for: the farthest
// key has to go, at index gone, or id is that and is not admitted. Filling the
// store thus takes keys around the node, not just any keys.
func (k *keys) admit(id, self kademlia.ID, limit int) (at, gone int, ok bool) {
	gone = -1
	if len(*k) >= limit {
		gone = 0
		for i := range *k {
			if kademlia.Closer(self, (*k)[gone], (*k)[i]) {
				gone = i
			}
		}
		if kademlia.Closer(self, (*k)[gone], id) {
			return 0, -1, false
		}
		*k = slices.Delete(*k, gone, gone+1)
	}
	at, _ = k.find(id)
	*k = slices.Insert(*k, at, id)
	return at, gone, true
}

// torrents stores the announced peers.
type torrents struct {
	hashes keys
	peers  [][]peer // of each info-hash, in the order of addresses
}

// peer is one announce. BEP 33 wants one for each IP address and info-hash.
type peer struct {
	addr    netip.AddrPort
	expires time.Duration
	seed    bool
}

// get returns the peers of a torrent, those that have expired included.
func (t *torrents) get(infoHash kademlia.ID) []peer {
	if i, ok := t.hashes.find(infoHash); ok {
		return t.peers[i]
	}
	return nil
}

// add stores an announce in the place of an earlier one from the same IP
// address. Of too many peers the one that would expire first makes way. It
// reports false, and changes nothing, when the store is full of torrents.
// BEP33-SCRAPE-001
func (t *torrents) add(
	infoHash kademlia.ID, p peer, self kademlia.ID, maxTorrents, maxPeers int,
) bool {
	i, known := t.hashes.find(infoHash)
	if !known {
		at, gone, ok := t.hashes.admit(infoHash, self, maxTorrents)
		if !ok {
			return false
		}
		if gone >= 0 {
			t.peers = slices.Delete(t.peers, gone, gone+1)
		}
		t.peers = slices.Insert(t.peers, at, nil)
		i = at
	}
	peers := t.peers[i]
	at, known := slices.BinarySearchFunc(peers, p.addr.Addr(), func(p peer, ip netip.Addr) int {
		return p.addr.Addr().Compare(ip)
	})
	switch {
	case known:
		peers[at] = p
		return true
	case len(peers) == maxPeers:
		oldest := 0
		for j := range peers {
			if peers[j].expires < peers[oldest].expires {
				oldest = j
			}
		}
		peers = slices.Delete(peers, oldest, oldest+1)
		if oldest < at {
			at--
		}
	}
	t.peers[i] = slices.Insert(peers, at, p)
	return true
}

// sweep takes out what has expired.
func (t *torrents) sweep(now time.Duration) {
	kept := 0
	for i, peers := range t.peers {
		peers = slices.DeleteFunc(peers, func(p peer) bool { return p.expires <= now })
		if len(peers) > 0 {
			t.hashes[kept], t.peers[kept] = t.hashes[i], peers
			kept++
		}
	}
	clear(t.peers[kept:])
	t.hashes, t.peers = t.hashes[:kept], t.peers[:kept]
}

// filters returns the scrape filters of a torrent. BEP33-SCRAPE-003
func filters(peers []peer, now time.Duration) (seeds, downloaders *Filter) {
	seeds, downloaders = new(Filter), new(Filter)
	for _, p := range peers {
		switch {
		case p.expires <= now:
		case p.seed:
			seeds.Insert(p.addr.Addr())
		default:
			downloaders.Insert(p.addr.Addr())
		}
	}
	return seeds, downloaders
}

// addValues adds as many peers of one family as fit in room bytes, of too many
// a run that starts anywhere. With noSeed those that still download come
// first. BEP05-RPC-003, BEP05-RPC-004, BEP32-DHT6-011, BEP33-SCRAPE-005
func (n *Node) addValues(r *reply, peers []peer, family, room int, noSeed bool) {
	v6 := slices.IndexFunc(peers, func(p peer) bool { return familyOf(p.addr) == 1 })
	size := len("6:") + compact4
	switch {
	case family == 1 && v6 < 0:
		return
	case family == 1:
		peers, size = peers[v6:], len("18:")+compact6
	case v6 >= 0:
		peers = peers[:v6]
	}
	limit := min(len(peers), (room-len("6:valuesle"))/size)
	if limit <= 0 {
		return
	}
	start := 0
	if limit < len(peers) {
		start = int(n.rng.Below(uint64(len(peers))))
	}
	values := make([]netip.AddrPort, 0, limit)
	take := func(accept func(p *peer) bool) {
		for i := range peers {
			if p := &peers[(start+i)%len(peers)]; p.expires > n.now && len(values) < limit && accept(p) {
				values = append(values, p.addr)
			}
		}
	}
	if noSeed {
		take(func(p *peer) bool { return !p.seed })
		take(func(p *peer) bool { return p.seed })
	} else {
		take(func(*peer) bool { return true })
	}
	if len(values) > 0 {
		r.Values, r.Has = values, r.Has|HasValues
	}
}
