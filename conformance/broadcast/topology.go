package broadcast

import (
	"math"
	"slices"

	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// The shapes that Maelstrom's topology message may have.
const (
	grid  = "grid" // its default: a square, each node beside up to four others
	line  = "line"
	total = "total" // each beside all others
	tree2 = "tree2" // each node but the leaves above two others
	tree3 = "tree3"
	tree4 = "tree4"
)

// topology says for each node whom it is beside, nearest names first.
func topology(shape string, nodes []string) map[string][]string {
	beside := map[string][]string{}
	join := func(i, j int) {
		if i != j && i >= 0 && j < len(nodes) {
			beside[nodes[i]] = append(beside[nodes[i]], nodes[j])
			beside[nodes[j]] = append(beside[nodes[j]], nodes[i])
		}
	}
	side := int(math.Ceil(math.Sqrt(float64(len(nodes)))))
	for i, name := range nodes {
		beside[name] = append([]string{}, beside[name]...)
		switch shape {
		case grid:
			if (i+1)%side != 0 {
				join(i, i+1)
			}
			join(i, i+side)
		case line:
			join(i, i+1)
		case total:
			for j := i + 1; j < len(nodes); j++ {
				join(i, j)
			}
		default:
			fan := int(shape[len(shape)-1] - '0')
			for child := range fan {
				join(i, i*fan+child+1)
			}
		}
	}
	return beside
}

// tell sends nodes the topology. They have to acknowledge it.
func tell(c *cluster.Cluster, shape string, nodes ...string) {
	all := topology(shape, c.Nodes())
	var calls []*cluster.Call
	for _, node := range nodes {
		calls = append(calls, c.Go(node, "topology", args{"topology": all}))
	}
	c.Answered(calls...)
}

// halves draws half of the nodes.
func halves(c *cluster.Cluster) []string {
	nodes := slices.Clone(c.Nodes())
	r := c.T().Rand()
	for i := range nodes {
		j := i + int(r.Below(uint64(len(nodes)-i)))
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	return nodes[:len(nodes)/2]
}
