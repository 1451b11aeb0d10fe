package chord

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// flaw is what a mutant does wrong.
type flaw string

const (
	neverBusy      flaw = "answers while its own list is undefined"
	overwrites     flaw = "keeps the last notifier, not the better one"
	believesUnseen flaw = "adopts a candidate that it has not asked"
	padsWithLast   flaw = "repeats the last entry of a list that has lost its head"
	keepsDead      flaw = "keeps a dead predecessor"
	answersAll     flaw = "answers those too that have given up waiting"
)

// mutant is a node with a flaw.
type mutant struct {
	*Node
	flaw flaw
}

func (m *mutant) Clone() spec.Machine { return &mutant{m.Node.Clone().(*Node), m.flaw} }

func (m *mutant) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	recv, _ := in.(spec.Recv)
	n, before, pred := m.Node, m.successors, m.predecessor
	kind := n.query.kind
	if ask, ok := recv.Msg.(GetNeighbors); ok && m.flaw == neverBusy && n.member {
		return append(out, n.neighbors(recv.From, ask.RPC))
	}
	if ask, ok := recv.Msg.(GetNeighbors); ok && m.flaw == answersAll && n.query.undefined() {
		n.wait(waiter{recv.From, ask.RPC})
		return append(out, spec.Send{To: recv.From, Msg: Busy{n.reply(ask.Header)}})
	}
	if told, ok := recv.Msg.(Notify); ok && m.flaw == overwrites && n.rectifyWith.known() {
		n.rectifyWith = Peer{told.Sender, recv.From}
		return out
	}
	out = n.Step(now, in, out)
	switch {
	case m.flaw == believesUnseen && n.query.kind == askCandidate && kind == askSuccessor:
		n.successors = append([]Peer{n.candidate}, before[:len(before)-1]...)
	case m.flaw == padsWithLast && len(n.successors) < len(before):
		n.successors = append(slices.Clone(n.successors), n.successors[len(n.successors)-1])
	case m.flaw == keepsDead && kind == tryPredecessor && recv.Msg == nil:
		n.predecessor = pred
	}
	return out
}

// Check leaves it to the properties to find what is wrong.
func (m *mutant) Check() error { return nil }
