package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/experiment/swarm"
)

func (a *app) swarmCommand() *cobra.Command {
	var o swarm.Options
	var plot, pieces string
	var about strings.Builder
	for _, e := range swarm.List() {
		about.WriteString("\n  " + e.Name + strings.Repeat(" ", max(1, 18-len(e.Name))) + e.Summary)
	}
	cmd := &cobra.Command{
		Use:   "swarm [EXPERIMENT]",
		Short: "Spread content among simulated BitTorrent machines, beside the least time it can take",
		Long: `Spread content among real BitTorrent machines on the simulated network, and print how long
it took beside the least time that any scheme needs. The same options print the same bytes, but
for the time that the run took, which goes to the standard error. Experiments, the first one by
default:
` + about.String(),
		Example: "  p2pspec sim swarm homes --seed 1 --pieces in-order -o homes.svg",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("sim swarm: name one experiment")
			}
			order, err := pieceOrder(pieces)
			if err != nil {
				return err
			}
			o.Pieces = order
			return a.swarm(strings.Join(args, ""), o, plot)
		},
	}
	fl := cmd.Flags()
	fl.IntVar(&o.Hosts, "hosts", 0, "that download; 0 is the experiment's own number")
	fl.Uint64Var(&o.Seed, "seed", 1, "of everything random")
	fl.IntVar(&o.Slots, "slots", 0, "peers that a machine serves at a time; 0 is the experiment's own number")
	fl.StringVar(&pieces, "pieces", "rarest-first", "which piece is asked for next: rarest-first, random or in-order")
	fl.BoolVar(&o.NoOptimistic, "no-optimistic", false, "leave out the optimistic unchoke")
	fl.StringVarP(&plot, "output", "o", "", "also write the plot to this file, as SVG")
	return cmd
}

func pieceOrder(name string) (bittorrent.PieceOrder, error) {
	switch name {
	case "rarest-first":
		return bittorrent.RarestFirst, nil
	case "random":
		return bittorrent.RandomOrder, nil
	case "in-order":
		return bittorrent.InOrder, nil
	}
	return 0, usagef("sim swarm: --pieces %q; there are rarest-first, random, in-order", name)
}

func (a *app) swarm(name string, o swarm.Options, plot string) error {
	began := time.Now()
	r, err := swarm.Run(name, o)
	if err != nil {
		return usagef("sim: %v", err)
	}
	fmt.Fprintf(a.err, "ran for %.1f s\n", time.Since(began).Seconds())
	return a.show(r, plot)
}
