package bittorrent

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep6Leecher judges a leecher's side of the fast extension: BEP 6.
var bep6Leecher = []Case{
	{
		ID: "bep6/opening/nothing-is-announced-once", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-002"}, Role: conformance.Leecher, Kind: conformance.Reply,
		Control: "the judged messages themselves",
		Explain: "The target has no piece. Its first message must be have none, or a bitfield of zeros, and " +
			"neither may come again: with the extension one of them is always sent.",
		Causes: []string{"nothing is said where there is nothing to say", "have none and a bitfield are sent"},
		Within: 2 * downloadWithin,
		Kills:  []string{"nothing-said-of-nothing"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveNone)[0]
			t.Until(func() bool { return len(p.Log) > 0 || p.Gone() }, AnswerWithin)
			t.Wait(time.Second)
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
			case p.Announced():
				t.Failf("the target has nothing, and announces pieces: %v", p.Log[0])
			}
			t.Earn()
		},
	},
	unfounded("block-never-asked-for", conformance.Must, "BEP06-FAST-013", "a good block that was not asked for",
		func(s *Swarm) wire.Message {
			return wire.Message{Type: wire.Piece, Index: 7, Data: s.Block(7, 0, BlockSize)}
		}, "unasked-block-ignored"),
	unfounded("reject-of-nothing", conformance.Should, "BEP06-FAST-014", "a reject of what was not asked for",
		func(*Swarm) wire.Message { return block(wire.Reject, 7, 0, BlockSize) },
		"reject-is-not-heard", "fast-without-agreement"),
	{
		ID: "bep6/downloader/choke-keeps-requests", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-015"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the requests before the choke",
		Explain: "A seeder serves twelve blocks, chokes, and then answers the requests that wait by their " +
			"blocks: with the extension only a reject or the block ends a request. The connection must be kept, and the " +
			"pieces that are whole must be announced to another peer.",
		Causes: []string{"a choke forgets the requests, as without the extension", "blocks of who chokes are refused"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "choke-drops-blocks", "choke-storm",
			"have-to-the-sender", "unasked-block-ends-it", "unasked-block-ignored",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.GatherFast(wire.HaveAll, wire.HaveNone)
			p, poor := cast[0], cast[1]
			p.On = s.serveSome(p, warmingUp)
			p.MustAsk()
			p.MustFetch(warmingUp)
			t.Wait(500 * time.Millisecond)
			p.Send(wire.Choke)
			t.Wait(200 * time.Millisecond)
			whole := s.serveLate(p, warmingUp)
			if p.Dropped(time.Second) {
				t.Failf("blocks that were asked for before a choke end the connection")
			}
			if whole < 0 {
				t.Inconclusivef("no request that waits at the choke would make a piece whole")
			}
			if !t.Until(func() bool { return poor.Has(whole) || poor.Gone() }, reactWithin) || !poor.Has(whole) {
				t.Failf("piece %d, whose blocks came behind a choke, is not announced: %s", whole, poor.Last())
			}
		},
	},
	{
		ID: "bep6/downloader/rejected-is-asked-again", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-016"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the first requests",
		Explain: "The only seeder rejects the first three requests and serves all others, and those when " +
			"they come again. The download must complete: a rejected block is still missing.",
		Causes: []string{"a rejected block stays marked as asked for"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "fast-without-agreement", "last-request-too-long",
			"reject-is-not-heard",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveAll)[0]
			rejects := 3
			p.On = func(m *Received) {
				if m.Type != wire.Request || rejects == 0 {
					s.Serve(p, m)
					return
				}
				rejects--
				p.Send(block(wire.Reject, int(m.Index), int(m.Begin), int(m.Length)))
			}
			p.MustAsk()
			s.MustComplete()
		},
	},
	{
		ID: "bep6/allowed-fast/is-not-having", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-017"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target asks for the piece that the peer announces afterwards",
		Explain: "A peer has none, allows the pieces 0 to 9 fast, and unchokes. It does not have them, so " +
			"nothing may be asked for. Then it announces piece 3, which the target must ask for.",
		Causes: []string{"a piece that is allowed fast is marked as the peer's"},
		Within: 2 * downloadWithin,
		Kills:  []string{"allowed-fast-taken-as-have", "asks-for-what-it-has"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveNone)[0]
			for i := range 10 {
				p.Send(wire.Message{Type: wire.AllowedFast, Index: uint32(i)})
			}
			p.Send(wire.Unchoke)
			if m := p.AwaitType(2*time.Second, wire.Request); m != nil {
				t.Failf("the peer has no piece, and the target sends %v", m)
			}
			p.Send(have(3))
			if m := p.AwaitType(reactWithin, wire.Request); m == nil || m.Index != 3 {
				t.Inconclusivef("the target does not ask for the one piece that the peer has: %s", p.Last())
			}
		},
	},
	{
		ID: "bep6/allowed-fast/nothing-else-while-choked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-018", "BEP03-PEER-028"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target is interested, and asks for other pieces once unchoked",
		Explain: "A seeder allows the pieces 2, 4 and 6 fast and does not unchoke for three seconds. The " +
			"target may ask for these pieces meanwhile, and for no other.",
		Causes: []string{"one piece that is allowed opens the way for all"},
		Within: 2 * downloadWithin,
		Kills:  []string{"asks-while-choked"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveAll)[0]
			s.allow(p)
			p.MustInterest()
			t.Wait(3 * time.Second)
			for _, m := range p.Log {
				if m.Type == wire.Request && !allowed(m.Index) {
					t.Failf("the target is choked and was allowed other pieces, and sends %v", m)
				}
			}
			p.Send(wire.Unchoke)
			p.On = func(m *Received) { s.Serve(p, m) }
			for _, m := range slices.Clone(p.Log) {
				if m.Type == wire.Request {
					p.Send(s.Piece(m))
				}
			}
			if p.Await(reactWithin, func(m *Received) bool { return isRequest(m) && !allowed(m.Index) }) == nil {
				t.Inconclusivef("the target asks for nothing else after the unchoke: %s", p.Last())
			}
		},
	},
	{
		ID: "bep6/allowed-fast/used-while-choked", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP06-FAST-018"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target is interested",
		Explain: "A seeder allows the pieces 2, 4 and 6 fast and does not unchoke. A target that uses the " +
			"offer asks for them; whether it does is recorded.",
		Causes: []string{"the set is read and never looked at"},
		Within: 2 * downloadWithin,
		Kills:  []string{"allowed-fast-is-not-heard"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveAll)[0]
			s.allow(p)
			p.MustInterest()
			if p.AwaitType(5*time.Second, wire.Request) == nil {
				t.Infof("pieces that are allowed fast are not asked for while choked")
			}
			t.Earn()
		},
	},
	{
		ID: "bep6/allowed-fast/choke-with-requests-out", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP06-FAST-015"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks for pieces, and again after the next unchoke",
		Explain: "A seeder allows three pieces fast, unchokes, gets requests, chokes and rejects them all. " +
			"Those for the allowed pieces may come again; hundreds in two seconds are a loop.",
		Causes: []string{"a request that is rejected is repeated at once while the piece is allowed fast"},
		Within: 2 * downloadWithin,
		Kills:  []string{"choke-is-not-heard", "choke-storm"},
		Run: func(t *T) {
			const loop = 500
			s := NewSwarm(t, Standard)
			p := s.GatherFast(wire.HaveAll)[0]
			s.allow(p)
			p.MustAsk()
			t.Wait(300 * time.Millisecond)
			before := p.Count(isRequest)
			var out []any
			for _, m := range p.Log {
				if m.Type == wire.Request {
					out = append(out, block(wire.Reject, int(m.Index), int(m.Begin), int(m.Length)))
				}
			}
			p.On = func(m *Received) {
				if m.Type == wire.Request && p.Count(isRequest)-before < loop {
					p.Send(block(wire.Reject, int(m.Index), int(m.Begin), int(m.Length)))
				}
			}
			p.Send(append([]any{wire.Choke}, out...)...)
			t.Wait(2 * time.Second)
			if n := p.Count(isRequest) - before; n >= loop {
				t.Failf("%d requests came in the two seconds after the choke", n)
			}
			if p.Gone() {
				t.Inconclusivef("the target left: %s", p.Last())
			}
			t.Earn()
		},
	},
	beyond("suggest", wire.Suggest, "BEP06-FAST-022", "suggest-out-of-range-crashes"),
	beyond("allowed-fast", wire.AllowedFast, "BEP06-FAST-017", "allowed-fast-out-of-range-crashes"),
}

