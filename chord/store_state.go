package chord

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// clone returns an equal store that shares nothing mutable.
func (s *store) clone() store {
	c := *s
	c.records = slices.Clone(s.records)
	c.operations = slices.Clone(s.operations)
	c.transfers = slices.Clone(s.transfers)
	return c
}

// appendStore appends the canonical bytes of the storage.
func (n *Node) appendStore(b []byte) []byte {
	s := &n.store
	b = binary.BigEndian.AppendUint64(b, s.serial)
	b = append(b, boolByte(s.passing), boolByte(s.misplaced))
	b = n.appendAt(b, s.passAt)
	b = append(b, s.cursor[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.target))
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.records)))
	for i := range s.records {
		b = n.appendRecord(b, &s.records[i])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.operations)))
	for i := range s.operations {
		b = n.appendOperation(b, &s.operations[i])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.transfers)))
	for i := range s.transfers {
		t := &s.transfers[i]
		b = binary.BigEndian.AppendUint64(b, t.serial)
		b = append(b, t.key[:]...)
		b = appendPeer(b, &t.to)
		b = append(b, uint8(t.phase))
		b = binary.BigEndian.AppendUint32(b, t.rpc)
		b = n.appendAt(b, t.deadline)
	}
	return b
}

func (n *Node) appendRecord(b []byte, r *record) []byte {
	b = append(b, r.key[:]...)
	b = r.stamp.append(b)
	b = appendValue(b, r.value)
	b = append(b, boolByte(r.owned), boolByte(r.moved))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.copies)))
	for _, id := range r.copies {
		b = append(b, id[:]...)
	}
	return n.appendAt(b, r.checkAt)
}

func (n *Node) appendOperation(b []byte, o *operation) []byte {
	b = binary.BigEndian.AppendUint64(b, o.serial)
	b = binary.BigEndian.AppendUint64(b, uint64(o.op))
	b = append(b, boolByte(o.put), uint8(o.phase))
	b = append(b, o.key[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(o.hops))
	b = appendPeers(b, o.group)
	b = binary.BigEndian.AppendUint32(b, o.rpc)
	b = n.appendAt(b, o.deadline)
	b = binary.BigEndian.AppendUint32(b, uint32(o.tries))
	b = binary.BigEndian.AppendUint64(b, o.answers)
	b = binary.BigEndian.AppendUint64(b, o.holders)
	b = o.stamp.append(b)
	return appendValue(b, o.value)
}

func appendValue(b, value []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

func (s *Stamp) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, s.Counter)
	b = append(b, s.Writer[:]...)
	return binary.BigEndian.AppendUint64(b, s.Serial)
}

// checkStore reports the first invariant of the storage that does not hold:
// tables within their limits and in order, values that were written, operations
// and transfers that wait for something.
func (n *Node) checkStore() error {
	s := &n.store
	switch {
	case len(s.records) > n.cfg.MaxValues:
		return fmt.Errorf("chord: %d values held, limit %d", len(s.records), n.cfg.MaxValues)
	case len(s.operations) > n.cfg.MaxOperations:
		return fmt.Errorf("chord: %d operations under way, limit %d", len(s.operations), n.cfg.MaxOperations)
	case len(s.transfers) > maxTransfers:
		return fmt.Errorf("chord: %d transfers under way, limit %d", len(s.transfers), maxTransfers)
	case (s.passAt == never) != (len(s.records) == 0):
		return fmt.Errorf("chord: %d values held, next pass at %v", len(s.records), s.passAt)
	case s.misplaced:
		return fmt.Errorf("chord: values not looked at after a change of place")
	case n.storeDeadline() <= n.now:
		return fmt.Errorf("chord: storage due at %v still waits at %v", n.storeDeadline(), n.now)
	}
	for i := range s.records {
		r := &s.records[i]
		switch {
		case i > 0 && s.records[i-1].compare(r.key) >= 0:
			return fmt.Errorf("chord: values out of order at %v", r.key)
		case r.stamp.IsZero() || len(r.value) > n.cfg.MaxValueBytes:
			return fmt.Errorf("chord: value %v: stamp %v, %d bytes", r.key, r.stamp, len(r.value))
		case r.owned && r.moved, r.owned != n.Owns(r.key):
			return fmt.Errorf("chord: value %v: owned %v, moved %v", r.key, r.owned, r.moved)
		case len(r.copies) >= n.cfg.Replicas || !r.owned && len(r.copies) > 0:
			return fmt.Errorf("chord: value %v: %d copies", r.key, len(r.copies))
		}
	}
	for i := range s.operations {
		o := &s.operations[i]
		if all := uint64(1)<<len(o.group) - 1; o.answers&^all != 0 || o.holders&^all != 0 {
			return fmt.Errorf("chord: operation on %v: answers %b, holders %b of %d",
				o.key, o.answers, o.holders, len(o.group))
		}
		if o.phase == lookingUp && o.deadline != never || o.phase != lookingUp && o.deadline == never {
			return fmt.Errorf("chord: operation on %v waits for nothing", o.key)
		}
	}
	return nil
}
