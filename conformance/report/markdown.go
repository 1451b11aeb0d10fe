package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// writeMarkdown writes what fits a comment on a pull request or the summary of
// a job: the counts, then what needs attention, then the cases by suite.
func writeMarkdown(w io.Writer, v *view) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## p2pspec: %s\n\n", markdownText(v.TargetInWords()))
	fmt.Fprintf(&b, "**%s.** %s.\n\n", markdownText(sentence(v.Outcome())),
		markdownText(v.LevelsInWords()))
	fmt.Fprintf(&b, "p2pspec %s, case set %s, seed %d, %s, %s\n\n", markdownText(v.Version),
		markdownText(v.CaseSet), v.Seed, v.Started.Format("2006-01-02 15:04 MST"), span(v.Duration))
	for _, note := range v.Remarks() {
		fmt.Fprintf(&b, "- %s\n", markdownText(note))
	}
	markdownCounts(&b, v)
	if len(v.Attention) > 0 {
		b.WriteString("\n### What needs attention\n")
		for _, g := range v.Attention {
			markdownGroup(&b, g)
		}
	}
	for _, s := range v.Suites {
		fmt.Fprintf(&b, "\n<details><summary>%s: %s</summary>\n\n", markdownText(s.Name),
			count(len(s.Results), "case"))
		b.WriteString("| verdict | level | case |\n|---|---|---|\n")
		for _, r := range s.Results {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Label(), r.Level, markdownCode(r.Case))
		}
		b.WriteString("\n</details>\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownCounts(b *strings.Builder, v *view) {
	b.WriteString("\n| suite |")
	for _, verdict := range conformance.Verdicts() {
		fmt.Fprintf(b, " %s |", verdict)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(conformance.Verdicts())) + "\n")
	for _, s := range v.Suites {
		fmt.Fprintf(b, "| %s |", markdownText(s.Name))
		for _, verdict := range conformance.Verdicts() {
			fmt.Fprintf(b, " %d |", s.Count(verdict))
		}
		b.WriteString("\n")
	}
}

func markdownGroup(b *strings.Builder, g group) {
	fmt.Fprintf(b, "\n#### %s: %s (%s)\n\n", g.Label(), markdownCode(g.Case), g.Level)
	for _, p := range g.paragraphs() {
		text := markdownText(p.Text)
		if p.Name == "repeat" {
			text = markdownCode(p.Text)
		}
		fmt.Fprintf(b, "- **%s**: %s\n", p.Name, text)
	}
	if len(g.More) > 0 {
		fmt.Fprintf(b, "- **and %s** for the same reason\n", count(len(g.More), "more case"))
	}
	if lines := diagramLines(g.diagrams()); len(lines) > 0 {
		b.WriteString("\n```text\n" + strings.ReplaceAll(strings.Join(lines, "\n"), "```", "'''") + "\n```\n")
	}
	if len(g.Transcript) == 0 {
		return
	}
	b.WriteString("\n<details><summary>transcript</summary>\n\n```text\n")
	for _, e := range g.Transcript {
		// A fence inside the text would end the block.
		b.WriteString(strings.ReplaceAll(entryLine(e), "```", "'''") + "\n")
	}
	b.WriteString("```\n</details>\n")
}

// markdownText escapes everything that Markdown or HTML gives a meaning.
func markdownText(s string) string {
	return markdownEscapes().Replace(line(s))
}

func markdownEscapes() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`,
		"[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", `\#`, "~", `\~`,
		"@", "@\u200b") // no mention of a stranger
}

// markdownCode is a code span that holds s, inside a table too.
func markdownCode(s string) string {
	s = strings.ReplaceAll(line(s), "|", `\|`)
	return "`` " + strings.ReplaceAll(s, "``", "''") + " ``"
}

// sentence begins with a capital.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
