package bencode_test

import (
	"bytes"
	"math/big"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// anyValue draws what Any can return.
func anyValue(depth int) *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ab]{0,3}`))
	kinds := []*rapid.Generator[any]{
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 20), func(b []byte) any {
			n := new(big.Int).SetBytes(b)
			if n.IsInt64() {
				return n.Int64()
			}
			return n.Neg(n)
		}),
		rapid.Map(text, func(s string) any { return s }),
	}
	if depth > 0 {
		inner := anyValue(depth - 1)
		kinds = append(kinds,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return append(list{}, l...) }),
			rapid.Map(rapid.MapOfN(text, inner, 0, 4), func(d map[string]any) any { return d }))
	}
	return rapid.OneOf(kinds...)
}

// wire draws bytes that are bencoding, nearly so, or nothing like it: a value
// encoded without sorting, then damaged at a few places.
func wire() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		var b []byte
		if rapid.Bool().Draw(t, "sloppy") {
			b = appendSloppy(t, nil, 3)
		} else {
			b = bencode.MustAppend(nil, anyValue(3).Draw(t, "value"))
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 2, 5}).Draw(t, "damage") {
			at := rapid.IntRange(0, len(b)).Draw(t, "at")
			patch := rapid.SampledFrom([]string{"", "0", "1", "-", ":", "i", "l", "d", "e", "1:a"}).
				Draw(t, "patch")
			cut := rapid.IntRange(0, min(2, len(b)-at)).Draw(t, "cut")
			b = append(append(append([]byte{}, b[:at]...), patch...), b[at+cut:]...)
		}
		return b
	})
}

// appendSloppy writes an element with every fault that lenient mode forgives,
// and at times a repeated key.
func appendSloppy(t *rapid.T, b []byte, depth int) []byte {
	zeros := func() string { return rapid.SampledFrom([]string{"", "", "0", "00"}).Draw(t, "zeros") }
	str := func(b []byte) []byte {
		return append(append(b, zeros()...),
			bencode.AppendString(nil, rapid.StringMatching(`[abc]{0,2}`).Draw(t, "string"))...)
	}
	n := rapid.IntRange(0, 4).Draw(t, "n")
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0:
		sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign")
		return append(append(append(append(b, 'i'), sign...), zeros()+strconv.Itoa(n)...), 'e')
	case kind == 1 && depth > 0:
		b = append(b, 'l')
		for range n {
			b = appendSloppy(t, b, depth-1)
		}
		return append(b, 'e')
	case kind == 2 && depth > 0:
		b = append(b, 'd')
		for range n {
			b = appendSloppy(t, str(b), depth-1)
		}
		return append(b, 'e')
	default:
		return str(b)
	}
}

func same(x, y any) bool { return cmp.Equal(x, y, sameBig) }

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(3).Draw(t, "value")
		b, err := bencode.Append(nil, want)
		require.NoError(t, err)
		for _, opt := range []bencode.Options{strict, lenient} {
			v, err := bencode.Parse(b, opt)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, v.Any(), sameBig))
			require.Equal(t, b, v.Raw())
		}
	})
}

// What strict mode accepts is canonical, and lenient mode reads it alike.
// BEP03-BENC-008 BEP03-BENC-009
func TestStrictIsWithinLenient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := wire().Draw(t, "wire")
		v, err := bencode.Parse(b, strict)
		if err != nil {
			return
		}
		w, err := bencode.Parse(b, lenient)
		require.NoError(t, err)
		require.Equal(t, v, w)
		require.Equal(t, b, v.Raw())
		require.Equal(t, b, bencode.MustAppend(nil, v.Any()))
	})
}

// What lenient mode accepts has one canonical form, which strict mode accepts
// and which means the same.
func TestLenientHasACanonicalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := bencode.Parse(wire().Draw(t, "wire"), lenient)
		if err != nil {
			return
		}
		canonical := bencode.MustAppend(nil, v.Any())
		w, err := bencode.Parse(canonical, strict)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(v.Any(), w.Any(), sameBig))
	})
}

// Every element inside a Value is itself well-formed, spans tile their
// container, and Get agrees with Entries.
func TestRawSpansReparse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := bencode.Parse(wire().Draw(t, "wire"), lenient)
		if err == nil {
			checkSpans(t, v)
		}
	})
}

func checkSpans(t *rapid.T, v bencode.Value) {
	again, err := bencode.Parse(v.Raw(), lenient)
	require.NoError(t, err)
	require.Equal(t, v, again)
	n := 0
	switch v.Kind() {
	case bencode.List:
		var inside []byte
		for item := range v.Items() {
			checkSpans(t, item)
			inside = append(inside, item.Raw()...)
			n++
		}
		require.Equal(t, string(v.Raw()), "l"+string(inside)+"e")
		require.Equal(t, n, v.Len())
	case bencode.Dict:
		for key, value := range v.Entries() {
			checkSpans(t, value)
			got, ok := v.Get(string(key))
			require.True(t, ok)
			require.Equal(t, value, got)
			n++
		}
		require.Equal(t, n, v.Len())
	}
}

// ParsePrefix finds the same element whatever follows it.
func TestPrefixIgnoresWhatFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bencode.MustAppend(nil, anyValue(2).Draw(t, "value"))
		tail := rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		v, rest, err := bencode.ParsePrefix(append(b, tail...), strict)
		require.NoError(t, err)
		require.Equal(t, b, v.Raw())
		require.True(t, bytes.Equal(tail, rest))
	})
}

// Both modes agree with the oracle on nearly valid input.
func TestAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := string(wire().Draw(t, "wire"))
		requireOracle(t, b, false)
		requireOracle(t, b, true)
	})
}

// Both modes agree with the oracle on every input of up to six bytes that
// the grammar can tell apart.
func TestAgreesWithOracleExhaustively(t *testing.T) {
	const alphabet = "012-:ilde"
	var extend func(in []byte)
	extend = func(in []byte) {
		requireOracle(t, string(in), false)
		requireOracle(t, string(in), true)
		if len(in) < 6 {
			for _, c := range []byte(alphabet) {
				extend(append(in, c))
			}
		}
	}
	extend(make([]byte, 0, 6))
}

func requireOracle(t require.TestingT, in string, forgiving bool) {
	want, rest, ok := (oracle{forgiving}).read(in)
	ok = ok && (forgiving || rest == "")
	v, err := bencode.Parse([]byte(in), bencode.Options{Lenient: forgiving})
	if ok != (err == nil) {
		require.Fail(t, "accepted by only one", "%q lenient=%v oracle=%v err=%v", in, forgiving, ok, err)
	}
	if ok && !same(want, v.Any()) {
		require.Fail(t, "read differently", "%q lenient=%v", in, forgiving)
	}
}

// The oracle is a second reader of BEP 3, written for obviousness: it copies
// everything and knows no limits.
type oracle struct{ lenient bool }

func (o oracle) read(s string) (v any, rest string, ok bool) {
	if s == "" {
		return nil, "", false
	}
	switch s[0] {
	case 'i':
		return o.integer(s[1:])
	case 'l':
		return o.list(s[1:])
	case 'd':
		return o.dict(s[1:])
	default:
		return o.str(s)
	}
}

func (o oracle) integer(s string) (any, string, bool) {
	for i := range len(s) {
		if s[i] != 'e' {
			continue
		}
		n, ok := new(big.Int).SetString(s[:i], 10)
		plain := ok && s[0] != '+'
		if !plain || !o.lenient && n.String() != s[:i] {
			return nil, "", false
		}
		if n.IsInt64() {
			return n.Int64(), s[i+1:], true
		}
		return n, s[i+1:], true
	}
	return nil, "", false
}

func (o oracle) str(s string) (any, string, bool) {
	head, tail, found := bytes.Cut([]byte(s), []byte(":"))
	n, err := strconv.ParseUint(string(head), 10, 32)
	canonical := strconv.FormatUint(n, 10) == string(head)
	if !found || err != nil || int(n) > len(tail) || !canonical && !o.lenient {
		return nil, "", false
	}
	return string(tail[:n]), string(tail[n:]), true
}

func (o oracle) list(s string) (any, string, bool) {
	l := list{}
	for s != "" && s[0] != 'e' {
		item, rest, ok := o.read(s)
		if !ok {
			return nil, "", false
		}
		l, s = append(l, item), rest
	}
	if s == "" {
		return nil, "", false
	}
	return l, s[1:], true
}

func (o oracle) dict(s string) (any, string, bool) {
	d, last := dict{}, ""
	for s != "" && s[0] != 'e' {
		k, rest, ok := o.str(s)
		if !ok {
			return nil, "", false
		}
		key := k.(string)
		if _, repeated := d[key]; repeated || !o.lenient && key < last {
			return nil, "", false
		}
		last = key
		if d[key], s, ok = o.read(rest); !ok {
			return nil, "", false
		}
	}
	if s == "" {
		return nil, "", false
	}
	return d, s[1:], true
}
