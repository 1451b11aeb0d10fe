package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/experiment"
)

func (a *app) gossipCommand() *cobra.Command {
	var o experiment.Options
	var name, plot string
	var about strings.Builder
	for _, e := range experiment.Gossip() {
		about.WriteString("\n  " + e.Name + strings.Repeat(" ", max(1, 22-len(e.Name))) + e.Summary)
	}
	cmd := &cobra.Command{
		Use:   "gossip --experiment NAME",
		Short: "Spread rumors and judge who is alive, beside what the papers published",
		Long: `Run the machines of gossip and print their figures beside the paper's, with the spread over
several runs. The same options print the same bytes. Experiments:
` + about.String(),
		Example: "  p2pspec sim gossip --experiment demers-1 --seed 1 -o demers-1.svg",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("sim gossip: the experiment is named by --experiment")
			}
			e, err := experiment.FindGossip(name)
			if err != nil {
				return usagef("sim gossip: %v", err)
			}
			return a.experiment(e, o, plot)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&name, "experiment", "", "which one")
	fl.IntVar(&o.Nodes, "nodes", 0, "size of the largest network; 0 is the experiment's own")
	fl.IntVar(&o.Runs, "runs", 0, "networks that a figure is the mean of; 0 is the experiment's own number")
	fl.Uint64Var(&o.Seed, "seed", 1, "of everything random")
	fl.StringVarP(&plot, "output", "o", "", "also write the plot to this file, as SVG")
	return cmd
}
