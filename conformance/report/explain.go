package report

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// Explain is the plain text of a result: the clause, what was expected and what
// came, likely causes, how to repeat it, and the transcript.
func Explain(res conformance.Result) string {
	var b strings.Builder
	for _, p := range (resultView{Result: res}).paragraphs() {
		fmt.Fprintf(&b, "%-12s %s\n", p.Name, p.Text)
	}
	for _, text := range diagramLines(resultView{Result: res}.diagrams()) {
		fmt.Fprintln(&b, "  "+text)
	}
	for _, e := range res.Transcript {
		fmt.Fprintln(&b, "  "+entryLine(e))
	}
	if res.Omitted > 0 {
		fmt.Fprintf(&b, "  (%s left out in the middle)\n", count(res.Omitted, "line"))
	}
	return b.String()
}

func (r resultView) diagrams() []conformance.Diagram {
	if r.Failure == nil {
		return nil
	}
	return r.Failure.Diagrams
}

// diagramLines are diagrams, each below its title.
func diagramLines(diagrams []conformance.Diagram) []string {
	var lines []string
	for _, d := range diagrams {
		lines = append(lines, line(d.Title)+":")
		for _, text := range d.Lines {
			lines = append(lines, row(text))
		}
	}
	return lines
}

// paragraph is one named remark of an explanation, on a single clean line.
type paragraph struct{ Name, Text string }

// paragraphs explain a result in the order in which a reader asks: what went
// wrong, against which clause, what was there instead, why, and what to do.
func (r resultView) paragraphs() []paragraph {
	var ps []paragraph
	add := func(name string, texts ...string) {
		for _, text := range texts {
			if text = line(text); text != "" {
				ps = append(ps, paragraph{name, text})
			}
		}
	}
	if r.Failure != nil {
		add("what", r.Failure.Message)
	}
	for _, c := range r.Clauses() {
		add("clause", fmt.Sprintf("%s %s: %s", c.ID, c.Level, c.Statement))
	}
	if f := r.Failure; f != nil {
		add("expected", strings.Join(f.Expected, " or "))
		add("got", f.Got)
		add("where", f.Where)
		add("likely cause", f.Causes...)
		add("look at", r.WhereToLook())
	}
	add("runs", r.RunsInWords())
	add("observed", r.Observed...)
	if r.Overlay != "" && r.Overlay != conformance.Flaky {
		add("baseline", r.Reason)
	} else {
		add("reason", r.Reason)
	}
	add("repeat", r.Repeat)
	return ps
}

// entryLine is one line of a transcript.
func entryLine(e conformance.Entry) string {
	s := fmt.Sprintf("%11s %s", span(e.At), e.Dir)
	if e.Via != "" {
		s += " " + e.Via
	}
	if e.Hex != "" {
		s += "  " + count(e.Bytes, "byte")
	}
	if e.Note != "" {
		s += "  " + line(e.Note)
	}
	switch {
	case e.Decoded != nil:
		s += "  " + compact(e.Decoded)
	case e.Hex != "":
		s += "  " + e.Hex
	}
	return s
}
