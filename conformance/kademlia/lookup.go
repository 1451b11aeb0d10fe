package kademlia

import "github.com/p2pspec/p2pspec/conformance"

func lookupCases() []Case {
	return []Case{
		{
			ID: "kademlia/lookup/k-closest", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-LOOKUP-008", "KAD-LOOKUP-007"},
			Explain: "Nodes of a group of eight look up drawn identifiers. Each finds the k members closest to it " +
				"by XOR, nearest first, itself included where it belongs.",
			Run: func(t *T) {
				c := joined(t)
				for range 3 {
					for _, node := range c.Members() {
						finds(c, node, drawKey(c), c.Members())
					}
				}
			},
		},
	}
}
