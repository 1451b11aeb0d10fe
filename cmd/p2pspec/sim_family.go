package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/experiment"
)

// simFamily is a group of experiments with a command of its own.
type simFamily struct {
	name, short, long, example string
	list                       []experiment.Experiment
	find                       func(name string) (experiment.Experiment, error)
	runs                       string // what the flag counts
}

func (a *app) familyCommand(f simFamily) *cobra.Command {
	var o experiment.Options
	var name, plot string
	var about strings.Builder
	for _, e := range f.list {
		about.WriteString("\n  " + e.Name + strings.Repeat(" ", max(1, 22-len(e.Name))) + e.Summary)
	}
	cmd := &cobra.Command{
		Use:     f.name + " --experiment NAME",
		Short:   f.short,
		Long:    f.long + " The same options print the same bytes. Experiments:\n" + about.String(),
		Example: f.example,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("sim %s: the experiment is named by --experiment", f.name)
			}
			e, err := f.find(name)
			if err != nil {
				return usagef("sim %s: %v", f.name, err)
			}
			return a.experiment(e, o, plot)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&name, "experiment", "", "which one")
	fl.IntVar(&o.Nodes, "nodes", 0, "size of the largest network; 0 is the experiment's own")
	fl.IntVar(&o.Runs, "runs", 0, f.runs+"; 0 is the experiment's own number")
	fl.Uint64Var(&o.Seed, "seed", 1, "of everything random")
	fl.StringVarP(&plot, "output", "o", "", "also write the plot to this file, as SVG")
	return cmd
}
