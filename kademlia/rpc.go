package kademlia

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// rpc is one request under way. All wait equally long, so that the order of
// sending is the order of deadlines.
type rpc struct {
	id       ID
	to       Contact // ID unknown, and 0, for a Ping command
	deadline time.Duration
	kind     rpcKind
	search   uint32    // serial of the lookup it serves, 0: none
	op       spec.OpID // of a Ping command
}

type rpcKind uint8

const (
	pingCommand rpcKind = iota // PING for the application
	pingProbe                  // PING that decides about an eviction
	storeRPC                   // STORE
	nodesRPC                   // FIND_NODE
	valueRPC                   // FIND_VALUE
)

// The reasons for refused messages, wrapped with what was found.
var (
	errSender   = errors.New("kademlia: sender")
	errReply    = errors.New("kademlia: reply")
	errContacts = errors.New("kademlia: contacts")
	errValue    = errors.New("kademlia: value")
)

// backOff is how long a contact is left alone after its first unanswered
// request; each further one doubles it. It outlives the lookups that a node
// runs in one go but not a short outage.
const backOff = 30 * time.Second

// request sends msg, whose header it fills, and waits for the reply. Callers
// make sure that there is room.
func (n *Node) request(r rpc, build func(Header) spec.Message, out []spec.Effect) []spec.Effect {
	n.rng.Fill(r.id[:])
	r.deadline = n.now + n.cfg.RPCTimeout
	n.rpcs = append(n.rpcs, r)
	return append(out, spec.Send{To: r.to.Addr, Msg: build(Header{r.id, n.cfg.ID})})
}

// freePings is how many more requests outside any lookup may be under way.
func (n *Node) freePings() int {
	free := n.cfg.MaxPings
	for i := range n.rpcs {
		if n.rpcs[i].search == 0 {
			free--
		}
	}
	return free
}

// ping executes the command Ping.
func (n *Node) ping(in Ping, out []spec.Effect) []spec.Effect {
	switch {
	case !usable(in.To):
		return fail(in.Op, ErrBadAddress, out)
	case n.freePings() == 0:
		return fail(in.Op, ErrBusy, out)
	}
	r := rpc{to: Contact{Addr: in.To}, kind: pingCommand, op: in.Op}
	return n.request(r, func(h Header) spec.Message { return PingRequest{h} }, out)
}

func fail(op spec.OpID, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Done{Op: op, Err: err})
}

// receive handles one message. Whatever is refused leaves no trace but a Drop.
func (n *Node) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	switch m := in.Msg.(type) {
	case PingRequest:
		if d := n.refuseSender(in.From, m.Header); d != nil {
			return append(out, *d)
		}
		return n.answer(in.From, m.Header, PingReply{n.reply(m.Header)}, out)
	case StoreRequest:
		if d := n.refuseStore(in.From, &m); d != nil {
			return append(out, *d)
		}
		// Filed first: a newcomer need not be handed what it just sent.
		out = n.answer(in.From, m.Header, StoreReply{n.reply(m.Header)}, out)
		n.keep(m.Key, m.Value, m.TTL)
		return out
	case FindNodeRequest:
		if d := n.refuseRequest(in.From, m.Header, m.Target); d != nil {
			return append(out, *d)
		}
		return n.answer(in.From, m.Header, n.nodesReply(m.Header, m.Target), out)
	case FindValueRequest:
		if d := n.refuseRequest(in.From, m.Header, m.Key); d != nil {
			return append(out, *d)
		}
		return n.answer(in.From, m.Header, n.valueReply(m.Header, m.Key), out)
	case PingReply:
		return n.receiveReply(in, m.Header, out, pingCommand, pingProbe)
	case StoreReply:
		return n.receiveReply(in, m.Header, out, storeRPC)
	case NodesReply:
		return n.receiveReply(in, m.Header, out, nodesRPC, valueRPC)
	case ValueReply:
		return n.receiveReply(in, m.Header, out, valueRPC)
	}
	return append(out, spec.Drop{From: in.From, Clause: "KAD-RPC-002",
		Reason: fmt.Errorf("kademlia: message of type %T", in.Msg)})
}

