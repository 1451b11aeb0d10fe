package qrp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

func load(t *testing.T, operation string) []vectors.Vector {
	f, err := vectors.Load("gnutella")
	require.NoError(t, err)
	selected := f.Select(operation)
	require.NotEmpty(t, selected)
	return selected
}

// GN-UQ-14: the hashes of appendix A, and two that live servents use.
func TestPublishedHashes(t *testing.T) {
	for _, v := range load(t, "qrp-hash") {
		for _, word := range []string{v.Input.Text("word"), strings.ToUpper(v.Input.Text("word"))} {
			slot := KeyOf(word).Slot(int(v.Input.Int("bits")))
			assert.EqualValues(t, v.Expect.Int("hash"), slot, v.Name)
		}
	}
	assert.Zero(t, KeyOf("any").Slot(0))
}

// GN-UQ-09 to GN-UQ-12: the messages of appendix B.
func TestPublishedMessages(t *testing.T) {
	for _, v := range load(t, "qrp-table") {
		var r Receiver
		for i, payload := range v.Input.List("payloads") {
			m, err := Parse(payload)
			require.NoError(t, err)
			assert.Equal(t, payload, Append(nil, m))
			require.NoError(t, r.Take(m))
			if i == 0 {
				require.Nil(t, r.Table(), "until the update is complete: GN-UQ-02")
			}
		}
		want := v.Expect.Bytes("slots")
		require.Equal(t, want, r.Table().slots, v.Name)
		require.Equal(t, len(want)-bytes.Count(want, []byte{7}), r.Table().Filled())
	}
}

// What we send of a word is what the document sends.
func TestUpdateIsAsPublished(t *testing.T) {
	table, err := NewTable(8, 7)
	require.NoError(t, err)
	table.set(KeyOf("test").Slot(3), 1)
	for bits, want := range map[uint8]string{8: "01010100080000fa0000000000", 4: "010101000400a00000", 1: "010101000120"} {
		messages, err := table.Update(nil, Shape{EntryBits: bits, Plain: true})
		require.NoError(t, err)
		require.Len(t, messages, 2)
		assert.Equal(t, "000800000007", hex.EncodeToString(Append(nil, messages[0])))
		assert.Equal(t, want, hex.EncodeToString(Append(nil, messages[1])))
	}
	again, err := table.Update(table.Clone(), Shape{})
	require.NoError(t, err)
	assert.Empty(t, again)
	_, err = table.Update(nil, Shape{EntryBits: 3})
	assert.ErrorContains(t, err, "entries of 3 bits")
	far, err := NewTable(8, 200)
	require.NoError(t, err)
	far.set(0, 1)
	_, err = far.Update(nil, Shape{EntryBits: 4})
	assert.ErrorContains(t, err, "a difference of -199 does not fit 4 bits")
}

// GN-UQ-16: words are runs of letters and digits, three at least, without case
// and accents; a query may leave off up to three letters at the end.
func TestWords(t *testing.T) {
	var got []string
	text := "The_Ångström-09 of it, ÉTÉ.mp3 \xff日本語 " + strings.Repeat("x", 99)
	eachWord(text, func(w []byte) { got = append(got, string(w)) })
	assert.Equal(t, []string{"the", "angstrom", "ete", "mp3", "日本語", strings.Repeat("x", maxWord)}, got)
	table, err := NewTable(DefaultSlots, DefaultInfinity)
	require.NoError(t, err)
	table.Add("Monkey Island.ogg")
	for query, want := range map[string]bool{
		"monkey": true, "monke": true, "monk": true, "mon": true, "MONKEY island": true, "island ogg monkey": true,
		"isl": true, "onkey": false, "monkeys": false, "monkey business": false, "": false, "a of": false,
	} {
		assert.Equal(t, want, table.Match(Keys(nil, query)), query)
	}
	const name = "urn:sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
	table.AddWhole(name)
	assert.True(t, table.Has(KeyOf(strings.ToLower(name))))
}

func drawTable(t *rapid.T, bits int) *Table {
	table, err := NewTable(1<<bits, uint8(rapid.IntRange(2, 9).Draw(t, "infinity")))
	require.NoError(t, err)
	for _, name := range rapid.SliceOfN(rapid.StringMatching(`[a-d]{1,6}( [a-d]{3,5})?`), 0, 20).Draw(t, "names") {
		table.Add(name)
	}
	return table
}

