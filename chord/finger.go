package chord

import (
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// finger is a run of equal fingers: those after the run before, up to last,
// counted from 1 as the paper does. Most of a table points to the first few
// successors, so the runs are few.
type finger struct {
	last  uint8
	known bool
	to    Peer // without address: the node itself
}

// Finger returns finger i, 1 ≤ i ≤ Config.IDBits: the successor of the own
// identifier plus 2^(i-1), as far as it is known. The first is the successor;
// a node that is its own finger is returned without address.
//
// CHORD-FINGER-001, CHORD-FINGER-002 (Chord §4.3, table 1).
func (n *Node) Finger(i int) (Peer, bool) {
	start := n.cfg.ID.AddPower(i-1, n.cfg.IDBits)
	if head, ok := n.head(); !ok {
		return Peer{ID: n.cfg.ID}, n.member
	} else if Owns(n.cfg.ID, start, head.ID) {
		return head, true
	}
	for _, f := range n.fingers {
		if int(f.last) >= i {
			return f.to, f.known
		}
	}
	return Peer{}, false
}

// reach is the last finger that the node at p can be.
func (n *Node) reach(p ID) uint8 {
	if p == n.cfg.ID {
		return uint8(n.cfg.IDBits)
	}
	return uint8(n.cfg.ID.Distance(p, n.cfg.IDBits).Len())
}

// fillFingers computes the table from the sorted members of a ring.
//
// CHORD-FINGER-001 (Chord §4.3, table 1).
func (n *Node) fillFingers(ring []Peer) {
	var runs []finger
	for last := 0; last < n.cfg.IDBits; {
		start := n.cfg.ID.AddPower(last, n.cfg.IDBits)
		at, _ := slices.BinarySearchFunc(ring, start, byID)
		p := ring[at%len(ring)]
		if p.ID == n.cfg.ID || p.ID != start && Between(start, n.cfg.ID, p.ID) {
			p = Peer{ID: n.cfg.ID}
		}
		reach := n.reach(p.ID)
		runs = append(runs, finger{reach, true, p})
		last = int(reach)
	}
	n.fingers = slices.Clip(runs)
}

// fixFinger looks up the next finger that is not the successor itself. One
// lookup serves all fingers that turn out equal.
//
// CHORD-FINGER-003 (Chord §4.4, fix_fingers).
func (n *Node) fixFinger(out []spec.Effect) []spec.Effect {
	n.fixAt = n.now + n.period(n.cfg.FixFingers)
	head, ok := n.head()
	if !ok || len(n.lookups) >= n.cfg.MaxLookups {
		return out
	}
	first := n.reach(head.ID) + 1
	if n.nextFinger < first || int(n.nextFinger) > n.cfg.IDBits {
		n.nextFinger = first
	}
	if int(first) > n.cfg.IDBits {
		return out // the successor is farther than half the circle
	}
	key := n.cfg.ID.AddPower(int(n.nextFinger)-1, n.cfg.IDBits)
	return n.begin(lookup{purpose: forFinger, finger: n.nextFinger, key: key}, Iterative, out)
}

// fingerFound enters the owner of finger i's start.
func (n *Node) fingerFound(i uint8, p Peer) {
	reach := max(i, n.reach(p.ID))
	n.setFingers(i, reach, p)
	n.nextFinger = reach + 1
}

// setFingers makes p the fingers from first to last.
func (n *Node) setFingers(first, last uint8, p Peer) {
	var runs []finger
	end := func() uint8 {
		if len(runs) == 0 {
			return 0
		}
		return runs[len(runs)-1].last
	}
	put := func(last uint8, f finger) {
		f.last = last
		switch k := len(runs) - 1; {
		case last <= end():
		case k >= 0 && runs[k].known == f.known && runs[k].to == f.to:
			runs[k].last = last
		default:
			runs = append(runs, f)
		}
	}
	for _, f := range n.fingers {
		put(min(f.last, first-1), f)
	}
	put(first-1, finger{})
	put(last, finger{known: true, to: p})
	for _, f := range n.fingers {
		put(f.last, f)
	}
	n.fingers = slices.Clip(runs)
}

// forget removes a dead node from the table. A table that is not repaired stays
// as it is.
//
// CHORD-FINGER-004 (Chord §5.3).
func (n *Node) forget(id ID) {
	if n.cfg.FixFingers < 0 {
		return
	}
	has := func(f finger) bool { return f.to.known() && f.to.ID == id }
	if !slices.ContainsFunc(n.fingers, has) {
		return
	}
	n.fingers = slices.Clone(n.fingers)
	for i := range n.fingers {
		if has(n.fingers[i]) {
			n.fingers[i] = finger{last: n.fingers[i].last}
		}
	}
}
