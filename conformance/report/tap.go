package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// writeTAP writes TAP version 14 (testanything.org). A known failure carries
// the TODO directive, which is TAP's own word for one.
func writeTAP(w io.Writer, v *view) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 14\n1..%d\n", len(v.Results))
	fmt.Fprintf(&b, "# p2pspec %s, target %s, seed %d\n", line(v.Version), v.TargetInWords(), v.Seed)
	number := 0
	for _, s := range v.Suites {
		for _, r := range s.Results {
			number++
			b.WriteString(tapPoint(number, r))
		}
	}
	fmt.Fprintf(&b, "# %s\n", v.Outcome())
	_, err := io.WriteString(w, b.String())
	return err
}

func tapPoint(number int, r resultView) string {
	ok, directive := "ok", ""
	switch {
	case r.Overlay == conformance.XFail:
		ok, directive = "not ok", " # TODO "+tapEscape(r.Reason)
	case r.failed(), r.Verdict == conformance.Inconclusive, r.Verdict == conformance.Error:
		ok = "not ok"
	case r.Verdict == conformance.Skipped, r.Verdict == conformance.Unsupported:
		directive = " # SKIP " + tapEscape(r.Label()+": "+r.message())
	}
	point := fmt.Sprintf("%s %d - %s%s\n", ok, number, tapEscape(r.Case), directive)
	if r.alarm() == 0 && r.Verdict != conformance.Info {
		return point
	}
	point += "  ---\n" + tapField("verdict", r.Label()) + tapField("level", string(r.Level))
	names := map[string]int{}
	for _, p := range r.paragraphs() {
		name := strings.ReplaceAll(p.Name, " ", "_")
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s_%d", name, names[name]) // YAML keys are unique
		}
		point += tapField(name, p.Text)
	}
	return point + "  ...\n"
}

// tapField is a line of YAML. A JSON string is a YAML string.
func tapField(name, text string) string {
	return fmt.Sprintf("  %s: %s\n", name, compact(text))
}

// tapEscape keeps text from being read as a directive.
func tapEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(line(s))
}
