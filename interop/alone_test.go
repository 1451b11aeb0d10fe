package interop_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// alone is a requirement that no client has been judged by.
type alone struct {
	catalogue.Requirement
	cases []string
}

// restAlone are the requirements of a family of which no client has met or missed a
// case, and how many there are in all.
func restAlone(family string, all []*conformance.Report) (out []alone, rows int) {
	cases := map[string][]string{} // by requirement
	judged := map[string]bool{}
	for _, s := range suites.All() {
		if s.Family != family {
			continue
		}
		for _, c := range s.Cases {
			for _, id := range c.Requirements {
				cases[id] = append(cases[id], c.ID)
				judged[id] = judged[id] || isJudged(c.ID, all)
			}
		}
	}
	for id, of := range cases {
		if row, ok := catalogue.Lookup(id); ok && !judged[id] {
			out = append(out, alone{row, of})
		}
	}
	slices.SortFunc(out, func(a, b alone) int { return strings.Compare(a.ID, b.ID) })
	return out, len(cases)
}

func isJudged(id string, all []*conformance.Report) bool {
	return slices.ContainsFunc(all, func(r *conformance.Report) bool {
		switch result(r, id).Verdict {
		case conformance.Pass, conformance.Fail, conformance.Warn, conformance.Info:
			return true
		default:
			return false
		}
	})
}

func renderAlone(b *strings.Builder, all []*conformance.Report) {
	b.WriteString("\n## What rests on the specification alone\n\nNo client here was judged by any case of these " +
		"requirements: none has what they are about, or can be brought to it. That their cases are right is known from " +
		"the text, the built-in node and its mutants, and from nothing else. The same is true of requirements that no " +
		"case covers, which [coverage.md](coverage.md) lists. How Maelstrom's own demo nodes do is in " +
		"[maelstrom.md](maelstrom.md).\n")
	for _, family := range suites.Families(suites.All()) {
		rows, of := restAlone(family, all)
		switch {
		case len(rows) == of:
			fmt.Fprintf(b, "\n**%s**: all %d; there is no report of anybody's program.\n", family, of)
		case len(rows) == 0:
			fmt.Fprintf(b, "\n**%s**: none of %d.\n", family, of)
		default:
			fmt.Fprintf(b, "\n**%s**: %d of %d.\n\n", family, len(rows), of)
			for _, r := range rows {
				fmt.Fprintf(b, "- %s (%s, %s): %s `%s`\n", r.ID, r.Document, r.Level, r.Statement, strings.Join(r.cases, "`, `"))
			}
		}
	}
}
