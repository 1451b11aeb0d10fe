package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// playToy is the program that the tests here start: this test binary itself.
func playToy(part string) int {
	switch part {
	case "exits-at-once":
		fmt.Fprintln(os.Stderr, "no such file")
		return 7
	case "closes-stdout":
		os.Stdout.Close()
		time.Sleep(time.Minute)
	case "huge":
		fmt.Print(strings.Repeat("x", 3<<20), "\n")
	case "floods":
		flood := bytes.Repeat([]byte("y\n"), 32<<10)
		for {
			_, _ = os.Stdout.Write(flood)
		}
	case "harness": // starts nodes, tells their process ids, and waits to be killed
		p, _, _, err := stdio.Start([]string{"/bin/sh", "-c", "sleep 1000 & sleep 1000"}, stdio.ProcessOptions{})
		fmt.Println(p.PID(), err)
		time.Sleep(time.Minute)
	case "partial":
		in := bufio.NewScanner(os.Stdin)
		in.Scan()
		m, _ := stdio.Parse(in.Bytes())
		node := newToy("")
		node.name = m.Dest
		fmt.Println(string(node.answer(m, "init_ok")))
		in.Scan()
		fmt.Print(`{"src":"n0","dest":"c0","bo`)
		return 0
	}
	node := newToy(part)
	if stdio.Serve(context.Background(), os.Stdin, os.Stdout, node) != nil {
		return 1
	}
	return 0
}

func program(t *testing.T, part string) conformance.Target {
	t.Setenv("P2PSPEC_TOY", part)
	return cluster.NewProgram([]string{os.Args[0]})
}

func quick(t *conformance.T) {
	c := cluster.New(t, cluster.Options{Nodes: 2})
	c.Canary()
	body := c.Ask("n0", "relay", map[string]any{"to": "n1"})
	if body.Type != "relay_ok" {
		t.Failf("got %s", body.Raw)
	}
	c.Pass(50 * time.Millisecond)
	t.Earn()
}

func TestProcesses(t *testing.T) {
	for part, want := range map[string]string{
		"good":          "",
		"exits-at-once": `it has ended: exit status 7; its last words: "no such file"`,
		"closes-stdout": "it has closed its stdout",
		"huge":          "writes a line that is no message",
		"floods":        "writes a line that is no message",
		"partial":       "writes a line that is no message",
	} {
		began := time.Now()
		res := judge(t, program(t, part), quick)
		assert.Less(t, time.Since(began), 8*time.Second, part)
		if want == "" {
			assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
			continue
		}
		if assert.Equal(t, conformance.Fail, res.Verdict, part) {
			assert.Contains(t, res.Failure.Message, want, part)
		}
	}
}

// A paused process stands still, and has what was sent to it when it goes on. A
// killed one loses it, and can be started again.
func TestPauseAndKillProcesses(t *testing.T) {
	res := judge(t, program(t, "good"), pauseAndKill)
	assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
}

func TestPauseAndKillMachines(t *testing.T) {
	res := judge(t, toys(""), pauseAndKill)
	assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
}

func pauseAndKill(t *conformance.T) {
	c := cluster.New(t, cluster.Options{Nodes: 3})
	f := c.Pause("n1")
	call := c.Go("n0", "relay", map[string]any{"to": "n1"})
	if c.Until(call.Done, 100*time.Millisecond) {
		t.Failf("a paused node answers")
	}
	c.Resume("n1", f)
	if !c.Wait(time.Second, call) || !call.OK() {
		t.Failf("what waited for a paused node is lost: %s", call.Reply.Raw)
	}
	if f.Hits() != 1 {
		t.Failf("%d hits of a pause", f.Hits())
	}
	killed := c.Kill("n1")
	if call = c.Go("n0", "relay", map[string]any{"to": "n1"}); c.Wait(100*time.Millisecond, call) {
		t.Failf("a dead node answers")
	}
	if killed.Hits() != 1 {
		t.Failf("%d hits of a kill", killed.Hits())
	}
	c.Restart("n1")
	if body := c.Ask("n0", "relay", map[string]any{"to": "n1"}); body.Type != "relay_ok" {
		t.Failf("got %s", body.Raw)
	}
	t.Earn()
}

// What we started ends with us, with all that it has started itself, also when
// nothing of ours can run any more.
func TestProgramsDieWithTheHarness(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "P2PSPEC_TOY=harness")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	group, err := strconv.Atoi(strings.Fields(line)[0])
	require.NoError(t, err)
	require.True(t, runs(group))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	assert.Eventually(t, func() bool { return !runs(group) }, 5*time.Second, 10*time.Millisecond)
}

// runs reports that a process group has a process that is not a zombie: one that
// is killed after its parent waits for whoever adopts it.
func runs(group int) bool {
	out, err := exec.Command("ps", "-eo", "pgid=,stat=").Output()
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == strconv.Itoa(group) && f[1][0] != 'Z' {
			return true
		}
	}
	return err != nil
}
