package bittorrent

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// Dict is the body of an extended message before it is encoded.
type Dict = map[string]any

// bep10Seeder judges the extension protocol from the outside: BEP 10.
var bep10Seeder = []Case{
	{
		ID: "bep10/negotiation/not-without-our-bit", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP10-EXT-001"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "the target announces its pieces on the same connection",
		Explain: "A peer that does not offer the extension protocol connects. No message with id 20 may " +
			"come: to such a peer it is unknown, and many close the connection over it.",
		Causes: []string{"the own bit is taken for the agreement of both"},
		Kills:  []string{"extended-without-agreement"},
		Run: func(t *T) {
			p := Meet(t)
			t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
			t.Wait(time.Second)
			if n := p.Count(isExtended); n > 0 {
				t.Failf("%d extended messages came to a peer without the extension protocol", n)
			}
			if !p.Announced() {
				t.Inconclusivef("the target announced nothing: %s", p.Last())
			}
		},
	},
	{
		ID: "bep10/handshake/comes-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP10-EXT-003", "BEP10-EXT-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged message itself",
		Explain: "Both offer the extension protocol. The extension handshake, an extended message with " +
			"the id 0, should be among the first messages, before anything but the announcement of " +
			"pieces, choking and the DHT port.",
		Causes: []string{"it is only sent in answer to ours"},
		Kills:  []string{"extension-handshake-late", "no-extension-handshake"},
		Run: func(t *T) {
			p := Meet(t, wire.FeatureExtension)
			p.mustExtend()
			if !p.extends() {
				p.Alive()
				t.Failf("the target offers the extension protocol, and no handshake of it came: %s", p.Last())
			}
			opening := []wire.Type{
				wire.Bitfield, wire.HaveAll, wire.HaveNone, wire.Have, wire.Port, wire.AllowedFast, wire.KeepAlive,
				wire.Unchoke, wire.Choke, wire.Interested, wire.NotInterested, wire.Suggest,
			}
			for _, m := range p.Log {
				if m.Type == wire.Extended && m.ExtID == 0 {
					return
				}
				if !slices.Contains(opening, m.Type) {
					t.Failf("%v came before the extension handshake", m)
				}
			}
		},
	},
	{
		ID: "bep10/handshake/well-formed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP10-EXT-004", "BEP10-EXT-006", "BEP10-EXT-012"},
		Role:         conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged message itself",
		Explain: "The payload must be one bencoded dictionary. What it has of the keys that the document " +
			"names must have their types: m maps names to numbers of one byte, and no two names share " +
			"one but 0; p is a port, v a string, yourip has 4 or 16 bytes, reqq is a number.",
		Causes: []string{"extension ids are written as strings", "yourip is text"},
		Kills:  []string{"extension-ids-as-strings", "extension-ids-shared", "private-is-public"},
		Run: func(t *T) {
			p := Extend(t)
			raw := p.extensionHandshake().Data
			if v, rest, err := bencode.ParsePrefix(raw, bencode.Options{Lenient: true}); err != nil || len(rest) > 0 ||
				v.Kind() != bencode.Dict {
				t.Mismatch("the payload", fmt.Sprintf("%x", raw), "one bencoded dictionary")
			}
			if p.Extensions.Fault != nil {
				t.Mismatch("the extension handshake", p.Extensions.Fault)
			}
			seen := map[uint8]string{}
			for _, e := range p.Extensions.M {
				if other, twice := seen[e.ID]; twice && e.ID != 0 {
					t.Mismatch("m."+e.Name, e.ID, "an id that "+other+" does not have")
				}
				seen[e.ID] = e.Name
			}
		},
	},
	{
		ID: "bep10/handshake/yourip-is-ours", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP10-EXT-012"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged message itself",
		Explain: "If the target tells what address it sees us at, that must be the one we came from.",
		Kills:   []string{"yourip-is-another"},
		Run: func(t *T) {
			p := Extend(t)
			ip := p.Extensions.YourIP
			if !ip.IsValid() {
				t.Infof("the target does not tell what address it sees us at")
			}
			if ip.Unmap() != p.Local().Addr() {
				t.Mismatch("yourip", ip, p.Local().Addr().String())
			}
		},
	},
	survives("empty-dictionary", "BEP10-EXT-004", "an empty dictionary, which is legal", Dict{}),
	survives("unknown-keys", "BEP10-EXT-005", "unknown keys and names of extensions",
		Dict{"p2pspec": "no such key", "zz": []any{1, Dict{"a": "b"}}, "m": Dict{"p2_nothing": 77}}),
	survives("ids-as-strings", "BEP10-EXT-013", "an id that is a string", Dict{"m": Dict{"ut_pex": "1"}}),
	survives("ids-beyond-a-byte", "BEP10-EXT-013", "ids of 256 and -1",
		Dict{"m": Dict{"ut_pex": 256, "ut_metadata": -1}}),
	survives("m-is-a-list", "BEP10-EXT-013", "a list in the place of m", Dict{"m": []any{"ut_pex", 1}}),
	survives("numbers-out-of-range", "BEP10-EXT-013", "a negative port, reqq and metadata_size",
		Dict{"m": Dict{}, "p": -1, "reqq": -5, "metadata_size": -1}),
	survives("version-of-a-megabyte", "BEP10-EXT-013", "a version of 60,000 bytes",
		Dict{"v": string(make([]byte, 60_000))}),
	{
		ID: "bep10/handshake/garbage", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP10-EXT-013"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: "Extension handshakes that are not bencoded, that are cut short, that nest a thousand " +
			"lists, and one that is empty. The target may close each connection, and must live on.",
		Causes: []string{"the parser's error is not handled", "lists are parsed by recursion without a bound"},
		Kills: []string{
			"extension-handshake-deep-crashes", "extension-handshake-list-crashes",
			"extension-handshake-unparsed-crashes",
		},
		Run: func(t *T) {
			deep := make([]byte, 2000)
			for i := range deep {
				deep[i] = "le"[i/1000]
			}
			Dial(t).Alive()
			for _, payload := range [][]byte{
				{}, []byte("hello"), []byte("d1:md6:ut_pex"), deep, []byte("i1e"), []byte("d1:v99999999:xe"),
			} {
				p := Extend(t)
				p.Send(extended(0, payload))
				t.Until(p.Gone, chokedFor)
				p.Close()
			}
			Dial(t).Alive()
		},
	},
	{
		ID: "bep10/handshake/sent-twice", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP10-EXT-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves on the same connection afterwards",
		Explain: "The extension handshake is sent three times with other contents. That changes what we " +
			"offer and must not end the connection.",
		Causes: []string{"a second handshake is taken for a violation"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"extension-handshake-strict", "one-extension-handshake"},
		Run: func(t *T) {
			p := Extend(t)
			for _, d := range []Dict{{"m": Dict{}}, {"m": Dict{"ut_pex": 3}, "reqq": 10}, {"m": Dict{"ut_pex": 0}}} {
				p.Send(extended(0, bencode.MustAppend(nil, d)))
			}
			if p.Dropped(t.SilenceWait()) {
				p.Alive()
				t.Failf("further extension handshakes end the connection")
			}
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "bep10/messages/unknown-id", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP10-EXT-009"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves on the same connection afterwards",
		Explain: "An extended message with the id 250, which the target has not registered. It should be " +
			"ignored: the connection must go on to serve.",
		Causes: []string{"an unknown id closes the connection", "an unknown id raises an error that nobody catches"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"unknown-extension-ends-it"},
		Run: func(t *T) {
			p := Extend(t)
			p.Send(extended(250, []byte("d1:ai1ee")))
			if p.Dropped(t.SilenceWait()) {
				p.Alive()
				t.Failf("an extended message with an unknown id ends the connection")
			}
			p.Unchoke()
			p.Serves(0)
		},
	},
}

