package conformance

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// T is one run of one case: what [testing.T] is to a test. A case runs on a
// single goroutine; the methods that end it do not return.
type T struct {
	ctx      context.Context
	suite    *Suite
	c        *Case
	target   Target
	net      Network
	tape     *Tape // of the run, when it is over
	inst     Instance
	renew    func(StartOptions) (Instance, error) // nil unless the instance is shared and ours to start
	options  StartOptions                         // that the instance was started with
	cold     bool                                 // the shared instance was started for this case
	warming  bool                                 // the instance was started and is not ready yet
	answered bool                                 // the instance has been ready, or has spoken, if only before a restart
	began    time.Duration
	deadline time.Duration
	rand     spec.Rand
	fresh    *spec.Rand // nil until it is needed
	sockets  map[netip.AddrPort]*Socket
	streams  map[spec.Conn]*Stream
	accepts  map[netip.AddrPort]*Listener
	log      transcript
	rtt      time.Duration
	earned   bool
	excuse   string // why a bad outcome may be this machine's fault
	verdict  Verdict
	failure  *Failure
	reason   string
	observed []string
}

// halt unwinds a case that has ended itself.
type halt struct{}

// Case is the case under way.
func (t *T) Case() *Case { return t.c }

// Rand is the case's randomness, derived from the run's seed and the case id.
func (t *T) Rand() *spec.Rand { return &t.rand }

// Fresh is the randomness of ids, keys and torrents. A live target may still hold those
// of an earlier run with the same seed, so there the clock has a part in it; on virtual
// time a run repeats exactly.
func (t *T) Fresh() *spec.Rand {
	if t.Virtual() {
		return t.Rand()
	}
	if t.fresh == nil {
		var seed [32]byte
		t.Rand().Fill(seed[:])
		binary.BigEndian.PutUint64(seed[:], t.Outside(func() uint64 { return uint64(time.Now().UnixNano()) }))
		r := spec.NewRand(seed)
		t.fresh = &r
	}
	return t.fresh
}

// Now is the network's time.
func (t *T) Now() time.Duration { return t.net.Now() }

// Virtual reports that waiting costs no real time.
func (t *T) Virtual() bool { return t.net.Virtual() }

// Do begins a command. A target that does not know it ends the case as
// unsupported.
func (t *T) Do(verb string, args map[string]any) *Pending {
	t.mark("command %s %v", verb, args)
	t.untaped("gives the target a command")
	p, err := t.Instance().Do(Command{Verb: verb, Args: args})
	if err == ErrUnsupported {
		t.end(Unsupported, &Failure{Message: "the target does not know the command " + verb, Whose: TargetFault})
	}
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "command " + verb + ": " + err.Error(), Whose: EnvironmentFault})
	}
	return p
}

// Await pumps the network until the command has ended. One that fails or does
// not end leaves nothing to judge; use [T.Until] with Pending.Done to judge it.
func (t *T) Await(p *Pending, within time.Duration) map[string]any {
	if !t.Until(p.Done, within) {
		t.Inconclusivef("the command did not end within %v", within)
	}
	reply, err := p.Result()
	if err == ErrUnsupported {
		t.end(Unsupported, &Failure{Message: "the target does not know the command", Whose: TargetFault})
	}
	if err != nil {
		t.Inconclusivef("the command failed: %v", err)
	}
	return reply
}

// Until pumps what arrives to its sockets and streams until cond holds, and reports whether
// it did within the given time. The case's own deadline ends the case.
func (t *T) Until(cond func() bool, within time.Duration) bool {
	limit := t.Now() + within
	for !cond() {
		if t.ctx.Err() != nil {
			t.untaped("was interrupted")
			t.end(Inconclusive, &Failure{Message: "the run was interrupted", Whose: EnvironmentFault})
		}
		if t.inst != nil && t.inst.Exited() != nil {
			t.Failf("the target ended during the case")
		}
		now := t.Now()
		if now >= t.deadline {
			t.Inconclusivef("the case did not end within %v", t.deadline-t.began)
		}
		if now >= limit {
			return false
		}
		if a, ok := t.net.Recv(min(limit, t.deadline)); ok {
			t.arrive(a)
		}
	}
	return true
}

// Wait pumps what arrives for the whole of the given time.
func (t *T) Wait(d time.Duration) { t.Until(func() bool { return false }, d) }

func (t *T) arrive(a Arrival) {
	switch a := a.(type) {
	case Datagram:
		t.answered = t.answered || t.isTarget(a.From)
		t.deliver(a)
	case StreamEvent:
		s := t.streams[a.Conn]
		t.answered = t.answered || a.Kind == StreamAccepted || a.Kind == StreamData && s != nil && t.isTarget(s.remote)
		t.stream(a)
	}
}

