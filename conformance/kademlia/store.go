package kademlia

import "github.com/p2pspec/p2pspec/conformance"

func storeCases() []Case {
	return []Case{
		{
			ID: "kademlia/store/found-from-everywhere", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-RPC-007", "KAD-RPC-009", "KAD-STORE-001"},
			Explain:      "One node stores a value under a drawn key. Every node finds it.",
			Run: func(t *T) {
				c := joined(t)
				key := drawKey(c)
				value := map[string]any{"case": t.Case().ID, "n": float64(t.Rand().Below(1000))}
				store(c, c.Members()[0], key, value)
				for _, node := range c.Members() {
					got, found := findValue(c, node, key)
					if !found || !same(got, value) {
						t.Mismatch("the value that "+node+" finds", word(got, found), word(value, true))
					}
				}
				t.Earn()
			},
		},
	}
}
