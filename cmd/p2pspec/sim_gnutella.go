package main

import (
	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/experiment"
)

func (a *app) gnutellaCommand() *cobra.Command {
	return a.familyCommand(simFamily{
		name:  "gnutella",
		short: "Flood, walk and route queries among servents, beside what was published",
		long: `Run networks of the servents of gnutella and print what their queries reach, find and cost, beside
published figures where there are some. reach, search, scale and bootstrap show the spread of one query
or newcomer; election and compare are one network unless --runs says more.`,
		example: "  p2pspec sim gnutella --experiment reach --seed 1 -o reach.svg",
		list:    experiment.Gnutella(), find: experiment.FindGnutella,
		runs: "queries, newcomers or networks that a figure is the mean of",
	})
}
