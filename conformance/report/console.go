package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/p2pspec/p2pspec/conformance"
)

// Bounds of the console's evidence: what a screen holds. The other formats
// have all of it.
const (
	consoleEntries = 12
	consoleWidth   = 160
	consoleRemark  = 72
	consoleText    = 480
)

// writeConsole lists the cases by suite, explains what needs it, and ends with
// the counts and the outcome, which is what the eye falls on.
func writeConsole(w io.Writer, v *view) error {
	c := console{color: v.style.Color}
	if v.Exit != conformance.ExitUnreachable { // one reason then, not a list of cases
		for _, r := range v.Results {
			c.width = max(c.width, len(r.Case)-len(r.Suite)-1)
		}
		for _, s := range v.Suites {
			c.suite(s)
		}
	}
	if len(v.Attention) > 0 {
		c.printf("\n%s\n", c.paint("What needs attention", color.Bold))
		for _, g := range v.Attention {
			c.group(g)
		}
	}
	c.counts(v)
	c.printf("\n%s, seed %d, %s, %s\n", v.TargetInWords(), v.Seed, count(len(v.Results), "case"),
		span(v.Duration))
	for _, note := range v.Remarks() {
		c.printf("note: %s\n", line(note))
	}
	c.printf("%s\n", v.LevelsInWords())
	c.printf("%s\n", c.paint(v.Outcome(), color.Bold, outcomeColor(v.Exit)))
	_, err := io.WriteString(w, c.b.String())
	return err
}

type console struct {
	b     strings.Builder
	color bool
	width int // of the column of case ids
}

func (c *console) printf(format string, args ...any) { fmt.Fprintf(&c.b, format, args...) }

func (c *console) paint(s string, attributes ...color.Attribute) string {
	p := color.New(attributes...)
	if c.color {
		p.EnableColor()
	} else {
		p.DisableColor()
	}
	return p.Sprint(s)
}

func (c *console) suite(s suiteView) {
	c.printf("\n%s\n", c.paint(line(s.Name), color.Bold))
	for _, r := range s.Results {
		label := fmt.Sprintf("%s %-13s", r.Mark(), r.Label())
		row := fmt.Sprintf("  %s %-7s  %-*s %9s  %s", c.paint(label, verdictColor(r)), r.Level,
			c.width, line(r.Local()), span(r.Duration), clip(r.remark(), consoleRemark))
		c.printf("%s\n", strings.TrimRight(row, " "))
	}
}

func (c *console) group(g group) {
	label := c.paint(g.Mark()+" "+g.Label(), color.Bold, verdictColor(g.resultView))
	c.printf("\n%s %s (%s)\n", label, c.paint(line(g.Case), color.Bold), g.Level)
	for _, p := range g.paragraphs() {
		if p.Name != "repeat" { // which has to be whole
			p.Text = clip(p.Text, consoleText)
		}
		c.printf("  %-12s  %s\n", p.Name, p.Text)
	}
	if len(g.More) > 0 {
		c.printf("  %-12s  %s\n", "also", clip(strings.Join(g.More, " "), consoleWidth))
		c.printf("  %-12s  %s for the same reason\n", "", count(len(g.More), "more case"))
	}
	c.prefix(g.resultView)
	c.evidence(g.resultView)
}

// prefix shows the diagram of what decided, where there is one beside that of the
// whole run, of which the transcript has the end.
func (c *console) prefix(r resultView) {
	if r.Failure == nil || len(r.Failure.Diagrams) < 2 {
		return
	}
	for _, text := range diagramLines(r.Failure.Diagrams[:1]) {
		c.printf("  %s\n", c.paint(clip(text, consoleWidth), color.Faint))
	}
}

// evidence shows the end of the transcript, where the divergence is.
func (c *console) evidence(r resultView) {
	entries := r.Transcript
	if hidden := len(entries) - consoleEntries; hidden > 0 {
		entries = entries[hidden:]
		c.printf("  %11s   (%s before; -o report.html shows them)\n", "", count(hidden, "line"))
	}
	for _, e := range entries {
		e.Decoded = brief(e.Decoded)
		c.printf("  %s\n", c.paint(clip(entryLine(e), consoleWidth), color.Faint))
	}
}

func (c *console) counts(v *view) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	header, total := table.Row{"suite"}, table.Row{"all"}
	for _, verdict := range conformance.Verdicts() {
		header = append(header, string(verdict))
		total = append(total, v.Summary[verdict])
	}
	t.AppendHeader(header)
	for _, s := range v.Suites {
		row := table.Row{line(s.Name)}
		for _, verdict := range conformance.Verdicts() {
			row = append(row, s.Count(verdict))
		}
		t.AppendRow(row)
	}
	if len(v.Suites) > 1 {
		t.AppendFooter(total)
	}
	c.printf("\n%s\n", t.Render())
}

func verdictColor(r resultView) color.Attribute {
	if r.failed() {
		return color.FgRed
	}
	switch r.Verdict {
	case conformance.Pass:
		return color.FgGreen
	case conformance.Error:
		return color.FgRed
	case conformance.Warn, conformance.Fail:
		return color.FgYellow
	case conformance.Info:
		return color.FgCyan
	case conformance.Inconclusive:
		return color.FgMagenta
	default:
		return color.Faint
	}
}

func outcomeColor(exit conformance.ExitCode) color.Attribute {
	switch exit {
	case conformance.ExitMet:
		return color.FgGreen
	case conformance.ExitUnreachable, conformance.ExitInconclusive:
		return color.FgMagenta
	default:
		return color.FgRed
	}
}
