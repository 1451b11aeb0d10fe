package chord

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// The reasons for refused messages, wrapped with what was found.
var (
	errSender = errors.New("chord: sender")
	errReply  = errors.New("chord: reply")
	errList   = errors.New("chord: list")
	errKey    = errors.New("chord: key")
	errHops   = errors.New("chord: hops")
)

// newRPC returns the next identifier, never 0.
func (n *Node) newRPC() uint32 {
	n.lastRPC = n.lastRPC%(1<<n.cfg.RPCBits-1) + 1
	return n.lastRPC
}

// receive handles one message. Whatever is refused leaves no trace but a Drop.
func (n *Node) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	switch m := in.Msg.(type) {
	case Ping:
		if d := n.refuseRequest(in.From, m.Header); d != nil {
			return append(out, *d)
		}
		return append(out, spec.Send{To: in.From, Msg: Pong{n.reply(m.Header)}})
	case GetNeighbors:
		if d := n.refuseRequest(in.From, m.Header); d != nil {
			return append(out, *d)
		}
		return n.answerNeighbors(in.From, m.Header, out)
	case Notify:
		if d := n.refuseRequest(in.From, m.Header); d != nil {
			return append(out, *d)
		}
		return n.notified(Peer{m.Sender, in.From}, out)
	case Leaving:
		if d := n.refuseLeaving(in.From, &m); d != nil {
			return append(out, *d)
		}
		return n.left(&m, out)
	case ClosestPreceding:
		if d := n.refuseKey(in.From, m.Header, m.Key); d != nil {
			return append(out, *d)
		}
		step := Step{n.reply(m.Header), n.preceding(m.Key, n.cfg.MaxSteps), n.ownersOf(m.Key)}
		return append(out, spec.Send{To: in.From, Msg: step})
	case FindSuccessor:
		return n.receiveFind(in.From, &m, out)
	case Pong:
		return n.receiveReply(in, m.Header, out)
	case Neighbors:
		return n.receiveReply(in, m.Header, out)
	case Busy:
		return n.receiveReply(in, m.Header, out)
	case Step:
		return n.receiveReply(in, m.Header, out)
	case Read, ReadAck, Write, WriteAck, Offer:
		return n.receiveStorage(in, out)
	case FoundSuccessor:
		return n.receiveFound(in.From, &m, out)
	}
	return append(out, spec.Drop{From: in.From, Clause: "CHORD-RPC-001",
		Reason: fmt.Errorf("chord: message of type %T", in.Msg)})
}

// reply is the header of an answer: it echoes the RPC identifier.
func (n *Node) reply(h Header) Header { return Header{h.RPC, n.cfg.ID} }

// answerNeighbors tells the list, or that it is undefined. The query is stored
// only if who asked waits, see heardBusy: an answer on its way to a node that
// has given up waiting would count as applied, and never be.
//
// CHORD-BUSY-001, CHORD-BUSY-003 (Zave 2017, asynchronous form).
func (n *Node) answerNeighbors(from netip.AddrPort, h Header, out []spec.Effect) []spec.Effect {
	if n.query.undefined() && n.cfg.Variant == Corrected {
		if h.Sender.Cmp(n.cfg.ID) < 0 {
			n.wait(waiter{from, h.RPC})
		}
		return append(out, spec.Send{To: from, Msg: Busy{n.reply(h)}})
	}
	return append(out, n.neighbors(from, h.RPC))
}

func (n *Node) neighbors(to netip.AddrPort, rpc uint32) spec.Effect {
	return spec.Send{To: to, Msg: Neighbors{Header{rpc, n.cfg.ID}, n.predecessor, n.successors}}
}

// refuseSender judges what every message shares: a sender other than the own
// node, on the circle, at an address that can be answered.
func (n *Node) refuseSender(from netip.AddrPort, h Header) *spec.Drop {
	drop := spec.Drop{From: from, Clause: "CHORD-ID-001"}
	switch {
	case h.Sender == n.cfg.ID:
		drop.Clause = "CHORD-ASSUME-005"
		drop.Reason = fmt.Errorf("%w: claims the own identifier", errSender)
	case !h.Sender.Fits(n.cfg.IDBits):
		drop.Reason = fmt.Errorf("%w: %v exceeds %d bits", errSender, h.Sender, n.cfg.IDBits)
	case !reachable(from):
		drop.Clause = "CHORD-RPC-002"
		drop.Reason = fmt.Errorf("%w: unusable address %v", errSender, from)
	default:
		return nil
	}
	return &drop
}

