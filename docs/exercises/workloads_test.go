package exercises_test

import (
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// node is one of the nodes of Maelstrom's workloads in this folder: its family and
// its command line, where a Go package stands for the program built from it.
type node struct{ family, command string }

func (n node) program(t *testing.T) (p program, ok bool) {
	t.Helper()
	argv := strings.Fields(n.command)
	if strings.HasPrefix(argv[0], "./go/") {
		binary := filepath.Join(t.TempDir(), path.Base(argv[0]))
		out, err := exec.Command("go", "build", "-o", binary, argv[0]).CombinedOutput()
		require.NoError(t, err, string(out))
		argv[0] = binary
	} else if _, err := exec.LookPath(argv[0]); err != nil || !*required {
		if *required {
			t.Error(err)
		}
		return program{}, false
	}
	return program{n.family, argv}, true
}

func completeNodes() []node {
	return []node{
		{"broadcast", "./go/complete/broadcast"},
		{"broadcast", "python3 python/complete/broadcast.py"},
		{"broadcast", "node javascript/complete/broadcast.js"},
		{"g-set", "python3 python/complete/g_set.py"},
		{"g-counter", "./go/complete/g-counter"},
		{"g-counter", "node javascript/complete/g-counter.js"},
		{"pn-counter", "python3 python/complete/pn_counter.py"},
		{"echo", "python3 python/complete/echo.py"},
		{"unique-ids", "node javascript/complete/unique-ids.js"},
		{"lin-kv", "python3 python/complete/lin_kv.py"},
	}
}

// beyond are the cases that are not for a node which is complete.
var beyond = map[string][]string{
	"python3 python/complete/broadcast.py": {"broadcast/cost/low-latency", "broadcast/cost/few-messages"},
	// JavaScript's numbers do not hold 2^53 + 1.
	"node javascript/complete/broadcast.js": {
		"broadcast/cost/low-latency", "broadcast/cost/few-messages", "broadcast/value/any-json",
	},
	// Nobody tells it anything: a pause may hit no message.
	"./go/complete/g-counter": {"g-counter/fault/pause"},
}

// The nodes of Maelstrom's workloads that are complete pass every case.
func TestCompleteWorkloadsPass(t *testing.T) {
	judgeAll(t, completeNodes(), 2, func(n node) []string {
		cases := oneOfEachArea(n.family)
		return slices.DeleteFunc(cases, func(id string) bool {
			return slices.Contains(beyond[n.command], id) || !*required && strings.Contains(id, "/cost/")
		})
	}, func(t *testing.T, _ node, r *conformance.Report) {
		for _, res := range r.Results {
			if res.Verdict != conformance.Pass && (*required || res.Verdict != conformance.Inconclusive) {
				t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
			}
		}
		assert.NotZero(t, r.Summary[conformance.Pass])
	})
}

// wrongNode has the cases that name its fault; nil: all that are played.
type wrongNode struct {
	node
	fails []string
}

func wrongNodes() []wrongNode {
	const faulty = "python3 python/wrong/fault.py "
	return []wrongNode{
		{node{"broadcast", "./go/wrong/broadcast"}, []string{"fault/partition"}},
		{node{"broadcast", faulty + "forgets broadcast"}, []string{"fault/partition"}},
		{node{"broadcast", faulty + "careless broadcast"}, []string{"fault/partition", "value/lost"}},
		{node{"broadcast", faulty + "hasty broadcast"}, []string{"fault/partition", "value/lost"}},
		{node{"broadcast", faulty + "phantom broadcast"}, []string{"value/phantom"}},
		{node{"broadcast", faulty + "twice broadcast"}, []string{"value/duplicate"}},
		{node{"broadcast", faulty + "shrinks broadcast"}, []string{"read/never-shrinks"}},
		{node{"g-set", faulty + "deaf g_set"}, []string{"fault/partition", "value/lost"}},
		{node{"pn-counter", "node javascript/wrong/pn-counter-one-row.js"}, []string{"value/sum", "fault/partition"}},
		{node{"g-counter", "./go/wrong/g-counter"}, nil},
		{node{"g-counter", "node javascript/wrong/g-counter-again.js"}, []string{"fault/loss", "fault/twice"}},
		{node{"g-counter", "node javascript/wrong/g-counter-last-writer.js"}, nil},
		{node{"g-counter", "node javascript/wrong/g-counter-reborn.js"}, []string{"fault/restart"}},
		{
			node{"unique-ids", "node javascript/wrong/unique-ids-by-clock.js"},
			[]string{"id/all-nodes", "fault/partition", "fault/restart"},
		},
		{node{"unique-ids", "node javascript/wrong/unique-ids-by-count.js"}, []string{"fault/restart"}},
		{node{"echo", faulty + "renumbers echo"}, []string{"payload/text"}},
		{node{"echo", faulty + "dies echo"}, []string{"reply/unknown-type"}},
		{node{"echo", faulty + "agrees echo"}, []string{"reply/unknown-type"}},
		{node{"echo", faulty + "misreplies echo"}, nil},
		{node{"echo", faulty + "chatters echo"}, nil},
	}
}

// looked are the cases that the wrong nodes of a family play: the first that would
// see a fault of each kind. Where nothing arrives a case waits ten seconds for it.
func looked(family string) []string {
	areas := map[string][]string{
		"broadcast":  {"value/lost", "value/duplicate", "value/phantom", "read/never-shrinks", "fault/partition"},
		"g-set":      {"value/lost", "value/duplicate", "value/phantom", "fault/partition"},
		"pn-counter": {"value/sum", "value/phantom", "fault/partition"},
		"g-counter":  {"value/sum", "value/large", "fault/loss", "fault/twice", "fault/restart"},
		"unique-ids": {"id/one-node", "id/all-nodes", "fault/partition", "fault/restart"},
		"echo":       {"payload/text", "payload/nested", "payload/null", "reply/unknown-type"},
	}
	var ids []string
	for _, c := range areas[family] {
		ids = append(ids, family+"/"+c)
	}
	return ids
}

// Each wrong node fails the cases that name its fault, and no other. A case that
// cannot look at what it is about, since too much is wrong, is inconclusive.
func TestWrongWorkloadsFail(t *testing.T) {
	if !*required {
		return // they take what a node may take to settle
	}
	var nodes []node
	fails := map[node][]string{}
	for _, w := range wrongNodes() {
		nodes = append(nodes, w.node)
		fails[w.node] = w.fails
	}
	judgeAll(t, nodes, 3, func(n node) []string { return looked(n.family) },
		func(t *testing.T, n node, r *conformance.Report) {
			var all, failed []string
			for _, res := range r.Results {
				id := strings.TrimPrefix(res.Case, n.family+"/")
				switch res.Verdict {
				case conformance.Fail, conformance.Warn, conformance.Info:
					failed = append(failed, id)
					fallthrough
				case conformance.Pass:
					all = append(all, id)
				}
				if res.Failure != nil {
					t.Logf("%s: %s: %s", id, res.Verdict, res.Failure.Message)
				}
			}
			want := fails[n]
			if want == nil {
				want = all
			}
			assert.ElementsMatch(t, want, failed)
		})
}

// judgeAll judges nodes, so many at once, each by the cases that are asked of it,
// and has the reports looked at one after another.
func judgeAll(
	t *testing.T, nodes []node, atOnce int, cases func(node) []string,
	look func(*testing.T, node, *conformance.Report),
) {
	reports, errs := make([]*conformance.Report, len(nodes)), make([]error, len(nodes))
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, n := range nodes {
		p, ok := n.program(t)
		if !ok {
			continue
		}
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			reports[i], errs[i] = p.judge(cases(n)...)
		})
	}
	all.Wait()
	for i, n := range nodes {
		require.NoError(t, errs[i])
		if r := reports[i]; r != nil {
			t.Run(n.command+" "+n.family, func(t *testing.T) {
				require.NotEmpty(t, r.Results, r.Unreachable)
				look(t, n, r)
				t.Logf("%d cases in %v", len(r.Results), r.Duration)
			})
		}
	}
}

func workload(family string) []conformance.Suite {
	all := broadcast.Workloads()
	return all[slices.IndexFunc(all, func(w broadcast.Workload) bool { return w.Name == family })].Suites()
}
