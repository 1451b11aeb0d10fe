package swim

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// join is a Join under way: one stream at a time.
type join struct {
	op    spec.OpID
	left  []netip.AddrPort // still to be asked; never changed
	nodes int32            // with which state was exchanged
}

// wait is a command that waits for its rumor to be told often enough.
type wait struct {
	op  spec.OpID
	due time.Duration
}

func fail(op spec.OpID, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Done{Op: op, Err: err})
}

// underWay is how many commands count towards Config.MaxCommands.
func (n *Node) underWay() int {
	count := len(n.joins) + len(n.waits)
	for i := range n.streams {
		if n.streams[i].purpose == sending {
			count++
		}
	}
	return count
}

// join executes Join.
//
// GO-AE-04 (memberlist Join).
func (n *Node) join(in Join, out []spec.Effect) []spec.Effect {
	switch {
	case n.left:
		return fail(in.Op, ErrLeft, out)
	case len(in.Addrs) == 0 || len(in.Addrs) > MaxJoin ||
		slices.ContainsFunc(in.Addrs, func(a netip.AddrPort) bool { return !reachable(a) }):
		return fail(in.Op, ErrBadAddr, out)
	case n.underWay() >= n.cfg.MaxCommands:
		return fail(in.Op, ErrBusy, out)
	}
	n.joins = append(n.joins, join{op: in.Op, left: slices.Clone(in.Addrs)})
	return n.contactNext(len(n.joins)-1, out)
}

// contactNext goes on with a Join, or ends it.
func (n *Node) contactNext(i int, out []spec.Effect) []spec.Effect {
	j := &n.joins[i]
	if len(j.left) > 0 {
		to := j.left[0]
		j.left = j.left[1:]
		_, out = n.dial(stream{purpose: joining, op: j.op, due: n.now + n.cfg.StreamTimeout}, to, out)
		return out
	}
	done := spec.Done{Op: j.op}
	if done.Result = (Contacted{j.nodes}); j.nodes == 0 {
		done.Result, done.Err = nil, ErrNoAnswer
	}
	n.joins = dropped(n.joins, i)
	return append(out, done)
}

// contacted takes note of how an exchange of a Join went.
func (n *Node) contacted(op spec.OpID, good bool, out []spec.Effect) []spec.Effect {
	i := slices.IndexFunc(n.joins, func(j join) bool { return j.op == op })
	if good {
		n.joins[i].nodes++
	}
	return n.contactNext(i, out)
}

// leave executes Leave.
//
// GO-AE-07, GO-FD-17 (memberlist Leave).
func (n *Node) leave(in Leave, out []spec.Effect) []spec.Effect {
	if n.left {
		return fail(in.Op, ErrLeft, out)
	}
	n.left = true
	at, _ := n.find(n.cfg.Name)
	m := n.believe(at, View{wire.StateLeft, n.nodes[at].Incarnation})
	n.setDoubt(doubt{name: m.Name, since: n.now, due: never})
	return n.tellUntil(in.Op, &rumor{
		kind: wire.TypeDead, node: m.Name, from: m.Name, incarnation: m.Incarnation,
	}, out)
}

// update executes Update. At the highest incarnation there is no news any more.
//
// GO-FD-13 (memberlist UpdateNode).
func (n *Node) update(in Update, out []spec.Effect) []spec.Effect {
	switch {
	case n.left:
		return fail(in.Op, ErrLeft, out)
	case len(in.Meta) > wire.MaxMeta:
		return fail(in.Op, ErrTooLarge, out)
	case n.underWay() >= n.cfg.MaxCommands:
		return fail(in.Op, ErrBusy, out)
	}
	at, _ := n.find(n.cfg.Name)
	m := *n.nodes[at]
	view, outcome := Hear(m.view(), Claim{State: wire.StateAlive, Incarnation: m.Incarnation, Differs: true}, true)
	if outcome != Rebutted {
		return fail(in.Op, ErrTooLarge, out)
	}
	m.Incarnation, m.Meta = view.Incarnation, bytes.Clone(in.Meta)
	n.set(at, &m)
	return n.tellUntil(in.Op, &rumor{
		kind: wire.TypeAlive, node: m.Name, incarnation: m.Incarnation,
		addr: m.Addr, bytes: m.Meta, versions: m.Versions,
	}, out)
}

// tellUntil queues the rumor of a command, which ends with it; or at once if
// there is nobody to hear it.
func (n *Node) tellUntil(op spec.OpID, r *rumor, out []spec.Effect) []spec.Effect {
	r.op, r.awaited = op, n.othersAlive()
	out = n.toldOften(n.tell(r), out)
	if !r.awaited {
		return append(out, spec.Done{Op: op})
	}
	n.waits = append(n.waits, wait{op, n.now + n.cfg.BroadcastTimeout})
	return out
}

// toldOften ends the command that has waited for r, which has been told often
// enough, or has had to make room for newer news. There may be none.
func (n *Node) toldOften(r *rumor, out []spec.Effect) []spec.Effect {
	if r == nil || !r.awaited {
		return out
	}
	for i, w := range n.waits {
		if w.op == r.op {
			n.waits = dropped(n.waits, i)
			return append(out, spec.Done{Op: r.op})
		}
	}
	return out // it has timed out
}

// broadcast executes Broadcast.
func (n *Node) broadcast(in Broadcast, out []spec.Effect) []spec.Effect {
	r := &rumor{kind: wire.TypeUser, bytes: in.Payload}
	switch {
	case n.left:
		return fail(in.Op, ErrLeft, out)
	case wire.BodySize(r.message())+compoundOverhead+partOverhead > n.cfg.PacketSize:
		return fail(in.Op, ErrTooLarge, out)
	case len(n.news.list) >= n.cfg.MaxUser:
		return fail(in.Op, ErrBusy, out)
	}
	r.bytes = bytes.Clone(in.Payload)
	n.news.add(r)
	n.armGossip()
	return append(out, spec.Done{Op: in.Op})
}

// sendUser executes SendUser.
//
// GO-WF-08 (memberlist SendBestEffort, SendReliable).
func (n *Node) sendUser(in SendUser, out []spec.Effect) []spec.Effect {
	payload := bytes.Clone(in.Payload)
	switch {
	case !reachable(in.To):
		return fail(in.Op, ErrBadAddr, out)
	case in.Reliable && len(in.Payload) > wire.MaxUser,
		!in.Reliable && 1+len(in.Payload) > n.cfg.PacketSize:
		return fail(in.Op, ErrTooLarge, out)
	case !in.Reliable:
		out = n.send(in.To, false, []wire.Message{wire.User{Payload: payload}}, out)
		return append(out, spec.Done{Op: in.Op})
	case n.underWay() >= n.cfg.MaxCommands:
		return fail(in.Op, ErrBusy, out)
	}
	_, out = n.dial(stream{
		purpose: sending, op: in.Op, payload: payload, due: n.now + n.cfg.StreamTimeout,
	}, in.To, out)
	return out
}

// share executes Share.
func (n *Node) share(in Share, out []spec.Effect) []spec.Effect {
	if len(in.State) > wire.MaxUser {
		return fail(in.Op, ErrTooLarge, out)
	}
	n.shared = bytes.Clone(in.State)
	return append(out, spec.Done{Op: in.Op})
}
