package cluster_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// toy is a node that answers what parts does not: "echo" with echo_ok, "relay"
// by way of another node, all else with error 10. It is enough to see the
// router, and wrong in one way at a time.
type toy struct {
	name  string
	wrong string
	at    time.Duration // of the answer that it puts off
	later [][]byte
	ended error
	early bool
	asked map[int64]asked // relays under way, by our msg_id
	last  int64
}

type asked struct {
	client string
	id     int64
}

func (n *toy) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	m, err := stdio.Parse(line)
	if err != nil {
		return out
	}
	if m.Body.Type == "init" {
		n.name = m.Dest
		switch {
		case n.wrong == "early-and-slow" && n.name == "n0": // the others talk to it meanwhile
			n.at, n.later = now+time.Second, append(n.later, n.answer(m, "init_ok"))
			return out
		case n.wrong == "early-and-slow":
			out = append(out, stdio.Append(nil, n.name, "n0", map[string]any{"type": "hello", "msg_id": 1}))
		}
	}
	n.early = n.early || strings.HasPrefix(m.Src, "n") && len(n.later) > 0
	if m.Body.Type == "echo" && n.early {
		return out // it was confused by a peer before it had answered init
	}
	var answer []byte
	switch m.Body.Type {
	case "init", "echo", "hello":
		answer = n.answer(m, m.Body.Type+"_ok")
	case "relay": // asks the node in "to" for an echo
		n.last++
		n.asked[n.last] = asked{m.Src, *m.Body.MsgID}
		to, _ := m.Body.Fields()["to"].(string)
		return append(out, stdio.Append(nil, n.name, to, map[string]any{"type": "hello", "msg_id": n.last}))
	case "hello_ok", "error":
		if a, ok := n.asked[*m.Body.InReplyTo]; ok {
			body := m.Body.Fields()
			body["type"], body["in_reply_to"] = strings.Replace(m.Body.Type, "hello", "relay", 1), a.id
			return append(out, stdio.Append(nil, n.name, a.client, body))
		}
		return out
	default:
		answer = stdio.Append(nil, n.name, m.Src, map[string]any{
			"type": "error", "in_reply_to": *m.Body.MsgID, "code": 10, "text": "what?"})
	}
	if m.Body.Type == "echo" {
		return n.misbehave(now, answer, out)
	}
	return append(out, answer)
}

func (n *toy) answer(m stdio.Message, typ string) []byte {
	body := m.Body.Fields()
	delete(body, "msg_id")
	body["type"], body["in_reply_to"] = typ, *m.Body.MsgID
	return stdio.Append(nil, n.name, m.Src, body)
}

func (n *toy) misbehave(now time.Duration, answer []byte, out [][]byte) [][]byte {
	swap := func(old, new string) [][]byte {
		return append(out, []byte(strings.Replace(string(answer), old, new, 1)))
	}
	switch n.wrong {
	case "silent":
		return out
	case "twice":
		return append(out, answer, answer)
	case "garbage":
		return append(out, []byte("starting up ..."), answer)
	case "half":
		return append(out, answer[:len(answer)/2])
	case "list":
		return append(out, []byte(`["src","n0"]`))
	case "extra-key":
		return swap(`{"src"`, `{"time":3,"src"`)
	case "no-dest":
		return swap(`"dest"`, `"id"`)
	case "number-for-name":
		return swap(`"src":"n0"`, `"src":0`)
	case "another-name":
		return swap(`"src":"n0"`, `"src":"n1"`)
	case "no-type":
		return swap(`"type"`, `"typ"`)
	case "text-for-number":
		return swap(`"in_reply_to":`, `"in_reply_to":"x","was":`)
	case "never-asked":
		return swap(`"in_reply_to":`, `"in_reply_to":99,"was":`)
	case "no-reply-to":
		return swap(`"in_reply_to"`, `"reply_to"`)
	case "dead":
		n.ended = fmt.Errorf("exit status 3; its last words: %q", "out of ideas")
		return out
	case "late":
		n.at, n.later = now+2*cluster.Patience, append(n.later, answer)
		return out
	}
	return append(out, answer)
}

func (n *toy) Wake(_ time.Duration, out [][]byte) [][]byte {
	out, n.later = append(out, n.later...), nil
	return out
}

func (n *toy) Deadline() (time.Duration, bool) { return n.at, len(n.later) > 0 }
func (n *toy) Ended() error                    { return n.ended }

