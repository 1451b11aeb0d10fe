// Package experiment runs the protocols of this module on the simulated network
// and reports what the papers measured: as text, as a plot in the terminal and
// as SVG. The same options give the same bytes.
package experiment

import (
	"fmt"
	"io"
	"strings"
)

// Options of an experiment. Zero fields take the experiment's own defaults.
type Options struct {
	Nodes int    // size of the network, or of the largest one
	Seed  uint64 // of everything random
	K     int    // bucket size and replication
	Alpha int    // requests that a lookup has in flight
	Join  bool   // let every node join through the protocol, however long that takes
	Runs  int    // networks, searches or newcomers that a figure is the mean of, where it is one
}

// An Experiment is a named run that can be repeated.
type Experiment struct {
	Name    string
	Summary string
	Run     func(Options) (*Result, error)
}

// List returns every experiment, in the order of their names.
func List() []Experiment {
	return []Experiment{
		{"chord", "the length of a lookup against the size of the ring (figure 10 of the paper)", ChordPath},
		{"chord-balance", "keys a node with 1 to 20 virtual nodes (figure 9)", ChordBalance},
		{"chord-churn", "lookups while nodes come and go (figure 12)", ChordChurn},
		{"chord-failures", "lookups after a share of the nodes has failed (figure 11)", ChordFailures},
		{"chord-kademlia", "Chord and Kademlia on the same network under the same churn", ChordKademlia},
		{"chord-timeouts", "path and time outs before anything is repaired (table II)", ChordTimeouts},
		{"kademlia", "hops of a lookup against the size of the network", Kademlia},
		{"kademlia-churn", "lookups and values while nodes come and go", KademliaChurn},
	}
}

// Find returns the experiment with the given name; the error lists the names.
func Find(name string) (Experiment, error) { return find(List(), name) }

func find(list []Experiment, name string) (Experiment, error) {
	var names []string
	for _, e := range list {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Experiment{}, fmt.Errorf("no experiment %q; there are %s", name, strings.Join(names, ", "))
}

// Run runs the named experiment and writes its result as text.
func Run(name string, o Options, w io.Writer) error {
	e, err := Find(name)
	if err != nil {
		return err
	}
	r, err := e.Run(o)
	if err != nil {
		return err
	}
	return r.WriteText(w)
}
