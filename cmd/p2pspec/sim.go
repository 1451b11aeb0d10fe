package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/experiment"
)

func (a *app) simCommand() *cobra.Command {
	var o experiment.Options
	var plot string
	var about strings.Builder
	var names []string
	for _, e := range experiment.List() {
		about.WriteString("\n  " + e.Name + strings.Repeat(" ", max(1, 18-len(e.Name))) + e.Summary)
		names = append(names, e.Name)
	}
	cmd := &cobra.Command{
		Use:   "sim EXPERIMENT",
		Short: "Run a protocol on the simulated network and measure what its paper measured",
		Long: `Run a protocol on the simulated network and print a table and a plot. The same
options print the same bytes. Experiments:
` + about.String(),
		Example: "  p2pspec sim kademlia --nodes 10000 --seed 1 -o hops.svg",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("sim: name one experiment; there are: %s", strings.Join(names, ", "))
			}
			return a.sim(args[0], o, plot)
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&o.Nodes, "nodes", 0, "size of the largest network; 0 is the experiment's own")
	fl.Uint64Var(&o.Seed, "seed", 1, "of everything random")
	fl.IntVar(&o.K, "k", 0, "size of a bucket; 0 is the paper's 20")
	fl.IntVar(&o.Alpha, "alpha", 0, "requests that a lookup has in flight; 0 is the paper's 3")
	fl.BoolVar(&o.Join, "join", false,
		"let every node join through the protocol, however long it takes")
	fl.StringVarP(&plot, "output", "o", "", "also write the plot to this file, as SVG")
	cmd.AddCommand(a.swarmCommand(), a.gossipCommand(), a.gnutellaCommand())
	return cmd
}

func (a *app) sim(name string, o experiment.Options, plot string) error {
	e, err := experiment.Find(name)
	if err != nil {
		return usagef("sim: %v", err)
	}
	return a.experiment(e, o, plot)
}

func (a *app) experiment(e experiment.Experiment, o experiment.Options, plot string) error {
	r, err := e.Run(o)
	if err != nil {
		return usagef("sim %s: %v", e.Name, err)
	}
	return a.show(r, plot)
}

// show prints a result, and writes its plot to a file when one is named.
func (a *app) show(r *experiment.Result, plot string) error {
	if err := r.WriteText(a.out); err != nil || plot == "" {
		return asFault(err)
	}
	f, err := os.Create(plot)
	if err != nil {
		return usagef("the plot cannot be written: %v", err)
	}
	if err := r.WriteSVG(f); err != nil {
		_ = f.Close() // the first error is what matters
		return &fault{err}
	}
	return asFault(f.Close())
}