func newToy(wrong string) *toy { return &toy{wrong: wrong, asked: map[int64]asked{}} }

func toys(wrong string) conformance.Target {
	return cluster.Machines{Name: "toy", New: func(string) stdio.Node { return newToy(wrong) }}
}

// judge runs one case, and no control.
func judge(t *testing.T, target conformance.Target, run func(*conformance.T)) conformance.Result {
	t.Helper()
	suite := conformance.Suite{
		Name: "toy", Control: func(t *conformance.T) { t.Earn() },
		Decode: func(b []byte) any { return string(b) },
		Cases: []conformance.Case{{
			ID: "toy/case/it", Rev: 1, Level: conformance.Must, Role: conformance.Member,
			Needs: []conformance.Need{conformance.NeedFresh}, Run: run,
		}},
	}
	r, err := conformance.Run(context.Background(), target, conformance.Options{Suites: []conformance.Suite{suite}})
	require.NoError(t, err)
	return r.Results[0]
}

func echo(t *conformance.T) {
	c := cluster.New(t, cluster.Options{Nodes: 2})
	c.Canary()
	c.Ask("n0", "echo", map[string]any{"echo": []any{1.0, "two"}})
	c.Pass(3 * cluster.Patience)
	t.Earn()
}

// Whatever a node does, the case ends with a verdict that names it.
func TestMisbehaviourIsNamed(t *testing.T) {
	for wrong, want := range map[string]string{
		"":                "",
		"late":            "n0 did not answer echo within 5s",
		"silent":          "n0 did not answer echo within 5s",
		"twice":           "n0: it answers a request twice: in_reply_to 3 was a echo",
		"garbage":         "n0 writes a line that is no message",
		"half":            "n0 writes a line that is no message",
		"list":            "n0 writes a line that is no message",
		"extra-key":       "n0 writes a line that is no message",
		"no-dest":         "n0 writes a line that is no message",
		"number-for-name": "n0 writes a line that is no message",
		"no-type":         "n0 writes a line that is no message",
		"text-for-number": "n0 writes a line that is no message",
		"another-name":    "n0: src is the name of the node itself",
		"never-asked":     "n0: it answers a request that it was not sent: in_reply_to 99",
		"no-reply-to":     "n0: it sends a client what is no answer",
		"dead":            `n0: exit status 3; its last words: "out of ideas"`,
	} {
		res := judge(t, toys(wrong), echo)
		if want == "" {
			assert.Equal(t, conformance.Pass, res.Verdict, wrong)
			continue
		}
		if assert.Equal(t, conformance.Fail, res.Verdict, wrong) {
			assert.Contains(t, res.Failure.Message, want, wrong)
			assert.Equal(t, conformance.TargetFault, res.Failure.Whose, wrong)
		}
	}
}

// A bad line is quoted, with the rule that it breaks.
func TestBadLinesAreEvidence(t *testing.T) {
	res := judge(t, toys("garbage"), echo)
	require.NotNil(t, res.Failure)
	assert.Equal(t, "starting up ...", res.Failure.Got)
	assert.Equal(t, []string{string(stdio.RuleObject)}, res.Failure.Expected)
	assert.NotEmpty(t, res.Failure.Causes)
	var lines []string
	for _, e := range res.Transcript {
		lines = append(lines, fmt.Sprint(e.Dir, " ", e.Via, " ", e.Decoded))
	}
	assert.Contains(t, lines, `> c0 → n0 {"type":"echo","msg_id":3,"echo":[1,"two"]}`)
}

// A node that claims to do what nobody has defined proves nothing.
func TestCanary(t *testing.T) {
	yes := cluster.Machines{Name: "yes", New: func(string) stdio.Node { return yesMan{newToy("")} }}
	res := judge(t, yes, echo)
	assert.Equal(t, conformance.Inconclusive, res.Verdict)
	assert.Contains(t, res.Failure.Message, "invented request")
}

type yesMan struct{ *toy }

func (y yesMan) Line(now time.Duration, line []byte, out [][]byte) [][]byte {
	m, _ := stdio.Parse(line)
	if m.Body.Type == "init" {
		return y.toy.Line(now, line, out)
	}
	return append(out, y.answer(m, m.Body.Type+"_ok"))
}

// The same program is a node on real time.
func TestMain(m *testing.M) {
	if part := os.Getenv("P2PSPEC_TOY"); part != "" {
		os.Exit(playToy(part))
	}
	os.Exit(m.Run())
}
