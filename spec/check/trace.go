package check

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// step is one input of a trace.
type step struct {
	now time.Duration
	in  spec.Input
}

// outcome is what a step did, in a form that can be compared.
type outcome struct {
	effects string
	state   [sha256.Size]byte
}

// maxSent bounds Gen.Sent and Gen.Asked: what is older has mostly timed out.
const maxSent = 64

// record draws a trace for a seed and returns it with its outcomes.
func (s *Subject) record(seed uint64) (trace []step, outcomes []outcome, err error) {
	r := newRand(seed)
	source := func(int) *spec.Rand { return &r }
	trace, err = s.draw(seed, s.Steps, source, func(_ step, _, m spec.Machine, effects []spec.Effect) error {
		outcomes = append(outcomes, result(m, effects))
		return nil
	})
	return trace, outcomes, err
}

// draw makes a trace of the given length, of which each step draws from its
// source and is shown to see, without the machine before it.
func (s *Subject) draw(
	seed uint64, steps int, source func(i int) *spec.Rand, see observer,
) (trace []step, err error) {
	var at step
	defer guard(seed, &trace, &at, &err)
	m := s.New(seed, 0)
	g := &Gen{}
	for i := range steps {
		g.Rand = source(i)
		g.Op++
		wake := s.pass(g, m)
		at = step{g.Now, spec.Wake{}}
		if !wake {
			at.in = s.Input(g)
		}
		effects := m.Step(at.now, at.in, nil)
		if err := see(at, nil, m, effects); err != nil {
			return nil, locate(seed, i, at, err)
		}
		trace = append(trace, at)
		g.remember(effects)
	}
	return trace, nil
}

// remember keeps the latest of what can be answered.
func (g *Gen) remember(effects []spec.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Send:
			g.Sent = append(g.Sent, e)
		case spec.Dial, spec.Write, spec.Close, spec.Load, spec.Store, spec.Verify:
			g.Asked = append(g.Asked, e)
		}
	}
	g.Sent = g.Sent[max(0, len(g.Sent)-maxSent):]
	g.Asked = g.Asked[max(0, len(g.Asked)-maxSent):]
}

// pass lets time go by and reports whether a Wake is due: half the time none
// or little passes, else until the deadline, or past it with the next input.
func (s *Subject) pass(g *Gen, m spec.Machine) (wake bool) {
	switch g.Below(8) {
	case 0, 1:
	case 2, 3, 4:
		g.Now += time.Duration(g.Below(uint64(time.Second)))
	case 5, 6:
		if at, ok := m.Deadline(); ok {
			g.Now = max(g.Now, at)
			return true
		}
	default:
		g.Now += time.Duration(g.Below(uint64(s.MaxGap)))
	}
	return false
}

// observer judges one step, with the machine before and after it.
type observer func(at step, before, after spec.Machine, effects []spec.Effect) error

// walk repeats the traces of all seeds, showing each step to see.
func (s *Subject) walk(see observer) error {
	for seed := range uint64(s.Seeds) {
		trace, _, err := s.record(seed)
		if err != nil {
			return err
		}
		if err := s.walkTrace(seed, trace, see); err != nil {
			return err
		}
	}
	return nil
}

func (s *Subject) walkTrace(seed uint64, trace []step, see observer) (err error) {
	var at step
	var gone []step
	defer guard(seed, &gone, &at, &err)
	m := s.New(seed, 0)
	for _, at = range trace {
		before := m.Clone()
		effects := m.Step(at.now, at.in, nil)
		if err := see(at, before, m, effects); err != nil {
			return locate(seed, len(gone), at, err)
		}
		gone = append(gone, at)
	}
	return nil
}

// compare reports the first step at which two runs of a trace differ.
func compare(seed uint64, trace []step, want, got []outcome) error {
	for i := range want {
		switch {
		case want[i].effects != got[i].effects:
			return locate(seed, i, trace[i],
				fmt.Errorf("effects were\n\t%s\nand then\n\t%s", want[i].effects, got[i].effects))
		case want[i].state != got[i].state:
			return locate(seed, i, trace[i], errors.New("the states differ"))
		}
	}
	return nil
}

func result(m spec.Machine, effects []spec.Effect) outcome {
	return outcome{text(effects), sha256.Sum256(m.AppendState(nil))}
}

// digest hashes the outcomes of a trace.
func digest(outcomes []outcome) string {
	h := sha256.New()
	for _, o := range outcomes {
		h.Write([]byte(o.effects))
		h.Write(o.state[:])
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

func newRand(seed uint64) spec.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return spec.NewRand(key)
}

// locate says where in which trace an error occurred.
func locate(seed uint64, i int, at step, err error) error {
	return fmt.Errorf("seed %d, step %d at %v, %s: %w", seed, i, at.now, text(at.in), err)
}

// guard turns a panic of the machine into an error with its place.
func guard(seed uint64, gone *[]step, at *step, err *error) {
	if p := recover(); p != nil {
		*err = locate(seed, len(*gone), *at, fmt.Errorf("panic: %v", p))
	}
}
