package conformance

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProgramProcess is no test: it is the program that the tests below start.
func TestProgramProcess(t *testing.T) {
	args := os.Args
	for len(args) > 0 && args[0] != "--" {
		args = args[1:]
	}
	if os.Getenv("P2PSPEC_TEST_PROGRAM") == "" || len(args) == 0 {
		return
	}
	os.Exit(playProgram(args[1], args[2:]))
}

func playProgram(part string, args []string) int {
	switch part {
	case "seed": // PORT TORRENT DIR: it sends the torrent and a file, after a pause
		time.Sleep(300 * time.Millisecond)
		torrent, _ := os.ReadFile(args[1])
		if bytes.Equal(torrent, []byte("broken")) {
			return 7
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
		if err != nil {
			return 1
		}
		content, _ := os.ReadFile(filepath.Join(args[2], "folder", "file"))
		for {
			c, err := l.Accept()
			if err != nil {
				return 1
			}
			fmt.Fprintf(c, "%s %s %d\n", torrent, content, os.Getpid())
			c.Close()
		}
	case "crash": // PORT: on the first connection, with a word
		l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
		if err != nil {
			return 1
		}
		if c, err := l.Accept(); err == nil {
			fmt.Fprint(c, "hello")
			c.Close()
		}
		return 7
	case "leech": // TRACKER TORRENT DIR
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return 1
		}
		c.Write([]byte("announce\n"))
		torrent, _ := os.ReadFile(args[1])
		if os.WriteFile(filepath.Join(args[2], "got"), torrent, 0o644) != nil || bytes.Equal(torrent, []byte("broken")) {
			return 7
		}
	case "parse": // TORRENT or MAGNET
		b, err := os.ReadFile(args[0])
		if err != nil {
			b = []byte(args[0])
		}
		fmt.Printf("%x\n", b)
		if len(b) == 0 {
			return 1
		}
	}
	return 0
}

func program(t *testing.T, words ...string) *CommandTarget {
	t.Setenv("P2PSPEC_TEST_PROGRAM", "1")
	argv := append([]string{os.Args[0], "-test.run=^TestProgramProcess$", "--"}, words...)
	return &CommandTarget{Name: "program", Argv: argv, Sources: LoopbackSources()}
}

func runProgram(t *testing.T, target Target, suites ...Suite) []Result {
	t.Helper()
	r, err := Run(t.Context(), target, Options{Suites: suites})
	require.NoError(t, err)
	require.Empty(t, r.Unreachable)
	return r.Results
}

func streamSuite(name string, shared *StartOptions, cases ...Case) Suite {
	s := toySuite(cases...)
	s.Name, s.Shared = name, shared
	s.Control = func(t *T) {
		if t.Case().Role == Leecher {
			t.Earn()
			return
		}
		t.Dial()
		t.Earn()
	}
	return s
}

// A seeder is ready when it accepts; the suites that ask for the same content
// share one, and others get their own.
func TestSeederIsGivenItsContentAndShared(t *testing.T) {
	content := func(torrent string) *StartOptions {
		return &StartOptions{Torrent: []byte(torrent), Files: map[string][]byte{"folder/file": []byte("bytes")}}
	}
	said := map[string]string{}
	hears := func(id string, needs ...Need) Case {
		return Case{ID: id, Role: Seeder, Needs: needs, Run: func(t *T) {
			s := t.Dial()
			until(t, "the end", s.Ended)
			said[id] = string(s.Buffered())
			if !bytes.HasPrefix(s.Buffered(), append(t.Torrent(), " bytes "...)) {
				t.Failf("it said %q", s.Buffered())
			}
			t.Earn()
		}}
	}
	one := content("one")
	results := runProgram(t, program(t, "seed", "{port}", "{torrent}", "{dir}"),
		streamSuite("a", one, hears("a/x/first"), hears("a/x/second"), hears("a/x/fresh", NeedFresh)),
		streamSuite("b", one, hears("b/x/first")),
		streamSuite("c", content("two"), hears("c/x/first"),
			Case{ID: "c/x/leecher", Role: Tracker, Run: func(t *T) { t.Failf("it must not run") }}))
	for _, res := range results[:5] {
		assert.Equal(t, Pass, res.Verdict, "%s %+v", res.Case, res.Failure)
	}
	assert.Equal(t, Skipped, results[5].Verdict)
	assert.Contains(t, results[5].Reason, "not a tracker's")
	assert.Equal(t, said["a/x/first"], said["a/x/second"])
	assert.Equal(t, said["a/x/first"], said["b/x/first"])
	assert.NotEqual(t, said["a/x/first"], said["a/x/fresh"], "a process of its own")
	assert.Contains(t, said["c/x/first"], "two bytes ")
}

