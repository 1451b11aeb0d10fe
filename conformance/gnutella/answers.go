package gnutella

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// answers judges the hits of the target's own.
var answers = []Case{
	{
		ID: "gnutella06/hit/layout", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-01", "GN-QH-02", "GN-QH-03", "GN-HD-02"}, Role: conformance.Servent,
		Kind:    conformance.Reply,
		Control: "the hit itself",
		Explain: "A query, which has made two hops, for words of a file that the target shares. The hit " +
			"must have the GUID of the query, hops 0 and a TTL of 2 at least; a count, the port with its " +
			"lower byte first, the address, a speed, and results with index, size, name, and extensions, " +
			"each ended by a NUL; and 16 bytes that name the servent.",
		Causes: []string{"the hit has a GUID of its own", "a TTL of 1 does not lead back",
			"numbers are written in network order"},
		Kills: []string{"big-endian-ports", "hit-with-its-own-guid", "hit-with-ttl-1"},
		Run:   func(t *T) { judgeHit(t, Meet(t, Equal())) },
	},
	{
		ID: "gnutella06/hit/trailer", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-07", "GN-QH-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the hit itself",
		Explain: "Behind the results, a trailer: four letters of the vendor, a size of 2 or 4, and two " +
			"bytes of flags. Of busy, uploaded, measured speed and GGEP the first byte says which are known " +
			"and the second what they are; of push it is the other way round. No flag may be set that is not " +
			"known, nor a reserved one. No trailer at all is as in 0.4, and is accepted.",
		Causes: []string{"push has its bits as the others have",
			"the size is written in two bytes, as a table of the 0.4 document has it"},
		Kills: []string{"push-as-other-flags", "reserved-flags-set", "size-of-two-bytes"},
		Run: func(t *T) {
			a := Meet(t, Equal()).Finds("alpha bravo", FileAlpha)
			if a.Trailer == nil {
				t.Unsupportedf("the target's hits have no trailer")
			}
			judgeTrailer(t, a)
		},
	},
	{
		ID: "gnutella06/hit/one-servent-one-id", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QH-10"}, Role: conformance.Servent, Kind: conformance.State,
		Control: "the hits themselves",
		Explain: "Two queries of two neighbours, for two files. The last 16 bytes of both hits should be " +
			"the same: pushes name the servent by them.",
		Causes: []string{"a new id is made for each hit", "the id is that of the query"},
		Kills:  []string{"new-id-for-each-hit"},
		Run: func(t *T) {
			a := Meet(t, Equal()).Finds("alpha bravo", FileAlpha)
			b := Meet(t, Equal()).Finds("delta echo", FileDelta)
			if a.ServentID != b.ServentID {
				t.Mismatch("the servent id of a second hit", fmt.Sprintf("%x", b.ServentID), fmt.Sprintf("%x", a.ServentID))
			}
		},
	},
	{
		ID: "gnutella06/hit/indexes-name-files", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QH-02"}, Role: conformance.Servent, Kind: conformance.State,
		Control: "the hits themselves",
		Explain: "Two queries find two files, and the first is found once more. Each file must have an " +
			"index of its own, and keep it: a download names it.",
		Causes: []string{"the index is the place in the hit"},
		Kills:  []string{"index-is-the-place-in-the-hit"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			a := p.Finds("alpha bravo", FileAlpha).Named(FileAlpha)
			b := p.Finds("delta echo", FileDelta).Named(FileDelta)
			again := Meet(t, Equal()).Finds("testfile bravo", FileAlpha).Named(FileAlpha)
			if a.Index == b.Index {
				t.Mismatch("the index of a second file", b.Index, "another than that of the first")
			}
			if a.Index != again.Index || a.Size != again.Size {
				t.Mismatch("the index of a file that is found again", again.Index, fmt.Sprint(a.Index))
			}
		},
	},
}

// judgeTrailer holds the flags to their rules.
func judgeTrailer(t *T, a *Answer) {
	const known = wire.HitBusy | wire.HitUploaded | wire.HitMeasuredSpeed | wire.HitGGEP
	const reserved = ^byte(known|wire.HitPush) &^ 2 // bit 1 is undefined, and has been used
	f := a.Trailer.Flags
	for _, c := range a.Trailer.Vendor {
		if c < ' ' || c > '~' {
			t.Mismatch("the vendor in the trailer", fmt.Sprintf("%x", a.Trailer.Vendor), "four letters")
		}
	}
	switch {
	case f[0]&reserved != 0 || f[1]&reserved != 0:
		t.Mismatch("the reserved flags", fmt.Sprintf("%02x %02x", f[0], f[1]), "0")
	case f[1]&byte(known)&^f[0] != 0:
		t.Mismatch("the flags that are set and not known", fmt.Sprintf("%02x %02x", f[0], f[1]), "none")
	case f[0]&byte(wire.HitPush) != 0 && f[1]&byte(wire.HitPush) == 0:
		t.Mismatch("the push flag", fmt.Sprintf("%02x %02x", f[0], f[1]),
			"its value in the first byte, and known in the second")
	}
	if push, told := f.Get(wire.HitPush); told && push {
		t.Observef("the target says that it cannot be reached")
	}
}