// refuseRequest also wants the node to be a member: others are as good as dead.
//
// CHORD-JOIN-006 (Zave 2017, "non-members have no state").
func (n *Node) refuseRequest(from netip.AddrPort, h Header) *spec.Drop {
	if d := n.refuseSender(from, h); d != nil || n.member {
		return d
	}
	return &spec.Drop{From: from, Clause: "CHORD-JOIN-006", Reason: ErrNotMember}
}

func (n *Node) refuseKey(from netip.AddrPort, h Header, key ID) *spec.Drop {
	if !key.Fits(n.cfg.IDBits) {
		return &spec.Drop{From: from, Clause: "CHORD-ID-001",
			Reason: fmt.Errorf("%w: %v exceeds %d bits", errKey, key, n.cfg.IDBits)}
	}
	return n.refuseRequest(from, h)
}

func (n *Node) refuseLeaving(from netip.AddrPort, m *Leaving) *spec.Drop {
	if d := n.refuseRequest(from, m.Header); d != nil {
		return d
	}
	if p := m.Predecessor; p != (Peer{}) && !n.usable(&p) {
		return &spec.Drop{From: from, Clause: "CHORD-LEAVE-004",
			Reason: fmt.Errorf("%w: unusable predecessor %v at %v", errList, p.ID, p.Addr)}
	}
	return nil
}

// receiveReply gives an answer to the request that awaits it: identifier,
// address, sender and kind have to agree. From anybody else it is nothing.
//
// CHORD-RPC-003, CHORD-BUSY-004 (Zave 2017, asynchronous form).
func (n *Node) receiveReply(in spec.Recv, h Header, out []spec.Effect) []spec.Effect {
	if d := n.refuseSender(in.From, h); d != nil {
		return append(out, *d)
	}
	from := Peer{h.Sender, in.From}
	if q := &n.query; q.kind != noQuery && q.rpc == h.RPC && q.to == from {
		if clause, err := n.checkBody(in.Msg, &from); err != nil {
			return append(out, spec.Drop{From: in.From, Clause: clause, Reason: err})
		}
		return n.queryAnswered(in, out)
	}
	for i := range n.lookups {
		if l := &n.lookups[i]; l.rpc == h.RPC && l.asked == from && l.phase <= verifying {
			if clause, err := n.checkStep(in.Msg, l, &from); err != nil {
				return append(out, spec.Drop{From: in.From, Clause: clause, Reason: err})
			}
			if m, ok := in.Msg.(Step); ok {
				return n.stepAnswered(i, &m, out)
			}
			return n.ownerAnswered(i, out)
		}
	}
	return n.notAwaited(from, h.RPC, out)
}

// late is a request that timed out.
type late struct {
	rpc uint32
	to  ID
}

func (n *Node) gaveUp(rpc uint32, to ID) {
	if n.cfg.LateAnswers == 0 {
		return
	}
	list := append(slices.Clone(n.late), late{rpc, to})
	n.late = list[max(0, len(list)-n.cfg.LateAnswers):]
}

// notAwaited tells an answer that is late from one that is stray.
//
// CHORD-ASSUME-003 (Zave 2017, failure detection).
func (n *Node) notAwaited(from Peer, rpc uint32, out []spec.Effect) []spec.Effect {
	if i := slices.Index(n.late, late{rpc, from.ID}); i >= 0 {
		n.late = slices.Delete(slices.Clone(n.late), i, i+1)
		return append(out, spec.Notify{Event: AssumptionBroken{TimelyAnswers}})
	}
	return append(out, spec.Drop{From: from.Addr, Clause: "CHORD-RPC-003",
		Reason: fmt.Errorf("%w: RPC %d from %v is not awaited", errReply, rpc, from.ID)})
}

