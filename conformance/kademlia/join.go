package kademlia

import (
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func newCluster(t *T) *cluster.Cluster { return cluster.Shared(t, options()) }

func joinCases() []Case {
	return []Case{
		{
			ID: "kademlia/join/all-find-each-other", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-JOIN-001", "KAD-JOIN-002"},
			Explain: "Eight nodes join, all through the first. Then every node looks up every identifier of a " +
				"member, and finds that member first.",
			Run: func(t *T) {
				c := joined(t)
				for _, node := range c.Members() {
					for _, other := range c.Members() {
						finds(c, node, c.ID(other), c.Members())
					}
				}
			},
		},
	}
}