// GatherFast starts the target and waits until it has met peers that have the
// fast extension and begin with the given announcements.
func (s *Swarm) GatherFast(announcements ...wire.Type) []*Peer {
	cast := make([]*Peer, len(announcements))
	for i, first := range announcements {
		s.Add([]wire.Feature{wire.FeatureFast}, func(p *Peer) {
			if cast[i] = p; p.both(wire.FeatureFast) {
				p.Send(first)
			}
		})
	}
	s.Gather(cast)
	for _, p := range cast {
		p.mustFast()
	}
	return cast
}

// serveLate answers the requests behind the first, and returns a piece that is
// whole with them and was not before, or -1.
func (s *Swarm) serveLate(p *Peer, first int) (whole int) {
	whole = -1
	sent, n := map[uint32]int{}, 0
	for _, m := range p.Log {
		if m.Type != wire.Request {
			continue
		}
		sent[m.Index] += int(m.Length)
		if n++; n > first {
			p.Send(s.Piece(m))
			if sent[m.Index] == s.Size(int(m.Index)) {
				whole = int(m.Index)
			}
		}
	}
	return whole
}

// allow allows three pieces fast.
func (s *Swarm) allow(p *Peer) {
	for _, i := range []uint32{2, 4, 6} {
		p.Send(wire.Message{Type: wire.AllowedFast, Index: i})
	}
}

