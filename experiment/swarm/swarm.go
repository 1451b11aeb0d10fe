// Package swarm measures how fast swarms of real BitTorrent machines spread
// content on the simulated network, beside the time that no scheme can beat.
//
// The machines are those of package bittorrent, unchanged; hosts have link
// rates, latencies and a rate at which they hash (see transport/sim). What is
// chosen for an experiment, such as connections, slots and the size of pieces,
// is stated with its result. The same options give the same bytes.
package swarm

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/experiment"
)

// Options of an experiment. Zero fields take the experiment's own defaults.
type Options struct {
	Seed  uint64 // of everything random
	Hosts int    // that download
	Slots int    // peers that a machine serves at a time
	// Pieces is the order in which pieces are asked for.
	Pieces bittorrent.PieceOrder
	// NoOptimistic leaves out the optimistic unchoke.
	NoOptimistic bool
}

// MaxHosts is the largest swarm: beyond, memory and patience end.
const MaxHosts = 20_000

// An Experiment is a named run that can be repeated.
type Experiment struct {
	Name    string
	Summary string
	hosts   int // by default
	run     func(Options) (*experiment.Result, error)
}

// List returns every experiment, the default one first.
func List() []Experiment {
	return []Experiment{
		{"kraken", "3 GB to 2,600 hosts at 300 MB/s, as Kraken's benchmark", 2600, kraken},
		{"broadcast", "5 GB from one host to 1,000 at 40 Gbit/s", 1000, broadcast},
		{"blobs", "20,000 downloads of 100 MB to 1 GB among 2,600 hosts at 300 MB/s", blobHosts, blobs},
		{"homes", "134 MB among home links of four classes, and free riders", 200, homes},
	}
}

// Run runs the named experiment; no name is the first. The error lists the
// names, or says which option is out of range.
func Run(name string, o Options) (*experiment.Result, error) {
	var names []string
	for _, e := range List() {
		if name == "" || e.Name == name {
			if o.Hosts == 0 {
				o.Hosts = e.hosts
			}
			if o.Hosts < minHosts || o.Hosts > MaxHosts {
				return nil, fmt.Errorf("swarm: %d hosts, want %d to %d", o.Hosts, minHosts, MaxHosts)
			}
			if o.Slots < 0 || o.Slots > openHouse {
				return nil, fmt.Errorf("swarm: %d slots, want 0 to %d", o.Slots, openHouse)
			}
			return e.run(o)
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("swarm: no experiment %q; there are %s", name, strings.Join(names, ", "))
}

// minHosts is what is left of a swarm when it has hardly any members to trade
// with.
const minHosts = 4
