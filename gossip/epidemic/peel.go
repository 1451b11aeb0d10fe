package epidemic

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// below reports whether s is before a bound, of which zero is none.
func (s Stamp) below(high Stamp) bool { return high == Stamp{} || s.Compare(high) < 0 }

// peel offers the updates below a stamp, the latest first.
//
// GO-EP-01 (Demers et al. 1987, §1.3, peel back).
func (n *Node) peel(high Stamp) Peel {
	m := Peel{Sum: n.sum, High: high}
	m.Low, m.Updates = n.latest(high, Stamp{}, nil)
	return m
}

// latest lists updates from high down to low, without those in known, as far as
// a message has room, and says how far that is.
func (n *Node) latest(high, low Stamp, known []Update) (Stamp, []Update) {
	var order []*entry
	for i := range n.entries {
		e := &n.entries[i]
		if !e.dormant && e.Stamp.below(high) && e.Stamp.Compare(low) >= 0 &&
			!slices.ContainsFunc(known, func(u Update) bool { return u.Stamp == e.Stamp }) {
			order = append(order, e)
		}
	}
	slices.SortStableFunc(order, func(a, b *entry) int { return b.Stamp.Compare(a.Stamp) })
	room := n.cfg.PacketSize - messageBytes - peelBytes
	var list []Update
	for _, e := range order {
		if room -= e.size(); room < 0 || len(list) == maxBatch {
			return list[len(list)-1].Stamp, list
		}
		list = append(list, n.outgoing(e))
	}
	return low, list
}

// peelCame takes what Peel brings, and goes on until the sums agree.
func (n *Node) peelCame(from netip.AddrPort, m *Peel, out []spec.Effect) []spec.Effect {
	_, out = n.mergeAll(m.Updates, out)
	switch {
	case n.sum == m.Sum:
		return out
	case !m.Answer:
		answer := Peel{Answer: true, Sum: n.sum, High: m.High}
		answer.Low, answer.Updates = n.latest(m.High, m.Low, m.Updates)
		return append(out, spec.Send{To: from, Msg: answer})
	case m.Low != Stamp{}:
		return append(out, spec.Send{To: from, Msg: n.peel(m.Low)})
	}
	return out
}
