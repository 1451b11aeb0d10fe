package conformance

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// toyHost answers "ping" with "pong" after a pause, and whatever else a test
// asks of it.
type toyHost struct {
	answer func(string) string
}

func (h toyHost) Deliver(_ time.Duration, d Datagram, out []Outgoing) []Outgoing {
	if a := h.answer(string(d.Data)); a != "" {
		out = append(out, Outgoing{To: d.From, Payload: []byte(a)})
	}
	return out
}
func (h toyHost) Wake(_ time.Duration, out []Outgoing) []Outgoing { return out }
func (h toyHost) Deadline() (time.Duration, bool)                 { return 0, false }

func pong(s string) string {
	if s == "ping" {
		return "pong"
	}
	return ""
}

var toyAddr = netip.MustParseAddrPort("127.0.0.1:7")

type toyTarget struct {
	answer  func(string) string
	exited  error
	startup error
}

func (t *toyTarget) Identity() Identity { return Identity{Name: "toy", How: "test"} }
func (t *toyTarget) PerCase() bool      { return true }
func (t *toyTarget) Can(n Need) (bool, string) {
	return n == NeedFresh || n == NeedClock, "the toy cannot " + string(n)
}
func (t *toyTarget) Network() (Network, error) { return NewVirtualNetwork(), nil }
func (t *toyTarget) Start(_ context.Context, n Network, _ StartOptions) (Instance, error) {
	if t.startup != nil {
		return nil, t.startup
	}
	n.(*VirtualNetwork).Attach(toyHost{t.answer}, toyAddr)
	return toyInstance{t}, nil
}

type toyInstance struct{ t *toyTarget }

func (i toyInstance) Addr() netip.AddrPort         { return toyAddr }
func (i toyInstance) Addr6() netip.AddrPort        { return netip.AddrPort{} }
func (i toyInstance) Do(Command) (*Pending, error) { return nil, ErrUnsupported }
func (i toyInstance) Exited() error                { return i.t.exited }
func (i toyInstance) Stop() error                  { return nil }

// ask exchanges one ping.
func ask(t *T) time.Duration {
	s := t.Open()
	began := t.Now()
	s.Send([]byte("ping"), "")
	var in []Datagram
	if !t.Until(func() bool { in = append(in, s.Inbox()...); return len(in) > 0 }, time.Second) {
		t.Inconclusivef("the control was not answered")
	}
	if string(in[0].Data) != "pong" {
		t.Inconclusivef("the control was answered with %q", in[0].Data)
	}
	t.Earn()
	return t.Now() - began
}

func toySuite(cases ...Case) Suite {
	for i := range cases {
		c := &cases[i]
		if c.ID == "" {
			c.ID = "toy/area/case"
		}
		if c.Level == "" {
			c.Level = Must
		}
		c.Rev = 1
	}
	return Suite{
		Name: "toy", Family: "toys", Cases: cases,
		Control: func(t *T) { ask(t) },
		Lint: func(b []byte) error {
			if bytes.HasPrefix(b, []byte("bad")) {
				return errors.New("bad")
			}
			return nil
		},
	}
}

func runToy(t *testing.T, target *toyTarget, opts Options, cases ...Case) *Report {
	t.Helper()
	opts.Suites = []Suite{toySuite(cases...)}
	report, err := Run(context.Background(), target, opts)
	require.NoError(t, err)
	require.Len(t, report.Results, len(cases))
	return report
}

func TestVerdictFollowsTheLevel(t *testing.T) {
	for level, want := range map[Level]Verdict{Must: Fail, Should: Warn, Defacto: Warn, May: Info} {
		report := runToy(t, &toyTarget{answer: pong}, Options{},
			Case{Level: level, Run: func(t *T) { ask(t); t.Failf("not as asked") }})
		assert.Equal(t, want, report.Results[0].Verdict, level)
	}
}

func TestPassNeedsEvidence(t *testing.T) {
	report := runToy(t, &toyTarget{answer: pong}, Options{}, Case{Run: func(t *T) { t.Target() }})
	assert.Equal(t, Inconclusive, report.Results[0].Verdict)
	report = runToy(t, &toyTarget{answer: pong}, Options{}, Case{Run: func(t *T) { ask(t) }})
	assert.Equal(t, Pass, report.Results[0].Verdict)
	assert.NotEmpty(t, report.Results[0].Transcript)
}

func silent(t *T) {
	s := t.Open()
	if !t.Silent(func() time.Duration { return ask(t) },
		func() { s.Send([]byte("quiet"), "") }, func() bool { return len(s.Inbox()) > 0 }) {
		t.Failf("it spoke")
	}
}

func TestSilenceIsEarnedBetweenControls(t *testing.T) {
	answers := map[string]struct {
		answer func(string) string
		want   Verdict
	}{
		"silent": {pong, Pass},
		"speaks": {func(s string) string {
			if s == "quiet" {
				return "what?"
			}
			return pong(s)
		}, Fail},
		"falls silent": {stopsAfter(2), Inconclusive},
	}
	for name, a := range answers {
		report := runToy(t, &toyTarget{answer: a.answer}, Options{}, Case{Run: silent})
		assert.Equal(t, a.want, report.Results[0].Verdict, name)
	}
}

// What must not come may come while the closing control is under way.
func TestSilenceIsJudgedToTheEnd(t *testing.T) {
	late := false
	report := runToy(t, &toyTarget{answer: pong}, Options{}, Case{Run: func(t *T) {
		controls := 0
		control := func() time.Duration {
			controls++
			late = controls == 2
			return ask(t)
		}
		if !t.Silent(control, func() {}, func() bool { return late }) {
			t.Failf("it spoke")
		}
	}})
	assert.Equal(t, Fail, report.Results[0].Verdict)
}

