package gnutella

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Routing is the offer of an ultrapeer that wants to be told tables. It is one of many
// neighbours that queries dynamically: leaves of today refuse others.
func Routing() Offer {
	return Equal().With("X-Query-Routing", "0.1").With("X-Ultrapeer-Query-Routing", "0.1").
		With("X-Dynamic-Querying", "0.1").With("X-Degree", "32").With("X-Max-TTL", "4")
}

// tablesWithin is how soon a target tells a new neighbour its table, and updateWithin
// how soon it tells of a change: some gather changes for minutes.
const (
	tablesWithin = 30 * time.Second
	updateWithin = 10 * time.Minute
)

// told is what the target tells a neighbour of its table.
type told struct {
	*Peer
	read     int // descriptors of Log
	resets   int
	messages int
	full     int // sequences that are complete
	receiver qrp.Receiver
	fault    error // why the messages make no table
}

// follow meets the target as an ultrapeer that is told tables, which only who says
// X-Query-Routing tells.
func follow(t *T, o Offer) *told { return &told{Peer: Meet(t, o).says(routingHeader)} }

// catchUp takes what has come.
func (f *told) catchUp() {
	for ; f.read < len(f.Log); f.read++ {
		r := f.Log[f.read]
		if r.Type != wire.TypeQRP || f.fault != nil {
			continue
		}
		m, err := qrp.Parse(r.Payload)
		if err == nil {
			err = f.receiver.Take(m)
		}
		f.fault = err
		f.messages++
		switch m := m.(type) {
		case qrp.Reset:
			f.resets++
		case qrp.Patch:
			if m.Seq == m.Of {
				f.full++
			}
		}
	}
}

// until waits until the table is as wanted, or it cannot become so any more.
func (f *told) until(within time.Duration, want func(*qrp.Table) bool) bool {
	ok := false
	f.t.Until(func() bool {
		f.catchUp()
		table := f.receiver.Table()
		ok = f.fault == nil && table != nil && want(table)
		return ok || f.fault != nil || f.Gone()
	}, within)
	return ok
}

// table waits for the first whole table, or ends the case.
func (f *told) table() *qrp.Table {
	if !f.until(tablesWithin, func(*qrp.Table) bool { return true }) {
		switch {
		case f.fault != nil:
			f.t.Inconclusivef("the target's table cannot be read: %v", f.fault)
		case f.messages > 0:
			f.t.Inconclusivef("the target began to tell a table, and did not end: %s", f.Last())
		}
		f.t.Inconclusivef("the target told no table within %v: %s", tablesWithin, f.Last())
	}
	f.t.Earn()
	return f.receiver.Table()
}

// listing waits for a table that has all words, and returns the latest: a target may
// tell one that is empty while it still looks through its files.
func (f *told) listing(words ...string) *qrp.Table {
	latest := f.table()
	whole := func(table *qrp.Table) bool {
		latest = table
		return lists(table, words...)
	}
	if !f.until(tablesWithin, whole) && (f.fault != nil || f.Gone()) {
		f.t.Inconclusivef("the target told no other table than one without some of %q: %s", words, f.Last())
	}
	return latest
}

// lists says whether a table has all words.
func lists(table *qrp.Table, words ...string) bool {
	for _, w := range words {
		if !table.Has(qrp.KeyOf(w)) {
			return false
		}
	}
	return true
}

// announced is a case about the table that the target tells, which ultrapeers and
// leaves have alike.
func announced(
	role conformance.Role, slug string, level conformance.Level, reqs []string, explain string, causes []string,
	kills []string, judge func(f *told),
) Case {
	return Case{
		ID: "qrp/" + string(role) + "-table/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: reqs, Role: role, Kind: conformance.Behaviour,
		Control: "the target tells an ultrapeer that asks for it a table",
		Explain: explain, Causes: causes, Kills: kills, Within: 3 * tablesWithin,
		Run: func(t *T) { judge(follow(t, Routing())) },
	}
}

// revised is a case that is judged otherwise than it was.
func revised(c Case) Case {
	c.Rev++
	return c
}

// inOrder judges the messages that a table was told in.
func inOrder(f *told) {
	f.until(tablesWithin, func(*qrp.Table) bool { return true })
	if f.messages == 0 {
		f.t.Inconclusivef("the target told no table within %v: %s", tablesWithin, f.Last())
	}
	f.t.Earn()
	if f.fault != nil {
		f.t.Failf("the target's messages make no table: %v", f.fault)
	}
	if f.receiver.Table() == nil {
		f.t.Failf("the target did not end its sequence within %v: %s", tablesWithin, f.Last())
	}
}

// neighbourly judges the headers of the messages.
func neighbourly(f *told) {
	f.table()
	for _, r := range f.Log {
		if r.Type == wire.TypeQRP && (r.TTL != 1 || r.Hops != 0) {
			f.t.Mismatch("the header of a message of query routing", fmt.Sprintf("TTL %d, hops %d", r.TTL, r.Hops),
				"TTL 1, hops 0")
		}
	}
}

// sharedWords are those of the names of what is shared.
var sharedWords = []string{"alpha", "bravo", "testfile", "delta", "echo", "foxtrot", "golf", "hotel", "india"}

// ownWords judges whether all that is shared can be found.
func ownWords(f *told) {
	table := f.listing(sharedWords...)
	for _, w := range sharedWords {
		if !lists(table, w) {
			f.t.Failf("the target shares a file with the word %q, which its table of %d slots does not list", w, table.Slots())
		}
	}
}

// beginnings judges whether long words are found whose end is missing.
func beginnings(f *told) {
	words := []string{"testfil", "testfi", "foxtro"}
	table := f.listing(words...)
	for _, w := range words {
		if !lists(table, w) {
			f.t.Failf("the target's table does not list %q, with which a word in the name of a shared file begins", w)
		}
	}
}

