package gnutella

import (
	"bytes"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// ggepForwarded judges whether blocks survive their way through the target.
var ggepForwarded = []Case{
	{
		ID: "ggep/forwarded/query-keeps-its-block", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-22", "GN-PG-18"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a query without a block is passed on",
		Explain: "A query with a block of which nobody has heard is passed on. The block has to arrive as it was " +
			"sent: those who made it may be further away.",
		Causes: []string{"queries are written anew, with what was understood"},
		Kills:  []string{"queries-lose-their-block", "strips-ggep"},
		Run: func(t *T) {
			l := Between(t).knowingGGEP()
			l.Relays()
			l.keeps(NewGGEPQuery(t, word(t), 3, 0, unknownBlock()), l.Through)
		},
	},
	{
		ID: "ggep/forwarded/query-keeps-a-long-block", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-18", "GN-GG-03"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a query without a block is passed on",
		Explain: "A query of less than 256 bytes has a block with three unknown extensions, of which one is " +
			"compressed and one encoded with COBS. It should arrive byte by byte as it was sent.",
		Causes: []string{"values are written anew in another encoding"},
		Kills:  []string{"queries-lose-their-block", "queries-lose-what-is-compressed", "strips-ggep"},
		Run: func(t *T) {
			l := Between(t).knowingGGEP()
			l.Relays()
			zeros := make([]byte, 70)
			l.keeps(NewGGEPQuery(t, word(t), 3, 0, blockOf(
				extension(ggepDeflate, "TSTD", nil, zlibOf(zeros)), extension(ggepCOBS, "TSTC", nil, cobsOf(zeros)),
				extension(ggepLast, "TST", nil, bytes.Repeat([]byte{'x'}, 80)))), l.Through)
		},
	},
	{
		ID: "ggep/forwarded/hit-keeps-its-blocks", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-18", "GN-QH-09"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a hit without blocks goes back",
		Explain: "A hit has unknown blocks in a result and behind the servent's own data, with other bytes before " +
			"that. It has to go back with them; more may be added to what the servent says.",
		Causes: []string{"hits are written anew, with what was understood"},
		Kills:  []string{"hits-lose-their-blocks", "new-id-for-each-hit"},
		Run: func(t *T) {
			l := Between(t).knowingGGEP()
			l.Returns()
			q := l.Asked()
			private := passesBack(l, hitWithBlocks(l.B, q.GUID), "a hit with blocks")
			if !bytes.Contains(private, unknownExtension()) {
				t.Mismatch("the private data of a hit", hexOf(private), "with the block "+hexOf(unknownBlock()))
			}
		},
	},
	{
		ID: "ggep/forwarded/push-keeps-its-block", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-18", "GN-PU-01", "GN-PU-03"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a push without a block goes to the servent whose hit came before",
		Explain: "A push for a servent whose hit has passed has an unknown block behind its fields. It has to arrive " +
			"as it was sent.",
		Causes: []string{"a push is taken to have 26 bytes"},
		Kills:  []string{"one-push-for-each-servent", "pushes-lose-their-block"},
		Run: func(t *T) {
			l, servent := Between(t).knowingGGEP(), NewGUID(t)
			q := l.Asked()
			if l.Back(NewHit(l.B, q.GUID, servent, 3, 0, "answer.txt")) == nil {
				t.Inconclusivef("the target does not pass a hit back: %s", l.A.Last())
			}
			if l.Through(NewPush(l.A, servent, 3, 0)) == nil {
				t.Inconclusivef("the target does not pass a push on: %s", l.B.Last())
			}
			t.Earn()
			push := NewPush(l.A, servent, 3, 0)
			push.Payload = append(push.Payload, unknownBlock()...)
			l.keeps(push, l.Through)
		},
	},
	{
		ID: "ggep/forwarded/pong-leaves-its-block-where-it-is-unknown", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-17"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "the pong itself, with its address, comes to another neighbour",
		Explain: "A neighbour answers the target's ping with a pong that has a block. When the target tells of that " +
			"host to somebody who has not said that it knows GGEP, the block should be taken off.",
		Causes: []string{"the header GGEP is not looked at"}, Within: 2 * time.Minute,
		Kills: []string{"pongs-are-padded", "pongs-have-blocks-for-all", "pongs-with-ggep-for-all"},
		Run: func(t *T) {
			pong := cachedPong(t, Equal().Without("GGEP"))
			if len(pong.Payload) != pongSize {
				t.Failf("a pong of %d bytes came to who has not said that it knows GGEP", len(pong.Payload))
			}
		},
	},
}

// knowingGGEP ends the case as unsupported if the target has not said on both links
// that it can pass on GGEP (GN-HS-22).
func (l Line) knowingGGEP() Line {
	l.A.says("GGEP")
	l.B.says("GGEP")
	return l
}

// keeps judges whether a descriptor with a block comes through as it is.
func (l Line) keeps(d wire.Descriptor, through func(wire.Descriptor) *Received) {
	got := through(d)
	if got == nil {
		l.t.Failf("a %v with a block is not passed on: on the one link %s, on the other %s", d.Type, l.A.Last(), l.B.Last())
	}
	if !bytes.Equal(got.Payload, d.Payload) {
		l.t.Mismatch("the payload of a "+d.Type.String(), hexOf(got.Payload), hexOf(d.Payload))
	}
}

// hitWithBlocks is a hit that has unknown blocks wherever it can have some.
func hitWithBlocks(p *Peer, guid wire.GUID) wire.Descriptor {
	d := NewHit(p, guid, NewGUID(p.t), 3, 0, "answer.txt")
	h, err := wire.ParseQueryHit(d.Payload)
	if err == nil {
		r := wire.Result{Index: 7, Size: 1234, Name: []byte("answer.txt"), Extensions: unknownBlock()}
		h.Results, err = r.Append(nil)
	}
	if err != nil {
		p.t.Harnessf("a hit cannot be written: %v", err)
	}
	h.Trailer.Flags = h.Trailer.Flags.With(wire.HitGGEP, true)
	h.Trailer.Private = append([]byte{1, 2, 3}, unknownBlock()...)
	d.Payload = h.Append(nil)
	return d
}

// cachedPong has a neighbour answer the target's ping with a pong that has a block,
// and another one ping for it.
func cachedPong(t *T, o Offer) *Received {
	known := Meet(t, Equal())
	known.says("GGEP")
	known.Quiet = true
	known.On = func(r *Received) {
		if r.Type == wire.TypePing {
			pong := wire.Pong{Addr: known.Advertised(), Files: 3, Kilobytes: 64, GGEP: unknownBlock()}
			known.Send(wire.Descriptor{
				GUID: r.GUID, Type: wire.TypePong, TTL: max(1, r.Hops), Payload: pong.Append(nil),
			})
		}
	}
	known.Control()
	firstPing(known)
	other := Meet(t, o)
	for range 3 {
		other.Control()
		t.Wait(PingPause)
		ping := NewPing(t, 7, 0)
		other.Send(ping)
		pong := other.Await(AnswerWithin, func(r *Received) bool {
			p, err := wire.ParsePong(r.Payload)
			return r.Type == wire.TypePong && err == nil && p.Addr == known.Advertised()
		})
		if pong != nil {
			return pong
		}
	}
	t.Inconclusivef("the target does not tell of a neighbour whose pong it has: %s", other.Last())
	return nil
}
