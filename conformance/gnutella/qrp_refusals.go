package gnutella

import (
	"bytes"
	"compress/zlib"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// RefuseWithin is how soon a target ends a link on which its neighbour breaks the
// rules. Who says Bye waits a few seconds for the other to close (GN-BY-06).
const RefuseWithin = 8 * time.Second

// Refused waits for the target to end the link, or to say Bye.
func (p *Peer) Refused() bool {
	said := func() bool {
		return p.Ended() || p.Count(func(r *Received) bool { return r.Type == wire.TypeBye }) > 0
	}
	return p.t.Until(said, RefuseWithin)
}

// refusal is a case about messages that break the rules of a sequence, which have to
// cost the link.
func refusal(
	slug string, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	list ...qrp.Message,
) Case {
	return refusalOf(slug, level, reqs, explain, causes, kills, func() []qrp.Message { return list })
}

func refusalOf(
	slug string, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	list func() []qrp.Message,
) Case {
	return Case{
		ID: "qrp/refusal/" + slug, Rev: 2, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "another leaf tells its table by the rules, and keeps its link",
		Explain: explain + " The two ends no longer agree on the table, so the target has to end the link, " +
			"by a Bye or without.",
		Causes: causes, Kills: kills,
		Run: func(t *T) {
			good, bad := Meet(t, Shielded()).says(routingHeader), Meet(t, Shielded())
			if !good.Tell(updateTo(tableOf(word(t)), nil, qrp.Shape{})...) {
				t.Inconclusivef("the target does not go on with a leaf that tells its table: %s", good.Last())
			}
			bad.Control()
			for _, m := range list() {
				bad.SendBytes(encode(route(t, qrp.Append(nil, m))), "against the rules of query routing")
			}
			if !bad.Refused() {
				t.Failf("the target kept the link for %v: %s", RefuseWithin, bad.Last())
			}
			if good.Gone() {
				t.Inconclusivef("the target also ended the link of a leaf that keeps to the rules: %s", good.Last())
			}
			good.Control()
		},
	}
}

var (
	smallReset = qrp.Reset{Slots: 1 << 10, Infinity: qrp.DefaultInfinity}
	// noChange is a patch of such a table in entries of four bits.
	noChange = make([]byte, 1<<10/2)
)

// part is one of a sequence that changes nothing in a table of 1024 slots.
func part(seq, of uint8) qrp.Patch {
	third := len(noChange) / 3
	return qrp.Patch{Seq: seq, Of: of, EntryBits: 4, Data: noChange[:third]}
}

// bomb is a zlib stream of so many zeros.
func bomb(size int) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	chunk := make([]byte, 1<<16)
	for ; size > 0; size -= len(chunk) {
		_, _ = w.Write(chunk) // does not fail into memory
	}
	_ = w.Close()
	return b.Bytes()
}