// shortBeginnings records which other words are found whose end is missing.
func shortBeginnings(f *told) {
	table := f.listing(sharedWords...)
	for _, w := range []string{"testf", "foxtr", "foxt", "alph", "alp", "hote", "hot"} {
		if !lists(table, w) {
			f.t.Infof("the target's table does not list %q, with which a word in the name of a shared file begins", w)
		}
	}
}

// ownHashes judges whether a search by hash finds what is shared.
func ownHashes(f *told) {
	table := f.listing(sharedWords...)
	shared := Shared()
	for _, name := range names(shared) {
		if u := urn.Sum(shared[name]).SHA1.String(); !lists(table, u) {
			f.t.Infof("the target's table does not list %s, the hash of %s", u, name)
		}
	}
}

// otherWords judges whether the table excludes anything.
func otherWords(f *told) {
	table, found := f.listing(sharedWords...), 0
	if !slices.ContainsFunc(sharedWords, func(w string) bool { return lists(table, w) }) {
		f.t.Inconclusivef("the target's table lists no word of what is shared: it may list nothing at all")
	}
	const tried = 64
	for range tried {
		if lists(table, word(f.t)) {
			found++
		}
	}
	if found > tried/8 {
		f.t.Failf("the target shares three files, and its table lists %d of %d words that nobody has", found, tried)
	}
}

// everyRole makes the cases that ultrapeers and leaves have in common.
func everyRole(role conformance.Role) []Case {
	return []Case{
		announced(role, "sequence-can-be-read", conformance.Must, []string{"GN-UQ-09", "GN-UQ-10", "GN-UQ-11"},
			"An ultrapeer that asks for tables meets the target, which tells its own: RESET with a power of two, then "+
				"the parts of a PATCH by their numbers, all of a kind, which together fit the table.",
			[]string{"PATCH comes without RESET", "parts are counted from 0", "each part is compressed for itself"},
			[]string{"last-parts-are-lost", "parts-are-counted-from-zero", "tables-begin-without-reset"}, inOrder),
		announced(role, "travels-one-hop", conformance.Must, []string{"GN-UQ-08"},
			"Tables are between neighbours: their messages have a TTL of 1 and no hops.",
			[]string{"the usual TTL is used"}, []string{"tables-travel-on"}, neighbourly),
		revised(announced(role, "lists-own-words", conformance.Must, []string{"GN-UQ-05", "GN-UQ-14", "GN-UQ-16"},
			"The target shares three files, and its table has to list each word of their names, under the hash that "+
				"all servents use: who is missing in it is never asked. Half a minute is left to one that tells an empty "+
				"table first, while it looks through its files.",
			[]string{"the hash is another", "names are split otherwise", "capitals are hashed as they are"}, []string{
				"another-hash", "own-words-are-not-listed",
			}, ownWords)),
		revised(announced(role, "lists-beginnings-of-words", conformance.Should, []string{"GN-UQ-16"},
			"Long words also go into the table without their last letter or two, so that somebody who asks for one "+
				"monkey finds monkeys.",
			[]string{"only whole words are put in"}, []string{
				"another-hash", "only-whole-words-are-listed", "own-words-are-not-listed",
			}, beginnings)),
		revised(announced(role, "lists-short-beginnings", conformance.May, []string{"GN-UQ-16"},
			"Words may also go into the table without their last three letters, and short ones without their end, as "+
				"long as three letters are left. Which do is recorded.",
			[]string{"beginnings have five letters at least"}, []string{
				"another-hash", "only-whole-words-are-listed", "own-words-are-not-listed",
				"short-beginnings-are-not-listed",
			}, shortBeginnings)),
		revised(announced(role, "lists-own-hashes", conformance.May, []string{"GN-UQ-05", "GN-QY-16"},
			"Searches by hash can be routed by the urn, hashed as one word, if each shared file's SHA-1 urn is in the "+
				"table. No document says so, and whether it is there is recorded.",
			[]string{"only words are put in"}, []string{"another-hash", "own-hashes-are-not-listed"}, ownHashes)),
		revised(announced(role, "excludes-other-words", conformance.Should, []string{"GN-UQ-01"},
			"The target shares three files, a word of which is in its table. Of words that nobody has nearly all should be "+
				"missing there, or it excludes nothing.",
			[]string{"slots that nothing is in have another value than infinity", "tables are too small"}, []string{
				"everything-is-listed",
			}, otherWords)),
	}
}

// values judges what may be in a table between ultrapeers.
func values(f *told) {
	table := f.table()
	if table.Infinity() < 2 {
		f.t.Failf("infinity is %d, which leaves nothing between here and nowhere", table.Infinity())
	}
	for i := range table.Slots() {
		if v := table.Value(i); v != table.Infinity() && v != 1 {
			f.t.Failf("slot %d has the value %d: it is neither here, 1, nor nowhere, %d", i, v, table.Infinity())
		}
	}
}

// size judges the number of slots.
func size(f *told) {
	if n := f.table().Slots(); n < qrp.DefaultSlots {
		f.t.Failf("the table has %d slots, less than the recommended %d", n, qrp.DefaultSlots)
	}
}

// knownEntries judges whether entries are such as the neighbour has said it knows.
func knownEntries(f *told) {
	f.table()
	for _, r := range f.Log {
		m, err := qrp.Parse(r.Payload)
		if p, ok := m.(qrp.Patch); ok && r.Type == wire.TypeQRP && err == nil && p.EntryBits != 4 && p.EntryBits != 8 {
			f.t.Failf("a patch has entries of %d bits, though X-Query-Routing: 0.1 was said", p.EntryBits)
		}
	}
}