// What is sent, in whatever shape, makes the receiver's table equal, from nothing
// and from any earlier table.
func TestUpdatesArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Receiver
		var has *Table
		for range rapid.IntRange(1, 4).Draw(t, "updates") {
			table := drawTable(t, rapid.IntRange(0, 9).Draw(t, "bits"))
			messages, err := table.Update(has, Shape{
				EntryBits: rapid.SampledFrom([]uint8{0, 1, 4, 8}).Draw(t, "entry bits"),
				Plain:     rapid.Bool().Draw(t, "plain"), Piece: rapid.IntRange(0, 20).Draw(t, "piece"),
			})
			require.NoError(t, err)
			for _, m := range messages {
				parsed, err := Parse(Append(nil, m))
				require.NoError(t, err)
				require.NoError(t, r.Take(parsed))
				clone := r.Clone()
				require.Equal(t, r.table.slots, clone.table.slots)
			}
			has = table
			require.True(t, table.Equal(r.Table()))
			require.Equal(t, table.filled, r.table.filled)
		}
	})
}

// GN-UQ-13: two bits hold what leads from infinity to here and back, if it is 2.
func TestEntriesOfTwoBits(t *testing.T) {
	var r Receiver
	require.NoError(t, feed(&r, "000800000002 01010100023000"))
	require.Equal(t, []uint8{2, 1, 2, 2, 2, 2, 2, 2}, r.table.slots)
	require.NoError(t, feed(&r, "01010100021003"))
	require.Equal(t, []uint8{2, 2, 2, 2, 2, 2, 2, 1}, r.table.slots)
	table, err := NewTable(8, 2)
	require.NoError(t, err)
	table.Add("test") // and "tes"
	messages, err := table.Update(nil, Shape{EntryBits: 2, Plain: true})
	require.NoError(t, err)
	require.Equal(t, "01010100020c30", hex.EncodeToString(Append(nil, messages[1])))
}

// GN-UQ-02: an empty table is told as well, at first and when the last file goes;
// only what the receiver has already is not told again.
func TestEmptyTablesAreTold(t *testing.T) {
	empty, err := NewTable(64, 7)
	require.NoError(t, err)
	full := empty.Clone()
	full.Add("monkey")
	var r Receiver
	for _, step := range []struct{ has, table *Table }{{nil, empty}, {empty, full}, {full, empty}} {
		messages, err := step.table.Update(step.has, Shape{})
		require.NoError(t, err)
		require.NotEmpty(t, messages)
		for _, m := range messages {
			require.NoError(t, r.Take(m))
		}
		require.True(t, step.table.Equal(r.Table()))
	}
	messages, err := empty.Update(empty.Clone(), Shape{})
	require.NoError(t, err)
	require.Empty(t, messages)
}

// GN-UQ-01, GN-UQ-05, GN-UQ-15: a word that was added is found, also in unions of
// tables of other sizes.
func TestNoFalseNegatives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		union, err := NewTable(1<<rapid.IntRange(0, 10).Draw(t, "union"), 3)
		require.NoError(t, err)
		var words []string
		for range rapid.IntRange(1, 4).Draw(t, "leaves") {
			leaf, err := NewTable(1<<rapid.IntRange(0, 10).Draw(t, "leaf"), 7)
			require.NoError(t, err)
			name := rapid.StringMatching(`[a-zé]{3,9}`).Draw(t, "word")
			leaf.Add(name)
			require.True(t, leaf.Match(Keys(nil, name)))
			union.Merge(leaf)
			words = append(words, name)
			for _, w := range words {
				require.True(t, union.Match(Keys(nil, w)), w)
			}
		}
	})
}

