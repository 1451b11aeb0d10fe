package gnutella

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// shaped judges whether a table is read in one of its forms.
func shaped(x *crossing, slots uint32, infinity uint8, s qrp.Shape) {
	w := word(x.T)
	table := sizedTable(slots, infinity, w)
	x.judgeForm(w, stranger(x.T, table), updateTo(table, nil, s))
}

// judgeForm judges whether the target reads a table that lists one word and not
// another. A leaf with the standard form of the same table is the control.
func (x *crossing) judgeForm(listed, foreign string, list []qrp.Message) {
	standard := x.leaf(tableOf(listed))
	leaf := Meet(x.T, Shielded())
	if !leaf.Tell(list...) {
		x.Failf("the target does not go on with a leaf that has told its table in this form: %s", leaf.Last())
	}
	guid := x.ask(listed)
	if standard.AwaitGUID(AnswerWithin, wire.TypeQuery, guid) == nil {
		x.Inconclusivef("the query did not come to a leaf with a table of the usual form either: %s", standard.Last())
	}
	if leaf.AwaitGUID(AnswerWithin, wire.TypeQuery, guid) == nil {
		x.Failf("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
	}
	if !x.spares(leaf, x.ask(foreign), listed) {
		x.Failf("a query came to the leaf whose table excludes it: the table was not read")
	}
}

// form is a case about one form of a table.
func form(
	slug string, level conformance.Level, reqs []string, explain string, causes []string, kills []string,
	run func(x *crossing),
) Case {
	return Case{
		ID: "qrp/form/" + slug, Rev: 2, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: "the query comes to a leaf whose table has the usual form, and to another ultrapeer",
		Explain: explain + " A query for a word that it lists has to come to the leaf, and one for another word not.",
		Causes:  causes, Kills: kills,
		Run: func(t *T) { run(newCrossing(t)) },
	}
}

// extendedForm is a case about entries that only gtk-gnutella's extension has.
func extendedForm(slug, explain string, kills []string, infinity uint8, bits uint8) Case {
	c := form(slug, conformance.Defacto, []string{"GN-UQ-13"}, explain, []string{
		"X-Query-Routing: 0.2 is said by who knows 0.1 alone",
	}, kills, nil)
	c.Run = func(t *T) {
		x := newCrossing(t)
		if v, _ := x.asker.Answer.Headers.Get(routingHeader); v != "0.2" {
			t.Unsupportedf("the target knows entries of 4 and 8 bits: X-Query-Routing: %s", v)
		}
		shaped(x, qrp.DefaultSlots, infinity, qrp.Shape{EntryBits: bits})
	}
	return c
}

// qrpForms judges whether an ultrapeer reads the tables of leaves in all forms that
// these may have.
var qrpForms = []Case{
	form("four-bits-as-they-are", conformance.Must, []string{"GN-UQ-11", "GN-UQ-12"},
		"A leaf tells its table in entries of four bits, two in a byte with the first one higher, uncompressed.",
		[]string{"only compressed patches are read", "the lower half of a byte is taken first"}, []string{
			"leaves-are-asked-everything", "plain-patches-are-not-read", "tables-are-not-scaled",
		},
		func(x *crossing) {
			shaped(x, 1<<14, qrp.DefaultInfinity, qrp.Shape{EntryBits: 4, Plain: true})
		}),
	form("four-bits-compressed", conformance.Must, []string{"GN-UQ-11", "GN-UQ-12"},
		"A leaf tells its table in entries of four bits, which are compressed as one zlib stream and then cut.",
		[]string{"each part is inflated for itself"}, []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
		},
		func(x *crossing) {
			shaped(x, qrp.DefaultSlots, qrp.DefaultInfinity, qrp.Shape{EntryBits: 4, Piece: 16})
		}),
	form("eight-bits-as-they-are", conformance.Must, []string{"GN-UQ-10", "GN-UQ-11", "GN-UQ-12"},
		"A leaf tells its table in entries of eight bits, uncompressed.",
		[]string{"entries are taken to have four bits"}, []string{
			"entries-of-eight-bits-are-not-read", "leaves-are-asked-everything",
			"plain-patches-are-not-read", "tables-are-not-scaled",
		},
		func(x *crossing) {
			shaped(x, 1<<14, qrp.DefaultInfinity, qrp.Shape{EntryBits: 8, Plain: true})
		}),
	form("eight-bits-compressed", conformance.Must, []string{"GN-UQ-10", "GN-UQ-11", "GN-UQ-12"},
		"A leaf tells its table in entries of eight bits, compressed.",
		[]string{"entries are taken to have four bits"}, []string{
			"compressed-patches-are-not-read", "entries-of-eight-bits-are-not-read",
			"leaves-are-asked-everything",
		},
		func(x *crossing) {
			shaped(x, qrp.DefaultSlots, qrp.DefaultInfinity, qrp.Shape{EntryBits: 8})
		}),
	extendedForm("one-bit", "The target has said X-Query-Routing: 0.2. A leaf tells its table in entries of one "+
		"bit, each of which flips a slot, the first highest in its byte.", []string{
		"compressed-patches-are-not-read", "entries-of-one-bit-are-not-read",
		"leaves-are-asked-everything",
	}, 2, 1),
	extendedForm("two-bits", "The target has said X-Query-Routing: 0.2. A leaf tells its table in entries of two "+
		"bits, with an infinity of 2.", []string{
		"compressed-patches-are-not-read", "entries-of-two-bits-are-not-read",
		"leaves-are-asked-everything",
	}, 2, 2),
	form("small-table", conformance.Must, []string{"GN-UQ-09", "GN-UQ-15"},
		"A leaf tells a table of 4096 slots, less than most have. Where the target keeps another size, each slot "+
			"stands for several of its own.",
		[]string{"the hash is cut to the size of the own table"}, []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"tables-are-not-scaled",
		},
		func(x *crossing) { shaped(x, 1<<12, qrp.DefaultInfinity, qrp.Shape{}) }),
	form("large-table", conformance.Must, []string{"GN-UQ-09", "GN-UQ-15"},
		"A leaf tells a table of 131072 slots, as LimeWire has it.",
		[]string{"the size is kept in 16 bits"}, []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"tables-are-not-scaled",
		},
		func(x *crossing) { shaped(x, 1<<17, qrp.DefaultInfinity, qrp.Shape{}) }),
	form("other-infinity", conformance.Must, []string{"GN-UQ-09", "GN-UQ-12"},
		"A leaf tells a table whose infinity is 13, so that what is here is 12 below it.",
		[]string{"infinity is taken to be 7"}, []string{
			"compressed-patches-are-not-read", "entries-of-eight-bits-are-not-read",
			"infinity-is-always-seven", "leaves-are-asked-everything", "tables-are-not-scaled",
		},
		func(x *crossing) { shaped(x, 1<<14, 13, qrp.Shape{EntryBits: 8}) }),
	form("few-hops-below-infinity", conformance.Must, []string{"GN-UQ-12"},
		"A leaf tells a table in which a word has the value 4, that is to say some hops away, where infinity is 7.",
		[]string{"only the value 1 counts as listed"}, []string{
			"leaves-are-asked-everything", "only-the-nearest-count", "plain-patches-are-not-read",
			"tables-are-not-scaled",
		},
		func(x *crossing) {
			w := word(x.T)
			foreign := stranger(x.T, sizedTable(1<<12, qrp.DefaultInfinity, w))
			x.judgeForm(w, foreign, []qrp.Message{
				qrp.Reset{Slots: 1 << 12, Infinity: qrp.DefaultInfinity},
				qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: nibbles(1<<12, w, -3)},
			})
		}),
	form("many-parts", conformance.Must, []string{"GN-UQ-10"},
		"A leaf tells its table in 255 parts, as many as can be counted.",
		[]string{"the number of a part is a signed byte", "long sequences are given up"}, []string{
			"entries-of-eight-bits-are-not-read", "leaves-are-asked-everything",
			"long-sequences-are-given-up", "plain-patches-are-not-read", "tables-are-not-scaled",
		},
		func(x *crossing) {
			shaped(x, 1<<14, qrp.DefaultInfinity, qrp.Shape{EntryBits: 8, Plain: true, Piece: 1})
		}),
}

