package report

import (
	_ "embed" // report.html.tmpl
	"encoding/hex"
	"html/template"
	"io"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

//go:embed report.html.tmpl
var htmlSource string

// writeHTML writes a single file that needs nothing beside it: no script, no
// font, no network. html/template escapes what the target sent; clean spells
// out what a browser would not show.
func writeHTML(w io.Writer, v *view) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"clean": line, "span": span, "count": count, "compact": compact, "dump": dump,
		"verdicts": conformance.Verdicts, "sentence": sentence,
		"anchor": func(id string) string { return "case-" + strings.ReplaceAll(id, "/", "-") },
	}).Parse(htmlSource)
	if err != nil {
		return err
	}
	return page.Execute(w, v)
}

// Class is the style class that gives a result its colour.
func (r resultView) Class() string {
	if r.failed() {
		return "fail"
	}
	if r.Overlay == conformance.XFail {
		return "xfail"
	}
	return string(r.Verdict)
}

// dump is a payload as a hex dump with its printable characters.
func dump(payload string) string {
	raw, err := hex.DecodeString(payload)
	if err != nil {
		return "not hexadecimal: " + line(payload)
	}
	return hex.Dump(raw)
}
