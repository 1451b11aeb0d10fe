package docs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// reason is one line of spec/catalogue/uncovered.tsv: why the rows that the
// selection names have neither a case nor a test.
type reason struct {
	Selection string
	Text      string
	Rows      []string // the ids that it explains, filled in by explain
}

// parseReasons reads the file: comment lines, then a selection as
// catalogue.Match takes it, a tab and the reason on each line.
func parseReasons(name, data string) ([]reason, error) {
	var reasons []reason
	for i, line := range strings.Split(strings.TrimSuffix(data, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		selection, text, ok := strings.Cut(line, "\t")
		if !ok || strings.Contains(text, "\t") || strings.TrimSpace(text) != text || text == "" {
			return nil, fmt.Errorf("%s:%d: a line must be a selection, one tab and a reason", name, i+1)
		}
		if len(catalogue.Match(selection)) == 0 {
			return nil, fmt.Errorf("%s:%d: %q matches no row", name, i+1, selection)
		}
		reasons = append(reasons, reason{Selection: selection, Text: text})
	}
	return reasons, nil
}

// explain gives every uncovered row to the first line that selects it. A row
// without a line and a line without a row are both errors: the one is a hole,
// the other an excuse that nobody needs any more.
func explain(rows []catalogue.Requirement, covered func(id string) bool, reasons []reason) []error {
	var errs []error
	matches := make([][]catalogue.Requirement, len(reasons))
	for i, r := range reasons {
		matches[i] = catalogue.Match(r.Selection)
	}
	for _, row := range rows {
		if covered(row.ID) {
			continue
		}
		i := slices.IndexFunc(matches, func(m []catalogue.Requirement) bool {
			return slices.Contains(m, row)
		})
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s has no case, no test and no reason: %s",
				row.ID, row.Statement))
			continue
		}
		reasons[i].Rows = append(reasons[i].Rows, row.ID)
	}
	for _, r := range reasons {
		if len(r.Rows) == 0 {
			errs = append(errs, fmt.Errorf(
				"the reason for %s is stale: its rows are covered or explained by an earlier line",
				r.Selection))
		}
	}
	return errs
}

func TestReasonsMustBeNeeded(t *testing.T) {
	rows := catalogue.Match("KAD-JOIN")
	first := func(id string) bool { return id == "KAD-JOIN-001" }
	for _, c := range []struct {
		data string
		want string
	}{
		{"# comment\nKAD-JOIN-002\tx\nKAD-J*\ty\n", ""},
		{"KAD-JOIN\tx\n", ""},
		{"KAD-JOIN-002\tx\n", "KAD-JOIN-003 has no case, no test and no reason"},
		{"KAD-JOIN-001\tx\nKAD-JOIN\ty\n", "the reason for KAD-JOIN-001 is stale"},
		{"KAD-JOIN\tx\nKAD-JOIN-002\ty\n", "the reason for KAD-JOIN-002 is stale"},
	} {
		reasons, err := parseReasons("f", c.data)
		if err != nil {
			t.Fatal(err)
		}
		errs := explain(rows, first, reasons)
		if got := fmt.Sprint(errs); c.want == "" && len(errs) > 0 || !strings.Contains(got, c.want) {
			t.Errorf("%q: %v, want %q", c.data, errs, c.want)
		}
	}
	for data, want := range map[string]string{
		"# a\nKAD-JOIN":     "f:2: a line must be",
		"KAD-JOIN\t":        "f:1: a line must be",
		"KAD-JOIN\tx\ty":    "f:1: a line must be",
		"\n":                "f:1: a line must be",
		"KAD-NOSUCH-*\tx\n": `f:1: "KAD-NOSUCH-*" matches no row`,
	} {
		if _, err := parseReasons("f", data); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", data, err, want)
		}
	}
}
