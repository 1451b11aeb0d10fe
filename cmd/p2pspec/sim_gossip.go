package main

import (
	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/experiment"
)

func (a *app) gossipCommand() *cobra.Command {
	return a.familyCommand(simFamily{
		name:  "gossip",
		short: "Spread rumors and judge who is alive, beside what the papers published",
		long: `Run the machines of gossip and print their figures beside the paper's, with the spread over
several runs.`,
		example: "  p2pspec sim gossip --experiment demers-1 --seed 1 -o demers-1.svg",
		list:    experiment.Gossip(), find: experiment.FindGossip,
		runs: "networks that a figure is the mean of",
	})
}