// A program that ends before it has been ready was not started well: nothing is
// judged. One that does not come up again has failed.
func TestEndBeforeItIsReady(t *testing.T) {
	broken := StartOptions{Torrent: []byte("broken")}
	results := runProgram(t, program(t, "seed", "{port}", "{torrent}", "{dir}"),
		streamSuite("ends", &StartOptions{Torrent: []byte("one")},
			Case{ID: "ends/a/at-once", Role: Seeder, Needs: []Need{NeedFresh}, Run: func(t *T) { t.Start(broken) }},
			Case{ID: "ends/a/renewed", Role: Seeder, Run: func(t *T) { t.Renew(broken) }},
			Case{ID: "ends/a/again", Role: Seeder, Needs: []Need{NeedRestart}, Run: func(t *T) {
				t.Target()
				t.Earn()
				t.Restart(broken)
			}}))
	for i, want := range []Verdict{Inconclusive, Inconclusive, Fail} {
		assert.Equal(t, want, results[i].Verdict, results[i].Case)
		assert.Contains(t, results[i].Failure.Message, "exit status 7")
	}
	assert.Contains(t, results[0].Failure.Message, "the target ended before it was ready: ")
}

// One that has spoken was started well: its end is a crash.
func TestEndAfterTheFirstWord(t *testing.T) {
	suite := streamSuite("crash", nil, Case{Role: Servent, Run: func(t *T) { t.Target() }})
	suite.Control = func(t *T) { t.Earn() }
	suite.Ready = func(t *T) bool {
		s := t.DialTo(t.inst.Addr())
		t.Until(s.Ended, time.Second)
		return string(s.Buffered()) == "hello, world"
	}
	r, err := Run(t.Context(), program(t, "crash", "{port}"), Options{Suites: []Suite{suite}})
	require.NoError(t, err)
	require.Equal(t, "the target ended during the case: exit status 7", r.Unreachable, "so the control found")
}

func TestLeecherMayEndInGoodOrder(t *testing.T) {
	leech := func(torrent string) Case {
		return Case{Role: Leecher, Needs: []Need{NeedFiles}, Run: func(t *T) {
			announced := false
			l := t.Listen(func(s *Stream) {
				s.Handle = func(s *Stream) { announced = bytes.HasSuffix(s.Buffered(), []byte("announce\n")) }
			})
			t.Start(StartOptions{Torrent: []byte(torrent), Trackers: []string{l.Addr().String()}})
			until(t, "the announce", func() bool { return announced })
			t.Earn()
			until(t, "the end", t.Exited)
			got, err := t.ReadFile("got")
			if err != nil || string(got) != torrent {
				t.Failf("it left %q, %v", got, err)
			}
			if _, err := t.ReadFile("other"); !errors.Is(err, fs.ErrNotExist) {
				t.Failf("a file that is not there: %v", err)
			}
			if _, err := t.ReadFile("../got"); err == nil || errors.Is(err, fs.ErrNotExist) {
				t.Failf("a path that leaves the folder: %v", err)
			}
		}}
	}
	target := program(t, "leech", "{tracker}", "{torrent}", "{dir}")
	res := runProgram(t, target, streamSuite("a", nil, leech("fine")))[0]
	assert.Equal(t, Pass, res.Verdict, "%+v", res.Failure)
	began := time.Now()
	res = runProgram(t, target, streamSuite("a", nil, leech("broken")))[0]
	assert.Equal(t, Fail, res.Verdict, "an end with a status is no good end")
	assert.Contains(t, res.Failure.Message, "the target ended during the case")
	assert.Less(t, time.Since(began), 4*time.Second, "the end of the program wakes the case")
}

// Leechers are programs of their own, so a few of them run at once.
func TestLeechersRunSideBySide(t *testing.T) {
	const most = 3
	var mu sync.Mutex
	running, peak := 0, 0
	enter := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		running += n
		peak = max(peak, running)
	}
	suite := streamSuite("a", nil)
	for i := range 2 * most {
		suite.Cases = append(suite.Cases, Case{ID: fmt.Sprintf("a/leech/%d", i), Rev: 1, Role: Leecher, Run: func(t *T) {
			enter(1)
			defer enter(-1)
			t.Start(StartOptions{Torrent: []byte(t.Case().ID)})
			t.Until(t.Exited, 5*time.Second)
			t.Wait(100 * time.Millisecond)
			if got, _ := t.ReadFile("got"); string(got) == t.Case().ID {
				t.Earn()
			}
		}})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	r, err := Run(t.Context(), program(t, "leech", l.Addr().String(), "{torrent}", "{dir}"),
		Options{Suites: []Suite{suite}, Jobs: most})
	require.NoError(t, err)
	for i, res := range r.Results {
		assert.Equal(t, Pass, res.Verdict, "%+v", res.Failure)
		assert.Equal(t, suite.Cases[i].ID, res.Case, "results are in the order of the cases")
	}
	assert.Equal(t, most, peak)
}

