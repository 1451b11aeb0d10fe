package chord

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

var (
	errValue = errors.New("chord: value")
	errStamp = errors.New("chord: stamp")
)

// receiveStorage handles the messages of storage. What is refused leaves no
// trace but a Drop.
func (n *Node) receiveStorage(in spec.Recv, out []spec.Effect) []spec.Effect {
	switch m := in.Msg.(type) {
	case Read:
		if d := n.refuseKey(in.From, m.Header, m.Key); d != nil {
			return append(out, *d)
		}
		return append(out, spec.Send{To: in.From, Msg: n.readHere(m)})
	case Write:
		if d := n.refuseWrite(in.From, &m); d != nil {
			return append(out, *d)
		}
		return append(out, spec.Send{To: in.From, Msg: n.writeHere(m)})
	case Offer:
		if d := n.refuseOffer(in.From, &m); d != nil {
			return append(out, *d)
		}
		return append(out, spec.Send{To: in.From, Msg: n.offerHere(m)})
	case ReadAck:
		return n.receiveReadAck(in.From, &m, out)
	case WriteAck:
		return n.receiveWriteAck(in.From, &m, out)
	}
	panic(fmt.Sprintf("chord: not a message of storage: %T", in.Msg))
}

// readHere answers Read. A node that leaves cannot tell any more what it has
// handed over.
//
// CHORD-QUORUM-008.
func (n *Node) readHere(m Read) ReadAck {
	ack := ReadAck{Header: n.reply(m.Header), Key: m.Key, Leaving: n.leaving}
	if r := n.record(m.Key); r != nil {
		ack.Leaving, ack.Stamp, ack.Value = false, r.stamp, r.value
	}
	return ack
}

// writeHere answers Write. A node that leaves takes nothing any more, because
// it might go before it has passed it on.
//
// CHORD-KEY-003, CHORD-QUORUM-008.
func (n *Node) writeHere(m Write) WriteAck {
	if !n.leaving {
		n.keep(m.Key, m.Stamp, m.Value)
	}
	return n.writeAck(m.Header, m.Key)
}

// offerHere answers Offer. A replica that is asked need not ask whether it is
// one, unless it holds a later value than the owner: then it offers that soon.
//
// CHORD-STORE-010.
func (n *Node) offerHere(m Offer) WriteAck {
	if r := n.record(m.Key); r != nil && !r.owned {
		if r.checkAt = n.nextCheck(r); r.stamp.Cmp(m.Stamp) > 0 {
			r.checkAt = n.now
		}
	}
	return n.writeAck(m.Header, m.Key)
}

func (n *Node) writeAck(h Header, key ID) WriteAck {
	ack := WriteAck{Header: n.reply(h), Key: key, Leaving: n.leaving, Owner: n.Owns(key)}
	ack.Replica = ack.Owner && contains(n.replicas(), h.Sender)
	if r := n.record(key); r != nil && !n.leaving {
		ack.Stamp = r.stamp
	}
	return ack
}

// receiveReadAck gives an answer to the operation that awaits it.
func (n *Node) receiveReadAck(from netip.AddrPort, m *ReadAck, out []spec.Effect) []spec.Effect {
	if d := n.refuseValue(from, m.Header, m.Key, m.Stamp, m.Value); d != nil {
		return append(out, *d)
	}
	if i, k := n.awaiting(reading, m.Header, m.Key, from); i >= 0 {
		return n.replicaRead(i, k, *m, out)
	}
	return n.notAwaited(Peer{m.Sender, from}, m.RPC, out)
}

// receiveWriteAck gives an answer to the operation or transfer that awaits it.
func (n *Node) receiveWriteAck(from netip.AddrPort, m *WriteAck, out []spec.Effect) []spec.Effect {
	if d := n.refuseStamp(from, m.Header, m.Key, m.Stamp); d != nil {
		return append(out, *d)
	}
	if i, k := n.awaiting(writing, m.Header, m.Key, from); i >= 0 {
		return n.replicaWrote(i, k, *m, out)
	}
	for i := range n.store.transfers {
		t := &n.store.transfers[i]
		if t.phase != locating && t.rpc == m.RPC && t.key == m.Key && t.to == (Peer{m.Sender, from}) {
			return n.transferAnswered(i, *m, out)
		}
	}
	return n.notAwaited(Peer{m.Sender, from}, m.RPC, out)
}

// awaiting returns the operation that awaits the answer of one of its replicas,
// and which replica that is.
func (n *Node) awaiting(ph operationPhase, h Header, key ID, from netip.AddrPort) (i, k int) {
	for i := range n.store.operations {
		o := &n.store.operations[i]
		if o.phase != ph || o.rpc != h.RPC || o.key != key {
			continue
		}
		k := slices.Index(o.group, Peer{h.Sender, from})
		if k >= 0 && o.answers&(1<<k) == 0 {
			return i, k
		}
	}
	return -1, -1
}

func (n *Node) refuseWrite(from netip.AddrPort, m *Write) *spec.Drop {
	if d := n.refuseKey(from, m.Header, m.Key); d != nil {
		return d
	}
	if d := n.refuseValue(from, m.Header, m.Key, m.Stamp, m.Value); d != nil {
		return d
	}
	switch {
	case m.Stamp.IsZero():
		return noStamp(from)
	case n.full(m.Key):
		return &spec.Drop{From: from, Clause: "CHORD-STORE-012",
			Reason: fmt.Errorf("%w: %d are held already", errValue, len(n.store.records))}
	}
	return nil
}

func (n *Node) refuseOffer(from netip.AddrPort, m *Offer) *spec.Drop {
	if d := n.refuseKey(from, m.Header, m.Key); d != nil {
		return d
	}
	if m.Stamp.IsZero() {
		return noStamp(from)
	}
	return n.refuseStamp(from, m.Header, m.Key, m.Stamp)
}

func noStamp(from netip.AddrPort) *spec.Drop {
	return &spec.Drop{From: from, Clause: "CHORD-QUORUM-007", Reason: fmt.Errorf("%w: none", errStamp)}
}

func (n *Node) refuseValue(
	from netip.AddrPort, h Header, key ID, stamp Stamp, value []byte,
) *spec.Drop {
	if len(value) > n.cfg.MaxValueBytes {
		return &spec.Drop{From: from, Clause: "CHORD-STORE-005",
			Reason: fmt.Errorf("%w: %d bytes, limit %d", errValue, len(value), n.cfg.MaxValueBytes)}
	}
	return n.refuseStamp(from, h, key, stamp)
}

// maxCounter leaves room to count on: nobody gets there by counting.
const maxCounter = 1 << 62

// refuseStamp wants a stamp to be zero, or that of a write.
//
// CHORD-QUORUM-007.
func (n *Node) refuseStamp(from netip.AddrPort, h Header, key ID, s Stamp) *spec.Drop {
	switch {
	case !key.Fits(n.cfg.IDBits):
		return &spec.Drop{From: from, Clause: "CHORD-ID-001",
			Reason: fmt.Errorf("%w: %v exceeds %d bits", errKey, key, n.cfg.IDBits)}
	case !s.IsZero() && (s.Counter == 0 || s.Counter > maxCounter || !s.Writer.Fits(n.cfg.IDBits)):
		return &spec.Drop{From: from, Clause: "CHORD-QUORUM-007",
			Reason: fmt.Errorf("%w: counter %d, writer %v", errStamp, s.Counter, s.Writer)}
	}
	return n.refuseSender(from, h)
}
