package report

import (
	_ "embed" // schema.json
	"encoding/json"
	"fmt"
	"io"

	"github.com/p2pspec/p2pspec/conformance"
)

// SchemaJSON is the JSON Schema (draft 2020-12) of the JSON form.
//
//go:embed schema.json
var SchemaJSON string

// maxReport bounds what Read takes into memory: a report of a thousand cases
// with full transcripts is a tenth of it.
const maxReport = 1 << 28

// Read reads the JSON form. It refuses a report of a newer schema; fields that
// it does not know are left out.
func Read(r io.Reader) (*conformance.Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if len(data) > maxReport {
		return nil, fmt.Errorf("report: longer than %d bytes", maxReport)
	}
	var report conformance.Report
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, fmt.Errorf("report: not a JSON report: %w", err)
	}
	if report.Schema < 1 || report.Schema > conformance.Schema {
		return nil, fmt.Errorf("report: schema %d, and this version reads up to %d",
			report.Schema, conformance.Schema)
	}
	return &report, nil
}

func writeJSON(w io.Writer, r *conformance.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Stream writes NDJSON while a run is under way: one line for each result as
// it is final, and a last one for the run. It is not safe for concurrent use.
type Stream struct {
	enc *json.Encoder
	err error
}

// NewStream returns a stream onto w.
func NewStream(w io.Writer) *Stream { return &Stream{enc: json.NewEncoder(w)} }

// Result writes a line of type "result".
func (s *Stream) Result(res conformance.Result) {
	s.encode(struct {
		Type string `json:"type"`
		conformance.Result
	}{"result", res})
}

// Close writes the line of type "report", which repeats no results, and
// returns the first error of any line.
func (s *Stream) Close(r *conformance.Report) error {
	alone := *r
	alone.Results = []conformance.Result{}
	s.encode(struct {
		Type string `json:"type"`
		conformance.Report
	}{"report", alone})
	return s.err
}

func (s *Stream) encode(line any) {
	if err := s.enc.Encode(line); err != nil && s.err == nil {
		s.err = err
	}
}

func writeNDJSON(w io.Writer, r *conformance.Report) error {
	s := NewStream(w)
	for _, res := range r.Results {
		s.Result(res)
	}
	return s.Close(r)
}
