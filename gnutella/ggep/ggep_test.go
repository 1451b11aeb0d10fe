package ggep

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec/vectors"
)

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// GN-GG-03: published lengths.
func TestPublishedLengths(t *testing.T) {
	f, err := vectors.Load("gnutella")
	require.NoError(t, err)
	for _, v := range f.Select("ggep-length") {
		size := int(v.Input.Int("length"))
		b := appendLength(nil, size)
		assert.Equal(t, v.Expect.Bytes("encoded"), b)
		got, next, err := parseLength(b, 0)
		require.NoError(t, err)
		assert.Equal(t, []int{size, len(b)}, []int{got, next})
	}
}

// GN-GG-01, GN-GG-02: published blocks, the first of which two servents have
// passed on as it is.
func TestPublishedBlocks(t *testing.T) {
	for in, want := range map[string][]Extension{
		"c383545354426869":                   {{ID: "TST", Data: []byte("hi")}},
		"c3025550430001028256434547544b4712": {{ID: "UP", Data: []byte{0, 1, 2}}, {ID: "VC", Data: []byte("GTKG\x12")}},
		"c3a1444c789c4b4ca43d00007a4725e5":   {{ID: "D", Data: bytes.Repeat([]byte("a"), 100), Deflate: true}},
	} {
		b := unhex(t, in)
		block, n, err := Parse(append(b, "rest"...))
		require.NoError(t, err)
		assert.Equal(t, len(b), n)
		assert.Equal(t, want, block)
		if !want[0].Deflate { // other compressors find other bytes
			again, err := Append(nil, block)
			require.NoError(t, err)
			assert.Equal(t, in, hex.EncodeToString(again))
		}
	}
}

// GN-GG-05: published values without NUL.
func TestPublishedCOBS(t *testing.T) {
	full := make([]byte, 254)
	for i := range full {
		full[i] = byte(i + 1)
	}
	f, err := vectors.Load("gnutella")
	require.NoError(t, err)
	for _, v := range f.Select("cobs") {
		assert.Equal(t, v.Expect.Bytes("encoded"), cobs(v.Input.Bytes("data")), v.Name)
		data, err := uncobs(v.Expect.Bytes("encoded"))
		require.NoError(t, err)
		assert.Equal(t, v.Input.Bytes("data"), data)
	}
	for _, v := range []struct{ data, want string }{
		{hex.EncodeToString(full), "ff" + hex.EncodeToString(full) + "01"},
		{"00" + hex.EncodeToString(full), "01ff" + hex.EncodeToString(full) + "01"},
		{hex.EncodeToString(full) + "ff", "ff" + hex.EncodeToString(full) + "02ff"},
	} {
		assert.Equal(t, v.want, hex.EncodeToString(cobs(unhex(t, v.data))))
		data, err := uncobs(unhex(t, v.want))
		require.NoError(t, err)
		assert.Equal(t, v.data, hex.EncodeToString(data))
	}
	data, err := uncobs(append([]byte{0xff}, full...)) // without its last code
	require.NoError(t, err)
	assert.Equal(t, full, data)
}

func drawBlock(t *rapid.T) []Extension {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Extension {
		return Extension{
			ID:   rapid.StringMatching(`[A-Za-z0-9<]{1,15}`).Draw(t, "id"),
			Data: rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 'a', 255}), 0, 600).Draw(t, "data"),
			COBS: rapid.Bool().Draw(t, "cobs"), Deflate: rapid.Bool().Draw(t, "deflate"),
		}
	}), 1, 9).Draw(t, "block")
}

// What is written is read, in its order; with COBS no NUL is in it, and what is read
// without any compression is written as it was.
//
// GN-GG-05, GN-GG-06.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := drawBlock(t)
		b, err := Append([]byte("before"), block)
		require.NoError(t, err)
		got, n, err := Parse(b[len("before"):])
		require.NoError(t, err)
		require.Equal(t, len(b)-len("before"), n)
		require.Equal(t, len(block), len(got))
		allCOBS := true
		for i, e := range got {
			require.Equal(t, block[i].ID, e.ID)
			require.True(t, bytes.Equal(block[i].Data, e.Data))
			allCOBS = allCOBS && e.COBS
		}
		if allCOBS {
			require.NotContains(t, b, byte(0))
		}
		found, ok := Find(got, block[0].ID)
		require.True(t, ok && bytes.Equal(found.Data, block[0].Data))
	})
}

