package gnutella

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// streams judges descriptors as the stream carries them.
var streams = []Case{
	{
		ID: "gnutella06/stream/segments-mean-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-01", "GN-HD-03"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping in a segment of its own is answered",
		Explain: "A ping is sent byte by byte. Then three descriptors come in one segment: two " +
			"queries for what nobody has, and a ping. Both pings must be answered.",
		Causes: []string{"one read is taken for one descriptor"},
		Kills:  []string{"one-descriptor-a-read"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Control()
			t.Wait(PingPause)
			ping := NewPing(t, 1, 0)
			for _, b := range encode(ping) {
				p.WriteMalformed([]byte{b}, "a byte")
				t.Wait(time.Millisecond)
			}
			if p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				p.Alive()
				t.Failf("a ping that comes byte by byte is not answered: %s", p.Last())
			}
			t.Wait(PingPause)
			ping = NewPing(t, 1, 0)
			p.Send(NewQuery(t, word(t), 1, 0), NewQuery(t, word(t), 1, 0), ping)
			if p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				p.Alive()
				t.Failf("a ping behind two other descriptors in one segment is not answered: %s", p.Last())
			}
		},
	},
	{
		ID: "gnutella06/stream/marked-guids", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-04"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "The GUIDs that the target makes, of descriptors that have made no hop and answer " +
			"nothing, should have ff in byte 8 and 00 in byte 15, by which modern servents are told, and " +
			"random bytes elsewhere.",
		Causes: []string{"the mark is not known", "byte 15 is used for something else"},
		Kills:  []string{"talks-before-the-third-step", "unmarked-guids"},
		Run: func(t *T) {
			p := Meet(t, Equal().With("Vendor-Message", "0.1"))
			p.Control()
			t.Until(func() bool { return p.Count(isPing) > 0 }, AnswerWithin)
			own := slices.DeleteFunc(slices.Clone(p.Log), func(r *Received) bool {
				return r.Hops != 0 || r.Type != wire.TypePing && r.Type != wire.TypeVendor
			})
			if len(own) == 0 {
				t.Inconclusivef("the target has sent nothing of its own")
			}
			for _, r := range own {
				if !r.GUID.Fresh() {
					t.Mismatch(fmt.Sprintf("the GUID of a %v", r.Type), fmt.Sprintf("%x", r.GUID), "byte 8 ff, byte 15 00")
				}
			}
		},
	},
	{
		ID: "gnutella06/stream/no-types-that-were-not-agreed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HD-05", "GN-HD-06"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 is answered on the same link, and a query asked",
		Explain: "The harness says nothing in its headers but its name and that it is an ultrapeer. Then " +
			"the target may send pings, pongs, queries, hits and pushes alone: not Bye, query routing, " +
			"vendor messages or types of its own.",
		Causes: []string{"vendor messages are sent to everybody", "a table is sent to whoever is an ultrapeer"},
		Kills:  []string{"everybody-is-told-tables", "vendor-messages-for-all"},
		Run: func(t *T) {
			p := Meet(t, Plain().With("X-Ultrapeer", "True"))
			p.Control()
			p.Send(NewQuery(t, "alpha bravo", 2, 0))
			t.Wait(GatherFor)
			for _, r := range p.Log {
				switch r.Type {
				case wire.TypePing, wire.TypePong, wire.TypePush, wire.TypeQuery, wire.TypeQueryHit:
				default:
					t.Mismatch("what comes without having been agreed", r.String(), "pings, pongs, pushes, queries and hits alone")
				}
			}
		},
	},
	{
		ID: "gnutella06/stream/unknown-types", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-HD-16"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 before; another link afterwards",
		Explain: "A descriptor of the type 55, and a ping behind it. The target may skip what it does not " +
			"know, or take it for a sign that the stream has lost its place, and close. What it does is " +
			"recorded.",
		Causes: []string{"the link is closed, as the document allows"},
		Kills:  []string{"closes-at-unknown-types", "one-descriptor-a-read"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Control()
			t.Wait(PingPause)
			ping := NewPing(t, 1, 0)
			p.Send(wire.Descriptor{GUID: NewGUID(t), Type: 0x55, TTL: 1, Payload: []byte{1, 2, 3}}, ping)
			if p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				p.Alive()
				t.Infof("the target does not answer behind a descriptor of an unknown type: %s", p.Last())
			}
		},
	},
	{
		ID: "gnutella06/stream/lying-lengths", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-15"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 before; another link afterwards",
		Explain: "Two headers, each on a link of its own, whose payload is said to have 4 GiB less one " +
			"byte, and 16 MB. No descriptor is that long: the stream has lost its place, and should be " +
			"closed, be it with a Bye before.",
		Causes: []string{"the length is believed, and waited for", "the length is a signed number, and negative"},
		Kills:  []string{"believes-all-lengths"},
		Run: func(t *T) {
			for _, size := range []uint32{0xffffffff, 16 << 20} {
				p := Meet(t, Equal())
				p.Control()
				q := NewQuery(t, word(t), 3, 0)
				b := encode(wire.Descriptor{GUID: q.GUID, Type: q.Type, TTL: 3})
				binary.LittleEndian.PutUint32(b[19:], size)
				p.SendBytes(append(b, make([]byte, 64)...), fmt.Sprintf("a payload of %d bytes, of which 64 follow", size))
				dropped := p.Dropped(3 * AnswerWithin)
				p.Alive()
				if !dropped {
					t.Failf("the link is open %v after a payload of %d bytes was announced", 3*AnswerWithin, size)
				}
			}
		},
	},
	{
		ID: "gnutella06/stream/broken-payloads-harm-nobody", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HD-15", "GN-QY-01", "GN-QH-01", "GN-PU-01", "GN-PG-02"}, Role: conformance.Ultrapeer,
		Kind:    conformance.State,
		Control: "queries that are passed on before and after",
		Explain: "Descriptors of each type whose payload is shorter than its fields, or has no NUL where " +
			"one must be, come from one neighbour; none of them should be passed on. The target must go on " +
			"to serve others; it may close the link.",
		Causes: []string{"fields are read beyond the payload", "payloads are passed on unread"},
		Kills: []string{
			"broadcasts-hits", "broadcasts-stray-hits", "broadcasts-stray-pongs", "dies-of-short-payloads",
			"passes-on-broken-queries", "vendor-messages-are-flooded",
		},
		Run: func(t *T) {
			l, other := Between(t), met(t)
			l.Relays()
			var sent []wire.Descriptor
			for _, typ := range []wire.Type{wire.TypePong, wire.TypeQuery, wire.TypeQueryHit, wire.TypePush, wire.TypeVendor} {
				for _, payload := range []string{"", "\x80", "\x80\x00abc"} {
					d := wire.Descriptor{GUID: NewGUID(t), Type: typ, TTL: 3, Payload: []byte(payload)}
					sent = append(sent, d)
					l.A.SendBytes(encode(d), fmt.Sprintf("a %v with a payload of %d bytes", typ, len(payload)))
				}
			}
			t.Wait(t.SilenceWait())
			Line{other, l.B, t}.Relays()
			for _, d := range sent {
				if l.B.Saw(d.Type, d.GUID) > 0 {
					t.Failf("a %v with a payload of %d bytes is passed on", d.Type, len(d.Payload))
				}
			}
		},
	},
	{
		ID: "gnutella06/stream/hits-are-cut", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HD-14", "GN-QH-11"}, Role: conformance.Servent, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the hits themselves, and a ping behind them",
		Explain: "The target shares 120 files with long names, all of which a query finds. It is asked on new links " +
			"until it has looked through its files, and a query finds no more than the one before. No descriptor " +
			"should be larger than 4 kB: the results are to be cut into several hits, or some left out.",
		Causes: []string{"one hit for one query, whatever its size"},
		Kills:  []string{"one-hit-for-all-results", "one-hit-when-all-is-found"},
		Within: 2 * time.Minute,
		Run: func(t *T) {
			opt := t.Standard()
			opt.Files = map[string][]byte{}
			for i := range 120 {
				opt.Files[fmt.Sprintf("alpha bravo %03d %s.txt", i, strings.Repeat("juliett ", 10))] = []byte("content")
			}
			t.Start(opt)
			p := finding(t, "alpha bravo")
			n := p.results()
			for before := 0; n > before; {
				p.Close()
				t.Wait(scanPause)
				p = finding(t, "alpha bravo")
				before, n = n, p.results()
			}
			t.Observef("a query for 120 files finds %d", n)
		},
	},
}

// results is how many the hits on the link have, none of which may be larger than it
// should be.
func (p *Peer) results() (n int) {
	p.t.Wait(p.t.SilenceWait())
	p.Control()
	for _, r := range p.Log {
		size := len(r.Payload) + wire.HeaderSize
		if size > 4<<10 {
			p.t.Mismatch("the size of a "+r.Type.String(), size, "4096 bytes at most")
		}
		if h, err := wire.ParseQueryHit(r.Payload); r.Type == wire.TypeQueryHit && err == nil {
			n += int(h.Count)
		}
	}
	return n
}
