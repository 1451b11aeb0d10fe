package main

import (
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/report"
)

// outputs is where the reports of a run go.
type outputs struct {
	app    *app
	format report.Format // of the standard output
	files  []outputFile
	stream *report.Stream // of the standard output; nil unless that is NDJSON
	live   bool           // progress goes to a terminal
}

type outputFile struct {
	file   *os.File
	format report.Format
}

// openOutputs opens the files before the run, so that a name which cannot be
// written costs no run. A format that was given applies to the files when
// there are any, and to the standard output otherwise.
func (a *app) openOutputs(format string, names []string, given bool) (*outputs, error) {
	f, err := report.ParseFormat(format)
	if err != nil {
		return nil, err
	}
	o := &outputs{app: a, format: f}
	if len(names) > 0 {
		o.format = report.Console
	}
	for _, name := range names {
		of := f
		if !given {
			if of, err = report.ByExtension(name); err != nil {
				return nil, usagef("%v, or give its --format", err)
			}
		}
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			o.close()
			return nil, usagef("the report cannot be written: %v", err)
		}
		o.files = append(o.files, outputFile{file, of})
	}
	if o.format == report.NDJSON {
		o.stream = report.NewStream(a.out)
	}
	o.live = o.format == report.Console && terminal(a.err)
	return o, nil
}

// progress returns what a run calls for each of its results.
func (o *outputs) progress(
	total int, final func(conformance.Result) conformance.Result,
) func(conformance.Result) {
	done := 0
	return func(res conformance.Result) {
		done++
		if o.live {
			fmt.Fprintf(o.app.err, "\r\x1b[K%d of %d  %s", done, total, res.Case)
		}
		if o.stream != nil {
			o.stream.Result(final(res))
		}
	}
}

// write renders the report to every place.
func (o *outputs) write(r *conformance.Report) error {
	if o.live {
		fmt.Fprint(o.app.err, "\r\x1b[K")
	}
	for _, f := range o.files {
		if err := o.writeFile(f, r); err != nil {
			return &fault{fmt.Errorf("the report was not written: %w", err)}
		}
	}
	if o.stream != nil {
		return asFault(o.stream.Close(r))
	}
	style := report.Style{Color: colored(o.app.out), Explain: o.app.explain}
	return asFault(report.Write(o.app.out, o.format, r, style))
}

func (o *outputs) writeFile(f outputFile, r *conformance.Report) error {
	if err := f.file.Truncate(0); err != nil {
		return err
	}
	style := report.Style{Explain: o.app.explain}
	if err := report.Write(f.file, f.format, r, style); err != nil {
		return err
	}
	return f.file.Close()
}

// close releases the files; those already written are closed.
func (o *outputs) close() {
	for _, f := range o.files {
		_ = f.file.Close() // a second close reports only that
	}
}

func asFault(err error) error {
	if err != nil {
		return &fault{err}
	}
	return nil
}

// terminal reports whether w shows to a person.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored follows no-color.org.
func colored(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
