package bencode_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

type (
	list = []any
	dict = map[string]any
)

// A vector is an input and the outcome in both modes. An outcome is the Go
// value that Any gives, or a rule: the clause that the input breaks.
type vector struct {
	in      string
	strict  any
	lenient any // nil: as strict
}

type rule string

const (
	syntax      = rule("BEP03-BENC-001")
	integer     = rule("BEP03-BENC-002")
	minusZero   = rule("BEP03-BENC-003")
	leadingZero = rule("BEP03-BENC-004")
	openList    = rule("BEP03-BENC-005")
	openDict    = rule("BEP03-BENC-006")
	keyKind     = rule("BEP03-BENC-007")
	unsorted    = rule("BEP03-BENC-008")
	repeated    = rule("BEP03-BENC-009")
	limit       = rule("BEP03-BENC-011")
	tooLong     = rule("BEP03-BENC-012")
	trailing    = rule("BEP03-BENC-013")
)

// The examples of BEP 3 §bencoding and of the creator script of BEP 52.
var published = []vector{
	{in: "4:spam", strict: "spam"},
	{in: "i3e", strict: int64(3)},
	{in: "i-3e", strict: int64(-3)},
	{in: "i0e", strict: int64(0)},
	{in: "i-0e", strict: minusZero, lenient: int64(0)},
	{in: "i03e", strict: leadingZero, lenient: int64(3)},
	{in: "l4:spam4:eggse", strict: list{"spam", "eggs"}},
	{in: "d3:cow3:moo4:spam4:eggse", strict: dict{"cow": "moo", "spam": "eggs"}},
	{in: "d4:spaml1:a1:bee", strict: dict{"spam": list{"a", "b"}}},
	{in: "i-2e", strict: int64(-2)},
	{in: "6:answer", strict: "answer"},
	{in: "0:", strict: ""},
	{in: "l1:ai42eli13ei14eee", strict: list{"a", int64(42), list{int64(13), int64(14)}}},
	{in: "d3:bar4:spam3:fooi42e4:messli1e1:cee",
		strict: dict{"bar": "spam", "foo": int64(42), "mess": list{int64(1), "c"}}},
}

// Inputs on which deployed decoders have their own tests: libtorrent's bdecode,
// anacrolix/torrent's bencode and Transmission's benc.
var deployed = []vector{
	{in: "d1:ai1e1:be", strict: openDict},
	{in: "di5e1:ae", strict: keyKind},
	{in: "d2:abi1e2:aai2ee", strict: unsorted, lenient: dict{"ab": int64(1), "aa": int64(2)}},
	{in: "d2:bai1e2:aai2ee", strict: unsorted, lenient: dict{"ba": int64(1), "aa": int64(2)}},
	{in: "d2:aai1e1:ai2ee", strict: unsorted, lenient: dict{"aa": int64(1), "a": int64(2)}},
	{in: "d1:ai1e2:aai2ee", strict: dict{"a": int64(1), "aa": int64(2)}},
	{in: "d2:aai1e1:bi2ee", strict: dict{"aa": int64(1), "b": int64(2)}},
	{in: "d2:aai1e2:aai2ee", strict: repeated},
	{in: "e", strict: syntax},
	{in: "-10:foobar", strict: syntax},
	{in: "18446744073709551615:foobar", strict: tooLong},
	{in: "99999999999999999999:", strict: tooLong},
	{in: "99999999:foobar", strict: tooLong},
	{in: "199999999:foobar", strict: tooLong},
	{in: "06:foobar", strict: syntax, lenient: "foobar"},
	{in: "ie", strict: integer},
	{in: "i-e", strict: integer},
	{in: "i35412-5633e", strict: integer},
	{in: "i92337203t854775807e", strict: integer},
	{in: "di2ei0ee", strict: keyKind},
	{in: "df00:", strict: keyKind},
	{in: "i-", strict: integer},
	{in: "i", strict: integer},
	{in: "i10", strict: integer},
	{in: "l2:..", strict: openList},
	{in: "l2:..0", strict: syntax},
	{in: "d1000:..e", strict: tooLong},
	{in: "d1000:", strict: tooLong},
	{in: "d1000", strict: tooLong},
	{in: "100:..", strict: tooLong},
	{in: "", strict: syntax},
	{in: "i01e", strict: leadingZero, lenient: int64(1)},
	{in: "i9223372036854775807e", strict: int64(9223372036854775807)},
	{in: "i-9223372036854775807e", strict: int64(-9223372036854775807)},
	{in: "i-9223372036854775808e", strict: int64(-9223372036854775808)},
	{in: "i9223372036854775808e", strict: bigInt("9223372036854775808")},
	{in: "i18446744073709551615e", strict: bigInt("18446744073709551615")},
	{in: "i184467440737095516154e", strict: bigInt("184467440737095516154")},
	{in: "i-9223372036854775809e", strict: bigInt("-9223372036854775809")},
	{in: "i604919719469385652980544193299329427705624352086e",
		strict: bigInt("604919719469385652980544193299329427705624352086")},
	{in: "d3:a\x00bi1ee", strict: dict{"a\x00b": int64(1)}},
	{in: "ld0:i1ee0:e", strict: list{dict{"": int64(1)}, ""}},
	{in: "d0:i420ee", strict: dict{"": int64(420)}},
	{in: "d1:rd6:\xd4/\xe2F\x00\x01i42ee1:t3:\x9a\x87\x011:v4:TR%=1:y1:re",
		strict: dict{
			"r": dict{"\xd4/\xe2F\x00\x01": int64(42)},
			"t": "\x9a\x87\x01", "v": "TR%=", "y": "r",
		}},
	// A tracker's reply with a wrong length, seen in the wild.
	{in: "d14:failure reason119:The tracker was unable to process your request. It may be " +
		"down, overloaded, under attack or it just does not like you.12:min intervali1800e" +
		"8:intervali1800e5:peers0:ee\n", strict: syntax},
	// A token without its value in an announce_peer, seen in the wild.
	{in: "d1:ad2:id20:abcdefghij01234567894:porti6881e5:tokene1:q13:announce_peer1:t2:aa1:y1:qe",
		strict: openDict},
}

