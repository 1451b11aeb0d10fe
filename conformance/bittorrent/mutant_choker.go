package bittorrent

import (
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func chokerMutants() []Mutant {
	return []Mutant{
		{
			Name: "one-slot", What: "one peer is unchoked at a time",
			configure: func(c *core.Config) { c.UploadSlots = 1 },
		},
		{
			Name: "everybody-unchoked", What: "whoever is interested is unchoked",
			configure: func(c *core.Config) { c.UploadSlots = 100 },
		},
		{
			Name: "no-optimistic-unchoke", What: "peers are unchoked by merit alone",
			configure: func(c *core.Config) { c.NoOptimistic = true },
		},
		{
			Name: "chokes-every-second", What: "peers are ranked every second",
			configure: func(c *core.Config) { c.RechokeInterval = time.Second },
		},
		{
			Name: "rejects-before-the-choke", What: "the choke is told behind a reject",
			bend: sayType(wire.Choke, func(m wire.Message) []spec.Message {
				early := block(wire.Reject, waiting/2-1, BlockSize, BlockSize)
				return []spec.Message{&early, &m}
			}),
		},
		{
			Name: "seeds-in-turn", What: "a seeder serves everybody in turn",
			configure: func(c *core.Config) { c.SeedOrder = core.RoundRobin },
		},
	}
}
