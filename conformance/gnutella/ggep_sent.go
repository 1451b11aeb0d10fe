package gnutella

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// zlibOf is a zlib stream.
func zlibOf(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data) // does not fail into memory
	_ = w.Close()
	return b.Bytes()
}

// blocks are the GGEP blocks in a hit: of its results, and of its servent.
func (a *Answer) blocks() (list [][]byte) {
	for _, r := range a.Results {
		if b := blockIn(r.Extensions); b != nil {
			list = append(list, b)
		}
	}
	if a.Trailer == nil {
		return list
	}
	if set, known := a.Trailer.Flags.Get(wire.HitGGEP); set && known { // else the data is the vendor's own
		if at := bytes.IndexByte(a.Trailer.Private, ggep.Magic); at >= 0 {
			private := a.Trailer.Private[at:]
			list = append(list, private[:len(private)-min(len(private), int(a.Trailer.XMLSize))])
		}
	}
	return list
}

// blockIn is the GGEP block among extensions, or nil.
func blockIn(extensions []byte) []byte {
	for rest := extensions; len(rest) > 0; {
		var kind wire.ExtensionKind
		var part []byte
		if kind, part, rest = wire.NextExtension(rest); kind == wire.ExtensionGGEP {
			return part
		}
	}
	return nil
}

// hashed asks for a file, and that its hash comes in GGEP.
func (p *Peer) hashed(text, name string) *Answer {
	a := p.Ask(NewGGEPQuery(p.t, text, 2, 0, nil))
	if a == nil || a.Named(name) == nil {
		p.t.Inconclusivef("a query for a shared file is not answered: %s", p.Last())
	}
	p.t.Earn()
	return a
}

// shares waits until a target that has just started finds a file: some hash what they
// share first.
func shares(t *T, text, name string) *Answer {
	for range 5 {
		p := Meet(t, Equal())
		if a := p.Ask(NewGGEPQuery(t, text, 2, 0, nil)); a != nil && a.Named(name) != nil {
			t.Earn()
			return a
		}
		p.Close()
	}
	t.Inconclusivef("a target that was just started does not answer a query for what it shares")
	return nil
}

// hashIn is the value of H in a result. The case is unsupported without.
func (a *Answer) hashIn(t *T, name string) []byte {
	block := blockIn(a.Named(name).Extensions)
	list, _, err := ggep.Parse(block)
	if block != nil && err != nil {
		t.Failf("the block in the result %q cannot be read: %v", name, err)
	}
	h, ok := ggep.Find(list, "H")
	if !ok {
		t.Unsupportedf("the target tells the hash of a file in no GGEP block")
	}
	return h.Data
}

// zeroHashed is content whose SHA-1 has a NUL.
func zeroHashed() []byte {
	for i := 0; ; i++ {
		data := pattern(FileDelta, 100+i)
		if h := urn.Sum(data).SHA1; bytes.IndexByte(h[:], 0) >= 0 {
			return data
		}
	}
}

