package report

import (
	_ "embed" // report.html.tmpl
	"html/template"
	"io"
	"slices"
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
		"clean": line, "row": row, "span": span, "count": count, "compact": compact,
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

// htmlCalm bounds the transcript of a result that raised no question, at each
// end: with all lines a page of a few hundred cases has many megabytes.
const htmlCalm = 20

// Evidence is the transcript as the page shows it. The JSON form has all.
func (r resultView) Evidence() []conformance.Entry {
	left := len(r.Transcript) - 2*htmlCalm
	if r.alarm() > 0 || left <= 0 {
		return r.Transcript
	}
	gap := conformance.Entry{
		At: r.Transcript[htmlCalm].At, Dir: "#",
		Note: count(left, "line") + " left out here; the JSON report has them",
	}
	return slices.Concat(r.Transcript[:htmlCalm], []conformance.Entry{gap},
		r.Transcript[len(r.Transcript)-htmlCalm:])
}