// qrpRefusals judges what an ultrapeer does about a leaf whose messages make no
// table.
var qrpRefusals = []Case{
	refusal("patch-before-reset", conformance.Must, []string{"GN-UQ-09"},
		"A leaf sends a PATCH, and has sent no RESET.", []string{"a table of some size is taken for granted"}, []string{
			"patches-need-no-reset", "throws-hits-away",
		},
		qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: noChange}),
	refusal("length-no-power-of-two", conformance.Must, []string{"GN-UQ-09"},
		"A leaf sends a RESET for a table of 1000 slots.", []string{"the length is not looked at"}, []string{
			"any-length-of-a-table-will-do", "throws-hits-away",
		},
		qrp.Reset{Slots: 1000, Infinity: qrp.DefaultInfinity},
		qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: noChange[:500]}),
	refusal("part-left-out", conformance.Must, []string{"GN-UQ-10"},
		"A leaf sends the first and the third of three parts.", []string{"parts are only counted"}, []string{
			"parts-may-be-left-out", "throws-hits-away",
		},
		smallReset, part(1, 3), part(3, 3)),
	refusal("first-part-missing", conformance.Must, []string{"GN-UQ-10"},
		"A leaf begins a sequence with its second part.", []string{"a sequence may begin anywhere"}, []string{
			"sequences-may-begin-anywhere", "throws-hits-away",
		},
		smallReset, part(2, 3)),
	refusal("length-of-the-sequence-changes", conformance.Must, []string{"GN-UQ-10"},
		"A leaf sends the first of three parts, and then the second of four.",
		[]string{"only the last part is looked at"}, []string{
			"sequences-may-change-their-length", "throws-hits-away",
		},
		smallReset, part(1, 3), part(2, 4)),
	refusal("size-of-entries-changes", conformance.Must, []string{"GN-UQ-10"},
		"A leaf sends a part with entries of four bits, and then one with entries of eight.",
		[]string{"only the first part is looked at"}, []string{
			"sequences-may-change-their-entries", "throws-hits-away",
		},
		smallReset, part(1, 3), qrp.Patch{Seq: 2, Of: 3, EntryBits: 8, Data: noChange[:100]}),
	refusal("compressor-changes", conformance.Must, []string{"GN-UQ-10"},
		"A leaf sends a part that is not compressed, and then one that is.",
		[]string{"only the first part is looked at"}, []string{
			"sequences-may-change-their-compressor", "throws-hits-away",
		},
		smallReset, part(1, 3), qrp.Patch{Seq: 2, Of: 3, EntryBits: 4, Deflated: true, Data: noChange[:100]}),
	refusal("unknown-size-of-entries", conformance.Must, []string{"GN-UQ-10"},
		"A leaf sends a PATCH with entries of five bits.", []string{"the field is not looked at"}, []string{
			"entries-of-any-size-are-taken", "throws-hits-away",
		},
		smallReset, qrp.Patch{Seq: 1, Of: 1, EntryBits: 5, Data: make([]byte, 1<<10*5/8)}),
	refusal("patch-too-short", conformance.Must, []string{"GN-UQ-11"},
		"A leaf sends a PATCH for half of its table.", []string{"the rest is taken to be unchanged"}, []string{
			"short-patches-are-taken", "throws-hits-away",
		},
		smallReset, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: noChange[:256]}),
	refusal("patch-beyond-the-table", conformance.Must, []string{"GN-UQ-11"},
		"A leaf sends a PATCH that is four times as long as its table.",
		[]string{"what is too much is left out", "memory beyond the table is written to"}, []string{
			"long-patches-are-taken", "throws-hits-away",
		},
		smallReset, qrp.Patch{Seq: 1, Of: 1, EntryBits: 8, Data: make([]byte, 4<<10)}),
	refusal("broken-compression", conformance.Must, []string{"GN-UQ-11"},
		"A leaf sends a compressed PATCH whose bytes are no zlib stream.",
		[]string{"the error of the inflater is not looked at"}, []string{
			"broken-compression-is-overlooked", "throws-hits-away",
		},
		smallReset, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Deflated: true, Data: []byte("this is no zlib stream at all")}),
	refusalOf("compressed-bomb", conformance.Must, []string{"GN-UQ-11"},
		"A leaf sends a compressed PATCH of 4 kB that inflates to 4 MB, for a table of 65536 slots, which takes 32 kB.",
		[]string{"all of it is inflated before its length is looked at"}, []string{
			"bombs-are-swallowed", "throws-hits-away",
		},
		func() []qrp.Message {
			return []qrp.Message{
				qrp.Reset{Slots: qrp.DefaultSlots, Infinity: qrp.DefaultInfinity},
				qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Deflated: true, Data: bomb(4 << 20)},
			}
		}),
	refusal("table-of-gigabytes", conformance.Should, []string{"GN-UQ-09"},
		"A leaf sends a RESET for a table of 2147483648 slots. No document bounds a table, but none that is in "+
			"use has more than some hundred thousand slots.",
		[]string{"memory is taken at a word of the other side"}, []string{
			"tables-of-any-size-are-taken", "throws-hits-away",
		},
		qrp.Reset{Slots: 1 << 31, Infinity: qrp.DefaultInfinity}),
}