// refuseSender judges what every message shares: a sender other than the own
// node, inside the identifier space, at an address that can be answered.
func (n *Node) refuseSender(from netip.AddrPort, h Header) *spec.Drop {
	drop := spec.Drop{From: from, Clause: "KAD-METRIC-001"}
	switch {
	case h.Sender == n.cfg.ID:
		drop.Clause = "KAD-BUCKET-017"
		drop.Reason = fmt.Errorf("%w: claims the own identifier", errSender)
	case !h.Sender.Fits(n.cfg.IDBits):
		drop.Reason = fmt.Errorf("%w: %v exceeds %d bits", errSender, h.Sender, n.cfg.IDBits)
	case !usable(from):
		drop.Clause = "KAD-BUCKET-001"
		drop.Reason = fmt.Errorf("%w: unusable address %v", errSender, from)
	default:
		return nil
	}
	return &drop
}

func (n *Node) refuseRequest(from netip.AddrPort, h Header, target ID) *spec.Drop {
	if !target.Fits(n.cfg.IDBits) {
		return &spec.Drop{From: from, Clause: "KAD-METRIC-001",
			Reason: fmt.Errorf("kademlia: target %v exceeds %d bits", target, n.cfg.IDBits)}
	}
	return n.refuseSender(from, h)
}

func (n *Node) refuseStore(from netip.AddrPort, m *StoreRequest) *spec.Drop {
	if d := n.refuseRequest(from, m.Header, m.Key); d != nil {
		return d
	}
	drop := spec.Drop{From: from, Clause: "KAD-RPC-009"}
	switch {
	case len(m.Value) > n.cfg.MaxValueBytes:
		drop.Reason = fmt.Errorf("%w: %d bytes, limit %d", errValue, len(m.Value), n.cfg.MaxValueBytes)
	case m.TTL <= 0:
		drop.Clause = "KAD-STORE-003"
		drop.Reason = fmt.Errorf("%w: TTL %v", errValue, m.TTL)
	case len(n.values) >= n.cfg.MaxValues && n.value(m.Key) == nil:
		drop.Reason = fmt.Errorf("%w: %d are held already", errValue, len(n.values))
	default:
		return nil
	}
	return &drop
}

// answer sends the reply and only then files the requester, so that the reply
// tells what the node knew when it was asked.
func (n *Node) answer(
	from netip.AddrPort, h Header, reply spec.Message, out []spec.Effect,
) []spec.Effect {
	out = append(out, spec.Send{To: from, Msg: reply})
	c := Contact{h.Sender, from}
	return n.filed(n.table.Heard(c, n.now), out)
}

// reply is the header of an answer: it echoes the RPC identifier.
//
// KAD-RPC-003, KAD-RPC-004 (Kademlia §2.3).
func (n *Node) reply(h Header) Header { return Header{h.RPC, n.cfg.ID} }

// KAD-RPC-005 (Kademlia §2.3). Stale contacts are not handed out.
func (n *Node) nodesReply(h Header, target ID) spec.Message {
	keep := func(e *Entry) bool { return e.Failures < n.table.staleAfter }
	found := make([]Contact, 0, min(n.cfg.K, n.table.Len()))
	return NodesReply{n.reply(h), n.table.Closest(target, n.cfg.K, keep, found)}
}

// KAD-RPC-007, KAD-RPC-008 (Kademlia §2.3).
func (n *Node) valueReply(h Header, key ID) spec.Message {
	if v := n.value(key); v != nil {
		return ValueReply{n.reply(h), v.expireAt - n.now, v.data}
	}
	return n.nodesReply(h, key)
}