// Further inputs, one for each remaining leniency or rule.
var further = []vector{
	{in: "de\n", strict: trailing, lenient: dict{}},
	{in: "i1ei2e", strict: trailing, lenient: int64(1)},
	{in: "le", strict: list{}},
	{in: "00:", strict: syntax, lenient: ""},
	{in: "i-00e", strict: leadingZero, lenient: int64(0)},
	{in: "i-01e", strict: leadingZero, lenient: int64(-1)},
	{in: "i+1e", strict: integer},
	{in: "i--1e", strict: integer},
	{in: "i 1e", strict: integer},
	{in: "4 :spam", strict: syntax},
	{in: "4", strict: tooLong},
	{in: "l1", strict: syntax},
	{in: "d", strict: openDict},
	{in: "d1:a", strict: syntax},
	{in: "d1:a1:b", strict: openDict},
	{in: "dl1:aei1ee", strict: keyKind},
	{in: " i1e", strict: syntax},
	{in: "d1:b0:1:a0:1:b0:e", strict: unsorted, lenient: repeated},
	{in: "d1:b0:1:al1:xe1:bd1:a0:ee", strict: unsorted, lenient: repeated},
	{in: "d1:bd1:a0:e1:ad1:a0:ee", strict: unsorted,
		lenient: dict{"b": dict{"a": ""}, "a": dict{"a": ""}}},
	{in: "d1:b0:2:ba0:1:a0:e", strict: unsorted, lenient: dict{"b": "", "ba": "", "a": ""}},
	{in: "d02:aa0:1:b0:e", strict: syntax, lenient: dict{"aa": "", "b": ""}},
}

func bigInt(digits string) *big.Int {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		panic(digits)
	}
	return n
}

var sameBig = cmp.Comparer(func(x, y *big.Int) bool { return x.Cmp(y) == 0 })

// BEP03-BENC-001 BEP03-BENC-002 BEP03-BENC-003 BEP03-BENC-004 BEP03-BENC-005
// BEP03-BENC-006 BEP03-BENC-007 BEP03-BENC-008 BEP03-BENC-009 BEP03-BENC-010
// BEP03-BENC-012 BEP03-BENC-013
func TestVectors(t *testing.T) {
	for _, set := range [][]vector{published, deployed, further} {
		for _, v := range set {
			if v.lenient == nil {
				v.lenient = v.strict
			}
			checkOutcome(t, v.in, bencode.Options{}, v.strict)
			checkOutcome(t, v.in, bencode.Options{Lenient: true}, v.lenient)
		}
	}
}

