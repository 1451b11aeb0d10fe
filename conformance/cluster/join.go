package cluster

import "time"

// Join has nodes join one after another: the very first is told to begin alone,
// the others come through the first member. Each is given a pause to settle.
func (c *Cluster) Join(pause time.Duration, nodes ...string) {
	for _, node := range nodes {
		var how map[string]any
		if len(c.members) > 0 {
			how = via(c.members[0])
		}
		c.Ask(node, "join", how)
		c.Joined(node)
		c.Pass(pause)
	}
}

// JoinAll has nodes join through one member at the same moment.
func (c *Cluster) JoinAll(member string, nodes ...string) {
	var calls []*Call
	for _, node := range nodes {
		calls = append(calls, c.Go(node, "join", via(member)))
	}
	c.Answered(calls...)
	for _, node := range nodes {
		c.Joined(node)
	}
}

func via(member string) map[string]any { return map[string]any{"via": member} }

// DrawID draws an identifier, or a key.
func (c *Cluster) DrawID() uint64 { return c.t.Rand().Below(1 << c.opt.Bits) }
