package bittorrent

import (
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep4Seeder judges the numbers that a seeder uses: BEP 4.
var bep4Seeder = []Case{
	{
		ID: "bep4/reserved/assigned-bits-only", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP04-ID-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target announces its pieces on the same connection",
		Explain: "The reserved bytes of the target's handshake may have those bits set that are assigned " +
			"to an extension: others will be given a meaning that the target does not know.",
		Causes: []string{"the reserved bytes are not cleared", "a bit is set in the wrong byte"},
		Kills:  []string{"reserved-bit-unassigned"},
		Run: func(t *T) {
			p := Meet(t, wire.FeatureFast, wire.FeatureExtension, wire.FeatureDHT)
			p.GoesOn()
			assigned := [8]byte{0: 0x80, 2: 0x08, 5: 0x13, 7: 0x1F}
			for i, b := range p.Theirs.Reserved {
				if b&^assigned[i] != 0 {
					t.Failf("reserved byte %d is %#02x: %#02x of it belongs to no extension", i, b, b&^assigned[i])
				}
			}
		},
	},
	{
		ID: "bep4/messages/assigned-ids-only", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP04-ID-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves a piece on the same connection",
		Explain: "Both offer what there is, and a piece is downloaded. Every message of the target must " +
			"have an id that a document assigns.",
		Causes: []string{"a private extension uses an id of its own instead of the extension protocol"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"message-id-unassigned"},
		Run: func(t *T) {
			p := Meet(t, wire.FeatureFast, wire.FeatureExtension, wire.FeatureDHT)
			p.Unchoke()
			p.Serves(0)
			for _, m := range p.Log {
				switch {
				case m.Type <= wire.Port, m.Type >= wire.Suggest && m.Type <= wire.AllowedFast:
				case m.Type >= wire.Extended && m.Type <= wire.HashReject:
				default:
					t.Failf("a message with the id %d came, which no document assigns", m.Type)
				}
			}
		},
	},
}

// bep5Seeder judges how peers tell each other their DHT ports: BEP 5 §BitTorrent
// Protocol Extension.
var bep5Seeder = []Case{
	{
		ID: "bep5/port/harmless-without-the-bit", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP05-PEER-003"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves on the same connection afterwards",
		Explain: "A peer that does not offer the DHT sends its port all the same, and port 0. Neither should " +
			"disturb the connection.",
		Causes: []string{"the message is refused without the bit", "port 0 is dialled, and the error not handled"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"port-ends-it"},
		Run: func(t *T) {
			p := Meet(t)
			p.Send(wire.Message{Type: wire.Port, Port: 6881}, wire.Message{Type: wire.Port})
			if p.Dropped(t.SilenceWait()) {
				p.Alive()
				t.Failf("a DHT port from a peer without the DHT's bit ends the connection")
			}
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "bep5/port/not-without-our-bit", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP05-PEER-001"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "the target announces its pieces and serves on the same connection",
		Explain: "A peer that does not offer the DHT connects and downloads a piece. No port message may " +
			"come to it.",
		Causes: []string{"the own bit is taken for the agreement of both"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"port-told-to-everybody"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			p.Serves(0)
			if p.Count(func(m *Received) bool { return m.Type == wire.Port }) > 0 {
				t.Failf("a DHT port came to a peer without the DHT")
			}
		},
	},
}
