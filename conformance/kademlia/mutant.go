package kademlia

import (
	"errors"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Mutant is a node that is wrong in one way on purpose: the reference node with
// another configuration, or behind rules that bend what it does. Each case names
// the mutants that it finds, and a test holds it to that.
type Mutant struct {
	Name string // what is wrong, as a slug
	What string // the same in a sentence

	configure func(*kademlia.Config)
	bend      func(*bent)
}

// Mutants are all mutants.
func Mutants() []Mutant {
	return slices.Concat(clientMutants(), lookupMutants(), storeMutants(), tableMutants())
}

// Target is nodes of this kind on virtual time.
func (m Mutant) Target() conformance.Target {
	return cluster.Machines{Name: m.Name, New: func(string) stdio.Node {
		t := &tongue{seed: 1, bend: m.configure}
		b := &bent{Bent: &cluster.Bent{Tongue: t}, tongue: t}
		if m.bend != nil {
			m.bend(b)
		}
		return cluster.NewBent(b.Bent)
	}}
}

var errCrash = errors.New("exit status 2")

// bent is what a rule sees: the node and how to bend it.
type bent struct {
	*cluster.Bent
	*tongue
}

// nodes bends the names in the answer to a find_node.
func (b *bent) nodes(change func(target kademlia.ID, names []string) []string) {
	b.OnOutcome = func(_ string, done spec.Done, fields args, failed *stdio.Error) (args, *stdio.Error) {
		names, ok := fields["nodes"].([]string)
		found, is := done.Result.(kademlia.Found)
		if ok && is {
			fields["nodes"] = change(found.Target, names)
		}
		return fields, failed
	}
}

func isStore(e spec.Effect) bool {
	send, ok := e.(spec.Send)
	if !ok {
		return false
	}
	_, ok = send.Msg.(kademlia.StoreRequest)
	return ok
}

// never is a period that no case lives to see.
const never = 365 * 24 * time.Hour
