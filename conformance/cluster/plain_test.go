package cluster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func plainEcho(t *conformance.T) {
	c := cluster.New(t, cluster.Options{Nodes: 2, Plain: true})
	c.Ask("n0", "echo", map[string]any{"echo": 1})
	c.Pass(time.Second)
	if odd := c.Odd(); len(odd) > 0 {
		t.Observef("%s", odd[0])
	}
	t.Earn()
}

// What Maelstrom's clients overlook is no breach there, but is told; a broken line
// is one all the same.
func TestPlainOverlooksWhatMaelstromDoes(t *testing.T) {
	for wrong, odd := range map[string]string{
		"": "", "twice": "answers a request twice", "no-reply-to": "", "never-asked": "",
	} {
		res := judge(t, toys(wrong), plainEcho)
		if wrong == "no-reply-to" || wrong == "never-asked" {
			assert.Contains(t, res.Failure.Message, "did not answer", wrong) // it was all that came
			continue
		}
		assert.Equal(t, conformance.Pass, res.Verdict, wrong)
		assert.Contains(t, strings.Join(res.Observed, "\n"), odd, wrong)
	}
	for _, wrong := range []string{"garbage", "extra-key", "no-type", "text-for-number"} {
		res := judge(t, toys(wrong), plainEcho)
		require.NotNil(t, res.Failure, wrong)
		assert.Equal(t, conformance.Fail, res.Verdict, wrong)
		assert.Contains(t, res.Failure.Message, "n0 writes a line that is no message", wrong)
		assert.NotEmpty(t, res.Failure.Got, wrong)
	}
}

// passer answers as itself what it is sent, but n0 passes requests on to n1 in the
// client's name, and asks somebody who is not there.
type passer struct{ name, heard string }

func (p *passer) Line(_ time.Duration, line []byte, out [][]byte) [][]byte {
	m, err := stdio.Parse(line)
	if err != nil {
		return out
	}
	switch {
	case m.Body.Type == "error":
		p.heard = string(m.Body.Raw)
		return out
	case m.Body.Type == "init":
		return append(out, stdio.Append(nil, p.name, m.Src, stdio.Answer("init_ok", *m.Body.MsgID, nil)))
	case p.name == "n0" && m.Body.Type == "pass":
		body := stdio.Request("pass", *m.Body.MsgID, nil)
		return append(out, stdio.Append(nil, m.Src, "n1", body), stdio.Append(nil, "n0", "n7", stdio.Request("x", 9, nil)))
	}
	fields := map[string]any{"by": p.name, "heard": p.heard}
	return append(out, stdio.Append(nil, p.name, m.Src, stdio.Answer(m.Body.Type+"_ok", *m.Body.MsgID, fields)))
}

func (*passer) Wake(_ time.Duration, out [][]byte) [][]byte { return out }
func (*passer) Deadline() (time.Duration, bool)             { return 0, false }

func passers() conformance.Target {
	return cluster.Machines{Name: "passer", New: func(name string) stdio.Node { return &passer{name: name} }}
}

// A node may pass a client's request on in the client's name, and another one
// answers it. Who asks a node that is not there gets error 1, and the run goes on.
func TestPlainPassesOn(t *testing.T) {
	res := judge(t, passers(), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 2, Plain: true})
		if by := c.Ask("n0", "pass", nil).Fields()["by"]; by != "n1" {
			t.Failf("%v has answered", by)
		}
		c.Pass(time.Second)
		heard, _ := c.Ask("n0", "tell", nil).Fields()["heard"].(string)
		if !strings.Contains(heard, `"code":1`) {
			t.Failf("n0 has heard %q", heard)
		}
		t.Earn()
	})
	assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
	res = judge(t, passers(), func(t *conformance.T) {
		cluster.New(t, cluster.Options{Nodes: 2}).Ask("n0", "pass", nil)
	})
	assert.Contains(t, res.Failure.Message, "src is the name of the node itself")
}

// A failure is drawn: the whole run, and the prefix that the case names.
func TestDiagrams(t *testing.T) {
	res := judge(t, toys(""), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 3, Latency: cluster.Constant(4 * time.Millisecond)})
		relay(c, "n0", "n1")
		f := c.Partition("n2")
		relay(c, "n0", "n2")
		c.Heal(f)
		for range 30 {
			relay(c, "n2", "n1")
		}
		c.Witness(time.Second, func(p cluster.Passed) bool { return p.Lost != "" })
		t.Failf("enough")
	})
	require.Len(t, res.Failure.Diagrams, 2)
	prefix, run := res.Failure.Diagrams[0].Lines, res.Failure.Diagrams[1].Lines
	assert.Equal(t, "            c    n0   n1   n2", prefix[0])
	require.Len(t, prefix, 3, "the lost message and the beginning of the partition: %v", prefix)
	assert.Contains(t, prefix[1], "|    |    |    |     == from now on: a partition")
	assert.Contains(t, prefix[2], "|    o--------x|     lost: a partition: (4.0 ms) {")
	all := strings.Join(run, "\n")
	assert.Contains(t, all, "o--->|    |    |     {\"type\":\"relay\"")
	assert.Contains(t, all, "|    o--->|    |     (4.0 ms) {")
	assert.Contains(t, all, "|<---o    |    |     {")
	assert.Regexp(t, `\.\.\. .* \d+ rows left out`, all)
	assert.Less(t, len(run), 50)
}
