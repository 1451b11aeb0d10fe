// Package check holds any [spec.Machine] to the contract of a core. A core's
// test describes its machine once as a [Subject]; [Run] then makes random
// traces and applies every rule to them, each as a subtest.
//
//	func TestContract(t *testing.T) {
//		check.Run(t, check.Subject{
//			New: newNode, Input: drawInput, MaxEffects: bound, Golden: "testdata/contract.golden",
//		})
//	}
//
// Traces are drawn from [spec.Rand], so a failure names a seed and a step and
// repeats anywhere. Random input alone reaches little: Input should answer
// what the machine has sent, and send what it must refuse.
package check

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Subject describes a machine to be checked.
type Subject struct {
	// New returns a machine that starts at now. The seed stands for everything
	// that may vary between nodes.
	New func(seed uint64, now time.Duration) spec.Machine

	// Input draws the next input: a command, or a message as honest, confused
	// or hostile peers would send it. Time passes between the inputs by itself.
	Input func(g *Gen) spec.Input

	// MaxEffects is the documented bound of effects for one Step with in,
	// which includes those of the timers that fire in it.
	MaxEffects func(in spec.Input) int

	// Codec, if the machine has one, must carry every message that it sends,
	// and StreamCodec every one that it writes, stream by stream.
	Codec       spec.Codec
	StreamCodec spec.StreamCodec

	// MaxGap is the longest time between two inputs; 0 means an hour. It should
	// exceed the longest timer.
	MaxGap time.Duration

	// Golden is the file of trace hashes, equal on every architecture. Run the
	// test with -check.update to write it.
	Golden string

	// NotState names fields that AppendState leaves out, and why: those that
	// never change after New and those that follow from others. A name is a
	// path such as "cfg" or "table.buckets[].split" and covers what is below.
	NotState map[string]string

	// Shared names fields that a Clone may share because nothing ever changes
	// what they hold, and why that is so.
	Shared map[string]string

	// Seeds and Steps size the traces; 0 means 4 and 300.
	Seeds, Steps int
}

// Gen is what Input draws from.
type Gen struct {
	*spec.Rand
	Now  time.Duration
	Op   spec.OpID   // fresh for each input: use it for a command
	Sent []spec.Send // what the machine sent last, oldest first, at most 64

	// Asked holds what the machine asked of streams and storage last, oldest
	// first, at most 64: Dial, Write, Close, Load, Store and Verify.
	Asked []spec.Effect
}

// rule is one clause of the contract.
type rule struct {
	name  string
	check func(s *Subject) error
}

// rules returns the contract, in the order in which a reader wants the
// failures: what is wrong first hides what follows from it.
func rules() []rule {
	return []rule{
		{"invariants", invariants},
		{"bounds", bounds},
		{"progress", progress},
		{"idle", idle},
		{"refused", refused},
		{"done", done},
		{"misuse", misuse},
		{"replay", replay},
		{"shift", shift},
		{"clone", clone},
		{"state", state},
		{"poison", poison},
		{"wire", wire},
		{"golden", golden},
	}
}

// Seeded is what New of a [Subject] is when construct makes a machine of a
// configuration, and config has one, without a fault, for each seed.
func Seeded[C any, M spec.Machine](
	construct func(C, time.Duration) (M, error), config func(seed uint64) C,
) func(seed uint64, now time.Duration) spec.Machine {
	return func(seed uint64, now time.Duration) spec.Machine {
		m, err := construct(config(seed), now)
		if err != nil {
			panic(err)
		}
		return m
	}
}

// Run checks s against every rule.
func Run(t *testing.T, s Subject) {
	s.fill()
	if isChild() {
		answerParent(&s)
		return
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(&s); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("process", func(t *testing.T) {
		if err := process(&s, t); err != nil {
			t.Error(err)
		}
	})
}

// maxFuzzSteps bounds a fuzzed trace, so that the fuzzer tries many.
const maxFuzzSteps = 1000

// Fuzz lets the fuzzer choose the trace: every eight bytes decide one step. No
// trace may make the machine panic, break its invariants, exceed its bounds or
// ask for a deadline in the past. Run it with -fuzzminimizetime 10x: traces
// seldom get shorter, and the fuzzer would spend its time on trying.
func Fuzz(f *testing.F, s Subject) {
	s.fill()
	for seed := range uint64(s.Seeds) {
		r := newRand(seed)
		data := make([]byte, 8*s.Steps)
		r.Fill(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := s.judge(data); err != nil {
			t.Error(err)
		}
	})
}

func (s *Subject) judge(data []byte) error {
	source := func(i int) *spec.Rand {
		r := newRand(binary.LittleEndian.Uint64(data[8*i:]))
		return &r
	}
	rules := []observer{holds, bounded(s), advances}
	_, err := s.draw(0, min(len(data)/8, maxFuzzSteps), source,
		func(at step, before, m spec.Machine, effects []spec.Effect) error {
			for _, rule := range rules {
				if err := rule(at, before, m, effects); err != nil {
					return err
				}
			}
			return nil
		})
	return err
}

func (s *Subject) fill() {
	if s.Seeds == 0 {
		s.Seeds = 4
	}
	if s.Steps == 0 {
		s.Steps = 300
	}
	if s.MaxGap == 0 {
		s.MaxGap = time.Hour
	}
}