// queryAnswered hands the answer to the query to what it was for.
func (n *Node) queryAnswered(in spec.Recv, out []spec.Effect) []spec.Effect {
	switch m := in.Msg.(type) {
	case Busy:
		return n.heardBusy(out)
	case Pong:
		if n.query.kind == flushPredecessor {
			return n.rest(n.cfg.Stabilize, out)
		}
		return n.predecessorAnswered(out)
	case Neighbors:
		if n.cfg.Variant == Original {
			return n.originalAnswered(&m, out)
		}
		switch n.query.kind {
		case askPlace:
			return n.placeAnswered(&m, out)
		case askSuccessor:
			return n.successorAnswered(&m, out)
		}
		return n.candidateAnswered(&m, out)
	}
	panic("unreachable: checkBody")
}

// checkBody judges whether msg answers the query.
func (n *Node) checkBody(msg spec.Message, from *Peer) (clause string, err error) {
	trying := n.query.pings()
	switch m := msg.(type) {
	case Pong:
		if trying {
			return "", nil
		}
	case Busy:
		if !trying {
			return "", nil
		}
	case Neighbors:
		if !trying {
			return n.checkNeighbors(&m, from)
		}
	}
	return "CHORD-RPC-003", fmt.Errorf("%w: %T answers another request", errReply, msg)
}

// checkNeighbors judges a successor list: no longer than r, each entry on the
// circle, and one after the other going clockwise from the sender, which
// excludes repetition and the sender itself.
//
// CHORD-INV-003, CHORD-INV-004 (Zave 2017, OrderedSuccessorLists, NoDuplicates).
func (n *Node) checkNeighbors(m *Neighbors, from *Peer) (clause string, err error) {
	if p := m.Predecessor; p != (Peer{}) && (!n.usable(&p) || p.ID == from.ID) {
		return "CHORD-RECT-007", fmt.Errorf("%w: predecessor %v at %v", errList, p.ID, p.Addr)
	}
	if len(m.Successors) > n.cfg.Successors {
		return "CHORD-INV-005", fmt.Errorf("%w: %d successors, at most %d", errList,
			len(m.Successors), n.cfg.Successors)
	}
	last := from.ID
	for i := range m.Successors {
		p := m.Successors[i].from(*from)
		switch {
		case !p.ID.Fits(n.cfg.IDBits):
			return "CHORD-ID-001", fmt.Errorf("%w: %v exceeds %d bits", errList, p.ID, n.cfg.IDBits)
		case !reachable(p.Addr):
			return "CHORD-RPC-002", fmt.Errorf("%w: unusable address %v", errList, p.Addr)
		case n.cfg.Variant == Corrected && !Between(last, p.ID, from.ID):
			return "CHORD-INV-003", fmt.Errorf("%w: %v does not follow %v clockwise from %v", errList,
				p.ID, last, from.ID)
		}
		last = p.ID
	}
	return "", nil
}

// checkStep judges whether msg answers the request of a lookup, and what it
// names.
//
// CHORD-LOOKUP-005.
func (n *Node) checkStep(msg spec.Message, l *lookup, from *Peer) (clause string, err error) {
	m, ok := msg.(Step)
	_, pong := msg.(Pong)
	if ok != (l.phase == walking) || pong != (l.phase == verifying) {
		return "CHORD-RPC-003", fmt.Errorf("%w: %T answers another request", errReply, msg)
	}
	if len(m.Preceding) > maxWirePeers || len(m.Owners) > MaxSuccessors+1 {
		return "CHORD-LOOKUP-005", fmt.Errorf("%w: %d and %d nodes", errList,
			len(m.Preceding), len(m.Owners))
	}
	for i := range m.Preceding {
		p := &m.Preceding[i]
		if !n.usable(p) || !Between(from.ID, p.ID, l.key) {
			return "CHORD-LOOKUP-005", fmt.Errorf("%w: %v at %v is not a step from %v to %v", errList,
				p.ID, p.Addr, from.ID, l.key)
		}
	}
	for i := range m.Owners {
		p := m.Owners[i].from(*from)
		if !n.usable(&p) || i > 0 && !Between(m.Owners[i-1].ID, p.ID, l.key) {
			return "CHORD-LOOKUP-005", fmt.Errorf("%w: owner %v at %v", errList, p.ID, p.Addr)
		}
	}
	return "", nil
}
