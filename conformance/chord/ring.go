package chord

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

type args = map[string]any

// joined is the cluster that cases share which do no harm to it: all its nodes
// have joined through n0, and had time to stabilize.
func joined(t *T) *cluster.Cluster {
	c := cluster.Shared(t, cluster.Options{})
	c.Once(func() {
		c.Canary()
		for i, node := range c.Nodes() {
			var how args
			if i > 0 {
				how = args{"via": "n0"}
			}
			c.Ask(node, "join", how)
			c.Joined(node)
			c.Pass(c.Periods(3))
		}
		c.Pass(c.Periods(20))
	})
	return c
}

// owner is the oracle: the first member at the key or after it, going clockwise.
func owner(c *cluster.Cluster, key uint64, members []string) string {
	return slices.MinFunc(members, func(a, b string) int {
		mask := uint64(1)<<c.Options().Bits - 1
		return int((c.ID(a)-key)&mask) - int((c.ID(b)-key)&mask)
	})
}

func ringCases() []Case {
	return []Case{
		{
			ID: "chord/ring/lookups-agree", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-ID-002"},
			Explain: "Eight nodes join one after another. Then every node looks up drawn keys, and finds the first " +
				"member at each key or after it, going clockwise.",
			Run: func(t *T) {
				c := joined(t)
				for _, node := range c.Members() {
					key := t.Rand().Below(1 << c.Options().Bits)
					var reply struct{ Node string }
					body := c.Ask(node, "lookup", args{"key": key})
					if err := body.Decode(&reply); err != nil || reply.Node != owner(c, key, c.Members()) {
						t.Mismatch("the owner that "+node+" finds", string(body.Raw), owner(c, key, c.Members()))
					}
				}
				t.Earn()
			},
		},
	}
}