func isExtended(m *Received) bool { return m.Type == wire.Extended }

// Extend meets the target with the extension protocol and waits for its
// extension handshake.
func Extend(t *T, more ...wire.Feature) *Peer {
	p := Meet(t, append(more, wire.FeatureExtension)...)
	p.mustExtend()
	if !p.extends() {
		t.Inconclusivef("the target offers the extension protocol, and no handshake of it came: %s", p.Last())
	}
	return p
}

func (p *Peer) mustExtend() {
	if !p.Theirs.Offers(wire.FeatureExtension) {
		p.t.Unsupportedf("the target does not offer the extension protocol")
	}
}

func (p *Peer) extends() bool {
	p.t.Until(func() bool { return p.Extended || p.Gone() }, AnswerWithin)
	return p.Extended
}

// extensionHandshake is the target's first.
func (p *Peer) extensionHandshake() *Received {
	for _, m := range p.Log {
		if m.Type == wire.Extended && m.ExtID == 0 {
			return m
		}
	}
	return nil
}

// survives sends an extension handshake that must not disturb the connection.
func survives(slug, clause, what string, payload Dict) Case {
	return Case{
		ID: "bep10/handshake/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{clause}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target serves another peer afterwards",
		Explain: fmt.Sprintf("An extension handshake with %s. The target may ignore the whole or the part "+
			"that it cannot use; it must live on, and where nothing is wrong with the payload the "+
			"connection must, too.", what),
		Causes: []string{"a value of another type is used without a look"},
		Kills:  []string{"extension-handshake-strict"},
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			p := Extend(t)
			p.Send(extended(0, bencode.MustAppend(nil, payload)))
			dropped := p.Dropped(t.SilenceWait())
			p.Alive()
			if dropped && clause != "BEP10-EXT-013" {
				t.Failf("an extension handshake with %s ends the connection", what)
			}
			if !dropped {
				p.Unchoke()
				p.Serves(0)
			}
		},
	}
}
