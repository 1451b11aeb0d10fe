package kademlia

import "github.com/p2pspec/p2pspec/conformance"

func rpcCases() []Case {
	return []Case{
		{
			ID: "kademlia/rpc/unknown-type-refused", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-RPC-002"},
			Explain: "A client sends a request of an invented type. The answer is error 10: only then does the " +
				"answer to a request that exists mean that it was carried out.",
			Causes:     []string{"the switch over the type has no default branch", "every request is answered with its type and _ok"},
			Unkillable: "",
			Run: func(t *T) {
				c := newCluster(t)
				if why := c.Refusal(); why != "" {
					t.Failf("%s", why)
				}
				t.Earn()
			},
		},
	}
}
