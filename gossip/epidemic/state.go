package epidemic

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a node with equal state that shares nothing mutable: values are
// replaced, never changed.
func (n *Node) Clone() spec.Machine {
	c := *n
	c.entries = slices.Clone(n.entries)
	c.rumors = slices.Clone(n.rumors)
	return &c
}

// AppendState appends the whole state but the configuration, which never
// changes. Instants are relative to now.
func (n *Node) AppendState(b []byte) []byte {
	b = n.rng.AppendState(b)
	for _, v := range [...]uint64{n.clock, n.sum} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, at := range [...]time.Duration{n.cycleAt, n.syncAt, n.expireAt} {
		b = n.appendAt(b, at)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n.self))
	b = binary.BigEndian.AppendUint32(b, uint32(n.partner))
	b = binary.BigEndian.AppendUint16(b, n.first)
	b = binary.BigEndian.AppendUint16(b, n.accepted)
	b = append(b, n.hunted)
	b = binary.BigEndian.AppendUint32(b, uint32(len(n.entries)))
	for i := range n.entries {
		b = n.appendEntry(b, &n.entries[i])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(n.rumors)))
	for i := range n.rumors {
		b = appendRumor(b, &n.rumors[i])
	}
	return b
}

func (n *Node) appendEntry(b []byte, e *entry) []byte {
	b = append(b, uint8(len(e.Key)))
	b = append(b, e.Key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Value)))
	b = append(b, e.Value...)
	b = appendStamp(b, e.Stamp)
	b = append(b, boolByte(e.Deleted), boolByte(e.dormant))
	since := e.since
	if e.Deleted {
		since -= n.now
	}
	return binary.BigEndian.AppendUint64(b, uint64(since))
}

func appendRumor(b []byte, r *rumor) []byte {
	b = append(b, uint8(len(r.key)))
	b = append(b, r.key...)
	b = appendStamp(b, r.stamp)
	b = append(b, r.level, boolByte(r.fresh), boolByte(r.pushed), boolByte(r.useful),
		boolByte(r.useless), boolByte(r.cooling))
	for _, v := range [...]uint16{r.count, r.age, r.told, r.ahead, r.behind} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func appendStamp(b []byte, s Stamp) []byte {
	b = binary.BigEndian.AppendUint64(b, s.Counter)
	return binary.BigEndian.AppendUint32(b, uint32(s.Site))
}

// appendAt encodes an instant relative to now; never stays itself.
func (n *Node) appendAt(b []byte, at time.Duration) []byte {
	if at != never {
		at -= n.now
	}
	return binary.BigEndian.AppendUint64(b, uint64(at))
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check reports the first broken invariant: the database in order and its sum
// right, rumors of what is in it, everything within its limits.
func (n *Node) Check() error {
	if len(n.entries) > n.cfg.MaxEntries || len(n.rumors) > n.cfg.MaxRumors {
		return fmt.Errorf("epidemic: over a limit: %d entries, %d rumors", len(n.entries), len(n.rumors))
	}
	sum := uint64(0)
	for i := range n.entries {
		e := &n.entries[i]
		sum += e.weight()
		switch {
		case i > 0 && n.entries[i-1].Key >= e.Key:
			return fmt.Errorf("epidemic: key %q after %q", e.Key, n.entries[i-1].Key)
		case e.Stamp.Counter > n.clock:
			return fmt.Errorf("epidemic: %q is of %d, the clock is at %d", e.Key, e.Stamp.Counter, n.clock)
		case e.dormant && !e.Deleted:
			return fmt.Errorf("epidemic: the value of %q is dormant", e.Key)
		case e.Deleted && e.since+n.cfg.Deletion.Tau1 < n.expireAt && !e.dormant:
			return fmt.Errorf("epidemic: the certificate of %q outlives its time", e.Key)
		case n.checkUpdate(&e.Update) != nil:
			return fmt.Errorf("epidemic: entry %q: %w", e.Key, n.checkUpdate(&e.Update))
		}
	}
	if sum != n.sum {
		return fmt.Errorf("epidemic: the sum is %x, should be %x", n.sum, sum)
	}
	for i := range n.rumors {
		r := &n.rumors[i]
		at, found := n.find(r.key)
		switch {
		case !found || n.entries[at].dormant || n.entries[at].Stamp != r.stamp:
			return fmt.Errorf("epidemic: a rumor of %q that is not in the database", r.key)
		case slices.IndexFunc(n.rumors, func(o rumor) bool { return o.key == r.key }) != i:
			return fmt.Errorf("epidemic: two rumors of %q", r.key)
		case (r.level > 0) != (n.cfg.Mongering.Interest == MedianCounter):
			return fmt.Errorf("epidemic: a rumor of %q at level %d", r.key, r.level)
		}
	}
	if due, _ := n.Deadline(); due <= n.now {
		return fmt.Errorf("epidemic: a timer due at %v has not fired at %v", due, n.now)
	}
	return nil
}