func allowed(piece uint32) bool { return piece == 2 || piece == 4 || piece == 6 }

// unfounded sends what only answers a request, without one.
func unfounded(
	slug string, level conformance.Level, clause, what string, message func(*Swarm) wire.Message, kills ...string,
) Case {
	return Case{
		ID: "bep6/downloader/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks another seeder for pieces afterwards",
		Explain: fmt.Sprintf("Before it unchokes a seeder sends %s. With the extension both ends know what is "+
			"on its way, so the connection is to be closed.", what),
		Causes: []string{"it is ignored, as without the extension"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.GatherFast(wire.HaveAll, wire.HaveAll)
			cast[0].MustInterest()
			cast[0].Send(message(s))
			dropped := cast[0].Dropped(refuseWithin)
			cast[1].MustAsk()
			if !dropped {
				t.Failf("the connection is open %v after %s", refuseWithin, what)
			}
		},
	}
}

// beyond names a piece that does not exist.
func beyond(slug string, kind wire.Type, clause string, kills ...string) Case {
	return Case{
		ID: "bep6/downloader/" + slug + "-out-of-range", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks another seeder for pieces afterwards",
		Explain: fmt.Sprintf("A seeder sends %v for the piece behind the last, and for 2^32-1. The target may "+
			"close the connection; it must ask for nothing that does not exist, and must live on.", kind),
		Causes: []string{"the index is used without a look"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.GatherFast(wire.HaveAll, wire.HaveAll)
			p := cast[0]
			p.Send(wire.Message{Type: kind, Index: uint32(s.Pieces())}, wire.Message{Type: kind, Index: 1<<32 - 1})
			p.Send(wire.Unchoke)
			t.Wait(time.Second)
			cast[1].MustAsk()
			for _, m := range s.Requests() {
				if !s.Sound(m) {
					t.Failf("the target asked for %v", m)
				}
			}
		},
	}
}
