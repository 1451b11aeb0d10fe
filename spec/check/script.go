package check

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Script is a list of inputs that a fuzzer wrote as bytes, and the machine that
// takes them. A fuzz target gives the bytes their meaning; Script holds every
// step to what needs no knowledge of the protocol: invariants, bound, deadline,
// one Done for each command, and no trace of what was refused.
//
// [Fuzz] draws inputs from random numbers and needs a [Subject] alone; a Script
// is for targets whose seeds are conversations, which a fuzzer then bends.
type Script struct {
	*testing.T
	Machine    spec.Machine
	MaxEffects int // of one Step
	Now        time.Duration

	bytes []byte
	op    spec.OpID
	open  map[spec.OpID]bool
}

// maxScriptSteps keeps one execution short.
const maxScriptSteps = 400

// NewScript reads a script, without a machine yet: its first bytes may say which.
func NewScript(t *testing.T, b []byte) *Script {
	return &Script{T: t, bytes: b, open: map[spec.OpID]bool{}}
}

// Play calls step until the script is over.
func (s *Script) Play(step func()) {
	for i := 0; i < maxScriptSteps && len(s.bytes) > 0; i++ {
		step()
	}
}

// First is the script's first byte, which stays there.
func (s *Script) First() byte {
	if len(s.bytes) == 0 {
		return 0
	}
	return s.bytes[0]
}

// Take reads n bytes of the script, zeros past its end.
func (s *Script) Take(n int) []byte {
	b := make([]byte, n)
	s.bytes = s.bytes[copy(b, s.bytes):]
	return b
}

// Byte reads one byte, zero past the end.
func (s *Script) Byte() byte { return s.Take(1)[0] }

// Uint16 reads two bytes, the higher first.
func (s *Script) Uint16() uint16 { return binary.BigEndian.Uint16(s.Take(2)) }

// Payload reads so many bytes, or those that are left.
func (s *Script) Payload(size int) []byte { return s.Take(min(size, len(s.bytes))) }

// Wait lets time pass.
func (s *Script) Wait(d time.Duration) []spec.Effect {
	s.Now += d
	return s.Input(spec.Wake{})
}

// Wake lets time pass until the deadline, if there is one.
func (s *Script) Wake() []spec.Effect {
	if at, ok := s.Machine.Deadline(); ok {
		s.Now = at
	}
	return s.Input(spec.Wake{})
}

// Command gives the machine a command with an OpID of its own.
func (s *Script) Command(command func(op spec.OpID) spec.Input) []spec.Effect {
	s.op++
	s.open[s.op] = true
	return s.Input(command(s.op))
}

// Open is how many commands are under way.
func (s *Script) Open() int { return len(s.open) }

// Input steps the machine and holds it to its promises.
func (s *Script) Input(in spec.Input) []spec.Effect {
	s.Helper()
	effects, err := s.step(in)
	if err != nil {
		s.Fatalf("%#v: %v", in, err)
	}
	return effects
}

func (s *Script) step(in spec.Input) ([]spec.Effect, error) {
	before := s.Machine.Clone()
	effects := s.Machine.Step(s.Now, in, nil)
	if err := s.Machine.Check(); err != nil {
		return nil, err
	}
	if len(effects) > s.MaxEffects {
		return nil, fmt.Errorf("%d effects, the bound is %d", len(effects), s.MaxEffects)
	}
	if at, ok := s.Machine.Deadline(); ok && at <= s.Now {
		return nil, fmt.Errorf("the deadline %v is not after %v", at, s.Now)
	}
	if err := closeOps(s.open, effects); err != nil {
		return nil, err
	}
	return effects, leavesNoTrace(s.Now, in, before, s.Machine, effects)
}

// Drain lets every command end by itself.
func (s *Script) Drain(see func([]spec.Effect)) {
	for i := 0; i < maxDrain && len(s.open) > 0; i++ {
		if _, ok := s.Machine.Deadline(); !ok {
			break
		}
		see(s.Wake())
	}
	if len(s.open) > 0 {
		s.Fatalf("commands %v never ended", s.open)
	}
}
