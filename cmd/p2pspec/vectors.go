package main

import (
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

func (a *app) vectorsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "vectors [PROTO]",
		Short: "Print published and generated test vectors, for any language",
		Example: `  p2pspec vectors
  p2pspec vectors bep44 --format json > bep44.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			names := vectors.Names()
			if len(args) == 1 {
				if _, err := vectors.Load(args[0]); err != nil {
					return usagef("%v", err)
				}
				names = args
			}
			switch format {
			case "text":
				return a.vectorsText(names, len(args) == 1)
			case "json":
				return a.vectorsJSON(names, len(args) == 1)
			default:
				return usagef("--format %q: use text or json", format)
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// vectorsText lists the files, or the vectors of one.
func (a *app) vectorsText(names []string, one bool) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, name := range names {
		file, err := vectors.Load(name)
		if err != nil {
			return &fault{err}
		}
		fmt.Fprintf(w, "%s\t%d vectors\t%s\n", name, len(file.Vectors),
			strings.Join(file.Documents, ", "))
		for _, v := range file.Vectors {
			if one {
				fmt.Fprintf(w, "  %s\t%s\t%s\n", v.Name, v.Operation, strings.Join(v.Clauses, " "))
			}
		}
	}
	return asFault(w.Flush())
}

// vectorsJSON prints one file as it is, or an array of all.
func (a *app) vectorsJSON(names []string, one bool) error {
	texts := make([]string, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(vectors.Files(), name+".json")
		if err != nil {
			return &fault{err}
		}
		texts[i] = strings.TrimSpace(string(text))
	}
	if one {
		return a.print("%s\n", texts[0])
	}
	return a.print("[\n%s\n]\n", strings.Join(texts, ",\n"))
}