// nibbles is a patch of entries of four bits that adds d to a word's slot.
func nibbles(slots int, w string, d int) []byte {
	data := make([]byte, slots/2)
	bits := 0
	for 1<<bits < slots {
		bits++
	}
	slot := qrp.KeyOf(w).Slot(bits)
	data[slot/2] = byte(d) & 0xf << (4 * (1 - slot%2))
	return data
}

// qrpUpdates judges what an ultrapeer makes of changes to a leaf's table.
var qrpUpdates = []Case{
	{
		ID: "qrp/update/later-patch-adds-words", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-12"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A leaf tells its table, and after a moment the difference that one more word makes, without a " +
			"RESET. Queries for the old word and for the new one have to come to it.",
		Causes: []string{"a patch replaces the table", "only the first patch is read"},
		Kills:  []string{"leaves-are-never-asked", "low-half-first", "patches-replace-the-table"},
		Run: func(t *T) {
			x, v, w := newCrossing(t), word(t), word(t)
			first := tableOf(v)
			leaf := x.leaf(first)
			x.change(leaf, first, tableOf(v, w))
			for _, listed := range []string{v, w} {
				if !x.reaches(leaf, listed) {
					t.Failf("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
				}
			}
		},
	},
	{
		ID: "qrp/update/later-patch-takes-words-away", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-12"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a later query for the other word comes to the leaf",
		Explain: "A leaf tells a table of two words, and after a moment the difference that takes one of them away. " +
			"The differences are added to the slots, so that it ends at infinity again. A query for it must not " +
			"come any more.",
		Causes: []string{"positive differences are not added", "patches only ever add words"},
		Kills: []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"words-stay-in-the-table",
		},
		Run: func(t *T) {
			x, v, w := newCrossing(t), word(t), word(t)
			both, table := tableOf(v, w), tableOf(v)
			leaf := x.leaf(both)
			if !x.reaches(leaf, w) {
				t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
			x.change(leaf, both, table)
			if !x.spares(leaf, x.ask(w+" "+w), v) {
				t.Failf("a query came for a word that the leaf has taken from its table")
			}
		},
	},
	{
		ID: "qrp/update/reset-clears-the-table", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-09"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "a later query for the word of the new table comes to the leaf",
		Explain: "A leaf tells a table, and after a moment RESET and a PATCH with another word. RESET clears the " +
			"table, so that queries for the first word must not come any more.",
		Causes: []string{"a RESET of the same size is ignored"},
		Kills: []string{
			"compressed-patches-are-not-read", "leaves-are-asked-everything",
			"second-reset-is-ignored",
		},
		Run: func(t *T) {
			x, v, w := newCrossing(t), word(t), word(t)
			leaf := x.leaf(tableOf(v))
			if !x.reaches(leaf, v) {
				t.Inconclusivef("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
			x.change(leaf, nil, tableOf(w))
			if !x.spares(leaf, x.ask(v+" "+v), w) {
				t.Failf("a query came for a word that the table had before it was cleared")
			}
		},
	},
	{
		ID: "qrp/update/parts-may-have-others-between", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-UQ-10"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Control: crossingControl,
		Explain: "A leaf tells its table in several parts, between which it sends pings. The parts are a sequence " +
			"by their numbers, whatever else comes between them: a leaf spreads them on purpose.",
		Causes: []string{"another message ends the sequence"},
		Kills: []string{
			"compressed-patches-are-not-read", "entries-of-eight-bits-are-not-read",
			"leaves-are-asked-everything", "leaves-are-never-asked",
			"sequences-allow-no-other-message", "tables-are-not-scaled",
		},
		Run: func(t *T) {
			x, w := newCrossing(t), word(t)
			leaf := Meet(t, Shielded()).says(routingHeader)
			leaf.Control()
			table := sizedTable(1<<12, qrp.DefaultInfinity, w)
			list := updateTo(table, nil, qrp.Shape{EntryBits: 8, Piece: 8})
			for part := range slices.Chunk(list, 2) {
				if !leaf.Tell(part...) {
					t.Failf("the target does not go on with a leaf that pings between two parts: %s", leaf.Last())
				}
			}
			if !x.reaches(leaf, w) {
				t.Failf("a query for a word that the leaf's table lists did not come: %s", leaf.Last())
			}
			if !x.spares(leaf, x.ask(stranger(t, table)), w) {
				t.Failf("a query came to the leaf whose table excludes it: the table was not read")
			}
		},
	},
}

// change tells what has changed in a leaf's table.
func (x *crossing) change(leaf *Peer, had, table *qrp.Table) {
	if !leaf.Tell(updateTo(table, had, qrp.Shape{})...) {
		x.Failf("the target does not go on with a leaf whose table changes: %s", leaf.Last())
	}
}
