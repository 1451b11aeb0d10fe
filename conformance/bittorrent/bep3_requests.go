package bittorrent

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Requests judges how a leecher asks: BEP 3 §peer messages.
var bep3Requests = []Case{
	{
		ID: "bep3/requests/several-on-their-way", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-038"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the blocks that are asked for and served",
		Explain: "A seeder serves twelve blocks, from which a target can tell how fast it is, and then none " +
			"for three seconds. Several requests should be on their way by then, or every block costs a " +
			"round trip; the document speaks of about five.",
		Causes: []string{"the next block is asked for when the last has come"},
		Within: 2 * downloadWithin,
		Kills:  []string{"one-request-out"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			p.On = s.serveSome(p, warmingUp)
			p.Send(s.All(p))
			p.MustFetch(warmingUp)
			t.Wait(3 * time.Second)
			n := p.Count(isRequest) - warmingUp
			if n < 2 {
				t.Failf("%d requests are on their way to a seeder that has served %d blocks", n, warmingUp)
			}
			t.Observef("%d requests on their way", n)
		},
	},
	{
		ID: "bep3/requests/again-after-a-choke", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-040"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the requests before the choke",
		Explain: "Without the fast extension a choke drops what was asked for. The only seeder chokes with " +
			"requests unanswered and unchokes a second later: those blocks should be asked for again, and " +
			"the download must complete.",
		Causes: []string{"blocks stay marked as asked for", "nothing is asked for after a second unchoke"},
		Within: 2 * downloadWithin,
		Kills:  []string{"choke-is-not-heard", "fast-without-agreement", "last-request-too-long"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			p.Send(s.All(p))
			first := p.MustAsk()
			t.Wait(500 * time.Millisecond)
			p.Send(wire.Choke)
			t.Wait(time.Second)
			before := p.Count(isRequest)
			p.On = func(m *Received) { s.Serve(p, m) }
			p.Send(wire.Unchoke)
			again := func() bool {
				n := 0
				for _, m := range p.Log {
					if m.Type == wire.Request {
						if n++; n > before && m.Index == first.Index && m.Begin == first.Begin {
							return true
						}
					}
				}
				return p.Gone()
			}
			if !t.Until(again, downloadWithin) || p.Gone() {
				t.Failf("%v was not asked for again after choke and unchoke: %s", first, s.standing())
			}
			s.MustComplete()
		},
	},
	{
		ID: "bep3/requests/none-while-choked-again", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-028"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the requests before the choke, and those after the next unchoke",
		Explain: "A seeder serves a few blocks and then chokes. What crosses the choke on its way is let " +
			"pass. A second later one more block comes that was asked for before: nothing may be asked for " +
			"until the next unchoke.",
		Causes: []string{"a block that arrives has the next asked for, whatever was said meanwhile"},
		Within: 2 * downloadWithin,
		Kills:  []string{"choke-is-not-heard"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(1)
			s.Gather(cast)
			p := cast[0]
			served := 0
			var late *Received
			p.On = func(m *Received) {
				switch {
				case m.Type != wire.Request:
				case served < 4:
					served++
					s.Serve(p, m)
				case late == nil:
					late = m
				}
			}
			p.Send(s.All(p))
			p.MustAsk()
			t.Until(func() bool { return served == 4 }, reactWithin)
			p.Send(wire.Choke)
			t.Wait(time.Second)
			before := p.Count(isRequest)
			if late != nil {
				p.Send(s.Piece(late))
			}
			t.Wait(2 * time.Second)
			if n := p.Count(isRequest); n > before {
				t.Failf("%d requests came more than a second after the choke", n-before)
			}
			p.On = func(m *Received) { s.Serve(p, m) }
			p.Send(wire.Unchoke)
			if !t.Until(func() bool { return p.Count(isRequest) > before || p.Gone() }, reactWithin) || p.Gone() {
				t.Inconclusivef("the target asks for nothing after the next unchoke: %s", p.Last())
			}
		},
	},
	endgame("asks-everybody", conformance.Should, "BEP03-PEER-044",
		"the target asks another peer, too, as soon as nothing else is left to ask for",
		func(t *T, s *Swarm, first, second *Peer, m *Received) {}),
	endgame("cancels-elsewhere", conformance.Should, "BEP03-PEER-045",
		"when the block has come from there, the first is told to cancel",
		func(t *T, s *Swarm, first, second *Peer, m *Received) {
			second.Send(s.Piece(m))
			n := int(m.Length)
			cancelled := func() bool {
				return first.Count(func(r *Received) bool {
					return r.Is(wire.Cancel, int(m.Index), int(m.Begin), n)
				}) > 0 || first.Gone()
			}
			if !t.Until(cancelled, AnswerWithin) {
				t.Failf("%v came from one peer, and the other was not told to cancel it", m)
			}
		}, "never-cancels"),
	{
		ID: "bep3/resume/announces-what-it-has", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-021", "BEP03-PEER-023"}, Role: conformance.Leecher, Kind: conformance.Reply,
		Control: "the judged messages themselves",
		Explain: "The target starts with the first of the files in its folder, which is nine whole pieces " +
			"and a part of the tenth. A peer without the fast extension must be told of exactly the nine, " +
			"by a bitfield as the first message or by have.",
		Causes: []string{"a piece counts as there when its file is", "the bitfield is sent after other messages"},
		Within: 2 * downloadWithin,
		Kills:  []string{"bitfield-cut-short", "bitfield-not-first"},
		Run: func(t *T) {
			_, p := Resume(t)
			for i, m := range p.Log {
				if m.Type != wire.Bitfield {
					continue
				}
				if i > 0 {
					t.Failf("a bitfield came behind other messages: %v", p.Log[i-1])
				}
				if err := wire.CheckBitfield(m.Data, int32(p.content.Pieces())); err != nil {
					t.Mismatch("the bitfield", err, "one bit a piece, and spare bits of zero")
				}
			}
			for i := range p.content.Pieces() {
				if want := i < resumedPieces; p.Has(i) != want {
					t.Failf("piece %d is announced: %v; it is on disk: %v", i, p.Has(i), want)
				}
			}
		},
	},
	{
		ID: "bep3/resume/asks-for-the-rest", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-030"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the target announces the pieces that it found, and completes",
		Explain: "The target starts with the first of the files in its folder and announces its pieces. It " +
			"must fetch the others, and ask for none that it has announced.",
		Causes: []string{"the picker is filled before the files are checked"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "files-misplaced", "last-request-too-long",
		},
		Run: func(t *T) {
			s, p := Resume(t)
			p.On = func(m *Received) {
				if m.Type == wire.Request && p.Has(int(m.Index)) {
					t.Failf("the target has announced piece %d, and asks for it", m.Index)
				}
				s.Serve(p, m)
			}
			p.Send(s.All(p))
			s.MustComplete()
			s.MustHaveFiles()
		},
	},
	{
		ID: "bep3/resume/left-is-what-is-missing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target announces the pieces that it found to a peer",
		Explain: "The target starts with the first of the files in its folder. In its first announce left " +
			"must be the size of the pieces that are missing: it is not the size of the content, nor that " +
			"less what was downloaded in this run.",
		Causes: []string{"left is the size of the content less the bytes downloaded since the start"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-left-is-zero", "announce-left-never-falls", "announce-without-left"},
		Run: func(t *T) {
			s, _ := Resume(t)
			if len(s.Announces) == 0 {
				t.Inconclusivef("the target did not announce itself before it met a peer")
			}
			total := len(s.Data)
			want := total - resumedPieces*int(s.Info.PieceLength)
			got, _ := s.Announces[0].Get("left")
			// The part of the next piece that is on disk may count as there or not.
			if got != fmt.Sprint(want) && got != fmt.Sprint(total-resumedBytes) {
				t.Mismatch("left", got, fmt.Sprint(want))
			}
		},
	},
}

// What [Resume] leaves in the target's folder: the first two files of the
// standard content.
const (
	resumedBytes  = 300_001
	resumedPieces = resumedBytes / (2 * BlockSize)
)

// Resume starts the target with a part of the content in its folder, and waits
// until it has told a peer of that.
func Resume(t *T) (*Swarm, *Peer) {
	s := NewSwarm(t, Standard)
	cast := s.Cast(1)
	s.StartWith(conformance.StartOptions{Files: s.FirstFiles(2)})
	s.Gather(cast)
	p := cast[0]
	if !t.Until(func() bool { return p.Announced() || p.Gone() }, reactWithin) || !p.Announced() {
		t.Unsupportedf("the target does not take over files that it finds in its folder: %s", p.Last())
	}
	t.Wait(t.SilenceWait())
	return s, p
}

// endgame serves everything from two peers but one block, which is never sent
// by the peer that was asked first.
func endgame(
	slug string, level conformance.Level, clause, what string,
	then func(t *T, s *Swarm, first, second *Peer, m *Received), kills ...string,
) Case {
	const withheld = 5 // the piece whose first block does not come
	return Case{
		ID: "bep3/endgame/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "all other blocks are asked for and served",
		Explain: "Two seeders serve everything but the first block of piece 5, which whoever is asked for " +
			"it first holds back. It is the last one missing: " + what + ". Otherwise one slow peer holds " +
			"up the end of the download.",
		Causes: []string{"a block is asked of one peer until that is gone"},
		Within: 4 * downloadWithin,
		Kills:  append([]string{"each-block-asked-once", "last-request-too-long"}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Cast(2)
			var holder, other *Peer
			var second *Received
			act := func(p *Peer) func(*Received) {
				return func(m *Received) {
					switch {
					case m.Type != wire.Request || m.Index != withheld || m.Begin != 0:
						s.Serve(p, m)
					case holder == nil || holder == p:
						holder = p
					case other == nil:
						other, second = p, m
					}
				}
			}
			s.Gather(cast)
			for _, p := range cast {
				p.On = act(p)
				p.Send(s.All(p))
			}
			rest := s.Blocks(s.Pieces())
			if !t.Until(func() bool { return s.blocks() == rest || other != nil }, downloadWithin) {
				t.Inconclusivef("the target asked for %d of %d blocks", s.blocks(), rest)
			}
			if !t.Until(func() bool { return other != nil }, 2*reactWithin) {
				t.Failf("the last block is asked of one of two peers only for %v", 2*reactWithin)
			}
			if holder.Gone() {
				t.Inconclusivef("the target left the slow peer before it asked the other")
			}
			then(t, s, holder, other, second)
		},
	}
}

// blocks is how many different blocks were asked for.
func (s *Swarm) blocks() int {
	blocks := map[[2]uint32]bool{}
	for _, m := range s.Requests() {
		blocks[[2]uint32{m.Index, m.Begin}] = true
	}
	return len(blocks)
}
