// Package suites is the registry of all suites: what `p2pspec list` shows.
package suites

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/bittorrent"
	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/chord"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/gnutella"
	"github.com/p2pspec/p2pspec/conformance/kademlia"
	"github.com/p2pspec/p2pspec/conformance/metainfo"
	"github.com/p2pspec/p2pspec/conformance/napster"
	"github.com/p2pspec/p2pspec/conformance/swim"
	"github.com/p2pspec/p2pspec/conformance/tracker"
)

// family is what a package of suites has to offer.
type family struct {
	name    string
	suites  func() []conformance.Suite
	builtIn func(*conformance.Sources) conformance.Target // its reference node
}

func families() []family {
	all := []family{
		{dht.Family, dht.Suites, func(s *conformance.Sources) conformance.Target {
			return dht.Builtin{}.Targets().Reference(s)
		}},
		{bittorrent.Family, bittorrent.Suites, func(s *conformance.Sources) conformance.Target {
			return bittorrent.Builtin{}.Targets().Reference(s)
		}},
		{tracker.Family, tracker.Suites, func(s *conformance.Sources) conformance.Target {
			return tracker.Builtin{}.Targets().Reference(s)
		}},
		{metainfo.Family, metainfo.Suites, func(*conformance.Sources) conformance.Target {
			return metainfo.Target{}
		}},
		{chord.Family, chord.Suites, func(*conformance.Sources) conformance.Target {
			return chord.BuiltIn()
		}},
		{kademlia.Family, kademlia.Suites, func(*conformance.Sources) conformance.Target {
			return kademlia.BuiltIn()
		}},
		{swim.Family, swim.Suites, func(s *conformance.Sources) conformance.Target {
			return swim.Builtin{}.Targets().Reference(s)
		}},
		{gnutella.Family, gnutella.Suites, func(s *conformance.Sources) conformance.Target {
			return gnutella.Builtin{}.Targets().Reference(s)
		}},
		{napster.Family, napster.Suites, func(s *conformance.Sources) conformance.Target {
			return napster.Builtin{}.Targets().Reference(s)
		}},
	}
	for _, w := range broadcast.Workloads() {
		all = append(all, family{w.Name, w.Suites, func(*conformance.Sources) conformance.Target {
			return w.BuiltIn()
		}})
	}
	return all
}

// All returns every suite, family by family. The caller owns the slice.
func All() []conformance.Suite {
	var all []conformance.Suite
	for _, f := range families() {
		all = append(all, f.suites()...)
	}
	return all
}

// Families lists the families of the given suites, each once, in their order.
func Families(of []conformance.Suite) []string {
	var names []string
	for _, s := range of {
		if s.Family != "" && !slices.Contains(names, s.Family) {
			names = append(names, s.Family)
		}
	}
	return names
}

// Case returns the case with exactly this id.
func Case(of []conformance.Suite, id string) (c conformance.Case, ok bool) {
	for _, s := range of {
		for _, c := range s.Cases {
			if c.ID == id {
				return c, true
			}
		}
	}
	return conformance.Case{}, false
}

// Judging returns the cases that judge the requirement.
func Judging(of []conformance.Suite, requirement string) []conformance.Case {
	var cases []conformance.Case
	for _, s := range of {
		for _, c := range s.Cases {
			if slices.Contains(c.Requirements, requirement) {
				cases = append(cases, c)
			}
		}
	}
	return cases
}
