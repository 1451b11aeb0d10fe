package chord

import (
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/p2pspec/p2pspec/spec"
)

// The mutants leave one thing out of the register each.
type (
	// eager is content with one answer in each phase, which is no majority.
	eager struct{ *Node }
	// silent answers a Get without writing back what it has found.
	silent struct{ *Node }
	// equal stamps a Put without saying whose it is.
	equal struct{ *Node }
	// latest takes what it is told to hold, even if it holds a later value.
	latest struct{ *Node }
	// blind writes without asking for the latest stamp.
	blind struct{ *Node }
	// alone answers for itself and takes its own answer for a majority.
	alone struct{ *Node }
)

func (m eager) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	out = m.Node.Step(now, in, out)
	return m.endPhases(func(o *operation) bool { return o.answers != 0 }, out)
}

func (m silent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	begin := len(out)
	out = m.Node.Step(now, in, out)
	var skipped []uint32
	for i := range m.store.operations {
		if o := &m.store.operations[i]; o.phase == writing && !o.put {
			skipped = append(skipped, o.rpc)
		}
	}
	out = slices.DeleteFunc(out[begin:], func(e spec.Effect) bool {
		s, _ := e.(spec.Send)
		w, ok := s.Msg.(Write)
		return ok && slices.Contains(skipped, w.RPC)
	})
	return m.endPhases(func(o *operation) bool { return o.phase == writing && !o.put }, out)
}

func (m equal) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	begin := len(out)
	out = m.Node.Step(now, in, out)
	for i := range m.store.operations {
		o := &m.store.operations[i]
		o.stamp = Stamp{Counter: o.stamp.Counter}
	}
	for i, e := range out[begin:] {
		s, _ := e.(spec.Send)
		if w, ok := s.Msg.(Write); ok {
			w.Stamp = Stamp{Counter: w.Stamp.Counter}
			out[begin+i] = spec.Send{To: s.To, Msg: w}
		}
	}
	for i := range m.store.records {
		r := &m.store.records[i]
		r.stamp = Stamp{Counter: r.stamp.Counter}
	}
	return out
}

func (m latest) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if r, ok := in.(spec.Recv); ok {
		if w, ok := r.Msg.(Write); ok && m.record(w.Key) != nil {
			m.record(w.Key).stamp = Stamp{Counter: 1}
		}
	}
	return m.Node.Step(now, in, out)
}

func (m blind) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	out = m.Node.Step(now, in, out)
	return m.endPhases(func(o *operation) bool { return o.phase == reading && o.put }, out)
}

func (m alone) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	out = m.Node.Step(now, in, out)
	return m.endPhases(func(o *operation) bool {
		at := slices.IndexFunc(o.group, func(p Peer) bool { return p.ID == m.cfg.ID })
		return at >= 0 && o.answers&(1<<at) != 0
	}, out)
}

// endPhases ends the phases of operations that a mutant takes for done.
func (n *Node) endPhases(done func(*operation) bool, out []spec.Effect) []spec.Effect {
	for i := 0; i < len(n.store.operations); {
		o := &n.store.operations[i]
		if o.phase == lookingUp || !done(o) {
			i++
			continue
		}
		serial := o.serial
		before := o.phase
		out = n.phaseDone(i, out)
		if i < len(n.store.operations) && n.store.operations[i].serial == serial &&
			n.store.operations[i].phase == before {
			i++
		}
	}
	return out
}

// CHORD-QUORUM-001, CHORD-QUORUM-002, CHORD-QUORUM-003, CHORD-QUORUM-005: each
// of these is needed, because without it a history is found that no register
// has.
func TestMutantsAreNotLinearizable(t *testing.T) {
	for name, mutate := range map[string]func(*Node) spec.Machine{
		"eager":  func(n *Node) spec.Machine { return eager{n} },
		"silent": func(n *Node) spec.Machine { return silent{n} },
		"equal":  func(n *Node) spec.Machine { return equal{n} },
		"latest": func(n *Node) spec.Machine { return latest{n} },
		"blind":  func(n *Node) spec.Machine { return blind{n} },
		"alone":  func(n *Node) spec.Machine { return alone{n} },
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 3000
			for seed := range uint64(runs) {
				history := stableRun(t, seed, mutate).history()
				if porcupine.CheckOperationsTimeout(registers, history, time.Minute) == porcupine.Illegal {
					t.Logf("found after %d runs", seed+1)
					return
				}
			}
			t.Errorf("the mutant passes %d runs", runs)
		})
	}
}
