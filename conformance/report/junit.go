package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// JUnit XML as Jenkins, GitLab and the GitHub actions read it. It has four
// outcomes for our eight: what could not be judged is an error, what was
// expected or not asked for is skipped, and a warn passes with its words in
// the output.

type junitReport struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Tests   int          `xml:"tests,attr"`
	Fail    int          `xml:"failures,attr"`
	Error   int          `xml:"errors,attr"`
	Skipped int          `xml:"skipped,attr"`
	Time    string       `xml:"time,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Fail       int             `xml:"failures,attr"`
	Error      int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, v *view) error {
	doc := junitReport{Name: "p2pspec", Time: seconds(v.Duration)}
	for _, s := range v.Suites {
		suite := junitSuite{
			Name: s.Name, Timestamp: v.Started.Format("2006-01-02T15:04:05"),
			Properties: []junitProperty{
				{"target", v.TargetInWords()}, {"seed", fmt.Sprint(v.Seed)},
				{"p2pspec", v.Version}, {"case set", v.CaseSet},
			},
		}
		var total time.Duration
		for _, r := range s.Results {
			total += r.Duration
			suite.add(r)
		}
		suite.Time = seconds(total)
		doc.Tests += suite.Tests
		doc.Fail += suite.Fail
		doc.Error += suite.Error
		doc.Skipped += suite.Skipped
		doc.Suites = append(doc.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(r resultView) {
	c := junitCase{Class: r.Suite, Name: r.Behaviour(), Time: seconds(r.Duration)}
	if area := r.Area(); area != "" {
		c.Class += "." + area
	}
	outcome := &junitOutcome{Message: line(r.Label() + ": " + r.message()), Type: r.Label()}
	switch {
	case r.Overlay == conformance.XFail:
		outcome.Message = line("known: " + r.Reason)
		c.Skipped = outcome
		s.Skipped++
	case r.failed():
		outcome.Text = Explain(r.Result)
		c.Failure = outcome
		s.Fail++
	case r.Verdict == conformance.Inconclusive, r.Verdict == conformance.Error:
		outcome.Text = Explain(r.Result)
		c.Error = outcome
		s.Error++
	case r.Verdict == conformance.Skipped, r.Verdict == conformance.Unsupported:
		c.Skipped = outcome
		s.Skipped++
	case r.Verdict != conformance.Pass:
		c.Output = outcome.Message + "\n" + Explain(r.Result)
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
