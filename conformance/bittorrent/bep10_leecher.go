package bittorrent

import (
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep10Leecher judges the extension protocol of who connects: BEP 10.
var bep10Leecher = []Case{
	{
		ID: "bep10/initiator/handshake-comes-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP10-EXT-003", "BEP10-EXT-001"}, Role: conformance.Leecher, Kind: conformance.Reply,
		Control: "the judged message itself",
		Explain: "The target connects to a peer that offers the extension protocol and says nothing of it. " +
			"Its extension handshake should come without waiting for ours.",
		Causes: []string{"it is only sent in answer to ours"},
		Within: 2 * downloadWithin,
		Kills:  []string{"no-extension-handshake"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherExtended(nil)
			if !t.Until(func() bool { return p.Extended || p.Gone() }, AnswerWithin) || !p.Extended {
				t.Failf("no extension handshake came within %v: %s", AnswerWithin, p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep10/downloader/reqq-is-honoured", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP10-EXT-010"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks for pieces",
		Explain: "A seeder says reqq 4 and answers no request for three seconds, and then one after the " +
			"other. No more than four should ever be unanswered: what is more may be dropped.",
		Causes: []string{"reqq is parsed and never looked at"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "extension-handshake-strict", "reqq-is-not-heard",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherExtended(Dict{"m": Dict{}, "reqq": 4})
			var queue []*Received
			most := 0
			p.On = func(m *Received) {
				if m.Type == wire.Request {
					queue = append(queue, m)
					most = max(most, len(queue))
				}
			}
			p.Send(s.All(p))
			p.MustAsk()
			t.Wait(3 * time.Second)
			for range 20 {
				if len(queue) > 0 {
					p.Send(s.Piece(queue[0]))
					queue = queue[1:]
				}
				t.Wait(20 * time.Millisecond)
			}
			if most > 4 {
				t.Failf("%d requests were unanswered at once at a peer whose reqq is 4", most)
			}
		},
	},
	{
		ID: "bep10/downloader/reqq-of-zero", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP10-EXT-010", "BEP10-EXT-013"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target is interested in the seeder",
		Explain: "The only seeder says reqq 0, which makes no sense: it unchokes and serves. The target " +
			"should ask for pieces all the same.",
		Causes: []string{"the number is taken as the limit without a look"},
		Within: 2 * downloadWithin,
		Kills:  []string{"extension-handshake-strict", "reqq-zero-believed"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherExtended(Dict{"m": Dict{}, "reqq": 0})
			p.Send(s.All(p))
			p.MustInterest()
			p.Send(wire.Unchoke)
			if p.AwaitType(reactWithin, wire.Request) == nil {
				t.Failf("the target asks for nothing from a peer that says reqq 0: %s", p.Last())
			}
		},
	},
	keepsSeeder("empty-dictionary", conformance.Must, "BEP10-EXT-004", "an empty dictionary", encoded(Dict{}),
		"empty-extension-handshake-ends-it", "extension-handshake-strict"),
	keepsSeeder("unknown-names", conformance.Should, "BEP10-EXT-005", "unknown keys and extensions",
		encoded(Dict{"p2pspec": 1, "m": Dict{"p2_nothing": 77}}), "extension-handshake-strict"),
	keepsSeeder("second-handshake", conformance.Must, "BEP10-EXT-008", "its handshake twice",
		slicesOf(encoded(Dict{"m": Dict{"ut_pex": 3}}), encoded(Dict{"m": Dict{"ut_metadata": 4}})),
		"one-extension-handshake"),
	keepsSeeder("unknown-id", conformance.Should, "BEP10-EXT-009", "an extended message with the id 250",
		[]wire.Message{extended(0, encoded(Dict{"m": Dict{}})[0].Data), extended(250, []byte("de"))},
		"extension-handshake-strict", "unknown-extension-ends-it"),
	livesOn("not-bencoded", "bytes that are not bencoded", "not bencoded at all", "extension-handshake-unparsed-crashes"),
	livesOn("nothing", "no payload", "", "extension-handshake-unparsed-crashes"),
	livesOn("list", "a list in the place of the dictionary", "l1:m1:ve", "extension-handshake-list-crashes"),
	livesOn("m-is-a-list", "a list in the place of m", "d1:ml6:ut_pexi1eee", "extension-handshake-strict"),
	livesOn("ids-as-strings", "ids that are strings", "d1:md6:ut_pex1:1ee", "extension-handshake-strict"),
	livesOn("ids-beyond-a-byte", "ids of 256 and -1", "d1:md11:ut_metadatai-1e6:ut_pexi256eee",
		"extension-handshake-strict"),
	livesOn("numbers-as-strings", "strings for numbers", "d13:metadata_size3:abc1:p4:68814:reqq2:xxe",
		"extension-handshake-strict"),
	livesOn("short-addresses", "addresses of three bytes", "d4:ipv43:abc4:ipv63:abc6:yourip3:abce",
		"extension-handshake-strict"),
	livesOn("deep", "two hundred lists in each other",
		"d1:m"+strings.Repeat("l", 200)+strings.Repeat("e", 200)+"e", "extension-handshake-deep-crashes",
		"extension-handshake-unparsed-crashes"),
}

// encoded is an extension handshake.
func encoded(d Dict) []wire.Message { return []wire.Message{extended(0, bencode.MustAppend(nil, d))} }

func slicesOf(a, b []wire.Message) []wire.Message { return append(a, b...) }

// GatherExtended starts the target and waits until it has met a peer that has
// the extension protocol, and begins with the given handshake of it.
func (s *Swarm) GatherExtended(d Dict) *Peer {
	cast := s.Cast(1, wire.FeatureExtension)
	s.Gather(cast)
	p := cast[0]
	p.mustExtend()
	if d != nil {
		p.Send(extended(0, bencode.MustAppend(nil, d)))
	}
	return p
}

// keepsSeeder is a seeder that opens with what is legal. The target has to
// download from it.
func keepsSeeder(
	slug string, level conformance.Level, clause, what string, opening []wire.Message, kills ...string,
) Case {
	return Case{
		ID: "bep10/initiator/keeps-" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's own offer of the extension protocol",
		Explain: "The only seeder opens with " + what + ", which the document allows. The target must " +
			"download everything from it.",
		Causes: []string{"a key is used without asking whether it is there"},
		Within: 2 * downloadWithin,
		Kills:  append([]string{"last-request-too-long"}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherExtended(nil)
			for _, m := range opening {
				p.Send(m)
			}
			s.Offer(p, func(int) bool { return true })
			s.MustComplete()
		},
	}
}

// livesOn is a seeder that opens with a malformed extension handshake, and
// another that does not. The target may leave the first.
func livesOn(slug, what, payload string, kills ...string) Case {
	return Case{
		ID: "bep10/initiator/survives-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP10-EXT-013"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks another seeder for pieces afterwards",
		Explain: "A peer that the target has connected to sends an extension handshake with " + what + ". The " +
			"target may close the connection, and must live on.",
		Causes: []string{"values are used as the types that they should have"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			other := s.Cast(1)
			p := s.GatherExtended(nil)
			p.Send(extended(0, []byte(payload)))
			t.Wait(time.Second)
			s.Gather(other)
			other[0].Send(s.All(other[0]))
			other[0].MustAsk()
		},
	}
}
