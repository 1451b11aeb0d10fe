package conformance

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// taped runs cases with a tape, writes it and reads it again.
func tapedToy(t *testing.T, target *toyTarget, cases ...Case) (*Report, *Tapes) {
	t.Helper()
	r := runToy(t, target, Options{Tape: true, Seed: 7}, cases...)
	var file bytes.Buffer
	require.NoError(t, TapesOf(r).Write(&file))
	tapes, err := ReadTapes(&file)
	require.NoError(t, err)
	return r, tapes
}

// play judges cases by a tape.
func play(t *testing.T, tapes *Tapes, cases ...Case) []Result {
	t.Helper()
	r, err := Run(t.Context(), NewTapeTarget(tapes), Options{Suites: []Suite{toySuite(cases...)}, Seed: 7})
	require.NoError(t, err)
	require.Equal(t, "tape of test", r.Target.How)
	return r.Results
}

func TestTapeComesToTheSameVerdict(t *testing.T) {
	for name, target := range map[string]*toyTarget{
		"silent":       {answer: pong},
		"speaks":       {answer: func(s string) string { return map[string]string{"quiet": "what?", "ping": "pong"}[s] }},
		"falls silent": {answer: stopsAfter(2)},
	} {
		r, tapes := tapedToy(t, target, Case{Run: silent})
		require.Len(t, tapes.Cases, 1, name)
		was, is := r.Results[0], play(t, tapes, Case{Run: silent})[0]
		assert.Equal(t, was.Verdict, is.Verdict, name)
		assert.Equal(t, was.Failure, is.Failure, name)
		assert.Equal(t, was.RTT, is.RTT, name)
		assert.Equal(t, was.Observed, is.Observed, name)
	}
}

func TestTapeRemembersACrash(t *testing.T) {
	target := &toyTarget{answer: pong}
	crashes := func(t *T) { ask(t); target.exited = errors.New("signal: killed"); ask(t) }
	r, tapes := tapedToy(t, target, Case{Run: crashes})
	was, is := r.Results[0], play(t, tapes, Case{Run: crashes})[0]
	require.Equal(t, Fail, was.Verdict)
	require.Equal(t, was.Failure, is.Failure)
}

// Of a crash that came later than the case goes now, nothing is concluded.
func TestTapeOfACrashThatIsNotReached(t *testing.T) {
	target := &toyTarget{answer: pong}
	_, tapes := tapedToy(t, target, Case{Run: func(t *T) { ask(t); ask(t); target.exited = errors.New("killed") }})
	is := play(t, tapes, Case{Run: func(t *T) { ask(t) }})[0]
	require.Equal(t, Inconclusive, is.Verdict)
	require.Contains(t, is.Failure.Message, "ended later in the case")
}

// Time that the case did not wait is on the tape, too: it decides about round trips.
func TestTapeShowsTheClockOfTheCase(t *testing.T) {
	const pause = 300 * time.Millisecond
	echo, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		b := make([]byte, 100)
		for {
			_, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo([]byte("pong"), from)
		}
	}()
	suite := toySuite(Case{Run: func(t *T) {
		ask(t)
		s := t.Open()
		time.Sleep(pause) // as a busy machine has it
		began := t.Now()
		s.Send([]byte("ping"), "")
		if !t.Until(func() bool { return len(s.Inbox()) > 0 }, time.Second) || t.Now()-began >= pause {
			t.Failf("answered after %v", t.Now()-began)
		}
	}})
	at := echo.LocalAddr().(*net.UDPAddr).AddrPort()
	live := NewLiveTarget(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), LoopbackSources())
	r, err := Run(t.Context(), live, Options{Suites: []Suite{suite}, Tape: true})
	require.NoError(t, err)
	require.Equal(t, Pass, r.Results[0].Verdict, "%v", r.Results[0].Failure)
	again, err := Run(t.Context(), NewTapeTarget(TapesOf(r)), Options{Suites: []Suite{suite}})
	require.NoError(t, err)
	require.Equal(t, Pass, again.Results[0].Verdict, "%v", again.Results[0].Failure)
}

// What the target said then is judged by the case as it is now.
func TestTapeIsJudgedByTheCaseOfToday(t *testing.T) {
	_, tapes := tapedToy(t, &toyTarget{answer: pong}, Case{Run: func(t *T) { ask(t) }})
	stricter := play(t, tapes, Case{Run: func(t *T) { ask(t); t.Failf("it says pong, and not Pong") }})[0]
	require.Equal(t, Fail, stricter.Verdict)
}

