package gnutella

import "github.com/p2pspec/p2pspec/gnutella/wire"

func pingMutants() []Mutant {
	return []Mutant{
		{Name: "pong-with-its-own-guid", What: "the first byte of a pong's GUID differs from the ping's",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.GUID[0] ^= 1 })},
		{Name: "pong-with-hops", What: "the own pong has made a hop already",
			bend: changing(wire.TypePong, func(d *wire.Descriptor) { d.Hops = 1 })},
	}
}