func TestParserRunsOnceForEachTorrent(t *testing.T) {
	parses := func(arg, value, want string, exit int) Case {
		return Case{ID: "a/parse/" + want, Role: Parser, Needs: []Need{NeedVerb("parse")}, Run: func(t *T) {
			reply := t.Await(t.Do("parse", map[string]any{arg: value}), 5*time.Second)
			if reply["output"] != want || reply["exit"] != exit {
				t.Failf("%v", reply)
			}
			t.Earn()
		}}
	}
	suite := streamSuite("a", nil, parses("torrent", "6465", "6465", 0), parses("torrent", "", "", 1),
		parses("magnet", "magnet:?", hex.EncodeToString([]byte("magnet:?")), 0))
	suite.Control = func(t *T) { t.Earn() }
	for _, res := range runProgram(t, program(t, "parse", "{torrent}", "{magnet}"), suite) {
		assert.Equal(t, Pass, res.Verdict, "%s %+v", res.Case, res.Failure)
	}
	got := runProgram(t, program(t, "parse", "{torrent}"), suite)
	assert.Equal(t, Unsupported, got[2].Verdict, "there is no word for the magnet")
}

func TestCommandLineSaysWhatItPlays(t *testing.T) {
	for _, c := range []struct {
		argv  []string
		plays []Role
	}{
		{[]string{"{port}"}, []Role{Responder, Querier, Tracker}},
		{[]string{"{torrent}"}, []Role{Parser}},
		{[]string{"{torrent}", "{dir}"}, []Role{Leecher}},
		{[]string{"{magnet}", "{dir}"}, []Role{Leecher}},
		{[]string{"{torrent}", "--dir={dir}", "{port}"}, []Role{Responder, Querier, Seeder, Leecher}},
	} {
		var plays []Role
		for _, r := range []Role{Responder, Querier, Seeder, Leecher, Tracker, Parser} {
			ok, why := (&CommandTarget{Argv: c.argv}).Plays(r)
			if ok {
				plays = append(plays, r)
			} else {
				assert.NotEmpty(t, why)
			}
		}
		assert.Equal(t, c.plays, plays, "%q", c.argv)
	}
	assert.Equal(t, FromTracker, (&CommandTarget{Argv: []string{"{torrent}"}}).Learns())
	assert.Equal(t, FromCommand, (&CommandTarget{Argv: []string{"{torrent}", "{peer}"}}).Learns())
	assert.Equal(t, FromDial, (&CommandTarget{Argv: []string{"{peer}"}, Peers: FromDial}).Learns())
	ok, _ := (&CommandTarget{Argv: []string{"{port}"}, Roles: []Role{Tracker}}).Plays(Responder)
	assert.False(t, ok)
}

func TestCommandLineIsFilled(t *testing.T) {
	c := &CommandTarget{Argv: []string{
		"x", "--at={ip}:{port}", "{torrent}", "{magnet}", "{tracker}", "{peer}", "{infohash}", "{encryption}",
		"{max_peers}", "{dir}", "{label}", "{key}",
	}}
	got := c.fill(netip.MustParseAddrPort("127.0.0.1:6881"), StartOptions{
		Magnet: "magnet:?", Trackers: []string{"http://a/", "http://b/"}, InfoHashes: []string{"aa", "bb"},
		Peers:      []netip.AddrPort{netip.MustParseAddrPort("127.0.0.2:1"), netip.MustParseAddrPort("[::1]:2")},
		Encryption: PlaintextOnly, MaxPeers: 4, Label: "l", Key: []byte{1, 2},
	}, &workplace{dir: "d"})
	assert.Equal(t, []string{
		"x", "--at=127.0.0.1:6881", "magnet:?", "http://a/", "127.0.0.2:1 [::1]:2", "aa bb", "plaintext", "4", "d",
		"l", "0102",
	}, got, "there is no torrent, and so no word for it")
}

func TestCommandLineTellsWhatCanBeAsked(t *testing.T) {
	near := &CommandTarget{Argv: []string{"{max_peers}"}, Sources: LoopbackSources()}
	far := &CommandTarget{Argv: []string{"{port}"}, Sources: SourcesIn(netip.MustParsePrefix("10.77.64.0/18"))}
	for _, need := range []Need{NeedMaxPeers, NeedNeighbours} {
		ok, _ := near.Can(need)
		assert.True(t, ok, need)
		ok, why := far.Can(need)
		assert.False(t, ok, need)
		assert.NotEmpty(t, why)
	}
}

func TestWorkplaceRefusesPathsOutside(t *testing.T) {
	for _, name := range []string{"../x", "/x", ""} {
		_, err := newWorkplace(StartOptions{Files: map[string][]byte{name: nil}})
		assert.Error(t, err, name)
	}
	nowhere := &CommandTarget{Argv: []string{"/nonexistent"}}
	_, err := nowhere.Start(context.Background(), NewVirtualNetwork(), StartOptions{})
	assert.Error(t, err)
}
