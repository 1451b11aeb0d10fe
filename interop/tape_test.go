package interop_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// TestTapesAreJudgedAgain judges by the cases of today what the programs of two
// families said when they were taped, which cannot be installed everywhere: each
// verdict of their reports has to come out again, for the same reason.
func TestTapesAreJudgedAgain(t *testing.T) {
	for file, was := range recordings(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if !strings.HasSuffix(name, ".gnutella") && !strings.HasSuffix(name, ".napster") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := playTape(t, filepath.Join("tapes", name+".tape"))
			for _, res := range was.Results {
				if res.Reason != "" {
					continue // nothing crossed the network
				}
				again := result(is, res.Case)
				if again.Case == "" && slices.Contains(tooLong, res.Case) {
					continue
				}
				if again.Verdict != res.Verdict || words(again) != words(res) {
					t.Errorf("%s: the report has %q %q, the tape %q %q",
						res.Case, res.Verdict, words(res), again.Verdict, words(again))
				}
			}
		})
	}
}

// tooLong are cases in which a servent without flow control sends 16 MB, which is more
// than a tape takes of one case.
var tooLong = []string{
	"gnutella06/flow/queries-of-the-slow-are-dropped", "gnutella06/flow/hits-before-queries",
	"gnutella06/flow/no-room-for-hits-is-the-end",
}

func words(res conformance.Result) string {
	if res.Failure == nil {
		return ""
	}
	return res.Failure.Message
}

// playTape judges all that is on a tape.
func playTape(t *testing.T, file string) *conformance.Report {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tapes, err := conformance.ReadTapes(f)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range tapes.Cases {
		ids = append(ids, c.Case)
	}
	r, err := conformance.Run(t.Context(), conformance.NewTapeTarget(tapes), conformance.Options{
		Suites: suites.All(), Select: ids, Seed: tapes.Seed, Jobs: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
