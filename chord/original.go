package chord

import "github.com/p2pspec/p2pspec/spec"

// maintain is the periodic work of the original protocol.
func (n *Node) maintain(out []spec.Effect) []spec.Effect {
	return n.endStabilize(n.cfg.Stabilize, out)
}

func (n *Node) originalPlace(p Peer, _ *Neighbors, out []spec.Effect) []spec.Effect {
	return n.setSuccessors([]Peer{p}, out)
}
