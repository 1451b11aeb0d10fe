package check

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// invariants: Check holds after every step.
func invariants(s *Subject) error { return s.walk(holds) }

func holds(_ step, _, m spec.Machine, _ []spec.Effect) error { return m.Check() }

// bounds: a step has no more effects than documented.
func bounds(s *Subject) error {
	if s.MaxEffects == nil {
		return errors.New("Subject.MaxEffects is missing: a core documents its bound")
	}
	return s.walk(bounded(s))
}

func bounded(s *Subject) observer {
	return func(at step, _, _ spec.Machine, effects []spec.Effect) error {
		if bound := s.MaxEffects(at.in); len(effects) > bound {
			return fmt.Errorf("%d effects, the bound is %d: %s", len(effects), bound, text(effects))
		}
		return nil
	}
}

// progress: the deadline lies after now, so that no driver spins.
func progress(s *Subject) error { return s.walk(advances) }

func advances(at step, _, m spec.Machine, _ []spec.Effect) error {
	if due, ok := m.Deadline(); ok && due <= at.now {
		return fmt.Errorf("the deadline %v is not after now", due)
	}
	return nil
}

// idle: a Wake with nothing due, now or in the past, changes nothing.
func idle(s *Subject) error {
	return s.walk(func(at step, _, m spec.Machine, _ []spec.Effect) error {
		for _, now := range []time.Duration{at.now, at.now - time.Second, at.now - s.MaxGap} {
			before, twin := m.AppendState(nil), m.Clone()
			effects := twin.Step(now, spec.Wake{}, nil)
			if len(effects) > 0 {
				return fmt.Errorf("a spurious Wake at %v had effects: %s", now, text(effects))
			}
			if !bytes.Equal(before, twin.AppendState(nil)) {
				return fmt.Errorf("a spurious Wake at %v changed the state", now)
			}
		}
		return nil
	})
}

// refused: a message of which nothing came but a Drop left the state as the
// passing of time alone would have, and the Drop says why.
func refused(s *Subject) error {
	return s.walk(func(at step, before, m spec.Machine, effects []spec.Effect) error {
		return leavesNoTrace(at.now, at.in, before, m, effects)
	})
}

// leavesNoTrace is the rule for one step, which led from before, used up here,
// to m.
func leavesNoTrace(now time.Duration, in spec.Input, before, m spec.Machine, effects []spec.Effect) error {
	switch in.(type) {
	case spec.Recv, spec.Got:
	default:
		return nil
	}
	timers := before.Step(now, spec.Wake{}, nil)
	drops := effects[min(len(timers), len(effects)):]
	for _, e := range drops {
		drop, ok := e.(spec.Drop)
		if !ok {
			return nil
		}
		if drop.Clause == "" || drop.Reason == nil {
			return fmt.Errorf("a Drop without clause or reason: %s", text(drop))
		}
	}
	if len(drops) > 0 && !bytes.Equal(before.AppendState(nil), m.AppendState(nil)) {
		return fmt.Errorf("a refused message changed the state: %s", text(drops))
	}
	return nil
}

// maxDrain bounds the wakes that done waits for the last commands.
const maxDrain = 100_000

// done: every command gets exactly one Done, at the latest once timers have
// run their course without another message.
func done(s *Subject) error {
	for seed := range uint64(s.Seeds) {
		trace, _, err := s.record(seed)
		if err != nil {
			return err
		}
		open := make(map[spec.OpID]bool)
		var last spec.Machine
		err = s.walkTrace(seed, trace, func(at step, _, m spec.Machine, effects []spec.Effect) error {
			last = m
			if op, ok := opOf(at.in); ok {
				open[op] = true
			}
			return closeOps(open, effects)
		})
		if err != nil {
			return err
		}
		for range maxDrain {
			at, ok := last.Deadline()
			if !ok || len(open) == 0 {
				break
			}
			if err := closeOps(open, last.Step(at, spec.Wake{}, nil)); err != nil {
				return fmt.Errorf("seed %d, after the trace, at %v: %w", seed, at, err)
			}
		}
		if len(open) > 0 {
			return fmt.Errorf("seed %d: commands %v were never done", seed, open)
		}
	}
	return nil
}

func closeOps(open map[spec.OpID]bool, effects []spec.Effect) error {
	for _, e := range effects {
		if d, ok := e.(spec.Done); ok {
			if !open[d.Op] {
				return fmt.Errorf("Done for command %d, which is not under way: %s", d.Op, text(d))
			}
			delete(open, d.Op)
		}
	}
	return nil
}

