package mainline

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// query is a query of ours in flight. All have the same timeout, so they are
// kept in the order in which they were sent.
type query struct {
	t     uint32 // transaction id, unique among those in flight
	role  role
	known bool // only the node with this id may answer
	to    netip.AddrPort
	id    kademlia.ID
	sent  time.Duration
	op    uint32 // serial of the command it serves; 0: none, or ended
}

// role is what a query is for.
type role uint8

const (
	roleProbe  role = iota // of the routing table: does a contact still answer
	roleVerify             // does a stranger who sent a query exist
	roleSingle             // the whole of a Ping or Sample
	roleSeed               // an address of a Bootstrap
	roleWalk               // a step of a lookup
	roleStore              // announce_peer or put
)

// roomKept is for how many queries an idle node keeps room, those of a lookup.
const roomKept = 4

var (
	errStray   = errors.New("no such query to this address is in flight")
	errIDGone  = errors.New("the answer comes from another id than the one asked")
	errNoID    = errors.New("id is missing")
	errSource  = errors.New("nothing can be sent to the source address")
	errKindNot = errors.New("message is neither query, response nor error")
)

// ask sends m as a query. The caller fills role, id and op of q, and method
// and arguments of m.
func (n *step) ask(q query, m Message) {
	for q.t = n.draw(); n.transaction(q.t) >= 0; q.t = n.draw() {
	}
	q.sent = n.now
	n.queries = append(n.queries, q)
	msg := &struct {
		Message
		buf [4 + maxVersion]byte // one allocation holds it all
	}{Message: m}
	msg.Kind, msg.T = Query, binary.BigEndian.AppendUint32(msg.buf[:0:4], q.t)
	msg.V = append(msg.buf[4:4], n.cfg.Version...)
	msg.ReadOnly = n.cfg.ReadOnly // BEP43-RO-001
	msg.ID, msg.Has = n.id, m.Has|HasID
	n.emit(spec.Send{To: q.to, Msg: &msg.Message})
}

func (n *Node) draw() uint32 { return uint32(n.rng.Uint64()) }

// transaction returns the index of the query in flight with the id t, or -1.
func (n *Node) transaction(t uint32) int {
	return slices.IndexFunc(n.queries, func(q query) bool { return q.t == t })
}

// receive takes one message. BEP05-KRPC-009, BEP05-KRPC-012
func (n *step) receive(in spec.Recv) {
	m, ok := in.Msg.(*Message)
	if !ok {
		panic("mainline: received a message of another protocol")
	}
	from := netip.AddrPortFrom(in.From.Addr().Unmap(), in.From.Port())
	switch {
	case !n.reachable(from) || n.table(from) == nil:
		n.drop(in.From, "BEP05-KRPC-012", errSource)
	case m.Kind == Query:
		n.answer(from, m)
	case m.Kind == Response || m.Kind == Error:
		n.conclude(from, m)
	default:
		n.drop(from, "BEP05-KRPC-001", errKindNot)
	}
}

func (n *step) drop(from netip.AddrPort, clause string, reason error) {
	n.emit(spec.Drop{From: from, Clause: clause, Reason: reason})
}

// conclude takes a response or an error. Only the address asked can end a
// query, only with its transaction id, and nothing is ever sent back to a
// message that answers none: it may be late, or a forgery that wants to make
// two nodes talk. BEP05-KRPC-010, BEP05-KRPC-011
func (n *step) conclude(from netip.AddrPort, m *Message) {
	i := -1
	if len(m.T) == 4 {
		i = n.transaction(binary.BigEndian.Uint32(m.T))
	}
	if i < 0 || n.queries[i].to != from {
		n.drop(from, "BEP05-KRPC-010", errStray)
		return
	}
	q := n.queries[i]
	if m.Kind == Error { // BEP05-RPC-013
		n.end(i)
		if q.role == roleProbe {
			n.table(q.to).Unprobe(q.id)
		}
		n.failed(q, &RemoteError{Code: m.Code, Text: m.Text})
		return
	}
	op := n.opOf(q)
	if clause, err := n.refuse(q, op, m); err != nil {
		n.drop(from, clause, err)
		return
	}
	n.end(i)
	n.heard(kademlia.Contact{ID: m.ID, Addr: from})
	n.vote(from.Addr(), m.IP)
	if op != nil {
		n.answered(op, q, m)
	}
}

// refuse says why a response is as good as none. A query whose answer was
// refused stays in flight: an honest answer may follow.
func (n *Node) refuse(q query, o *op, m *Message) (clause string, err error) {
	switch {
	case !m.has(HasID):
		return "BEP05-KRPC-004", errNoID
	case q.known && m.ID != q.id, m.ID == n.id:
		return "BEP05-KRPC-010", errIDGone
	case o != nil && q.role == roleWalk && (o.kind == opGetItem || o.kind == opPut):
		return o.refuseItem(m)
	}
	return "", nil
}

// end takes query i out of those in flight. The room that a burst of them took
// is given back once all have ended.
func (n *Node) end(i int) {
	if r := n.queries[i].role; r == roleProbe || r == roleVerify {
		n.pings--
	}
	n.queries = slices.Delete(n.queries, i, i+1)
	if len(n.queries) == 0 && cap(n.queries) > roomKept {
		n.queries = nil
	}
}

// timeOut ends the oldest query, which was not answered.
func (n *step) timeOut() {
	q := n.queries[0]
	n.end(0)
	if table := n.table(q.to); q.known {
		n.probe(table, table.Failed(q.id, n.now))
	}
	n.failed(q, nil)
}

// failed tells the command that a query served that there will be no answer:
// it timed out, or ended in an error.
func (n *step) failed(q query, refusal *RemoteError) {
	o := n.opOf(q)
	if o == nil {
		return
	}
	switch q.role {
	case roleSingle:
		if refusal == nil {
			n.finish(o, nil, ErrTimeout)
		} else {
			n.finish(o, nil, refusal)
		}
		return
	case roleWalk:
		o.walks[familyOf(q.to)].lookup.Failed(q.id)
	case roleSeed:
		o.waiting--
	case roleStore:
		o.waiting--
		if refusal != nil {
			o.refusal = *refusal
		}
	}
	n.progress(o)
}

// opOf returns the command that q serves, nil if none or it has ended.
func (n *Node) opOf(q query) *op {
	if q.op == 0 {
		return nil
	}
	i := slices.IndexFunc(n.ops, func(o *op) bool { return o.serial == q.op })
	if i < 0 {
		return nil
	}
	return n.ops[i]
}