func TestTapeKnowsNoOtherCase(t *testing.T) {
	const here = "is send at 127.1.0.1:20001 to 127.0.0.1:7"
	toyAddr2 := netip.MustParseAddrPort("127.0.0.1:8")
	twice := func(t *T) {
		s := t.Open()
		s.Send([]byte("ping"), "")
		t.Wait(time.Second)
		s.Send([]byte{byte(t.Rand().Uint64())}, "")
		t.Earn()
	}
	_, tapes := tapedToy(t, &toyTarget{answer: pong}, Case{Run: twice})
	for name, c := range map[string]struct {
		run  func(*T)
		says string
	}{
		"another message": {func(t *T) { t.Open().Send([]byte("pong"), "") }, here + ", 4 bytes (2158414f)"},
		"another step":    {func(t *T) { t.Open().Close() }, "step 2 is shut at 127.1.0.1:20001 and was start"},
		"other draws":     {func(t *T) { t.Rand().Uint64(); twice(t) }, here + ", 1 bytes (410b1010)"},
		"more steps":      {func(t *T) { twice(t); t.Open() }, "goes on to open"},
		"a command":       {func(t *T) { t.Open(); t.Do("go", nil) }, "it gives the target a command"},
		"a question":      {func(t *T) { t.Open(); t.Exited() }, "it asks whether the target has ended"},
		"an end":          {func(t *T) { t.Open(); t.Quit() }, "step 3 is quit and was send"},
		"another socket":  {func(t *T) { t.Open(); t.Open() }, "step 2 is open and was start"},
		"another address": {func(t *T) { t.OpenAt(toyAddr2) }, "step 1 is open at 127.0.0.1:8 and was open"},
		"another target": {func(t *T) {
			s := t.Open()
			t.Target()
			s.SendTo(toyAddr2, []byte("ping"), "")
		}, "to 127.0.0.1:8, 4 bytes"},
		"another start": {func(t *T) {
			t.Open()
			t.Start(StartOptions{ReadOnly: true})
		}, "step 2 is start, 217 bytes"},
		"a longer wait": {func(t *T) {
			s := t.Open()
			s.Send([]byte("ping"), "")
			t.Wait(2 * time.Second)
		}, "it waits until 2s where it went on with send"},
		"a wait at the end": {func(t *T) { twice(t); t.Wait(time.Second) }, "it waits until 2s where it had ended at 1s"},
		"no wait": {func(t *T) {
			s := t.Open()
			s.Send([]byte("ping"), "")
			s.Send([]byte("ping"), "")
		}, "and was datagram"},
	} {
		res := play(t, tapes, Case{Run: c.run})[0]
		assert.Equal(t, Inconclusive, res.Verdict, name)
		assert.Contains(t, res.Failure.Message, c.says, name)
	}
	for _, opts := range []Options{{Seed: 8}, {Seed: 7, Repeat: 2}} {
		opts.Suites = []Suite{toySuite(Case{Run: twice})}
		_, err := Run(t.Context(), NewTapeTarget(tapes), opts)
		require.ErrorAs(t, err, new(*UsageError))
	}
	res := play(t, tapes, Case{ID: "toy/area/other", Run: twice})[0]
	require.Equal(t, Inconclusive, res.Verdict)
	require.Contains(t, res.Failure.Message, "not on the tape")
}

// A case that waits shorter than then does not see what came later.
func TestTapeKeepsTime(t *testing.T) {
	wait := func(d time.Duration) func(*T) {
		return func(t *T) {
			s := t.Open()
			t.Wait(time.Second)
			s.Send([]byte("ping"), "")
			t.Earn()
			if t.Until(func() bool { return len(s.Inbox()) > 0 }, d) {
				t.Failf("pong after %v", t.Now())
			}
		}
	}
	late := &toyTarget{answer: pong}
	r, tapes := tapedToy(t, late, Case{Run: wait(5 * time.Second)})
	require.Equal(t, Fail, r.Results[0].Verdict)
	tapes.Cases[0].Steps[len(tapes.Cases[0].Steps)-1].At += 3 * time.Second // as if the answer had taken so long
	require.Equal(t, Fail, play(t, tapes, Case{Run: wait(5 * time.Second)})[0].Verdict)
	require.Equal(t, Pass, play(t, tapes, Case{Run: wait(time.Second)})[0].Verdict)
}