// opOf returns the OpID field of a command.
func opOf(in spec.Input) (spec.OpID, bool) {
	v := reflect.ValueOf(in)
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Type == reflect.TypeFor[spec.OpID]() {
			return spec.OpID(v.Field(i).Uint()), true
		}
	}
	return 0, false
}

// foreign is an input that no machine knows.
type foreign struct{}

func (foreign) IsInput() {}

// misuse: an unknown input is the driver's mistake and must not pass unseen.
func misuse(s *Subject) (err error) {
	defer func() {
		if recover() != nil {
			err = nil
		}
	}()
	s.New(0, 0).Step(0, foreign{}, nil)
	return errors.New("Step took an Input type that it cannot know; it should panic")
}

// replay: a second run of a trace, in the same process, does the same.
func replay(s *Subject) error {
	return s.again(func(seed uint64, trace []step, see func(spec.Machine, []spec.Effect)) {
		m := s.New(seed, 0)
		for _, at := range trace {
			see(m, m.Step(at.now, at.in, nil))
		}
	})
}

// shift: a trace that starts later does the same, in effects and in state.
func shift(s *Subject) error {
	const later = 1000*time.Hour + 1
	return s.again(func(seed uint64, trace []step, see func(spec.Machine, []spec.Effect)) {
		m := s.New(seed, later)
		for _, at := range trace {
			see(m, m.Step(at.now+later, at.in, nil))
		}
	})
}

// clone: of two twins each goes on as if the other were not there. The
// original is led astray after each step, to write where they might share. The
// rule state proves that AppendState would show it.
func clone(s *Subject) error {
	var isolation error
	err := s.again(func(seed uint64, trace []step, see func(spec.Machine, []spec.Effect)) {
		m := s.New(seed, 0)
		for i, at := range trace {
			twin := m.Clone()
			before := m.AppendState(nil)
			effects := twin.Step(at.now, at.in, nil)
			if isolation == nil && !bytes.Equal(m.AppendState(nil), before) {
				isolation = locate(seed, i, at, errors.New("a step of the clone changed the original"))
			}
			after := twin.AppendState(nil)
			m.Step(at.now, trace[len(trace)-1-i].in, nil)
			if isolation == nil && !bytes.Equal(twin.AppendState(nil), after) {
				isolation = locate(seed, i, at, errors.New("a step of the original changed the clone"))
			}
			see(twin, effects)
			m = twin
		}
	})
	return errors.Join(isolation, err)
}

// poison: inputs are borrowed until Step returns and effects never change, so
// overwriting the one at once and comparing the other later shows nothing. Every
// other input is lent, where it can be: then effects are good until that moment,
// and the machine still keeps nothing.
func poison(s *Subject) error {
	var changed error
	err := s.again(func(seed uint64, trace []step, see func(spec.Machine, []spec.Effect)) {
		m := s.New(seed, 0)
		var all [][]spec.Effect
		var texts []string
		for i, at := range trace {
			in, lent := deepCopy(at.in), false
			if i%2 == 1 {
				in, lent = lend(in)
			}
			effects := m.Step(at.now, in, nil)
			if lent {
				effects = deepCopy(effects)
			}
			overwrite(in)
			see(m, effects)
			all, texts = append(all, effects), append(texts, text(effects))
		}
		for i, effects := range all {
			if changed == nil && text(effects) != texts[i] {
				changed = locate(seed, i, trace[i],
					fmt.Errorf("effects changed after the step from\n\t%s\nto\n\t%s", texts[i], text(effects)))
			}
		}
	})
	if err != nil {
		return fmt.Errorf("the machine keeps a part of its input: %w", err)
	}
	return changed
}

// lend makes an input one whose bytes effects may share, if it can be.
func lend(in spec.Input) (out spec.Input, ok bool) {
	switch in := in.(type) {
	case spec.Got:
		in.Lent = true
		return in, true
	case spec.Loaded:
		in.Lent = true
		return in, true
	}
	return in, false
}

// again records every trace and requires the same outcomes of another run.
func (s *Subject) again(
	run func(seed uint64, trace []step, see func(spec.Machine, []spec.Effect)),
) error {
	for seed := range uint64(s.Seeds) {
		trace, want, err := s.record(seed)
		if err != nil {
			return err
		}
		got := make([]outcome, 0, len(want))
		run(seed, trace, func(m spec.Machine, effects []spec.Effect) {
			got = append(got, result(m, effects))
		})
		if err := compare(seed, trace, want, got); err != nil {
			return err
		}
	}
	return nil
}
