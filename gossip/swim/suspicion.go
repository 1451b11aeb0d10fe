package swim

import (
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A doubt is what is known besides of a member that is not alive.
type doubt struct {
	name  string
	since time.Duration // when it came into its state
	// The rest is of a suspicion.
	due               time.Duration // when it is declared dead; never once it is
	shortest, longest time.Duration
	wanted            int32    // k: confirmations with which the shortest time is enough
	voices            []string // who accuses, the first one first; replaced, never changed
}

// doubtAt returns where the doubt about a member is, or would be.
func (n *Node) doubtAt(name string) (int, bool) {
	return slices.BinarySearchFunc(n.doubts, name, func(d doubt, name string) int {
		return strings.Compare(d.name, name)
	})
}

// setDoubt replaces what is doubted about a member.
func (n *Node) setDoubt(d doubt) {
	i, found := n.doubtAt(d.name)
	if found {
		n.doubts[i] = d
	} else {
		n.doubts = slices.Insert(n.doubts, i, d)
	}
	n.findDoubtDue()
}

// clearDoubt ends suspicion and death.
func (n *Node) clearDoubt(name string) {
	if i, found := n.doubtAt(name); found {
		n.doubts = slices.Delete(n.doubts, i, i+1)
		n.findDoubtDue()
	}
}

func (n *Node) findDoubtDue() {
	n.doubtDue = never
	for i := range n.doubts {
		n.doubtDue = min(n.doubtDue, n.doubts[i].due)
	}
}

// suspicion begins one that the member from has voiced.
//
// GO-FD-09, GO-FD-10 (memberlist suspectNode; Lifeguard §IV-B).
func (n *Node) suspicion(name, from string) doubt {
	known := len(n.nodes)
	wanted := n.cfg.SuspicionMult - 2
	if known-2 < wanted { // without the accuser and the accused
		wanted = 0
	}
	d := doubt{name: name, since: n.now, wanted: int32(max(0, wanted)), voices: []string{from}}
	d.shortest = suspicionTimeout(n.cfg.SuspicionMult, known, n.cfg.ProbeInterval)
	d.longest = time.Duration(n.cfg.SuspicionMaxTimeoutMult) * d.shortest
	d.due = n.now + d.timeout(0)
	return d
}

// confirm adds a voice and reports whether it counts: it is new, and fewer than
// are wanted have been heard.
//
// GO-FD-11 (memberlist Confirm).
func (n *Node) confirm(name, from string) bool {
	i, _ := n.doubtAt(name)
	d := n.doubts[i]
	if int32(len(d.voices)) > d.wanted || slices.Contains(d.voices, from) {
		return false
	}
	d.voices = append(slices.Clip(d.voices), from)
	d.due = d.since + d.timeout(int32(len(d.voices)-1))
	n.setDoubt(d)
	return true
}

// condemn declares those dead whose time under suspicion is over.
func (n *Node) condemn(out []spec.Effect) []spec.Effect {
	for n.doubtDue <= n.now {
		at := 0
		for i := range n.doubts {
			if n.doubts[i].due < n.doubts[at].due {
				at = i
			}
		}
		i, _ := n.find(n.doubts[at].name)
		m := n.nodes[i]
		dead := wire.Dead{Incarnation: m.Incarnation, Node: m.Name, From: n.cfg.Name}
		out, _ = n.hearDead(dead, out)
	}
	return out
}

// timeout is how long a suspicion lasts once so many have confirmed it. It falls
// from the longest to the shortest with the logarithm, in whole milliseconds.
func (d *doubt) timeout(confirmations int32) time.Duration {
	if d.wanted < 1 {
		return d.shortest
	}
	num, den := log2(uint64(confirmations+1)), log2(uint64(d.wanted+1))
	hi, lo := bits.Mul64(uint64(d.longest-d.shortest), num)
	less, _ := bits.Div64(hi, lo, den) // num <= den, so it fits
	return max(d.shortest, (d.longest - time.Duration(less)).Truncate(time.Millisecond))
}

// suspicionTimeout is the shortest time under suspicion among so many nodes.
func suspicionTimeout(mult, nodes int, interval time.Duration) time.Duration {
	return time.Duration(mult) * time.Duration(max(1000, milliLog10(uint64(nodes)))) * interval / 1000
}

// retransmitLimit is how often a rumor is told among so many nodes: mult times
// the logarithm of nodes+1, rounded up.
//
// GO-GS-02 (memberlist retransmitLimit).
func retransmitLimit(mult, nodes int) int {
	digits := 0
	for power := 1; power < nodes+1; power *= 10 {
		digits++
	}
	return mult * digits
}

// pushPullScale is the factor of the interval between exchanges of state.
//
// GO-AE-01 (memberlist pushPullScale).
func pushPullScale(nodes int) time.Duration {
	if nodes <= 32 {
		return 1
	}
	return time.Duration(bits.Len(uint(nodes-1))-5) + 1
}

// fraction is how many bits the logarithms have behind the point.
const fraction = 56

// log2 returns the binary logarithm of x >= 1 with [fraction] bits behind the
// point, too small by less than the last few of them. It squares the mantissa
// once for each bit.
func log2(x uint64) uint64 {
	whole := bits.Len64(x) - 1
	result := uint64(whole)
	mantissa := x << (63 - whole) // 1 ≤ mantissa/2^63 < 2
	for range fraction {
		hi, lo := bits.Mul64(mantissa, mantissa)
		result <<= 1
		if hi >= 1<<63 { // 2 or more
			result |= 1
			mantissa = hi
		} else {
			mantissa = hi<<1 | lo>>63
		}
	}
	return result
}

// milliLog10 returns the decimal logarithm of x >= 1 in thousandths, rounded
// down: 3000 for a thousand exactly.
func milliLog10(x uint64) int64 {
	hi, lo := bits.Mul64(log2(x)+log2Error, 1000)
	milli, _ := bits.Div64(hi, lo, log2(10)) // below 64·1000
	return int64(milli)
}

// log2Error is more than log2 is too small by, and far less than what a logarithm
// of a number below 2^32 can be short of a thousandth.
const log2Error = 1 << 16
