package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
)

func (a *app) listCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list [SUITE|CASE|GLOB ...]",
		Short: "List the cases with their level and requirements",
		RunE: func(_ *cobra.Command, args []string) error {
			selected, err := conformance.Select(a.suites, args, "")
			if err != nil {
				return err
			}
			switch format {
			case "text":
				return a.listText(selected)
			case "json":
				return a.listJSON(selected)
			case "md":
				return a.listMarkdown(selected)
			default:
				return usagef("--format %q: use text, json or md", format)
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or md")
	return cmd
}

func (a *app) listText(selected []conformance.Selected) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for i, s := range selected {
		if i == 0 || selected[i-1].Suite != s.Suite {
			fmt.Fprintf(w, "%s (%s): %s\n", s.Suite.Name, s.Suite.Family, s.Suite.Title)
		}
		fmt.Fprintf(w, "  %s\t%s\trev=%d\t%s\n", s.Case.ID, s.Case.Level, s.Case.Rev,
			strings.Join(s.Case.Requirements, " "))
	}
	fmt.Fprintf(w, "%d cases\n", len(selected))
	return asFault(w.Flush())
}

func (a *app) listMarkdown(selected []conformance.Selected) error {
	var b strings.Builder
	for i, s := range selected {
		if i == 0 || selected[i-1].Suite != s.Suite {
			fmt.Fprintf(&b, "\n## %s (%s): %s\n\n", s.Suite.Name, s.Suite.Family, s.Suite.Title)
			b.WriteString("| case | level | role | judges | requirements |\n|---|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Case.ID, s.Case.Level, s.Case.Role, s.Case.Kind,
			strings.Join(s.Case.Requirements, " "))
	}
	return a.print("%s", strings.TrimPrefix(b.String(), "\n"))
}

// listedCase is the JSON form of a case.
type listedCase struct {
	ID           string             `json:"id"`
	Suite        string             `json:"suite"`
	Family       string             `json:"family"`
	Rev          int                `json:"rev"`
	Since        string             `json:"since,omitempty"`
	Level        conformance.Level  `json:"level"`
	Role         conformance.Role   `json:"role"`
	Kind         conformance.Kind   `json:"kind"`
	Requirements []string           `json:"requirements"`
	Needs        []conformance.Need `json:"needs,omitempty"`
	Control      string             `json:"control,omitempty"`
	Explain      string             `json:"explain"`
	Causes       []string           `json:"causes,omitempty"`
	Kills        []string           `json:"kills,omitempty"`
	Unkillable   string             `json:"unkillable,omitempty"`
}

func (a *app) listJSON(selected []conformance.Selected) error {
	cases := make([]listedCase, len(selected))
	for i, s := range selected {
		c := s.Case
		cases[i] = listedCase{
			ID: c.ID, Suite: s.Suite.Name, Family: s.Suite.Family, Rev: c.Rev, Since: c.Since,
			Level: c.Level, Role: c.Role, Kind: c.Kind, Requirements: c.Requirements, Needs: c.Needs,
			Control: c.Control, Explain: c.Explain, Causes: c.Causes, Kills: c.Kills,
			Unkillable: c.Unkillable,
		}
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return asFault(enc.Encode(cases))
}
