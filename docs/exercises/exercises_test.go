// Package exercises_test judges the nodes of this folder by the suites: those
// that are complete meet every case, and the starters none that matters, with
// words that help.
//
// A plain run plays one case of each area with the complete nodes in Go, and one
// case with the starters in the languages at hand. The flag -required has all
// nodes play all cases, the wrong ones those that tell them from the others, and
// fails where python3 or node is missing.
package exercises_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/chord"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/conformance/kademlia"
	"github.com/p2pspec/p2pspec/conformance/report"
)

var (
	required = flag.Bool("required", false, "have all nodes play all cases; fail where python3 or node is not installed")
	update   = flag.Bool("update", false, "rewrite the output that README.md shows")
)

func suites(family string) []conformance.Suite {
	switch family {
	case chord.Family:
		return chord.Suites()
	case kademlia.Family:
		return kademlia.Suites()
	}
	return workload(family)
}

// program is a node of this folder: its command line, run where it is found.
type program struct {
	family string
	argv   []string
}

// programs are the nodes in all languages at hand, the starters or those that
// are complete.
func programs(t *testing.T, complete bool) map[string]program {
	t.Helper()
	built := t.TempDir()
	folder, sub := "./go/", ""
	if complete {
		folder, sub = "./go/complete/", "complete/"
	}
	all := map[string]program{}
	for _, family := range []string{chord.Family, kademlia.Family} {
		binary := filepath.Join(built, family)
		out, err := exec.Command("go", "build", "-o", binary, folder+family).CombinedOutput()
		require.NoError(t, err, string(out))
		all["go "+family] = program{family, []string{binary}}
		for interpreter, file := range map[string]string{
			"python3": "python/" + sub + family + ".py", "node": "javascript/" + sub + family + ".js",
		} {
			if _, err := os.Stat(file); err != nil || complete && !*required {
				continue // not every language has every node
			}
			if _, err := exec.LookPath(interpreter); err == nil {
				all[interpreter+" "+family] = program{family, []string{interpreter, file}}
			} else if *required {
				t.Error(err)
			}
		}
	}
	return all
}

// The nodes that are complete meet every case. A machine too busy to be fair makes
// one inconclusive, which only the quiet of -required does not excuse.
func TestCompleteNodesPass(t *testing.T) {
	for name, p := range programs(t, true) {
		t.Run(name, func(t *testing.T) {
			r := judge(t, p, oneOfEachArea(p.family)...)
			for _, res := range r.Results {
				switch {
				case res.Verdict == conformance.Pass, res.Verdict == conformance.Unsupported:
				case res.Verdict == conformance.Inconclusive && !*required:
					t.Logf("%s: %s", res.Case, res.Verdict)
				default:
					t.Errorf("%s: %s\n%s", res.Case, res.Verdict, report.Explain(res))
				}
			}
			assert.NotZero(t, r.Summary[conformance.Pass])
			t.Logf("%d cases in %v", len(r.Results), r.Duration)
		})
	}
}

// The starters answer init; of the first thing that they are asked for the
// failure says that it is missing.
func TestStartersFailHelpfully(t *testing.T) {
	first := map[string]string{chord.Family: "chord/ring/alone", kademlia.Family: "kademlia/join/first-is-alone"}
	for name, p := range programs(t, false) {
		t.Run(name, func(t *testing.T) {
			res := judge(t, p, first[p.family]).Results[0]
			if res.Verdict == conformance.Inconclusive && !*required {
				t.Logf("the machine is too busy: %s", report.Explain(res))
				return
			}
			assert.Equal(t, conformance.Fail, res.Verdict)
			assert.Contains(t, report.Explain(res), "n0 answers join with error 10: no handler for")
		})
	}
}

// oneOfEachArea selects the first case of each area of a suite, such as join, in
// a plain run; all cases otherwise.
func oneOfEachArea(family string) []string {
	var ids, areas []string
	for _, c := range suites(family)[0].Cases {
		area, _, _ := strings.Cut(strings.TrimPrefix(c.ID, family+"/"), "/")
		if *required || !slices.Contains(areas, area) {
			ids, areas = append(ids, c.ID), append(areas, area)
		}
	}
	return ids
}

func judge(t *testing.T, p program, cases ...string) *conformance.Report {
	t.Helper()
	r, err := p.judge(cases...)
	require.NoError(t, err)
	require.NotEmpty(t, r.Results, r.Unreachable)
	return r
}

func (p program) judge(cases ...string) (*conformance.Report, error) {
	return conformance.Run(context.Background(), cluster.NewProgram(p.argv), conformance.Options{
		Suites: suites(p.family), Select: cases, Seed: 1, Jobs: conformance.MaxPrograms,
		RepeatCommand: func(id string) string {
			return "p2pspec check " + id + " --exec '" + strings.Join(p.argv, " ") + "' --seed 1"
		},
	})
}

var (
	// shownRun is a block that begins with a command and holds its output.
	shownRun = regexp.MustCompile("(?s)```\n\\$ p2pspec check (\\S+) --exec '([^\n]*)'\n(.*?)```\n")
	// took is a time, with the blanks that align it.
	took = regexp.MustCompile(` *\d+(\.\d+)? (ms|s)\b`)
	// initialized is a message that answers init.
	initialized = regexp.MustCompile(`"type": ?"init_ok"`)
)

// The output in README.md is that of the command, but for the times.
func TestReadmeOutputIsReal(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil && !*required {
		t.Log("python3 is not installed")
		return
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	runs := 0
	t.Chdir("python")
	shown := shownRun.ReplaceAllStringFunc(string(text), func(block string) string {
		runs++
		m := shownRun.FindStringSubmatch(block)
		family, _, _ := strings.Cut(m[1], "/")
		var out bytes.Buffer
		r := judge(t, program{family, strings.Fields(m[2])}, m[1])
		require.NoError(t, report.Write(&out, report.Console, r, report.Style{}))
		diff := cmp.Diff(stable(m[3]), stable(out.String()))
		if diff == "" {
			return block
		}
		if !*update {
			t.Errorf("%s: run go test ./docs/exercises -update (-README +now):\n%s", m[1], diff)
		}
		return "```\n$ p2pspec check " + m[1] + " --exec '" + m[2] + "'\n" + out.String() + "```\n"
	})
	assert.NotZero(t, runs)
	if *update {
		require.NoError(t, os.WriteFile("../README.md", []byte(shown), 0o644))
	}
}

// stable is an output without what differs each time: how long things took, how
// busy the machine was, and in which order two nodes answered init.
func stable(out string) string {
	lines := strings.Split(took.ReplaceAllString(out, " T"), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "  observed ") })
	for i := 0; i < len(lines); i++ {
		j := i
		for j < len(lines) && initialized.MatchString(lines[j]) {
			j++
		}
		slices.Sort(lines[i:j])
		i = max(i, j-1)
	}
	return strings.Join(lines, "\n")
}
