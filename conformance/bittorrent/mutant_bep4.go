package bittorrent

import (
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func numberMutants() []Mutant {
	return []Mutant{
		{
			Name: "reserved-bit-unassigned", What: "a reserved bit is set that belongs to no extension",
			bend: sayHandshake(func(h wire.Handshake) []spec.Message {
				h.Reserved[1] |= 0x40
				return same(&h)
			}),
		},
		{
			Name: "message-id-unassigned", What: "a message with an id of its own follows each unchoke",
			bend: sayType(wire.Unchoke, func(m wire.Message) []spec.Message {
				return []spec.Message{&m, &wire.Message{Type: 77, Data: []byte("hello")}}
			}),
		},
		{
			Name: "port-ends-it", What: "a DHT port from a peer without the bit ends the connection",
			bend: hangUpOn(wire.Port, func(*wire.Message) bool { return true }),
		},
		{
			Name: "port-told-to-everybody", What: "the DHT port is told whoever has a DHT",
			bend: sayType(wire.Unchoke, func(m wire.Message) []spec.Message {
				return []spec.Message{&wire.Message{Type: wire.Port, Port: 6881}, &m}
			}),
		},
	}
}