// The share of foreign words that pass is the table's fill: Filled is what it says.
func TestFalsePositivesFollowTheFill(t *testing.T) {
	table, err := NewTable(1<<12, 7)
	require.NoError(t, err)
	for i := range 600 {
		table.Add(strings.Repeat(string(rune('a'+i%26)), 3) + hex.EncodeToString([]byte{byte(i), byte(i >> 8), 7}))
	}
	passed, asked := 0, 20_000
	for i := range asked {
		if table.Has(KeyOf("z" + hex.EncodeToString([]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}))) {
			passed++
		}
	}
	fill := float64(table.Filled()) / float64(table.Slots())
	assert.InDelta(t, fill, float64(passed)/float64(asked), 0.03)
	assert.Greater(t, fill, 0.2)
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ payloads, want string }{
		{"", "no payload"},
		{"02", "variant 2"},
		{"0008000000", "RESET of 5 bytes, want 6"},
		{"00080000000700", "RESET of 7 bytes"},
		{"000700000007", "a table of 7 slots"},
		{"000000000007", "a table of 0 slots"},
		{"000000400007", "a table of 4194304 slots"},
		{"000800000001", "infinity is 1"},
		{"01010100", "PATCH of 4 bytes"},
		{"0101010204", "compressor 2"},
		{"010101000400000000", "PATCH before any RESET (GN-UQ-09)"},
		{"000800000007 010101000300000000", "entries of 3 bits"},
		{"000800000007 010201000400000000", "part 2 of 1 after part 0"},
		{"000800000007 010200000400000000", "part 2 of 0 after part 0"},
		{"000800000007 010102000400 010302000400", "part 3 of 2 after part 1"},
		{"000800000007 010102000400 010203000400", "part 2 is of another sequence"},
		{"000800000007 010102000400 010202000800", "part 2 is of another sequence"},
		{"000800000007 010102000400 000800000007", "RESET after part 1 of 2"},
		{"000800000007 010101000400", "a patch of 1 bytes, want 4"},
		{"000800000007 01010100040000000000", "a patch of 5 bytes, want 4"},
		{"000800000007 010101000490000000", "slot 0 goes from 7 by -7"},
		{"000800000007 010101000410000000", "slot 0 goes from 7 by 1, beyond 0 to 7 (GN-UQ-12)"},
		{"000800000007 0101010104789c6358c0", "unexpected EOF (GN-UQ-11)"},
		{"000800000007 010101010400", "EOF"},
	} {
		var r Receiver
		err := feed(&r, c.payloads)
		if c.want == "slot 0 goes from 7 by -7" {
			assert.NoError(t, err, "0 is in the range")
			continue
		}
		assert.ErrorIs(t, err, ErrMalformed, c.payloads)
		assert.ErrorContains(t, err, c.want)
	}
}

func feed(r *Receiver, payloads string) error {
	for _, p := range strings.Split(payloads, " ") {
		b, err := hex.DecodeString(p)
		if err != nil {
			return err
		}
		m, err := Parse(b)
		if err != nil {
			return err
		}
		if err := r.Take(m); err != nil {
			return err
		}
	}
	return nil
}

// A patch that never ends, and one that inflates without end, are refused at the
// size of the table.
func TestPatchesAreBounded(t *testing.T) {
	var r Receiver
	require.NoError(t, r.Take(Reset{8, 7}))
	err := r.Take(Patch{Seq: 1, Of: 2, EntryBits: 4, Data: make([]byte, 5+compressionSlack)})
	assert.ErrorContains(t, err, "more data than the patch of 4 bytes needs")
	r = Receiver{}
	require.NoError(t, r.Take(Reset{8, 7}))
	err = r.Take(Patch{Seq: 1, Of: 1, Deflated: true, EntryBits: 4, Data: compress(make([]byte, 1<<19))})
	assert.ErrorContains(t, err, "a patch of 5 bytes, want 4")
}

func BenchmarkMatch(b *testing.B) {
	table, err := NewTable(DefaultSlots, DefaultInfinity)
	if err != nil {
		b.Fatal(err)
	}
	table.Add("monkey island")
	words := Keys(nil, "monkey island")
	b.ReportAllocs()
	for range b.N {
		if !table.Match(words) {
			b.Fatal("not found")
		}
	}
	b.ReportMetric(float64(len(words)*b.N)/b.Elapsed().Seconds()/1e6, "Mwords/s")
}

// The work of an ultrapeer for each query: its words are hashed, and looked up in the
// tables of thirty leaves, of which none has them all.
func BenchmarkTablesOfLeaves(b *testing.B) {
	tables := make([]*Table, 30)
	for i := range tables {
		tables[i], _ = NewTable(DefaultSlots, DefaultInfinity)
		for j := range 500 {
			tables[i].Add(fmt.Sprintf("word%dw%d", i, j))
		}
		tables[i].Add("monkey")
	}
	var words []Key
	looked := 0
	b.ReportAllocs()
	for range b.N {
		words = Keys(words[:0], "monkey island zulu")
		for _, t := range tables {
			if t.Match(words) {
				b.Fatal("found")
			}
			looked += 2 // the first is there, the second is not
		}
	}
	b.ReportMetric(float64(looked)/b.Elapsed().Seconds()/1e6, "Mwords/s")
}

func BenchmarkKeyOf(b *testing.B) {
	var sum Key
	for range b.N {
		sum += KeyOf("monkeys12")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mwords/s")
	_ = sum
}
