package bencode_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// BEP03-BENC-008 BEP03-BENC-009 BEP03-BENC-010
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{-42, "i-42e"},
		{int64(math.MinInt64), "i-9223372036854775808e"},
		{uint64(math.MaxUint64), "i18446744073709551615e"},
		{bigInt("-604919719469385652980544193299329427705624352086"),
			"i-604919719469385652980544193299329427705624352086e"},
		{"", "0:"},
		{[]byte("a\x00\xff"), "3:a\x00\xff"},
		{list{1, "x", list{}}, "li1e1:xlee"},
		{[]string{"b", "a"}, "l1:b1:ae"},
		{[][]byte{[]byte("b"), nil}, "l1:b0:e"},
		{dict{"b": 1, "a": 2, "B": 3, "\xff": 4, "": 5, "aa": 6},
			"d0:i5e1:Bi3e1:ai2e2:aai6e1:bi1e1:\xffi4ee"},
		{bencode.Raw("i-0e"), "i-0e"},
		{list{bencode.Raw(""), bencode.Raw("nonsense")}, "lnonsensee"},
		{dict{"v": mustParse(t, "d1:b0:1:a0:e", lenient)}, "d1:vd1:b0:1:a0:ee"},
	} {
		got, err := bencode.Append([]byte("prefix "), c.in)
		require.NoError(t, err)
		require.Equal(t, "prefix "+c.want, string(got))
	}
}

func TestAppendNamesWhatItCannotEncode(t *testing.T) {
	loop := list{nil}
	loop[0] = loop
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `bencode: no bencoding for <nil>`},
		{1.5, `bencode: no bencoding for float64`},
		{dict{"a": list{1, true}}, `bencode: ["a"][1]: no bencoding for bool`},
		{list{(*big.Int)(nil)}, `bencode: [0]: nil *big.Int`},
		{list{bencode.Value{}}, `bencode: [0]: zero Value`},
	} {
		got, err := bencode.Append([]byte("kept"), c.in)
		require.EqualError(t, err, c.want)
		require.ErrorAs(t, err, new(*bencode.UnsupportedError))
		require.Equal(t, "kept", string(got), "the buffer is unchanged")
		require.Panics(t, func() { bencode.MustAppend(nil, c.in) })
	}
	deepest := any("x")
	for range bencode.MaxDepthLimit {
		deepest = list{deepest}
	}
	mustParse(t, string(bencode.MustAppend(nil, deepest)),
		bencode.Options{MaxDepth: bencode.MaxDepthLimit})
	for _, over := range []any{list{deepest}, dict{"a": deepest}} {
		_, err := bencode.Append(nil, over)
		require.ErrorContains(t, err, "nesting exceeds 10000 levels")
	}
	_, err := bencode.Append(nil, loop)
	require.ErrorContains(t, err, "nesting exceeds 10000 levels")
	require.Less(t, len(err.Error()), 1000)
}
