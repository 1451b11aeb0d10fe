package suites

import (
	"context"
	"errors"

	"github.com/p2pspec/p2pspec/conformance"
)

// BuiltIn is the reference nodes as one target, which cases of any family can
// be played by.
func BuiltIn(sources *conformance.Sources) conformance.Chooser {
	nodes := builtIn{}
	for _, f := range families() {
		nodes[f.name] = f.builtIn(sources)
	}
	return nodes
}

// builtIn is the reference node of each family. All are PerCase.
type builtIn map[string]conformance.Target

// For picks the node of the suite's family, or who stands in for it.
func (b builtIn) For(s *conformance.Suite, c *conformance.Case) conformance.Target {
	node := b[s.Family]
	if chooser, ok := node.(conformance.Chooser); ok {
		return chooser.For(s, c)
	}
	return node
}

// Identity names the reference nodes.
func (builtIn) Identity() conformance.Identity {
	return conformance.Identity{Name: "p2pspec", How: "built-in"}
}

func (builtIn) PerCase() bool                       { return true }
func (builtIn) Can(conformance.Need) (bool, string) { return false, errNode.Error() }

// errNode is the answer to who does not ask for the node of a case first.
var errNode = errors.New("a case is played by the reference node of its family")

func (builtIn) Network() (conformance.Network, error) { return nil, errNode }

func (builtIn) Start(
	context.Context, conformance.Network, conformance.StartOptions,
) (conformance.Instance, error) {
	return nil, errNode
}