// A control that takes longer than the silence that was judged shows that an
// answer may still be under way.
func TestSilenceNeedsAControlFasterThanIt(t *testing.T) {
	report := runToy(t, &toyTarget{answer: pong}, Options{}, Case{Run: func(t *T) {
		slow := time.Duration(0)
		control := func() time.Duration {
			defer func() { slow = SilenceCeiling }()
			return ask(t) + slow
		}
		t.Silent(control, func() {}, func() bool { return false })
	}})
	assert.Equal(t, Inconclusive, report.Results[0].Verdict)
	assert.Contains(t, report.Results[0].Failure.Message, "longer than")
}

// stopsAfter answers n pings of the run (its control is the first) and no more.
func stopsAfter(n int) func(string) string {
	return func(s string) string {
		if s == "ping" {
			n--
		}
		if n < 0 {
			return ""
		}
		return pong(s)
	}
}

func TestDeadTargetIsUnreachable(t *testing.T) {
	for name, answer := range map[string]func(string) string{
		"sink": func(string) string { return "" },
		"echo": func(s string) string { return s },
	} {
		report := runToy(t, &toyTarget{answer: answer}, Options{}, Case{Run: func(t *T) { t.Earn() }})
		assert.Equal(t, Inconclusive, report.Results[0].Verdict, name)
		assert.NotEmpty(t, report.Unreachable, name)
		assert.Equal(t, ExitUnreachable, report.Exit, name)
	}
	report := runToy(t, &toyTarget{startup: errors.New("no such program")}, Options{}, Case{Run: silent})
	assert.Contains(t, report.Unreachable, "no such program")
}

func TestCrashIsNeverARejection(t *testing.T) {
	target := &toyTarget{answer: pong}
	report := runToy(t, target, Options{}, Case{Run: func(t *T) { ask(t); target.exited = errors.New("exit status 2") }})
	assert.Equal(t, Fail, report.Results[0].Verdict)
	assert.Contains(t, report.Results[0].Failure.Message, "exit status 2")
}

func TestHarnessFaultsAreErrors(t *testing.T) {
	for name, run := range map[string]func(*T){
		"panics":             func(t *T) { ask(t); panic("oops") },
		"sends malformed":    func(t *T) { ask(t); t.Open().Send([]byte("bad"), "") },
		"starts a second":    func(t *T) { ask(t); t.Start(StartOptions{}) },
		"says so of its own": func(t *T) { t.Harnessf("cannot be") },
	} {
		report := runToy(t, &toyTarget{answer: pong}, Options{}, Case{Run: run})
		assert.Equal(t, Error, report.Results[0].Verdict, name)
		assert.Equal(t, ExitHarness, report.Exit, name)
	}
	report := runToy(t, &toyTarget{answer: pong}, Options{},
		Case{Run: func(t *T) { ask(t); t.Open().SendMalformed([]byte("bad"), "on purpose") }})
	assert.Equal(t, Pass, report.Results[0].Verdict, "what is wrong on purpose may be sent")
}

// verbs makes a target that can be commanded, but knows no command.
type verbs struct{}

func (verbs) Verbs() []string { return nil }

func TestNeedsThatAreNotMet(t *testing.T) {
	never := func(t *T) { t.Failf("it must not run") }
	report := runToy(t, &toyTarget{answer: pong}, Options{},
		Case{ID: "toy/a/restart", Needs: []Need{NeedRestart}, Run: never},
		Case{ID: "toy/a/verb", Needs: []Need{NeedVerb("announce")}, Run: never})
	assert.Equal(t, Skipped, report.Results[0].Verdict)
	assert.Equal(t, "the toy cannot restart", report.Results[0].Reason)
	assert.Equal(t, Skipped, report.Results[1].Verdict, "nobody can tell this target anything")

	commanded := struct {
		*toyTarget
		verbs
	}{toyTarget: &toyTarget{answer: pong}}
	told, err := Run(context.Background(), commanded, Options{Suites: []Suite{toySuite(
		Case{Needs: []Need{NeedVerb("announce")}, Run: never})}})
	require.NoError(t, err)
	assert.Equal(t, Unsupported, told.Results[0].Verdict, "its own list leaves the verb out")
}

func TestRepeatFindsFlakyCases(t *testing.T) {
	runs := 0
	report := runToy(t, &toyTarget{answer: pong}, Options{Repeat: 3}, Case{Run: func(t *T) {
		ask(t)
		if runs++; runs == 2 {
			t.Failf("now and then")
		}
	}})
	res := report.Results[0]
	assert.Equal(t, []Verdict{Pass, Fail, Pass}, res.Runs)
	assert.Equal(t, Fail, res.Verdict)
	assert.Equal(t, Flaky, res.Overlay)
}

func TestCaseIsBounded(t *testing.T) {
	report := runToy(t, &toyTarget{answer: pong}, Options{}, Case{Within: time.Second, Run: func(t *T) {
		ask(t)
		t.Wait(time.Hour)
	}})
	assert.Equal(t, Inconclusive, report.Results[0].Verdict)
	assert.Contains(t, report.Results[0].Failure.Message, "1s")
}

func TestTranscriptIsBounded(t *testing.T) {
	var log transcript
	for i := range 10_000 {
		log.add(Entry{At: time.Duration(i)})
	}
	kept := len(log.entries)
	assert.LessOrEqual(t, kept, TranscriptHead+2*TranscriptTail)
	assert.Equal(t, 10_000, kept+log.omitted)
	assert.Equal(t, time.Duration(9_999), log.entries[kept-1].At)
	assert.Equal(t, time.Duration(TranscriptHead-1), log.entries[TranscriptHead-1].At)
}