func TestParseRefuses(t *testing.T) {
	bomb, err := Append(nil, []Extension{{ID: "D", Data: make([]byte, MaxData), Deflate: true}})
	require.NoError(t, err)
	_, _, err = Parse(bomb)
	require.NoError(t, err)
	for in, want := range map[string]string{
		"":                     "offset 0: no block begins here (GN-GG-01)",
		"c2":                   "offset 0: no block begins here",
		"c3":                   "offset 1: the block ends before its last extension (GN-GG-02)",
		"c3014140":             "offset 4: the block ends before its last extension",
		"c3804140":             "offset 1: a name without a letter",
		"c3914140":             "offset 1: the reserved flag is set",
		"c3834141":             "offset 2: a name of 3 bytes, 2 are left",
		"c382410040":           `offset 2: NUL in the name "A\x00"`,
		"c38141":               "offset 3: the length is cut off",
		"c3814181":             "offset 3: the length is cut off",
		"c38141c0":             "offset 3: 0xc0 is no chunk of a length",
		"c3814100":             "offset 3: 0x00 is no chunk of a length",
		"c38141818181":         "offset 3: a length of more than 3 chunks",
		"c381414141":           "",
		"c3814142ff":           "offset 4: A has 2 bytes, 1 are left",
		"c3c1414205ff":         "offset 4: A: COBS: a run beyond the end (GN-GG-04)",
		"c3c1414100":           "offset 4: A: COBS: NUL within",
		"c3c14143030100":       "offset 4: A: COBS: NUL within",
		"c3a1414141":           "offset 4: A: unexpected EOF",
		"c3a144467889abcdef01": "offset 4: D: zlib",
	} {
		_, _, err := Parse(unhex(t, in))
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorIs(t, err, ErrMalformed)
		assert.ErrorContains(t, err, want, in)
	}
	many := append([]byte{Magic}, bytes.Repeat([]byte{1, 'A', 0x40}, MaxExtensions+1)...)
	_, _, err = Parse(many)
	assert.ErrorContains(t, err, "more than 255 extensions")
}

// A kilobyte that inflates to a megabyte is refused at the bound.
func TestBombsAreRefused(t *testing.T) {
	value := deflate(make([]byte, 1<<20))
	b := append([]byte{Magic, flagLast | flagDeflate | 1, 'D'}, appendLength(nil, len(value))...)
	_, _, err := Parse(append(b, value...))
	assert.ErrorContains(t, err, "D: inflates to more than 262143 bytes")
	_, _, err = Parse(append(b, value[:20]...))
	assert.ErrorContains(t, err, "bytes, 20 are left")
	// Nor may many values of one block, each within the bound, come to more than it.
	value = deflate(make([]byte, MaxData/2))
	one := append([]byte{flagDeflate | 1, 'D'}, appendLength(nil, len(value))...)
	one = append(one, value...)
	b = append([]byte{Magic}, bytes.Repeat(one, 3)...)
	_, _, err = Parse(append(b, flagLast|1, 'E', 0x40))
	assert.ErrorContains(t, err, "D: inflates to more than 1 bytes")
}

func TestAppendRefuses(t *testing.T) {
	for _, block := range [][]Extension{
		nil, {{ID: ""}}, {{ID: strings.Repeat("A", 16)}}, {{ID: "A\x00"}}, {{ID: "A", Data: make([]byte, MaxData+1)}},
		{{ID: "A", Data: make([]byte, MaxData), COBS: true}}, make([]Extension, MaxExtensions+1),
	} {
		b, err := Append([]byte("before"), block)
		assert.ErrorIs(t, err, ErrMalformed)
		assert.Equal(t, "before", string(b))
	}
}

// GN-GG-07: case matters.
func TestNamesAreKnownByCase(t *testing.T) {
	assert.NotEmpty(t, Known("u"))
	assert.Empty(t, Known("U"))
}
