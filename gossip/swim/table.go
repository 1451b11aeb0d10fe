package swim

import (
	"math"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// A View is what a member believes of one node. A node of which it has not heard
// is as one that died before its first incarnation, which is 1: dead, 0.
type View struct {
	State       wire.State
	Incarnation uint32
}

// A Claim is what somebody says of a node.
type Claim struct {
	State       wire.State
	Incarnation uint32
	// Differs: an alive of the node itself has not the metadata and versions that
	// the node has.
	Differs bool
	// Replaces: an alive is from a new address, at a time when the name may be
	// taken over by one (GO-FD-15).
	Replaces bool
}

// An Outcome says what became of a claim.
type Outcome uint8

const (
	Stale       Outcome = iota // older than the view, or of nobody: nothing changes
	Repeated                   // nothing new: nothing changes
	Confirmed                  // one more voice for a suspicion under way: the view stays
	Adopted                    // the view is what was claimed, and the claim is passed on
	Rebutted                   // it was about the member itself: its new incarnation goes out
	Irrefutable                // as Rebutted, but there is no higher incarnation: nothing changes
)

// Hear is the whole of SWIM's order of claims, as memberlist has it: what a member
// that held the view v believes after it has heard c, which is about itself if
// self. Unlike the paper's, its dead come back to life with a higher incarnation.
//
//	view \ claim i   alive      suspect     dead, left
//	alive j          i > j      i >= j      i >= j       adopted if, else stale
//	suspect j        i > j      i >= j: confirmed,       dead and left as above
//	dead, left j     i > j      known       known        (all older ones are stale)
//	itself j         i > j, or i = j        i >= j       refuted if, with max(i, j)+1
//	                 and it differs
//
// GO-FD-08, GO-FD-12, GO-FD-13, GO-FD-14, GO-FD-17, GO-SW-02 (memberlist
// aliveNode, suspectNode, deadNode; SWIM §4.2).
func Hear(v View, c Claim, self bool) (View, Outcome) {
	switch {
	case self && v.State == wire.StateLeft: // nothing brings it back
		return v, Repeated
	case self && c.Incarnation < v.Incarnation:
		return v, Stale
	case self && c.State == wire.StateAlive && c.Incarnation == v.Incarnation && !c.Differs:
		return v, Repeated
	case self && c.Incarnation == math.MaxUint32:
		return v, Irrefutable
	case self:
		return View{wire.StateAlive, c.Incarnation + 1}, Rebutted
	case c.State == wire.StateAlive && c.Replaces:
		return View{wire.StateAlive, c.Incarnation}, Adopted
	case c.Incarnation < v.Incarnation:
		return v, Stale
	case c.State == wire.StateAlive && c.Incarnation == v.Incarnation:
		return v, Repeated
	case c.State == wire.StateAlive:
		return View{wire.StateAlive, c.Incarnation}, Adopted
	case v.State == wire.StateDead || v.State == wire.StateLeft:
		return v, Repeated
	case c.State == wire.StateSuspect && v.State == wire.StateSuspect:
		return v, Confirmed
	}
	return View{c.State, c.Incarnation}, Adopted
}
