package epidemic

import (
	"math"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// rumor is an update that the node is interested in. It points into the
// database, where its key has that version: a later one takes its place.
type rumor struct {
	key   string
	stamp Stamp
	count uint16 // useless cycles, times told, or cycles in state C
	age   uint16 // cycles since it was heard, of the median-counter rule
	level uint8  // of that rule, otherwise 0
	cycleNotes
}

// cycleNotes is what happened to a rumor in the present cycle.
type cycleNotes struct {
	fresh   bool   // it was heard in this cycle: it is told from the next one on
	pushed  bool   // in the own contact
	useful  bool   // to somebody
	useless bool   // to somebody
	cooling bool   // a partner has it in state C
	told    uint16 // times, in answers
	ahead   uint16 // partners that have it at this level or a later one
	behind  uint16 // partners that have it at an earlier level, or not at all
}

// heat makes a rumor of u, which is in the database, and returns it. The oldest
// rumor gives way when there are too many.
func (n *Node) heat(u *Update) *rumor {
	n.rumors = slices.DeleteFunc(n.rumors, func(r rumor) bool { return r.key == u.Key })
	if len(n.rumors) >= n.cfg.MaxRumors {
		n.rumors = slices.Delete(n.rumors, 0, 1)
	}
	r := rumor{key: u.Key, stamp: u.Stamp, cycleNotes: cycleNotes{fresh: true}}
	if n.cfg.Mongering.Interest == MedianCounter {
		r.level = 1
	}
	n.rumors = append(n.rumors, r)
	return &n.rumors[len(n.rumors)-1]
}

// hot returns the rumor of a version, nil when there is none.
func (n *Node) hot(s Stamp) *rumor {
	for i := range n.rumors {
		if n.rumors[i].stamp == s {
			return &n.rumors[i]
		}
	}
	return nil
}

// cycle begins a cycle: it draws the consequences of the last one, and opens a
// contact.
//
// GO-EP-02 (Demers et al. 1987, §1.4).
func (n *Node) cycle(out []spec.Effect) []spec.Effect {
	kept := n.rumors[:0]
	for _, r := range n.rumors {
		if !n.bored(&r) {
			r.cycleNotes = cycleNotes{}
			kept = append(kept, r)
		}
	}
	clear(n.rumors[len(kept):])
	n.rumors = kept
	n.accepted, n.hunted = 0, 0
	return n.call(out)
}

// bored draws the consequences of a cycle for r, and reports whether the node
// has lost its interest in it.
//
// GO-EP-02 (Demers et al. 1987, §1.4, blind or feedback, counter or coin).
func (n *Node) bored(r *rumor) bool {
	k := uint16(n.cfg.Mongering.K)
	times := r.told
	if r.pushed {
		times++
	}
	switch n.cfg.Mongering.Interest {
	case FeedbackCounter:
		if r.useful {
			r.count = 0
		} else if r.useless {
			r.count++
		}
		return r.count >= k
	case FeedbackCoin:
		return r.useless && !r.useful && n.rng.Below(uint64(k)) == 0
	case BlindCounter:
		r.count += min(times, k)
		return r.count >= k
	case BlindCoin:
		for range times {
			if n.rng.Below(uint64(k)) == 0 {
				return true
			}
		}
		return false
	}
	return n.medianBored(r)
}

// call opens a contact with a random node.
func (n *Node) call(out []spec.Effect) []spec.Effect {
	m := &n.cfg.Mongering
	n.partner = -1
	c := Contact{Pull: m.Exchange != Push}
	if m.Exchange != Pull {
		c.Rumors = n.tell(n.cfg.PacketSize-messageBytes, func(r *rumor) {
			r.pushed = true
			r.behind++ // the partner, until it answers
		})
		if len(c.Rumors) == 0 && m.Exchange == Push {
			return out
		}
	}
	n.partner = n.someone()
	return append(out, spec.Send{To: n.cfg.Peers[n.partner], Msg: c})
}

// tell lists rumors for a message with room for so many bytes, marking each.
// Where they do not all fit, the next message goes on with those left out. What
// was heard in this cycle has to wait: everybody acts on what he knew when the
// cycle began.
func (n *Node) tell(room int, mark func(*rumor)) (list []Rumor) {
	count := len(n.rumors)
	for i := range count {
		at := (int(n.first) + i) % count
		r := &n.rumors[at]
		if r.fresh {
			continue
		}
		place, _ := n.find(r.key)
		e := &n.entries[place]
		if room -= e.size() + 1; room < 0 || len(list) == maxBatch {
			n.first = uint16(at)
			return list
		}
		list = append(list, Rumor{Update: n.outgoing(e), Level: r.level})
		mark(r)
	}
	n.first = 0
	return list
}

// contacted answers a Contact.
func (n *Node) contacted(from netip.AddrPort, m *Contact, out []spec.Effect) []spec.Effect {
	if limit := n.cfg.Mongering.Connections; limit > 0 {
		if int(n.accepted) >= limit {
			return append(out, spec.Send{To: from, Msg: Busy{}})
		}
		n.accepted++
	}
	var r Reply
	if m.Pull {
		room := n.cfg.PacketSize - messageBytes - len(m.Rumors)*verdictBytes
		r.Rumors = n.tell(room, func(r *rumor) { r.told = min(r.told, math.MaxUint16-2) + 1 })
	}
	if n.cfg.Mongering.Interest == MedianCounter {
		n.compare(m.Rumors)
	}
	r.Verdicts, out = n.hear(m.Rumors, out)
	if len(r.Rumors)+len(r.Verdicts) > 0 {
		out = append(out, spec.Send{To: from, Msg: r})
	}
	return out
}

// replied takes what a Reply brings. One that is late still brings rumors.
func (n *Node) replied(from netip.AddrPort, m *Reply, out []spec.Effect) []spec.Effect {
	n.judged(m.Verdicts)
	if n.partner >= 0 && n.cfg.Peers[n.partner] == from {
		if n.cfg.Mongering.Interest == MedianCounter {
			n.compareAnswer(m.Rumors)
		}
		n.partner = -1
	}
	verdicts, out := n.hear(m.Rumors, out)
	if len(verdicts) > 0 {
		out = append(out, spec.Send{To: from, Msg: Feedback{verdicts}})
	}
	return out
}

// hear takes rumors into the database, where they are news, and becomes
// interested in those. It returns what each was worth, if the rule wants that:
// nothing when it was known as the cycle began. Somebody else may have told it
// in this cycle.
func (n *Node) hear(list []Rumor, out []spec.Effect) ([]Verdict, []spec.Effect) {
	var verdicts []Verdict
	feedback := n.cfg.Mongering.Interest <= FeedbackCoin
	refused := int32(0)
	for i := range list {
		u := &list[i].Update
		var r *rumor
		switch n.merge(u) {
		case learned:
			at, _ := n.find(u.Key)
			r = n.heat(&n.entries[at].Update)
			out = append(out, spec.Notify{Event: Learned{n.outgoing(&n.entries[at])}})
		case known:
			r = n.hot(u.Stamp)
		case noRoom:
			refused++
		case awakened: // which is a rumor now, and told in its turn
		}
		if r != nil && r.fresh && list[i].Level == Cooling {
			r.cooling = true
		}
		if feedback {
			verdicts = append(verdicts, Verdict{u.Stamp, r != nil && r.fresh})
		}
	}
	if refused > 0 {
		out = append(out, spec.Notify{Event: Overflow{refused}})
	}
	return verdicts, out
}

// judged notes what rumors were worth to a partner.
func (n *Node) judged(verdicts []Verdict) {
	for _, v := range verdicts {
		if r := n.hot(v.Stamp); r != nil {
			r.useful = r.useful || v.News
			r.useless = r.useless || !v.News
		}
	}
}

// hunt tries another partner after a refusal.
//
// GO-EP-02 (Demers et al. 1987, §1.4, connection limit and hunting).
func (n *Node) hunt(out []spec.Effect) []spec.Effect {
	n.partner = -1
	for i := range n.rumors {
		if r := &n.rumors[i]; r.pushed {
			r.pushed = false
			r.behind--
		}
	}
	if int(n.hunted) >= n.cfg.Mongering.Hunt {
		return out
	}
	n.hunted++
	return n.call(out)
}
