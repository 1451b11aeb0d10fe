package experiment

import (
	"cmp"
	"fmt"
)

// Gnutella returns the experiments of `p2pspec sim gnutella`, in the order of their
// names.
func Gnutella() []Experiment {
	return []Experiment{
		{"bootstrap", "joining by a host cache, fresh and stale", GnutellaBootstrap},
		{"compare", "flooding, ultrapeers, a central index and a hash table under the same churn", GnutellaCompare},
		{"election", "ultrapeers that are elected, and some by chance, under churn", GnutellaElection},
		{"reach", "servents reached and messages by TTL, beside Ritter's and Fisk's tables", GnutellaReach},
		{"scale", "searches of leaves among 100,000 servents", GnutellaScale},
		{"search", "what flooding, walkers, rings and ultrapeers find, and their messages (Lv et al. 2002)", GnutellaSearch},
	}
}

// FindGnutella returns the experiment of Gnutella with the given name; the error
// lists the names.
func FindGnutella(name string) (Experiment, error) { return find(Gnutella(), name) }

// minServents is what the smallest tiers and graphs need.
const minServents = 100

// gnutellaOptions checks the options and fills in the defaults.
func (o Options) gnutellaOptions(nodes, runs int) (Options, error) {
	o.Nodes, o.Runs = cmp.Or(o.Nodes, nodes), cmp.Or(o.Runs, runs)
	switch {
	case o.Nodes < minServents || o.Nodes > MaxNodes:
		return o, fmt.Errorf("experiment: %d nodes, want %d to %d", o.Nodes, minServents, MaxNodes)
	case o.Runs < 1 || o.Runs > maxRuns:
		return o, fmt.Errorf("experiment: %d runs, want 1 to %d", o.Runs, maxRuns)
	}
	return o, nil
}
