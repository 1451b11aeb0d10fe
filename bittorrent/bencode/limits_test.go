package bencode_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// nested is depth lists within one another.
func nested(depth int) string {
	return strings.Repeat("l", depth) + strings.Repeat("e", depth)
}

func requireRule(t *testing.T, want rule, in string, opt bencode.Options) {
	t.Helper()
	_, err := bencode.Parse([]byte(in), opt)
	var fault *bencode.SyntaxError
	require.ErrorAs(t, err, &fault, "%.80q", in)
	require.Equal(t, string(want), fault.Rule, "%v", err)
}

// BEP03-BENC-011
func TestNestingIsLimited(t *testing.T) {
	const million = 1_000_000
	for _, opt := range []bencode.Options{strict, lenient, {MaxDepth: million}} {
		requireRule(t, limit, nested(million), opt)
		requireRule(t, limit, strings.Repeat("l", million), opt)
		requireRule(t, limit, strings.Repeat("d0:", million), opt)
	}
	for _, c := range []struct{ option, allowed int }{
		{0, bencode.DefaultMaxDepth},
		{-1, bencode.DefaultMaxDepth},
		{1, 1},
		{1000, 1000},
		{million, bencode.MaxDepthLimit},
	} {
		opt := bencode.Options{MaxDepth: c.option}
		v := mustParse(t, nested(c.allowed), opt)
		require.Equal(t, nested(c.allowed), string(bencode.MustAppend(nil, v.Any())))
		requireRule(t, limit, nested(c.allowed+1), opt)
		requireRule(t, limit, strings.Repeat("d0:", c.allowed+1), opt)
	}
	mustParse(t, "i1e", bencode.Options{MaxDepth: 1})
}

// BEP03-BENC-011
func TestSizeIsLimited(t *testing.T) {
	opt := bencode.Options{MaxSize: 10}
	mustParse(t, "8:12345678", opt)
	for _, in := range []string{
		"9:123456789", "99999999999999999999:", "li1ei2ei3ee", "d1:a7:123456e", "i1234567890e",
		"d1:ai123456e", "0000000009:", "l9:",
	} {
		requireRule(t, limit, in+strings.Repeat("e", 20), opt)
	}
	for _, in := range []string{"9:1234567", "l", "i123", "5"} {
		_, err := bencode.Parse([]byte(in), opt)
		require.NotContains(t, err.Error(), string(limit), "input that ends early is not too large")
	}
	v, rest, err := bencode.ParsePrefix([]byte("8:12345678behind"), opt)
	require.NoError(t, err)
	require.Equal(t, 8, v.Len())
	require.Equal(t, "behind", string(rest))
}

// BEP03-BENC-012
func TestClaimedLengthsAllocateNothing(t *testing.T) {
	for _, in := range []string{
		"99999999:x", "99999999999999999999:", "9223372036854775807:x", "9223372036854775808:x",
		"d99999999999999999999:", strings.Repeat("9", 1<<20) + ":", "4294967296:", "4294967297:x",
	} {
		in := []byte(in)
		_, err := bencode.Parse(in, strict)
		require.ErrorContains(t, err, string(tooLong))
		allocs := testing.AllocsPerRun(10, func() { bencode.Parse(in, strict) })
		require.LessOrEqual(t, allocs, 1.0, "only the error itself")
	}
}

// BEP03-BENC-002 BEP03-BENC-011
func TestIntegerDigitsAreLimited(t *testing.T) {
	most := strings.Repeat("7", bencode.MaxDigits)
	for _, sign := range []string{"", "-"} {
		n, ok := mustParse(t, "i"+sign+most+"e", strict).BigInt()
		require.True(t, ok)
		require.Equal(t, sign+most, n.String())
		requireRule(t, limit, "i"+sign+most+"7e", strict)
		requireRule(t, limit, "i"+sign+most+"7e", lenient)
	}
}

// Work on hostile input is near linear: each of these megabytes takes a small
// fraction of the time allowed here.
func TestHostileInputIsReadQuickly(t *testing.T) {
	const size = 1 << 20
	deepUnsorted := strings.Repeat("d1:b", 99) + "d" + numberedKeys(size/8) + "e" +
		strings.Repeat("1:a0:e", 99)
	for name, in := range map[string]string{
		"empty strings":              "l" + strings.Repeat("0:", size/2) + "e",
		"descending keys":            "d" + numberedKeys(size/8) + "e",
		"unsorted at every level":    deepUnsorted,
		"zeros before a length":      strings.Repeat("0", size) + "1:x",
		"longest integers":           "l" + strings.Repeat("i"+strings.Repeat("9", 65536)+"e", 16) + "e",
		"keys that share a prefix":   "d" + prefixedKeys(1000, 1000) + "e",
		"lists that never end":       strings.Repeat("l"+nested(99), size/200),
		"strings that are one short": strings.Repeat("l1048574:", 99),
	} {
		start := time.Now()
		if v, err := bencode.Parse([]byte(in), lenient); err == nil {
			v.Get("absent")
			v.Any()
		}
		require.Less(t, time.Since(start), 5*time.Second, name)
	}
}

// numberedKeys is n entries whose keys descend.
func numberedKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "6:%06d0:", n-i)
	}
	return b.String()
}

// prefixedKeys is n entries whose keys descend and differ in their last bytes.
func prefixedKeys(n, length int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d:%s%06d0:", length+6, strings.Repeat("x", length), n-i)
	}
	return b.String()
}