// receiveReply matches a reply with the request under way: identifier, address,
// sender and kind have to agree.
//
// KAD-RPC-003 (Kademlia §2.3).
func (n *Node) receiveReply(
	in spec.Recv, h Header, out []spec.Effect, kinds ...rpcKind,
) []spec.Effect {
	refuse := func(clause string, err error) []spec.Effect {
		return append(out, spec.Drop{From: in.From, Clause: clause, Reason: err})
	}
	i := n.awaited(&h.RPC)
	if i < 0 {
		return refuse("KAD-RPC-003", fmt.Errorf("%w: RPC %v is not awaited", errReply, h.RPC))
	}
	r := n.rpcs[i]
	anyID := r.kind == pingCommand
	switch {
	case r.to.Addr != in.From:
		return refuse("KAD-RPC-003", fmt.Errorf("%w: asked %v", errReply, r.to.Addr))
	case !anyID && r.to.ID != h.Sender:
		return refuse("KAD-RPC-003", fmt.Errorf("%w: asked node %v, got %v", errReply, r.to.ID, h.Sender))
	case !slices.Contains(kinds, r.kind):
		return refuse("KAD-RPC-003", fmt.Errorf("%w: %T answers another request", errReply, in.Msg))
	}
	if d := n.refuseSender(in.From, h); d != nil {
		return append(out, *d)
	}
	if clause, err := n.checkBody(in.Msg); err != nil {
		return refuse(clause, err)
	}
	n.rpcs = slices.Delete(n.rpcs, i, i+1)
	r.to.ID = h.Sender
	out = n.filed(n.table.Replied(r.to, n.now), out)
	if r.kind == pingCommand {
		return append(out, spec.Done{Op: r.op, Result: Ponged{r.to}})
	}
	return n.advance(&r, in.Msg, out)
}

func (n *Node) awaited(id *ID) int {
	for i := range n.rpcs {
		if same(&n.rpcs[i].id, id) {
			return i
		}
	}
	return -1
}

// checkBody judges what a reply carries.
func (n *Node) checkBody(msg spec.Message) (clause string, err error) {
	switch m := msg.(type) {
	case NodesReply:
		if len(m.Contacts) > n.cfg.K {
			return "KAD-RPC-005", fmt.Errorf("%w: %d, at most k = %d", errContacts,
				len(m.Contacts), n.cfg.K)
		}
		for i := range m.Contacts {
			if !m.Contacts[i].ID.Fits(n.cfg.IDBits) {
				return "KAD-METRIC-001", fmt.Errorf("%w: %v exceeds %d bits", errContacts,
					m.Contacts[i].ID, n.cfg.IDBits)
			}
		}
	case ValueReply:
		if len(m.Value) > n.cfg.MaxValueBytes {
			return "KAD-RPC-007", fmt.Errorf("%w: %d bytes, limit %d", errValue,
				len(m.Value), n.cfg.MaxValueBytes)
		}
	}
	return "", nil
}

// filed acts on what the routing table says: it pings the contact whose
// eviction is at stake, and hands values to a newcomer.
//
// KAD-BUCKET-006 (Kademlia §2.2); with DelayProbes KAD-BUCKET-011 (§4.1).
func (n *Node) filed(r Result, out []spec.Effect) []spec.Effect {
	if r.Probes() {
		if n.cfg.DelayProbes || n.freePings() == 0 {
			n.table.Unprobe(r.Probe.ID)
		} else {
			probe := rpc{to: r.Probe, kind: pingProbe}
			out = n.request(probe, func(h Header) spec.Message { return PingRequest{h} }, out)
		}
	}
	if r.Change == Added || r.Change == Replaced {
		out = n.handOver(r.New, out)
	}
	return out
}

// timeOut gives up on the oldest request. It is not sent again: a lookup needs
// only some of the answers.
//
// KAD-RPC-011, KAD-BUCKET-014 (Kademlia §4.1).
func (n *Node) timeOut(out []spec.Effect) []spec.Effect {
	r := n.rpcs[0]
	n.rpcs = slices.Delete(n.rpcs, 0, 1)
	if r.kind == pingCommand {
		return fail(r.op, ErrNoAnswer, out)
	}
	out = n.filed(n.table.Failed(r.to.ID, n.now), out)
	return n.advance(&r, nil, out)
}
