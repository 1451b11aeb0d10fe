package bittorrent

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Uploader judges what a seeder gives on request: BEP 3 §peer messages.
var bep3Uploader = []Case{
	{
		ID: "bep3/uploader/announces-what-it-has", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-021", "BEP03-PEER-023"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged messages themselves",
		Explain: "A peer without the fast extension connects and listens. A seeder tells all its pieces " +
			"by one bitfield as its first message, with the high bit of the first byte for piece 0, one " +
			"bit a piece and spare bits of zero; or piece by piece by have, which BEP 3 leaves open. An " +
			"extended message or a DHT port may come before nothing but those.",
		Causes: []string{
			"the bitfield is cut behind the last bit that is set", "bits are counted from the low end",
			"the bitfield is sent late, or twice",
		},
		Kills: []string{"bitfield-cut-short", "bitfield-from-the-low-bit", "bitfield-not-first"},
		Run: func(t *T) {
			p := Meet(t)
			complete := func() bool {
				for i := range p.content.Pieces() {
					if !p.Has(i) {
						return false
					}
				}
				return true
			}
			t.Until(func() bool { return complete() || p.Gone() }, AnswerWithin)
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
			if !complete() {
				t.Failf("the target has not announced every piece: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "bep3/uploader/serves-what-it-announces", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-037"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Once unchoked, the first, a middle and the last piece are asked for in blocks of 16 KiB, " +
			"the last block of the torrent being what remains. Each answer must carry the index, the " +
			"offset and exactly the bytes asked for, and each piece must have its hash.",
		Causes: []string{
			"the last block is padded to 16 KiB", "blocks that span two files are read from one",
		},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"last-block-padded"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			n := p.content.Pieces()
			for _, i := range []int{0, n / 2, n - 1} {
				var data []byte
				for begin := 0; begin < p.content.Size(i); begin += BlockSize {
					size := min(BlockSize, p.content.Size(i)-begin)
					m := p.Ask(i, begin, size)
					if m == nil || m.Type != wire.Piece {
						t.Failf("%d bytes at %d of piece %d, which the target has, did not come: %s",
							size, begin, i, p.Last())
					}
					data = append(data, m.Data...)
				}
				if !p.content.Info.VerifyPiece(i, data) {
					t.Failf("piece %d of the target does not have its hash", i)
				}
			}
		},
	},
	{
		ID: "bep3/uploader/blocks-of-any-size-and-offset", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-037"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the whole piece, fetched before in blocks of 16 KiB",
		Explain: "Single bytes and odd spans of a piece are asked for, at the beginning, across the middle " +
			"and at the very end. Each must come with the bytes that the whole piece has there: begin and " +
			"length are any numbers within the piece.",
		Causes: []string{"begin is rounded down to a block", "whole blocks are sent whatever was asked"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"begin-rounded-down"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			p.Serves(0)
			whole, size := p.Fetch(0), p.content.Size(0)
			for _, s := range [][2]int{{0, 1}, {1, 1}, {17, 100}, {size/2 - 50, 101}, {size - 1, 1}, {size - 999, 999}} {
				m := p.Ask(0, s[0], s[1])
				if m == nil || m.Type != wire.Piece {
					t.Failf("%d bytes at %d of piece 0 did not come: %s", s[1], s[0], p.Last())
				}
				if !bytes.Equal(m.Data, whole[s[0]:s[0]+s[1]]) {
					t.Failf("%d bytes at %d of piece 0 are not those of the piece", s[1], s[0])
				}
			}
		},
	},
	{
		ID: "bep3/uploader/many-requests-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-037", "BEP03-PEER-038"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Ten requests arrive in one segment: a downloader keeps several on their way, or every " +
			"block costs a round trip. All ten must be served.",
		Causes: []string{"only the last request is kept", "requests behind the first in a segment are lost"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"one-request-at-a-time"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			var asked []any
			for i := range 10 {
				asked = append(asked, block(wire.Request, 0, i*100, 100))
			}
			p.Send(asked...)
			for i := range 10 {
				p.cursor = 0
				if m := p.Answer(0, i*100, 100); m == nil || m.Type != wire.Piece {
					t.Failf("request %d of ten in one segment was not served: %s", i+1, p.Last())
				}
			}
		},
	},
	{
		ID: "bep3/uploader/nothing-while-choked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-015", "BEP03-PEER-036"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after, and the same request once unchoked",
		Explain: "A request before any unchoke. Both sides begin choked, so no block may come; the " +
			"connection may end over it. A target that unchokes everybody at once is given so many peers " +
			"that one has to wait.",
		Causes: []string{"requests are served without looking at the choke", "everybody is taken for unchoked"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"serves-the-choked"},
		Run: func(t *T) {
			p, leave := Unserved(t)
			unchoked := false
			p.On = func(m *Received) { unchoked = unchoked || m.Type == wire.Unchoke }
			served := func() bool { return p.Count(isPiece) > 0 && !unchoked }
			if !t.Silent(p.Alive, func() { p.Send(block(wire.Request, 0, 0, 1000)) }, served) {
				t.Failf("a block came to a peer that is choked")
			}
			if unchoked {
				t.Inconclusivef("the target unchoked us meanwhile")
			}
			leave()
			q := Meet(t)
			q.Unchoke()
			q.Serves(0)
		},
	},
	outOfBounds("index-behind-the-last", "whose index is the number of pieces",
		func(c *Content) wire.Message { return block(wire.Request, c.Pieces(), 0, 100) }),
	outOfBounds("index-beyond-counting", "whose index is 2^32-1",
		func(*Content) wire.Message { return wire.Message{Type: wire.Request, Index: 1<<32 - 1, Length: 100} }),
	outOfBounds("end-behind-the-piece", "that ends one byte behind its piece",
		func(c *Content) wire.Message { return block(wire.Request, 0, c.Size(0)-99, 100) }),
	outOfBounds("end-behind-the-last-piece", "that ends one byte behind the last, shorter piece",
		func(c *Content) wire.Message {
			last := c.Pieces() - 1
			return block(wire.Request, last, c.Size(last)-99, 100)
		}),
	outOfBounds("begin-behind-the-piece", "that begins at the end of its piece",
		func(c *Content) wire.Message { return block(wire.Request, 0, c.Size(0), 100) }),
	outOfBounds("sum-overflows", "whose begin and length add up to 16, modulo 2^32",
		func(*Content) wire.Message {
			return wire.Message{Type: wire.Request, Begin: 0xFFFFFFF0, Length: 32}
		}, "bounds-checked-in-32-bits"),
	outOfBounds("nothing-asked", "for zero bytes",
		func(*Content) wire.Message { return block(wire.Request, 0, 0, 0) }),
	outOfBounds("two-gibibytes", "for 2^31 bytes",
		func(*Content) wire.Message { return wire.Message{Type: wire.Request, Length: 1 << 31} }),
	{
		ID: "bep3/uploader/more-than-a-block", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP03-PEER-033"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer that is alive afterwards",
		Explain: "A request for 16 KiB and one byte. BEP 3 has implementations close such connections; " +
			"several serve up to 128 KiB. What the target does is recorded; it must not send other bytes " +
			"than those that were asked for.",
		Within: 2 * UnchokeWithin,
		Kills:  []string{"serves-128-kib"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			whole := p.Fetch(0)
			if len(whole) <= BlockSize {
				t.Inconclusivef("the pieces of this torrent have no more than a block")
			}
			m := p.Ask(0, 0, BlockSize+1)
			p.Alive()
			switch {
			case m != nil && m.Type == wire.Piece && bytes.Equal(m.Data, whole[:BlockSize+1]):
				t.Infof("16 KiB and one byte are served")
			case m != nil && m.Type == wire.Piece:
				t.Failf("16 KiB and one byte came with other bytes than the piece has")
			case p.Ended():
				t.Observef("the connection is closed, as BEP 3 has it")
			case m == nil && p.Count(func(m *Received) bool { return m.Type == wire.Piece && len(m.Data) > BlockSize }) > 0:
				t.Failf("a block of another length than asked for: %s", p.Last())
			}
		},
	},
	{
		ID: "bep3/uploader/cancel-of-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-047"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "a piece that is asked for before",
		Explain: "A cancel for a request that was never made. Cancels cross the block on its way all the time, " +
			"so the connection must stay in use: a piece asked for afterwards comes.",
		Causes: []string{"a cancel without its request is taken for an attack"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"cancel-forgets", "cancel-must-match"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			p.Serves(0)
			p.Send(block(wire.Cancel, 1, 0, BlockSize))
			if m := p.Ask(1, 0, 100); m == nil || m.Type != wire.Piece {
				t.Failf("after a cancel of nothing no block comes: %s", p.Last())
			}
		},
	},
}

func isPiece(m *Received) bool { return m.Type == wire.Piece }

// outOfBounds is a request that no block can answer.
func outOfBounds(slug, what string, request func(*Content) wire.Message, kills ...string) Case {
	return Case{
		ID: "bep3/uploader/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-034"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "a piece that is asked for before on the same connection, and another peer that is served afterwards",
		Explain: fmt.Sprintf("A request %s. No block can answer it, whatever its length field says; the "+
			"target may reject it, ignore it or close the connection, and must go on serving others.", what),
		Causes: []string{"bounds are checked in 32 bits", "the end of the last piece is that of the others"},
		Kills:  append([]string{"bounds-not-checked"}, kills...),
		Within: 3 * UnchokeWithin,
		Run: func(t *T) {
			p, q := Meet(t), Meet(t)
			q.Send(wire.Interested) // to be unchoked in the same round
			p.Unchoke()
			rtt := p.Serves(0)
			before := p.Count(isPiece)
			p.Send(request(p.content))
			t.RTT(rtt)
			t.Until(func() bool { return p.Count(isPiece) > before || p.Gone() }, t.SilenceWait())
			if p.Count(isPiece) > before {
				t.Failf("a request %s was answered by a block", what)
			}
			if p.Gone() && t.Until(q.Gone, chokedFor) {
				t.Wait(AnswerWithin) // a target that ends takes a moment for it
				t.Failf("a request %s ends the connection of another peer, too", what)
			}
			q.Unchoke()
			q.Serves(0)
		},
	}
}
