package bittorrent

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep6Seeder judges a seeder's side of the fast extension: BEP 6.
var bep6Seeder = []Case{
	{
		ID: "bep6/negotiation/not-without-our-bit", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-001"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "the target announces its pieces, unchokes and serves on the same connection",
		Explain: "A peer that does not offer the fast extension downloads a piece. None of the messages " +
			"13 to 17 may come: the extension is on only if both handshakes offer it.",
		Causes: []string{"the own bit is taken for the agreement of both"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"allowed-fast-refused", "fast-without-agreement"},
		Run: func(t *T) {
			p := Meet(t)
			p.Send(block(wire.Request, 0, 0, 100)) // choked: with the extension it would be rejected
			p.Unchoke()
			p.Serves(0)
			for _, m := range p.Log {
				if m.Type >= wire.Suggest && m.Type <= wire.AllowedFast {
					t.Failf("%v came on a connection without the fast extension", m)
				}
			}
		},
	},
	withoutTheBit("have-all", "BEP06-FAST-003", wire.HaveAll),
	withoutTheBit("suggest", "BEP06-FAST-004", wire.Message{Type: wire.Suggest}),
	withoutTheBit("reject", "BEP06-FAST-005", block(wire.Reject, 0, 0, BlockSize)),
	withoutTheBit("allowed-fast", "BEP06-FAST-006", wire.Message{Type: wire.AllowedFast}),
	{
		ID: "bep6/opening/one-announcement-first", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged messages themselves",
		Explain: "Both offer the fast extension. The first message must be have all, or a bitfield of all " +
			"pieces, and neither of these nor have none may come again.",
		Causes: []string{"an extension handshake is sent first", "have all is sent beside a bitfield"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"announces-twice", "nothing-announced-first"},
		Run: func(t *T) {
			p := Fasten(t)
			t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
			t.Wait(t.SilenceWait())
			announces := func(m *Received) bool {
				return m.Type == wire.HaveAll || m.Type == wire.HaveNone || m.Type == wire.Bitfield
			}
			switch n := p.Count(announces); {
			case len(p.Log) == 0:
				t.Failf("nothing came: %s", p.Last())
			case !announces(p.Log[0]):
				t.Failf("the first message is %v", p.Log[0])
			case n > 1:
				t.Failf("%d messages of have all, have none and bitfield came", n)
			}
			for i := range p.content.Pieces() {
				if !p.Has(i) {
					t.Failf("the seeder did not announce piece %d", i)
				}
			}
			t.Earn()
		},
	},
	{
		ID: "bep6/uploader/rejects-the-choked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP06-FAST-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A peer that was never unchoked asks for a block of a piece that it was not allowed fast. " +
			"The request should be rejected: silence leaves it waiting for nothing.",
		Causes: []string{"requests of choked peers are dropped as without the extension"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"no-rejects"},
		Run: func(t *T) {
			p, _ := Unserved(t, wire.FeatureFast)
			p.mustFast()
			piece := p.notAllowed()
			m := p.Ask(piece, 0, 100)
			switch {
			case m != nil && m.Type == wire.Reject: // whatever came since
			case !p.Choked:
				t.Inconclusivef("the target unchoked us meanwhile")
			case m != nil:
				t.Failf("a block of piece %d came, though we are choked and were not allowed it", piece)
			case m == nil:
				p.Alive()
				t.Failf("a request of a choked peer was not rejected: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep6/uploader/one-answer-to-each-request", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-007"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Forty requests, some of them cancelled in the same segment. Each must be answered by " +
			"exactly one piece or one matching reject, in any order, and nothing else may be.",
		Causes: []string{
			"a cancelled request is forgotten without an answer",
			"a request that is cancelled on its way is answered twice",
		},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"answers-twice", "cancel-must-match", "one-request-at-a-time"},
		Run: func(t *T) {
			p := Fasten(t)
			p.Unchoke()
			var out []any
			for i := range 40 {
				out = append(out, block(wire.Request, 0, i*64, 64))
				if t.Rand().Below(3) == 0 {
					out = append(out, block(wire.Cancel, 0, i*64, 64))
				}
			}
			p.Send(out...)
			answers := func(i int) int {
				return p.Count(func(m *Received) bool {
					return m.Is(wire.Piece, 0, i*64, 64) || m.Is(wire.Reject, 0, i*64, 64)
				})
			}
			t.Until(func() bool {
				for i := range 40 {
					if answers(i) == 0 {
						return p.Gone()
					}
				}
				return true
			}, 2*GatheredWithin)
			t.Wait(t.SilenceWait())
			for i := range 40 {
				if n := answers(i); n != 1 {
					t.Failf("the request for 64 bytes at %d got %d answers: %s", i*64, n, p.Last())
				}
			}
			t.Earn()
		},
	},
	{
		ID: "bep6/uploader/cancel-is-answered", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP06-FAST-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "a piece served on the same connection before",
		Explain: "A request and its cancel arrive in one segment. The block or a reject must come, so that " +
			"both ends agree on what is still on its way.",
		Causes: []string{"a cancel removes the request and nothing is said"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"cancel-must-match"},
		Run: func(t *T) {
			p := Fasten(t)
			p.Unchoke()
			p.Serves(0)
			for i := range 5 {
				at := i * 100
				p.Send(block(wire.Request, 0, at, 100), block(wire.Cancel, 0, at, 100))
				if p.Answer(0, at, 100) == nil {
					p.Alive()
					t.Failf("a request that was cancelled got no answer: %s", p.Last())
				}
			}
		},
	},
	{
		ID: "bep6/uploader/rejects-what-it-cannot-serve", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-007"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "a piece served on the same connection before",
		Explain: "A request that ends behind its piece. Every request is answered, so a reject must come; " +
			"to close the connection over it is accepted.",
		Causes: []string{"what cannot be served is dropped"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"bounds-not-checked", "no-rejects"},
		Run: func(t *T) {
			p := Fasten(t)
			p.Unchoke()
			p.Serves(0)
			begin := p.content.Size(0) - 50
			m := p.Ask(0, begin, 100)
			switch {
			case m != nil && m.Type == wire.Piece:
				t.Failf("100 bytes came where the piece has 50")
			case m == nil && !p.Ended():
				p.Alive()
				t.Failf("a request that cannot be served got no answer: %s", p.Last())
			case m == nil:
				p.Alive()
				t.Observef("the connection is closed over it")
			}
		},
	},
	{
		ID: "bep6/allowed-fast/offered-to-a-starting-peer", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP06-FAST-019"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Control: "the target announces its pieces on the same connection",
		Explain: "A peer without any piece connects, and is interested. The seeder should offer it pieces that it " +
			"may have while choked, so that it gets something to trade with.",
		Causes: []string{"the set is only ever received", "it is sent as have (id 4)"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"allowed-fast-as-have", "nothing-allowed-fast"},
		Run: func(t *T) {
			p := Fasten(t)
			p.Send(wire.HaveNone, wire.Interested) // some offer to who is interested only
			if p.AwaitType(GatheredWithin, wire.AllowedFast) == nil {
				p.Alive()
				t.Failf("a peer without pieces was not allowed any: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep6/allowed-fast/served-while-choked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP06-FAST-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the target's own offer on the same connection",
		Explain: "The seeder allows pieces fast. A block of one is asked for while choked, and should come. " +
			"A reject is accepted where the target explains it by nothing: it may have run out of slots.",
		Causes: []string{"the set is offered, and requests are looked at by the choke alone"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"allowed-fast-refused"},
		Run: func(t *T) {
			p := Fasten(t)
			p.Send(wire.HaveNone)
			offer := p.AwaitType(GatheredWithin, wire.AllowedFast)
			if offer == nil {
				t.Unsupportedf("the target offers no allowed fast set")
			}
			m := p.Ask(int(offer.Index), 0, 100)
			switch {
			case m == nil:
				p.Alive()
				t.Failf("a request for a piece that is allowed fast got no answer: %s", p.Last())
			case m.Type == wire.Reject:
				t.Failf("piece %d was allowed fast, and a request for it is rejected", offer.Index)
			}
			t.Earn()
		},
	},
}

// Fasten meets the target with the fast extension. One that does not offer it
// does not support what is judged.
func Fasten(t *T) *Peer {
	p := Meet(t, wire.FeatureFast)
	p.mustFast()
	return p
}

func (p *Peer) mustFast() {
	if !p.Theirs.Offers(wire.FeatureFast) {
		p.t.Unsupportedf("the target does not offer the fast extension")
	}
}

// notAllowed is a piece that the target has not allowed fast, after a moment in
// which it could have.
func (p *Peer) notAllowed() int {
	p.t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
	p.t.Wait(p.t.SilenceWait())
	for i := range p.content.Pieces() {
		if !slices.ContainsFunc(p.Log, func(m *Received) bool {
			return m.Type == wire.AllowedFast && int(m.Index) == i
		}) {
			return i
		}
	}
	p.t.Inconclusivef("the target allows every piece fast")
	return 0
}

// withoutTheBit sends a message of the extension without having offered it.
func withoutTheBit(slug, clause string, message any) Case {
	return Case{
		ID: "bep6/negotiation/" + slug + "-unagreed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{clause}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: fmt.Sprintf("A peer that did not offer the fast extension sends %v. The connection must "+
			"be closed: BEP 6 has it so for each of its messages.", slug),
		Causes: []string{"the messages are read whether the extension is on or not"},
		Kills:  []string{"fast-without-agreement"},
		Run: func(t *T) {
			p := Meet(t)
			p.Alive()
			p.Send(message)
			dropped := p.Dropped(refuseWithin)
			p.Alive()
			if !dropped {
				t.Failf("the connection is open %v after %s without the fast extension", refuseWithin, slug)
			}
		},
	}
}
