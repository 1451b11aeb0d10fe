// Package bittorrent holds the conformance suites of BitTorrent peers: what a
// seeder answers and what a leecher does of itself, document by document.
//
// A seeder's cases dial it as well- and ill-behaved peers: see [Dial], [Meet]
// and [Peer]. A leecher's cases play everything around it, the tracker and all
// other peers: see [Swarm]. [Content] is what is shared.
package bittorrent

import "github.com/p2pspec/p2pspec/conformance"

// The words of the engine that every case uses.
type (
	T    = conformance.T
	Case = conformance.Case
)
