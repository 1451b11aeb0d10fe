package chord

import (
	"fmt"
	"slices"
	"time"
)

// Snapshot is a member's part of the ring, without what is in flight: what the
// shared-state form of the protocol calls its state. It can be kept over a
// restart, though a node that was away for long had better join anew.
type Snapshot struct {
	Successors  []Peer
	Predecessor Peer // zero: none
	Candidate   Peer // stabilizing with it: the next stabilization asks it first; zero: none
	RectifyWith Peer // the notifier whose turn has not come; zero: none
	Fingers     []Finger
}

// Finger is a run of fingers that point to one node: those after the run
// before, up to number Last.
type Finger struct {
	Last  int
	Known bool
	To    Peer // without address: the node itself
}

// Snapshot returns the state of a member, false outside a ring. A query under
// way is not part of it: its node is asked again after Restore.
func (n *Node) Snapshot() (Snapshot, bool) {
	s := Snapshot{
		Successors:  slices.Clone(n.successors),
		Predecessor: n.predecessor,
		Candidate:   n.candidate,
		RectifyWith: n.rectifyWith,
	}
	for _, f := range n.fingers {
		s.Fingers = append(s.Fingers, Finger{int(f.last), f.known, f.to})
	}
	return s, n.member
}

// Restore returns a member in the state s, or an error that says what of cfg
// or s cannot be. Its first Step rectifies if s says with whom; its first
// stabilization is a period away.
func Restore(cfg Config, now time.Duration, s Snapshot) (*Node, error) {
	n, err := New(cfg, now)
	if err != nil {
		return nil, err
	}
	for _, p := range append(slices.Clone(s.Successors), s.Predecessor, s.Candidate, s.RectifyWith) {
		if p != (Peer{}) && !n.usable(&p) {
			return nil, fmt.Errorf("chord: snapshot: unusable peer %v at %v", p.ID, p.Addr)
		}
	}
	n.successors = slices.Clone(s.Successors)
	n.predecessor, n.candidate = s.Predecessor, s.Candidate
	for _, f := range s.Fingers {
		if f.Last < 1 || f.Last > n.cfg.IDBits || f.To.known() && !n.usable(&f.To) {
			return nil, fmt.Errorf("chord: snapshot: finger %d, %v", f.Last, f.To.ID)
		}
		n.fingers = append(n.fingers, finger{uint8(f.Last), f.Known, f.To})
	}
	n.enter()
	if err := n.Check(); err != nil {
		return nil, fmt.Errorf("chord: snapshot: %w", err)
	}
	n.rectifyWith = s.RectifyWith
	return n, nil
}
