// Package report renders a [conformance.Report] for people and for machines.
//
// JSON is the report itself, and schema.json describes it; every other format
// is a rendering of it and loses something. What a target sent is hostile: each
// renderer shows it with control characters spelled out and its own syntax
// escaped.
package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// Format names a rendering.
type Format string

// The formats.
const (
	Console  Format = "console"
	JSON     Format = "json"
	NDJSON   Format = "ndjson"
	JUnit    Format = "junit"
	TAP      Format = "tap"
	Markdown Format = "markdown"
	HTML     Format = "html"
)

// Formats lists all formats.
func Formats() []Format {
	return []Format{Console, JSON, NDJSON, JUnit, TAP, Markdown, HTML}
}

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", &conformance.UsageError{
		Message: fmt.Sprintf("unknown format %q: use one of %s", name, formatNames()),
	}
}

// ByExtension returns the format that the ending of a file name asks for.
func ByExtension(path string) (Format, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".txt":
		return Console, nil
	case ".json":
		return JSON, nil
	case ".ndjson", ".jsonl":
		return NDJSON, nil
	case ".xml":
		return JUnit, nil
	case ".tap":
		return TAP, nil
	case ".md":
		return Markdown, nil
	case ".html", ".htm":
		return HTML, nil
	default:
		return "", &conformance.UsageError{Message: fmt.Sprintf("%q does not end like a report: "+
			"use .txt, .json, .ndjson, .xml, .tap, .md or .html", path)}
	}
}

// Style is how a rendering looks where that is the reader's choice. The zero
// value is plain.
type Style struct {
	Color bool // console: use terminal colours
	// Explain returns what a case sends and accepts; "" when it is not known.
	Explain func(caseID string) string
}

// Write renders the report. It fails only when w does.
func Write(w io.Writer, f Format, r *conformance.Report, style Style) error {
	v := newView(r, style)
	switch f {
	case JSON:
		return writeJSON(w, r)
	case NDJSON:
		return writeNDJSON(w, r)
	case JUnit:
		return writeJUnit(w, v)
	case TAP:
		return writeTAP(w, v)
	case Markdown:
		return writeMarkdown(w, v)
	case HTML:
		return writeHTML(w, v)
	default:
		return writeConsole(w, v)
	}
}

func formatNames() string {
	names := make([]string, 0, len(Formats()))
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
