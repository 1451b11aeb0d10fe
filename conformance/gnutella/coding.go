package gnutella

import (
	"bytes"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// FlushWithin is how late a compressed message may be: the document asks for a flush
// after 200 ms at most; the rest is for the machine.
const FlushWithin = 800 * time.Millisecond

// compressed meets a target that compresses what it sends, or ends the case.
func compressed(t *T, o Offer) *Peer {
	p := Meet(t, o.With("Accept-Encoding", "deflate"))
	if p.inflate == nil {
		p.Control()
		t.Unsupportedf("the target does not compress for who offers to inflate")
	}
	return p
}

// coding judges compression, which each side chooses for what it receives.
var coding = []Case{
	{
		ID: "gnutella06/compression/target-compresses", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-24", "GN-HS-25"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping is answered on the compressed link, and on a plain one",
		Explain: "The harness offers 'Accept-Encoding: deflate' and does not compress itself. If the answer says " +
			"'Content-Encoding: deflate', with that one value, all that follows the handshake must be one zlib " +
			"stream; what the harness sends stays plain.",
		Causes: []string{"raw deflate without the header of zlib", "the header is sent and the bytes are plain",
			"both directions are compressed as soon as one is"},
		Kills: []string{
			"compresses-both-or-none", "names-two-codings", "promises-to-compress",
			"talks-before-the-third-step",
		},
		Run: func(t *T) {
			Meet(t, Equal()).Control()
			p := compressed(t, Equal())
			if v, _ := p.Answer.Headers.Get("Content-Encoding"); strings.ContainsAny(v, ",;") || v != strings.TrimSpace(v) {
				t.Mismatch("Content-Encoding", v, "deflate")
			}
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			if p.AwaitGUID(2*AnswerWithin, wire.TypePong, ping.GUID) == nil {
				t.Failf("no pong comes on a link that the target says it compresses: %s", p.Last())
			}
			t.Earn()
		},
	},
	{
		ID: "gnutella06/compression/only-if-offered", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-27"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping is answered on the link, in plain",
		Explain: "The harness does not offer to inflate, and in a second handshake offers gzip alone. The " +
			"answer must not say Content-Encoding, and what follows must be plain.",
		Causes: []string{"compression is switched on by configuration alone"},
		Kills:  []string{"compresses-unasked"},
		Run: func(t *T) {
			for _, o := range []Offer{Equal(), Equal().With("Accept-Encoding", "gzip")} {
				p := Meet(t, o)
				if v, ok := p.Answer.Headers.Get("Content-Encoding"); ok {
					t.Mismatch("Content-Encoding for who accepts "+o.Get("Accept-Encoding"), v, "none")
				}
				p.Control()
			}
		},
	},
	{
		ID: "gnutella06/compression/harness-compresses", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-24"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the target says itself that it inflates; a ping is answered on a plain link",
		Explain: "A target that says 'Accept-Encoding: deflate' must inflate what comes from a peer that says " +
			"'Content-Encoding: deflate' in the third step, and may answer in plain, for it was not offered more.",
		Causes: []string{"inflating begins with the second step", "the zlib stream is begun anew at each message"},
		Kills:  []string{"inflates-nothing"},
		Run: func(t *T) {
			Meet(t, Equal()).Control()
			p := inflating(t)
			for range 3 {
				ping := NewPing(t, 1, 0)
				p.Send(ping)
				if p.AwaitGUID(2*AnswerWithin, wire.TypePong, ping.GUID) == nil {
					p.Alive()
					t.Failf("a compressed ping is not answered: %s", p.Last())
				}
				t.Wait(PingPause)
			}
			t.Earn()
		},
	},
	{
		ID: "gnutella06/compression/flushes-in-time", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-26"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the answers themselves, and those on a plain link",
		Explain: "Three pings, each after a pause, on a link that the target compresses, and as many on a plain " +
			"one. A pong may take 200 ms longer on the one, and some more for the machine: a flush may not wait " +
			"for more to be sent.",
		Causes: []string{"the compressor is flushed when its buffer is full, or by a slow timer"},
		Kills:  []string{"flushes-every-second"},
		Run: func(t *T) {
			plain, p := Meet(t, Equal()), compressed(t, Equal())
			for range 3 {
				usual := plain.Control()
				if d := p.Control(); d > usual+FlushWithin {
					t.Mismatch("the time of a pong", d, "at most "+FlushWithin.String()+" more than the "+
						usual.String()+" that it takes on a plain link")
				}
			}
		},
	},
	{
		ID: "gnutella06/compression/bomb", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-24", "GN-HD-15"}, Role: conformance.Servent, Kind: conformance.State,
		Control: "a compressed ping is answered before, and pings on another link before and after",
		Explain: "1 kB that inflates to 1 MB of zeros, which make forty-five thousand descriptors that no " +
			"rule allows. Whatever becomes of the link, the target must answer others as before.",
		Causes: []string{"all that came is inflated into memory at once", "the bomb is worked through while all others wait"},
		Kills:  []string{"dies-of-a-bomb"},
		Run: func(t *T) {
			p := inflating(t)
			p.Control()
			p.Alive()
			p.SendBytes(make([]byte, 1<<20), "1 MB of zeros")
			t.Wait(500 * time.Millisecond)
			p.Alive()
		},
	},
	{
		ID: "gnutella06/compression/broken-stream", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-24", "GN-HD-15"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a compressed ping is answered before; another link is after",
		Explain: "On a link that the harness said it compresses, bytes come that are no zlib stream. " +
			"Nothing can be made of the rest of the stream: the link should be closed.",
		Causes:     []string{"errors of the inflater are ignored"},
		Unkillable: "the driver ends a stream that cannot be inflated before a mutant sees it",
		Run: func(t *T) {
			p := inflating(t)
			p.Control()
			p.WriteMalformed(bytes.Repeat([]byte{0xff}, 4096), "no zlib stream")
			dropped := p.Dropped(2 * AnswerWithin)
			p.Alive()
			if !dropped {
				t.Failf("the link is open %v after bytes that cannot be inflated", 2*AnswerWithin)
			}
		},
	},
}

// inflating meets a target that inflates, and compresses what is sent to it.
func inflating(t *T) *Peer {
	p := Try(t, Equal())
	switch {
	case p.Answer == nil || p.Answer.Code != wire.Accepted:
		t.Inconclusivef("the target did not accept: %s", p.Last())
	case !p.Answer.Headers.Lists("Accept-Encoding", "deflate"):
		t.Unsupportedf("the target does not say that it inflates")
	}
	p.Conclude(Offer{}.With("Content-Encoding", "deflate"))
	return p
}
