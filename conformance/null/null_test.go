package null_test

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/null"
)

// welcome is the first answer of a healthy target of the toy protocol.
func welcome(got []byte) []byte {
	if !bytes.Contains(got, []byte("hello\n")) {
		return nil
	}
	return []byte("welcome\n")
}

// says exchanges one line and reports whether the answer came.
func says(t *conformance.T, s *conformance.Stream, line, answer string) bool {
	s.Write([]byte(line), "")
	t.Until(func() bool { return bytes.Contains(s.Buffered(), []byte(answer)) || s.Ended() }, time.Second)
	found := bytes.HasPrefix(s.Buffered(), []byte(answer))
	s.Discard(len(s.Buffered()))
	return found
}

// toy greets and then asks: what the first answer alone earns is not a pass.
func toy() conformance.Suite {
	met := func(t *conformance.T) {
		s := t.Dial()
		if says(t, s, "hello\n", "welcome\n") && says(t, s, "ping\n", "pong\n") {
			t.Earn()
		}
	}
	refuses := func(t *conformance.T) {
		s := t.Dial()
		if !says(t, s, "hello\n", "welcome\n") {
			t.Inconclusivef("no welcome")
		}
		s.WriteMalformed([]byte("rubbish\n"), "")
		if !t.Until(s.Ended, time.Second) {
			t.Failf("it did not hang up")
		}
		if twin := t.Dial(); says(t, twin, "hello\n", "welcome\n") && says(t, twin, "ping\n", "pong\n") {
			t.Earn()
		}
	}
	return conformance.Suite{
		Name: "toy", Family: "toys", Control: met,
		Cases: []conformance.Case{
			{ID: "toy/line/answers", Rev: 1, Level: conformance.Must, Run: met},
			{ID: "toy/line/refuses", Rev: 1, Level: conformance.Must, Run: refuses},
		},
	}
}

// uncontrolled is the suite without the control that spares it a dead target.
func uncontrolled() conformance.Suite {
	s := toy()
	s.Control = func(t *conformance.T) { t.Earn() }
	return s
}

func TestStreamTargetsPassNothing(t *testing.T) {
	for _, kind := range null.Stream(welcome) {
		r, err := conformance.Run(t.Context(), null.Target{Kind: kind}, conformance.Options{
			Suites: []conformance.Suite{uncontrolled()}, Jobs: runtime.GOMAXPROCS(0),
		})
		require.NoError(t, err)
		for _, res := range r.Results {
			assert.NotContains(t, []conformance.Verdict{conformance.Pass, conformance.Error}, res.Verdict, kind.Name)
		}
	}
}

// On real sockets each ends a run soon, as an unreachable target.
func TestStreamTargetsEndARunSoon(t *testing.T) {
	var all sync.WaitGroup
	began := time.Now()
	for _, kind := range null.Stream(welcome) {
		all.Go(func() {
			at, stop, err := null.Listen(kind)
			if !assert.NoError(t, err, kind.Name) {
				return
			}
			defer stop()
			r, err := conformance.Run(t.Context(), conformance.NewLiveTarget(at, conformance.LoopbackSources()),
				conformance.Options{Suites: []conformance.Suite{toy()}})
			if assert.NoError(t, err, kind.Name) {
				assert.Zero(t, r.Summary[conformance.Pass], kind.Name)
				assert.Equal(t, conformance.ExitUnreachable, r.Exit, kind.Name)
			}
		})
	}
	all.Wait()
	assert.Less(t, time.Since(began), 15*time.Second)
}

// What the harness sees of each is the same on virtual time as on real sockets.
func TestStreamTargetsAreTheSameOnBothPaths(t *testing.T) {
	for _, kind := range null.Stream(welcome) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			at, stop, err := null.Listen(kind)
			require.NoError(t, err)
			defer stop()
			virtual := watched(t, null.Target{Kind: kind})
			assert.Equal(t, virtual, watched(t, conformance.NewLiveTarget(at, conformance.LoopbackSources())))
		})
	}
}

// watched says what a stream to the target came to.
func watched(t *testing.T, target conformance.Target) string {
	s := uncontrolled()
	s.Cases = s.Cases[:1]
	s.Cases[0].Run = func(t *conformance.T) {
		s := t.DialTo(t.Target())
		if s.Opened() {
			s.Write([]byte("hello\nand enough to reach any limit\n"), "")
		}
		t.Until(s.Ended, time.Second)
		t.Infof("opened %v, ended %v, %v, %d bytes", s.Opened(), s.Ended(), s.Err(), len(s.Buffered()))
	}
	r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: []conformance.Suite{s}})
	require.NoError(t, err)
	return r.Results[0].Failure.Message
}
