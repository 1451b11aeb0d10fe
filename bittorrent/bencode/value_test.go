package bencode_test

import (
	"crypto/sha1"
	"encoding/hex"
	"math/big"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

var (
	strict  = bencode.Options{}
	lenient = bencode.Options{Lenient: true}
)

// findNode is the find_node query of BEP 5.
const findNode = "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e" +
	"1:q9:find_node1:t2:aa1:y1:qe"

func mustParse(t testing.TB, in string, opt bencode.Options) bencode.Value {
	t.Helper()
	v, err := bencode.Parse([]byte(in), opt)
	require.NoError(t, err, "%.200q", in)
	return v
}

func TestAccessorsAnswerOnlyTheirKind(t *testing.T) {
	for _, c := range []struct {
		in   string
		kind bencode.Kind
		len  int
	}{
		{"", bencode.Invalid, 0},
		{"i42e", bencode.Integer, 0},
		{"3:abc", bencode.String, 3},
		{"l1:a1:be", bencode.List, 2},
		{"d1:ai1e1:bi2e1:cdee", bencode.Dict, 3},
	} {
		var v bencode.Value
		if c.in != "" {
			v = mustParse(t, c.in, strict)
		}
		require.Equal(t, c.kind, v.Kind())
		require.Equal(t, c.len, v.Len(), c.kind)
		require.Equal(t, c.in, string(v.Raw()))
		_, isString := v.Bytes()
		require.Equal(t, c.kind == bencode.String, isString, c.kind)
		_, isInt := v.Int64()
		require.Equal(t, c.kind == bencode.Integer, isInt, c.kind)
		_, isBig := v.BigInt()
		require.Equal(t, c.kind == bencode.Integer, isBig, c.kind)
		_, isDict := v.Get("a")
		require.Equal(t, c.kind == bencode.Dict, isDict, c.kind)
		items, entries := 0, 0
		for range v.Items() {
			items++
		}
		for range v.Entries() {
			entries++
		}
		require.Equal(t, c.kind == bencode.List, items > 0, c.kind)
		require.Equal(t, c.kind == bencode.Dict, entries > 0, c.kind)
	}
}

func TestKindNames(t *testing.T) {
	want := []string{"invalid", "integer", "string", "list", "dictionary", "invalid"}
	for k, name := range want {
		require.Equal(t, name, bencode.Kind(k).String())
	}
}

func TestGetDescendsAndMisses(t *testing.T) {
	v := mustParse(t, findNode, strict)
	args, ok := v.Get("a")
	require.True(t, ok)
	target, ok := args.Get("target")
	require.True(t, ok)
	s, ok := target.Bytes()
	require.True(t, ok)
	require.Equal(t, "mnopqrstuvwxyz123456", string(s))

	absent, ok := v.Get("r") // a chain through an absent value stays absent
	require.False(t, ok)
	absent, ok = absent.Get("id")
	require.False(t, ok)
	_, ok = absent.Bytes()
	require.False(t, ok)
	_, ok = v.Get("id") // nested keys are not the dictionary's own
	require.False(t, ok)
}

func TestIteratorsStop(t *testing.T) {
	var seen []string
	for item := range mustParse(t, "l1:a1:b1:ce", strict).Items() {
		seen = append(seen, string(item.Raw()))
		if len(seen) == 2 {
			break
		}
	}
	for key, value := range mustParse(t, "d1:ai1e1:bi2e1:ci3ee", strict).Entries() {
		seen = append(seen, string(key), string(value.Raw()))
		if len(seen) == 6 {
			break
		}
	}
	require.Equal(t, []string{"1:a", "1:b", "a", "i1e", "b", "i2e"}, seen)
}

func TestEntriesKeepWireOrder(t *testing.T) {
	var keys []string
	for key := range mustParse(t, "d1:c0:1:a0:1:b0:e", lenient).Entries() {
		keys = append(keys, string(key))
	}
	require.Equal(t, []string{"c", "a", "b"}, keys)
}

// Appending to a borrowed slice must not write into the neighbouring bytes.
func TestBorrowedSlicesDoNotReachBeyondTheirSpan(t *testing.T) {
	in := []byte("d1:a1:x1:b1:ye")
	v, err := bencode.Parse(in, strict)
	require.NoError(t, err)
	a, _ := v.Get("a")
	s, _ := a.Bytes()
	_ = append(s, '!')
	_ = append(a.Raw(), '!')
	for key := range v.Entries() {
		_ = append(key, '!')
	}
	require.Equal(t, "d1:a1:x1:b1:ye", string(in))
}

func TestInt64AtItsEdges(t *testing.T) {
	// BEP03-BENC-002
	for _, c := range []struct {
		digits string
		fits   bool
	}{
		{"0", true}, {"-1", true},
		{"9223372036854775807", true}, {"9223372036854775808", false},
		{"-9223372036854775808", true}, {"-9223372036854775809", false},
		{"9223372036854775809", false}, {"9223372036854775810", false},
		{"18446744073709551616", false}, {"92233720368547758070", false},
		{"100000000000000000000000000", false},
		{"0009223372036854775807", true}, {"-0009223372036854775808", true},
	} {
		v := mustParse(t, "i"+c.digits+"e", lenient)
		n, ok := v.Int64()
		require.Equal(t, c.fits, ok, c.digits)
		want, _ := new(big.Int).SetString(c.digits, 10)
		if c.fits {
			require.Equal(t, want.Int64(), n)
		}
		got, ok := v.BigInt()
		require.True(t, ok)
		require.Zero(t, want.Cmp(got), c.digits)
	}
}

func TestParsePrefixLeavesTheRest(t *testing.T) {
	// A BEP 9 data message: a dictionary and then the piece itself.
	in := "d8:msg_typei1e5:piecei0e10:total_sizei3eexyz"
	for _, opt := range []bencode.Options{strict, lenient} {
		v, rest, err := bencode.ParsePrefix([]byte(in), opt)
		require.NoError(t, err)
		require.Equal(t, "xyz", string(rest))
		require.Equal(t, in[:len(in)-3], string(v.Raw()))
	}
}

// The hash covers the bytes as received, not a re-encoding: an unsorted info
// dictionary with a leading zero and a negative zero keeps its own hash.
func TestInfoHashIsOfTheRawSpan(t *testing.T) {
	info := "d6:lengthi-0e4:name03:odd12:piece lengthi016384e6:pieces0:3:agei1ee"
	in := "d8:announce3:url4:info" + info + "7:comment0:e"
	got, ok := mustParse(t, in, lenient).Get("info")
	require.True(t, ok)
	sum := sha1.Sum(got.Raw())
	require.Equal(t, "a5709ecf4c34f64b56f529fc9c798761363d8bca", hex.EncodeToString(sum[:]))
	require.Equal(t, info, string(got.Raw()))

	canonical := bencode.MustAppend(nil, got.Any())
	require.NotEqual(t, info, string(canonical), "re-encoding would change the hash")
	require.Equal(t, info, string(bencode.MustAppend(nil, got)), "splicing must not")
}

func TestNoAllocation(t *testing.T) {
	query := []byte(findNode)
	torrent := torrentFile(1000)
	buf := make([]byte, 0, 256)
	tree := mustParse(t, findNode, strict).Any()
	for name, f := range map[string]func(){
		"find_node strict":  func() { readFindNode(query, strict) },
		"find_node lenient": func() { readFindNode(query, lenient) },
		"torrent": func() {
			v, _ := bencode.Parse(torrent, strict)
			info, _ := v.Get("info")
			files, _ := info.Get("files")
			for file := range files.Items() {
				for _, value := range file.Entries() {
					value.Int64()
				}
			}
			files.Len()
		},
		"append":      func() { appendFindNode(buf) },
		"append tree": func() { bencode.MustAppend(buf, tree) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

// readFindNode reads what a node reads of a find_node query.
func readFindNode(b []byte, opt bencode.Options) (id, target []byte, ok bool) {
	v, err := bencode.Parse(b, opt)
	if err != nil {
		return nil, nil, false
	}
	args, _ := v.Get("a")
	idValue, _ := args.Get("id")
	targetValue, _ := args.Get("target")
	id, _ = idValue.Bytes()
	target, ok = targetValue.Bytes()
	return id, target, ok && len(id) == 20
}

// appendFindNode writes the query of BEP 5 as a node does.
func appendFindNode(b []byte) []byte {
	b = append(b, "d1:ad2:id"...)
	b = bencode.AppendString(b, "abcdefghij0123456789")
	b = append(b, "6:target"...)
	b = bencode.AppendString(b, "mnopqrstuvwxyz123456")
	b = append(b, "e1:q9:find_node1:t"...)
	b = bencode.AppendString(b, "aa")
	return append(b, "1:y1:qe"...)
}

func TestAppendFindNode(t *testing.T) {
	require.Equal(t, findNode, string(appendFindNode(nil)))
}

// torrentFile is the metainfo of a torrent with many files.
func torrentFile(files int) []byte {
	list := []any{}
	for i := range files {
		list = append(list, map[string]any{
			"length": int64(i) * 12345,
			"path":   []string{"season " + strconv.Itoa(i/10), "episode " + strconv.Itoa(i) + ".mkv"},
		})
	}
	return bencode.MustAppend(nil, map[string]any{
		"announce":      "http://tracker.example.org:6969/announce",
		"announce-list": []any{[]string{"http://tracker.example.org:6969/announce"}},
		"creation date": 1_700_000_000,
		"info": map[string]any{
			"files":        list,
			"name":         "a show",
			"piece length": 1 << 20,
			"pieces":       make([]byte, 20*files),
		},
	})
}
