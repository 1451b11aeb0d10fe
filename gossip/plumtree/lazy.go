package plumtree

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// missing is a broadcast that was announced and has not come.
type missing struct {
	id       ID
	by       []announcer // in the order of their announcements, each once; replaced
	deadline time.Duration
}

// announcer is a neighbour that has a broadcast.
type announcer struct {
	peer  netip.AddrPort
	round uint16
}

// queued is an announcement that waits to be sent with others.
type queued struct {
	to netip.AddrPort
	Announcement
}

// maxQueued announcements are sent before their time.
const maxQueued = 1024

// receiveIHave notes what is missing, and who has it.
//
// GO-PX-04 (Plumtree, IHave).
func (t *tree) receiveIHave(from netip.AddrPort, m IHave, out []spec.Effect) []spec.Effect {
	fresh := 0
	for _, a := range m.List {
		if !t.store.has(a.ID) && t.findMissing(a.ID) < 0 {
			fresh++
		}
	}
	if len(t.missing)+fresh > t.cfg.MaxMissing {
		return t.refuse(from, errMissing, out)
	}
	for _, a := range m.List {
		if t.store.has(a.ID) {
			continue
		}
		i := t.findMissing(a.ID)
		if i < 0 {
			i = len(t.missing)
			t.missing = append(t.missing, missing{id: a.ID, deadline: t.now + t.cfg.MissingTimeout})
		}
		by := t.missing[i].by
		if !slices.ContainsFunc(by, func(x announcer) bool { return x.peer == from }) {
			t.missing[i].by = append(slices.Clip(by), announcer{from, a.Round})
		}
	}
	return out
}

// deadline is when fire has something to do.
func (t *tree) deadline() time.Duration {
	at := min(t.announceAt, t.store.deadline(&t.cfg))
	for i := range t.missing {
		at = min(at, t.missing[i].deadline)
	}
	return at
}

// fire fires the timer that is due first, of those of one instant what is missing
// before announcements before the store.
func (t *tree) fire(out []spec.Effect) []spec.Effect {
	at := t.deadline()
	for i := range t.missing {
		if t.missing[i].deadline == at {
			return t.graft(i, out)
		}
	}
	if t.announceAt == at {
		return t.dispatch(out)
	}
	t.store.expire(t.now, &t.cfg)
	return out
}

// graft asks the next of those who have announced what is missing, and gives up
// when there is none: another announcement begins anew.
//
// GO-PX-04 (Plumtree, the timers).
func (t *tree) graft(i int, out []spec.Effect) []spec.Effect {
	m := &t.missing[i]
	if len(m.by) == 0 {
		t.missing = slices.Delete(t.missing, i, i+1)
		return out
	}
	first := m.by[0]
	m.by = m.by[1:]
	m.deadline = t.now + t.cfg.GraftTimeout
	t.setEager(first.peer, true)
	return append(out, spec.Send{To: first.peer, Msg: Graft{true, m.id}})
}

// announce sends an announcement, or keeps it for a while to send it with others.
func (t *tree) announce(to netip.AddrPort, m message, out []spec.Effect) []spec.Effect {
	if t.cfg.AnnounceDelay < 0 {
		return sendLists(to, []Announcement{m.announcement()}, out)
	}
	if len(t.queue) == 0 {
		t.announceAt = t.now + t.cfg.AnnounceDelay
	}
	t.queue = append(t.queue, queued{to, m.announcement()})
	if len(t.queue) >= maxQueued {
		return t.dispatch(out)
	}
	return out
}

// dispatch sends the announcements that were collected.
func (t *tree) dispatch(out []spec.Effect) []spec.Effect {
	for _, p := range t.peers {
		var list []Announcement
		for _, q := range t.queue {
			if q.to == p.addr {
				list = append(list, q.Announcement)
			}
		}
		out = sendLists(p.addr, list, out)
	}
	t.queue, t.announceAt = t.queue[:0], never
	return out
}

// sendLists sends announcements, as many in a message as fit.
func sendLists(to netip.AddrPort, list []Announcement, out []spec.Effect) []spec.Effect {
	for part := range slices.Chunk(list, maxWireList) {
		out = append(out, spec.Send{To: to, Msg: IHave{part}})
	}
	return out
}

// findMissing returns the index of what is missing, or -1.
func (t *tree) findMissing(id ID) int {
	return slices.IndexFunc(t.missing, func(m missing) bool { return m.id == id })
}
