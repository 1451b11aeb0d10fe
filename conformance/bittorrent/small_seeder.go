package bittorrent

import (
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep20Seeder judges peer ids: BEP 20.
var bep20Seeder = []Case{
	{
		ID: "bep20/peer-id/names-its-client", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP20-ID-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target announces its pieces on the same connection",
		Explain: "The target's peer id should begin in Azureus' style, -XX1234-, or in another that the " +
			"document lists, so that others can tell what they talk to.",
		Causes: []string{"the whole id is random"},
		Kills:  []string{"random-peer-id"},
		Run: func(t *T) {
			p := Meet(t)
			c := wire.ParsePeerID(p.Theirs.PeerID)
			if c.Style == wire.StyleNone {
				t.Mismatch("the peer id", string(p.Theirs.PeerID[:]), "-XX1234- and 12 characters, or Shadow's style")
			}
			p.GoesOn()
			t.Observef("client %s, version %s", c.Code, c.Version)
		},
	},
	{
		ID: "bep20/peer-id/any-bytes-are-accepted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP20-ID-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer that is alive before and after",
		Explain: "Handshakes with peer ids of twenty bytes 0xFF, twenty zeros, and twenty spaces. An id is " +
			"opaque; each must be answered like any other, and the target must announce what it has.",
		Causes: []string{"the id is converted to text", "ids of unknown clients are refused"},
		Kills:  []string{"peer-ids-are-text"},
		Run: func(t *T) {
			Dial(t).Alive()
			for _, b := range []byte{0xFF, 0x00, ' '} {
				p := Dial(t)
				copy(p.ID[:], slices.Repeat([]byte{b}, 20))
				p.Greet()
				t.Until(func() bool { return p.Announced() || p.Gone() }, 2*AnswerWithin)
				if !p.Announced() {
					p.Alive()
					t.Failf("a peer whose id is twenty bytes %#02x is not met: %s", b, p.Last())
				}
			}
			t.Earn()
		},
	},
}

// bep54Seeder judges what a seeder makes of a piece that is taken back: BEP 54.
var bep54Seeder = []Case{
	{
		ID: "bep54/receiver/takes-it-unasked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP54-DH-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves on the same connection afterwards",
		Explain: "A peer announces a piece and takes it back by lt_donthave, under the target's id, without " +
			"having offered the extension itself; then it takes back what it never had and what does not " +
			"exist. The connection must go on to serve.",
		Causes: []string{"the message is refused because the sender did not register it"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"donthave-needs-support"},
		Run: func(t *T) {
			p := Extend(t)
			id, ok := p.Extensions.Lookup(wire.ExtDontHave)
			if !ok || id == 0 {
				t.Unsupportedf("the target does not offer lt_donthave")
			}
			p.Send(have(0))
			for _, i := range []uint32{0, 1} {
				p.Send(extended(id, wire.AppendDontHave(nil, i)))
			}
			if p.Dropped(t.SilenceWait()) {
				p.Alive()
				t.Failf("a piece that is taken back ends the connection")
			}
			p.Unchoke()
			p.Serves(0)
			p.Send(extended(id, wire.AppendDontHave(nil, 1<<32-1)))
			p.Alive()
		},
	},
}

// bep21Seeder judges what a seeder says of itself: BEP 21.
var bep21Seeder = []Case{
	{
		ID: "bep21/upload-only/said-by-a-seeder", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP21-PART-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target's extension handshake",
		Explain: "A seeder wants no pieces, and may say so by upload_only in its extension handshake, as " +
			"a partial seed should. Whether it does is recorded; if the key is there it must be a number, " +
			"and 1.",
		Kills: []string{"seeder-wants-pieces"},
		Run: func(t *T) {
			p := Extend(t)
			v, _ := bencode.Parse(p.extensionHandshake().Data, bencode.Options{Lenient: true})
			key, ok := v.Get("upload_only")
			switch n, isInt := key.Int64(); {
			case !ok:
				t.Infof("the seeder does not say upload_only")
			case !isInt || n != 1:
				t.Mismatch("upload_only", key.Any(), "1")
			}
		},
	},
}

// bep27Seeder judges what a seeder of a private torrent keeps to itself: BEP 27.
var bep27Seeder = []Case{
	{
		ID: "bep27/private/no-peer-exchange-offered", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP27-PRIV-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the target's extension handshake, and its serving of a piece",
		Explain: "The seeder is started with a private torrent. Peers come from the tracker alone: its " +
			"extension handshake must not offer ut_pex, and no DHT port may be told.",
		Causes: []string{"the private flag is parsed and never looked at"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"private-is-public"},
		Run: func(t *T) {
			c := Private.Make("")
			t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
			p := Extend(t, wire.FeatureDHT)
			if id, ok := p.Extensions.Lookup(wire.ExtPex); ok && id != 0 {
				t.Failf("ut_pex is offered under the id %d for a private torrent", id)
			}
			p.Unchoke()
			p.Serves(0)
			if p.Count(func(m *Received) bool { return m.Type == wire.Port }) > 0 {
				t.Failf("a DHT port is told for a private torrent")
			}
		},
	},
}

// Private is the standard content as a private torrent.
var Private = Design{
	Name: "p2pspec private", PieceLength: 2 * BlockSize, Lengths: []int{500_000}, Private: true,
}