// ggepSent judges the blocks that the target sends.
var ggepSent = []Case{
	{
		ID: "ggep/sent/blocks-in-hits-can-be-read", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-GG-01", "GN-GG-02", "GN-GG-03"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for a shared file is answered",
		Explain: "A query says that it takes hashes in GGEP. Each block in the hit, of a result or of a servent whose " +
			"flags say that there is one, begins with C3, and has extensions up to one that says it is the last, at " +
			"which it ends.",
		Causes: []string{"the last extension is not marked", "lengths are written as plain numbers"},
		Kills:  []string{"blocks-do-not-end"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			blocks := p.hashed("alpha bravo", FileAlpha).blocks()
			if len(blocks) == 0 {
				t.Unsupportedf("the target's hits have no GGEP blocks")
			}
			for _, b := range blocks {
				if err := describeBlock(b); err != nil {
					t.Failf("a block in the target's hit cannot be read: %v: %x", err, b)
				}
			}
		},
	},
	{
		ID: "ggep/sent/hash-is-a-type-and-a-sha1", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-QH-13", "GN-QY-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for a shared file is answered, with a block",
		Explain: "A query says that it takes hashes in GGEP. If the result has an H, its value is 1 and the SHA-1 " +
			"of the file, or 2 and the SHA-1 with the root of the Tiger tree.",
		Causes: []string{"the type is missing", "the hash is written as text"},
		Kills:  []string{"blocks-do-not-end", "hashes-of-something-else", "hashes-without-a-type"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			got := p.hashed("alpha bravo", FileAlpha).hashIn(t, FileAlpha)
			sum := hashValue(FileAlpha)[1:]
			switch {
			case len(got) < 1+len(sum) || got[0] != 1 && got[0] != 2:
				t.Mismatch("the value of H", hexOf(got), "1 or 2, and a SHA-1")
			case !bytes.Equal(got[1:1+len(sum)], sum):
				t.Mismatch("the SHA-1 in H", hexOf(got[1:1+len(sum)]), hexOf(sum))
			}
		},
	},
	{
		ID: "ggep/sent/no-zero-byte-in-a-result", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-GG-05", "GN-QH-02"}, Role: conformance.Servent, Kind: conformance.Reply,
		Needs: []conformance.Need{conformance.NeedFresh}, Within: time.Minute,
		Control: "the file is found, and has a hash in its result",
		Explain: "The target shares a file whose SHA-1 has a NUL. In a result a NUL ends the extensions, so that " +
			"the block there has to be encoded with COBS: as it is, it would be cut off, and the rest taken for " +
			"the next result.",
		Causes: []string{"COBS is not used", "it is used, and its flag is not set"},
		Kills: []string{
			"blocks-do-not-end", "hashes-of-something-else", "hashes-without-a-type",
			"results-without-cobs",
		},
		Run: func(t *T) {
			data := zeroHashed()
			t.Start(conformance.StartOptions{Files: map[string][]byte{FileDelta: data}})
			got := shares(t, "delta foxtrot", FileDelta).hashIn(t, FileDelta)
			if h := urn.Sum(data).SHA1; len(got) <= len(h) || !bytes.Equal(got[1:1+len(h)], h[:]) {
				t.Mismatch("the SHA-1 in H", hexOf(got), hexOf(h[:]))
			}
		},
	},
	{
		ID: "ggep/sent/pongs-end-in-a-block", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-02", "GN-GG-01"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the pong itself",
		Explain: "A ping has a block that asks for more (SCP). Behind the 14 bytes of a pong there is nothing, or one " +
			"GGEP block up to the end.",
		Causes: []string{"the pong is padded", "the payload's length is too large"},
		Kills:  []string{"pongs-are-padded"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			ping := NewPing(t, 1, 0)
			ping.Payload = blockOf(extension(ggepLast, "SCP", nil, []byte{1}))
			p.Send(ping)
			pong := p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID)
			if pong == nil {
				t.Inconclusivef("a ping with a block is not answered: %s", p.Last())
			}
			m, err := wire.ParsePong(pong.Payload)
			if err != nil {
				t.Failf("the pong is none: %v", err)
			}
			t.Earn()
			if len(m.GGEP) > 0 {
				if err := describeBlock(m.GGEP); err != nil {
					t.Failf("what follows the 14 bytes of a pong is no block: %v: %x", err, m.GGEP)
				}
			}
		},
	},
	{
		ID: "ggep/sent/pings-have-a-block-or-nothing", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-01", "GN-GG-01"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of the target's comes",
		Explain: "The target pings its neighbours. A ping has no payload, or a GGEP block.",
		Causes:  []string{"the ping is padded"},
		Within:  time.Minute,
		Kills:   []string{"pings-are-padded", "pings-with-junk"},
		Run: func(t *T) {
			ping := pinged(t, Equal())
			if len(ping.Payload) > 0 {
				if err := describeBlock(ping.Payload); err != nil {
					t.Failf("the payload of a ping is no block: %v: %x", err, ping.Payload)
				}
			}
		},
	},
	{
		ID: "ggep/sent/no-blocks-for-who-does-not-know-them", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PG-17"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of the target's comes, and ours is answered",
		Explain: "A neighbour has not said that it knows GGEP. Pings and pongs to it should have no block: there " +
			"are servents that take a longer pong for a broken one.",
		Causes: []string{"the header GGEP is not looked at"},
		Within: time.Minute,
		Kills: []string{
			"pings-are-padded", "pings-have-blocks-for-all", "pings-with-ggep-for-all",
			"pings-with-junk", "pongs-are-padded", "pongs-have-blocks-for-all",
			"pongs-with-ggep-for-all",
		},
		Run: func(t *T) {
			p := Meet(t, Equal().Without("GGEP"))
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			pong := p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID)
			if pong == nil {
				t.Inconclusivef("a ping is not answered: %s", p.Last())
			}
			t.Earn()
			if len(pong.Payload) != pongSize {
				t.Failf("a pong of %d bytes came to who has not said that it knows GGEP", len(pong.Payload))
			}
			theirs := firstPing(p)
			if len(theirs.Payload) > 0 {
				t.Failf("a ping of %d bytes came to who has not said that it knows GGEP", len(theirs.Payload))
			}
		},
	},
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// pongSize is a pong without a block.
const pongSize = 14

// pingsWithin is how soon a target pings a neighbour.
const pingsWithin = 40 * time.Second

// pinged meets the target and waits for its ping.
func pinged(t *T, o Offer) *Received {
	p := Meet(t, o)
	p.Control()
	return firstPing(p)
}

// firstPing waits for a ping of the target, or ends the case.
func firstPing(p *Peer) (ping *Received) {
	p.t.Until(func() bool {
		for _, r := range p.Log {
			if r.Type == wire.TypePing && ping == nil {
				ping = r
			}
		}
		return ping != nil || p.Gone()
	}, pingsWithin)
	if ping == nil {
		p.t.Inconclusivef("the target did not ping within %v: %s", pingsWithin, p.Last())
	}
	p.t.Earn()
	return ping
}