func (t *T) isTarget(addr netip.AddrPort) bool { return t.inst != nil && t.inst.Addr() == addr }

// Earn records that the target showed well-formed behaviour that bears on the
// requirement. A case that ends without it is inconclusive, whatever it
// returns: silence, echoes and hang-ups earn nothing.
func (t *T) Earn() { t.earned = true }

// RTT records an answered control.
func (t *T) RTT(d time.Duration) { t.rtt = d }

// SilenceWait is how long silence must last to count: a multiple of the
// measured round trip within [SilenceFloor, SilenceCeiling].
func (t *T) SilenceWait() time.Duration {
	return min(max(SilenceFloor, SilenceFactor*t.rtt), SilenceCeiling)
}

// Bounds of the wait for silence. The floor covers a scheduler's hiccup on a
// busy machine, the factor a target that queues, the ceiling keeps a slow
// target from holding up the run.
const (
	SilenceFloor   = 250 * time.Millisecond
	SilenceFactor  = 20
	SilenceCeiling = 5 * time.Second
)

// Silent reports whether the target stayed silent after the stimulus. Control
// must exchange one query and its answer on the very path that is judged and
// return the round trip, or end the case. It runs before and after; spoke
// reports whether what must not come has come.
func (t *T) Silent(control func() time.Duration, stimulus func(), spoke func() bool) bool {
	t.RTT(control())
	wait := t.SilenceWait()
	stimulus()
	if t.Until(spoke, wait) {
		return false
	}
	if after := control(); after > wait {
		t.Inconclusivef("the closing control took %v, longer than the %v of silence that were judged", after, wait)
	}
	t.Observef("silent for %v between two answered controls", wait)
	return !spoke()
}

// Fail ends the case: the expectation did not hold. The level decides whether
// that is a fail, a warn or an info.
func (t *T) Fail(f Failure) {
	if f.Whose == "" {
		f.Whose = TargetFault
	}
	if f.Causes == nil {
		f.Causes = t.c.Causes
	}
	t.end(t.c.Level.Unmet(), &f)
}

// Failf is [T.Fail] with a message alone.
func (t *T) Failf(format string, args ...any) { t.Fail(Failure{Message: fmt.Sprintf(format, args...)}) }

// Mismatch is [T.Fail] for one field that differs.
func (t *T) Mismatch(where string, got any, want ...string) {
	t.Fail(Failure{
		Message: where + " is not what the document asks for", Where: where,
		Expected: want, Got: fmt.Sprint(got),
	})
}

// Inconclusivef ends the case: it ran, but nothing can be concluded.
func (t *T) Inconclusivef(format string, args ...any) {
	t.end(Inconclusive, &Failure{Message: fmt.Sprintf(format, args...)})
}

// Unsupportedf ends the case: the target itself says that it lacks the feature.
func (t *T) Unsupportedf(format string, args ...any) {
	t.end(Unsupported, &Failure{Message: fmt.Sprintf(format, args...), Whose: TargetFault})
}

// Infof ends the case with what a target chose where the text leaves a choice.
func (t *T) Infof(format string, args ...any) {
	t.Earn()
	t.end(Info, &Failure{Message: fmt.Sprintf(format, args...)})
}

// Harnessf ends the case: the harness is at fault.
func (t *T) Harnessf(format string, args ...any) {
	t.end(Error, &Failure{Message: fmt.Sprintf(format, args...), Whose: SuiteFault})
}

// Observef adds a remark that does not decide the verdict.
func (t *T) Observef(format string, args ...any) {
	t.observed = append(t.observed, fmt.Sprintf(format, args...))
}

// Notef adds a remark to the transcript.
func (t *T) Notef(format string, args ...any) {
	t.log.add(Entry{At: t.Now() - t.began, Dir: "#", Note: fmt.Sprintf(format, args...)})
}

// Excuse says why this machine may be to blame for what the case shows: a case
// that does not pass is then played again, and in the end inconclusive.
func (t *T) Excuse(format string, args ...any) {
	if t.excuse == "" {
		t.excuse = fmt.Sprintf(format, args...)
		t.Observef("%s", t.excuse)
	}
}

// Record adds a message to the transcript that went by another way than a socket
// or a stream: dir as in [Entry], via "from → to".
func (t *T) Record(dir, via string, payload []byte, note string) {
	t.log.add(Entry{
		At: t.Now() - t.began, Dir: dir, Via: via, Bytes: len(payload), Decoded: t.decoded(payload), Note: note,
	})
}

func (t *T) mark(format string, args ...any) {
	t.log.add(Entry{At: t.Now() - t.began, Dir: "!", Note: fmt.Sprintf(format, args...)})
}

func (t *T) end(v Verdict, f *Failure) {
	t.verdict, t.failure = v, f
	panic(halt{})
}