func checkOutcome(t *testing.T, in string, opt bencode.Options, want any) {
	t.Helper()
	v, err := bencode.Parse([]byte(in), opt)
	broken, refused := want.(rule)
	if !refused {
		require.NoError(t, err, "%q lenient=%v", in, opt.Lenient)
		require.Empty(t, cmp.Diff(want, v.Any(), sameBig), "%q lenient=%v", in, opt.Lenient)
		return
	}
	var fault *bencode.SyntaxError
	require.ErrorAs(t, err, &fault, "%q lenient=%v", in, opt.Lenient)
	require.Equal(t, string(broken), fault.Rule, "%q lenient=%v: %v", in, opt.Lenient, err)
	require.Equal(t, bencode.Invalid, v.Kind())
}

// The published examples and every deployed one that strict mode accepts are
// canonical: encoding their values gives the same bytes. BEP03-BENC-008
func TestVectorsEncode(t *testing.T) {
	for _, set := range [][]vector{published, deployed} {
		for _, v := range set {
			if _, refused := v.strict.(rule); refused {
				continue
			}
			got, err := bencode.Append(nil, v.strict)
			require.NoError(t, err)
			require.Equal(t, v.in, string(got))
		}
	}
}

// Strict mode accepts exactly the canonical inputs among the vectors that are
// published for any language, and reads their values.
func TestPublishedFile(t *testing.T) {
	file, err := vectors.Load("bencode")
	require.NoError(t, err)
	decode := file.Select("decode")
	require.NotEmpty(t, decode)
	for _, v := range decode {
		data := v.Input.Bytes("data")
		got, err := bencode.Parse(data, strict)
		require.Equal(t, v.Expect.Bool("canonical"), err == nil, "%s: %v", v.Name, err)
		if err != nil && v.Expect.Has("value") {
			got, err = bencode.Parse(data, lenient)
			require.NoError(t, err, v.Name)
		}
		if err == nil {
			require.Empty(t, cmp.Diff(plain(v.Expect.Tree("value")), got.Any(), sameBig), v.Name)
		}
	}
}

// plain turns the notation of the vectors into what Any gives.
func plain(tree any) any {
	switch tree := tree.(type) {
	case []byte:
		return string(tree)
	case *big.Int:
		if tree.IsInt64() {
			return tree.Int64()
		}
		return tree
	case []any:
		l := list{}
		for _, item := range tree {
			l = append(l, plain(item))
		}
		return l
	case []vectors.Entry:
		d := dict{}
		for _, e := range tree {
			d[string(e.Key)] = plain(e.Value)
		}
		return d
	default:
		panic("no such notation")
	}
}

func TestSyntaxErrorSaysWhereWhatAndWhichRule(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", `bencode: offset 0: input ends where an element should begin (BEP03-BENC-001)`},
		{"li1e-", `bencode: offset 4: no element begins with '-' (BEP03-BENC-001)`},
		{"l4:spa", `bencode: offset 1: string is longer than the input (BEP03-BENC-012)`},
		{"l1x", `bencode: offset 2: string length is not followed by a colon (BEP03-BENC-001)`},
		{"li-0e", `bencode: offset 2: integer is negative zero (BEP03-BENC-003)`},
		{"li-03e", `bencode: offset 3: integer has a leading zero (BEP03-BENC-004)`},
		{"li3xe", `bencode: offset 3: 'x' within an integer (BEP03-BENC-002)`},
		{"l0:", `bencode: offset 3: input ends within a list (BEP03-BENC-005)`},
		{"d1:be", `bencode: offset 4: key "b" has no value (BEP03-BENC-006)`},
		{"d1:b0:1:a0:e", `bencode: offset 6: key "a" is out of order (BEP03-BENC-008)`},
		{"d1:b0:1:b0:e", `bencode: offset 6: key "b" is repeated (BEP03-BENC-009)`},
		{"de\n", `bencode: offset 2: bytes follow the element (BEP03-BENC-013)`},
		{"d40:" + strings.Repeat("k", 40) + "e",
			`bencode: offset 44: key "` + strings.Repeat("k", 32) + `" has no value (BEP03-BENC-006)`},
	} {
		_, err := bencode.Parse([]byte(c.in), bencode.Options{})
		require.EqualError(t, err, c.want)
		require.True(t, errors.As(err, new(*bencode.SyntaxError)))
	}
	_, err := bencode.Parse([]byte("d1:b0:1:a0:1:c0:1:b0:1:c0:e"), bencode.Options{Lenient: true})
	require.EqualError(t, err, `bencode: offset 16: key "b" is repeated (BEP03-BENC-009)`)
}
