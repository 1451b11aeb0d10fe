package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
	"github.com/p2pspec/p2pspec/spec/catalogue"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CASE|REQUIREMENT ...",
		Short: "Say what is sent, what is accepted and why, with the clause",
		Example: `  p2pspec explain bep5/ping
  p2pspec explain BEP05-RPC-005`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("explain: name a case or a requirement, such as BEP05-RPC-005; " +
					"`p2pspec list` shows the cases")
			}
			for i, name := range args {
				text, err := a.explanation(name)
				if err != nil {
					return err
				}
				if i > 0 {
					text = "\n" + text
				}
				if err := a.print("%s", text); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// explanation is of every case or requirement that the name selects.
func (a *app) explanation(name string) (string, error) {
	var parts []string
	if rows := catalogue.Match(name); len(rows) > 0 {
		for _, row := range rows {
			parts = append(parts, a.explainRequirement(row))
		}
		return strings.Join(parts, "\n"), nil
	}
	selected, err := conformance.Select(a.suites, []string{name}, "")
	var usage *conformance.UsageError
	if errors.As(err, &usage) {
		return "", usagef("%v; a requirement is written like BEP05-RPC-005", err)
	}
	for _, s := range selected {
		parts = append(parts, explainCase(s))
	}
	return strings.Join(parts, "\n"), err
}

func (a *app) explainRequirement(row catalogue.Requirement) string {
	p := page{}
	p.head("%s  %s, %s  %s", row.ID, row.Document, row.Section, levelInWords(row))
	p.text(row.Statement)
	p.field("duty of", row.Role)
	p.field("observed by", row.Observe)
	p.field("note", row.Note)
	for _, c := range suites.Judging(a.suites, row.ID) {
		p.field("case", c.ID)
	}
	return p.String()
}

func levelInWords(row catalogue.Requirement) string {
	if row.Implied {
		return string(row.Level) + " (as we read the prose)"
	}
	return string(row.Level)
}

func explainCase(s conformance.Selected) string {
	c, p := s.Case, page{}
	p.head("%s  %s  %s %s  rev=%d", c.ID, c.Level, c.Role, c.Kind, c.Rev)
	p.text(c.Explain)
	for _, id := range c.Requirements {
		if row, ok := catalogue.Lookup(id); ok {
			p.field("clause", fmt.Sprintf("%s %s, %s %s: %s", id, row.Document, row.Section,
				levelInWords(row), row.Statement))
		}
	}
	p.field("control", c.Control)
	for _, n := range c.Needs {
		p.field("needs", string(n))
	}
	for _, cause := range c.Causes {
		p.field("usual mistake", cause)
	}
	p.field("finds mutants", strings.Join(c.Kills, ", "))
	p.field("no mutant", c.Unkillable)
	p.field("run it", "p2pspec check "+c.ID)
	return p.String()
}

// page is text for a terminal.
type page struct{ b strings.Builder }

// pageWidth is what every terminal has.
const pageWidth = 80

func (p *page) String() string { return p.b.String() }

func (p *page) head(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *page) text(s string) {
	for _, line := range wrap(s, pageWidth-2) {
		fmt.Fprintf(&p.b, "  %s\n", line)
	}
}

// field is a name and a wrapped text; nothing when the text is empty.
func (p *page) field(name, s string) {
	for i, line := range wrap(s, pageWidth-17) {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(&p.b, "  %-13s  %s\n", name, line)
	}
}

// wrap breaks s into lines of at most width bytes, where blanks allow it.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
