package sim

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// answer is what a disk tells a machine when it is done.
type answer struct {
	node int32
	life uint32
	in   spec.Input
}

// pending is an input that follows the step under way, without any time
// between: what costs nothing needs no event.
type pending struct {
	answer
	drained *end // instead of an answer
}

// onDisk performs Load, Store or Verify. What a piece holds is known to nobody:
// a Load finds zeroes, and whether a piece is right is Config.Piece's affair.
func (n *Network) onDisk(i int32, e spec.Effect) {
	h := n.party(i).host
	switch e := e.(type) {
	case spec.Load:
		if int(e.Length) > len(n.zeroes) {
			n.zeroes = make([]byte, e.Length)
		}
		in := spec.Loaded{Token: e.Token, Data: n.zeroes[:e.Length:e.Length]}
		n.reply(i, &h.diskFree, h.Disk, int64(e.Length), in)
	case spec.Store:
		n.reply(i, &h.diskFree, h.Disk, int64(len(e.Data)), spec.Stored{Token: e.Token})
	case spec.Verify:
		size, good := int64(0), true
		if n.cfg.Piece != nil {
			size, good = n.cfg.Piece(n.nodes[i].addr, e.Piece)
		}
		n.reply(i, &h.hashFree, h.Hash, size, spec.Verified{Token: e.Token, OK: good})
	}
}

// reply answers when the device, which is busy until free, has dealt with so
// many bytes.
func (n *Network) reply(i int32, free *time.Duration, rate uint64, size int64, in spec.Input) {
	a := answer{i, n.nodes[i].life, in}
	if rate == 0 {
		n.pending = append(n.pending, pending{answer: a})
		return
	}
	*free = max(*free, n.now) + service(size, rate)
	slot, p := n.answers.take()
	*p = a
	n.push(*free, kindAnswer, slot)
}

// replied hands an answer to the machine that asked, if it is still there.
func (n *Network) replied(a answer) {
	if n.nodes[a.node].life == a.life {
		n.step(a.node, a.in)
	}
}

// drained makes Drained follow the step under way.
func (n *Network) drained(e *end) {
	if !e.drains && e.state == open {
		e.drains = true
		n.pending = append(n.pending, pending{drained: e})
	}
}

// flush gives the machines what is pending, in order, and what that brings.
func (n *Network) flush() {
	if n.depth > 0 {
		return
	}
	n.depth++
	for i := 0; i < len(n.pending); i++ {
		p := n.pending[i]
		n.pending[i] = pending{}
		if e := p.drained; e == nil {
			n.replied(p.answer)
		} else {
			e.drains = false
			if e.state == open && len(e.queue) == 0 {
				n.step(e.node, spec.Drained{Conn: e.conn})
			}
		}
	}
	n.pending = n.pending[:0]
	n.depth--
}