// The instance that cases share is on the tape, with how it gets ready and how it is
// replaced; what a command or a file says is not.
func TestTapeOfASharedProgram(t *testing.T) {
	talk := func(t *T) {
		s := t.Dial()
		s.Write([]byte("what do you have?"), "")
		if !t.Until(func() bool { return bytes.HasSuffix(s.Buffered(), []byte("\n")) }, time.Second) {
			t.Inconclusivef("no answer")
		}
		t.Observef("%q", s.Buffered())
		t.Earn()
	}
	suite := streamSuite("shared", &StartOptions{Torrent: []byte("torrent")},
		Case{ID: "shared/a/first", Role: Seeder, Run: talk},
		Case{ID: "shared/a/renewed", Role: Seeder, Run: func(t *T) { t.Renew(t.Standard()); talk(t) }},
		Case{ID: "shared/a/own", Role: Seeder, Needs: []Need{NeedFresh}, Run: talk},
		Case{ID: "shared/a/file", Role: Seeder, Run: func(t *T) {
			_, err := t.ReadFile("none")
			t.Observef("%v", err != nil)
			talk(t)
		}},
	)
	r, err := Run(t.Context(), program(t, "seed", "{port}", "{torrent}", "{dir}"),
		Options{Suites: []Suite{suite}, Tape: true})
	require.NoError(t, err)
	tapes := TapesOf(r)
	require.Len(t, tapes.Cases, 3, "the case that reads a file has none")
	var ids []string
	for _, c := range tapes.Cases {
		ids = append(ids, c.Case)
	}
	again, err := Run(t.Context(), NewTapeTarget(tapes), Options{Suites: []Suite{suite}, Select: ids})
	require.NoError(t, err)
	for i, res := range again.Results {
		require.Equal(t, Pass, r.Results[i].Verdict, "%s: %v", r.Results[i].Case, r.Results[i].Failure)
		require.Equal(t, Pass, res.Verdict, "%s: %v", res.Case, res.Failure)
		require.Equal(t, r.Results[i].Observed, res.Observed)
	}
}

// What a target makes the harness keep is bounded.
func TestTapeIsBounded(t *testing.T) {
	flood := strings.Repeat("x", 60000)
	target := &toyTarget{answer: func(s string) string { return map[string]string{"ping": "pong", "more": flood}[s] }}
	times := func(n int) Case {
		return Case{Run: func(t *T) {
			ask(t)
			s := t.Open()
			for range n {
				s.Send([]byte("more"), "")
				t.Until(func() bool { return len(s.Inbox()) > 0 }, time.Second)
			}
		}}
	}
	_, tapes := tapedToy(t, target, times(3))
	require.Len(t, tapes.Cases, 1)
	_, tapes = tapedToy(t, target, times(maxTapeLine/len(flood)))
	require.Empty(t, tapes.Cases)
}

// A wait that ended before something came ends before it again.
func TestTapeRemembersSilence(t *testing.T) {
	early := func(t *T) {
		s := t.Open()
		s.Send([]byte("ping"), "")
		if t.Until(func() bool { return len(s.Inbox()) > 0 }, VirtualLatency) {
			t.Failf("an answer before it could come")
		}
		t.Earn()
	}
	r, tapes := tapedToy(t, &toyTarget{answer: pong}, Case{Run: func(t *T) { early(t); t.Wait(time.Second) }})
	require.Equal(t, Pass, r.Results[0].Verdict)
	require.Equal(t, Pass, play(t, tapes, Case{Run: func(t *T) { early(t); t.Wait(time.Second) }})[0].Verdict)
}

func TestReadTapesRefuses(t *testing.T) {
	pack := func(lines ...string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(strings.Join(lines, "\n")))
		require.NoError(t, errors.Join(err, z.Close()))
		return b.String()
	}
	step := func(s string) string {
		return pack(`{"schema":1,"target":{"name":"x","how":"live"},"seed":1}`, `{"case":"a/b/c","steps":[`+s+`]}`)
	}
	head := `{"schema":1,"target":{"name":"x","how":"live"},"seed":1}`
	for says, file := range map[string]string{
		"no tape: ":                         "plain text",
		"the tape is empty":                 pack(),
		"line 1: schema 9, want 1":          pack(`{"schema":9}`),
		"line 2: ":                          pack(head, `{"case":`),
		`line 3: "a/b/c" stands twice`:      pack(head, `{"case":"a/b/c"}`, `{"case":"a/b/c"}`),
		`step 1: "sing": there is no such`:  step(`{"op":"sing"}`),
		`step 1: "start": does not say`:     step(`{"op":"start"}`),
		`step 1: "shut": at 0s, want 2ns`:   pack(head, `{"case":"a/b/c","began":2,"steps":[{"op":"shut"}]}`),
		"came at 1ns, and the case had it ": step(`{"op":"datagram","came":1,"local":"127.0.0.1:1"}`),
		"of no connection":                  step(`{"op":"data"}`),
		"at no local address":               step(`{"op":"open"}`),
		"without its error":                 step(`{"op":"broken","conn":1}`),
		"want one of IPv4":                  step(`{"op":"start","start":{"addr":"[::1]:5"}}`),
		"shared: warm after 2h":             pack(head, `{"case":"a","shared":{"addr":"127.0.0.1:5","warm":7200000000000}}`),
		"after 0 cases: bufio.Scanner: tok": pack(head, strings.Repeat("x", maxTapeLine+1)),
		"unexpected EOF":                    pack(head, strings.Repeat(`{"case":"a"}`, 9))[:40],
	} {
		_, err := ReadTapes(strings.NewReader(file))
		require.ErrorContains(t, err, says)
	}
}
