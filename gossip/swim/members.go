package swim

import (
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// find returns where the member of that name is, or would be.
func (n *Node) find(name string) (int, bool) {
	return slices.BinarySearchFunc(n.nodes, name, func(m *Member, name string) int {
		return strings.Compare(m.Name, name)
	})
}

// own makes the table the node's, before it changes.
func (n *Node) own() {
	if n.shares {
		n.nodes, n.shares = slices.Clone(n.nodes), false
	}
}

// set replaces what is believed of the member at that place.
func (n *Node) set(at int, m *Member) {
	n.own()
	n.nodes[at] = m
}

// add inserts a member. It is probed in the present round, at a random place in
// what is left of it.
//
// GO-FD-03 (memberlist aliveNode; SWIM §4.3).
func (n *Node) add(at int, m *Member) {
	n.own()
	n.nodes = slices.Insert(n.nodes, at, m)
	for i := range n.order {
		if n.order[i] >= int32(at) {
			n.order[i]++
		}
	}
	n.order = append(n.order, int32(at))
	left := n.order[n.probed:]
	i, last := n.rng.Below(uint64(len(left))), len(left)-1
	left[i], left[last] = left[last], left[i]
}

// nextTarget returns the member whose turn it is to be probed, nil when there is
// none.
//
// GO-FD-03 (memberlist probe; SWIM §4.3, §3.1).
func (n *Node) nextTarget() *Member {
	for tried := 0; tried <= len(n.order); tried++ {
		if int(n.probed) >= len(n.order) {
			n.beginRound()
		}
		if len(n.order) == 0 {
			return nil
		}
		turn := n.probed
		if n.probed++; n.cfg.RandomTarget {
			turn = int32(n.rng.Below(uint64(len(n.order))))
		}
		if m := n.nodes[n.order[turn]]; !gone(m.State) {
			return m
		}
	}
	return nil
}

// beginRound forgets those that have been dead for long, and shuffles all others
// but the node itself.
//
// GO-FD-20 (memberlist resetNodes).
func (n *Node) beginRound() {
	kept := n.doubts[:0]
	for _, d := range n.doubts {
		at, _ := n.find(d.name)
		if gone(n.nodes[at].State) && n.now-d.since > n.cfg.GossipToTheDead && d.name != n.cfg.Name {
			n.own()
			n.nodes = dropped(n.nodes, at)
			continue
		}
		kept = append(kept, d)
	}
	clear(n.doubts[len(kept):])
	n.doubts = kept
	self, _ := n.find(n.cfg.Name)
	n.order, n.probed = n.order[:0], 0
	for i := range n.nodes {
		if i != self {
			n.order = append(n.order, int32(i))
		}
	}
	n.rng.Shuffle(len(n.order), func(i, j int) { n.order[i], n.order[j] = n.order[j], n.order[i] })
}

// pick draws up to k different members that are eligible. Among many, of which
// few are, it may find fewer.
func (n *Node) pick(k int, eligible func(*Member) bool) []*Member {
	if len(n.nodes) < 3*k {
		var all []*Member
		for _, m := range n.nodes {
			if eligible(m) {
				all = append(all, m)
			}
		}
		n.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:min(k, len(all))]
	}
	picked := make([]*Member, 0, k)
	for range 3 * len(n.nodes) {
		if len(picked) == k {
			break
		}
		m := n.nodes[n.rng.Below(uint64(len(n.nodes)))]
		if eligible(m) && !slices.Contains(picked, m) {
			picked = append(picked, m)
		}
	}
	return picked
}

func gone(s wire.State) bool { return s == wire.StateDead || s == wire.StateLeft }

// othersAlive reports whether there is anybody to tell something.
func (n *Node) othersAlive() bool {
	left := 0
	for i := range n.doubts {
		if n.doubts[i].due == never && n.doubts[i].name != n.cfg.Name {
			left++
		}
	}
	return len(n.nodes)-1 > left
}
