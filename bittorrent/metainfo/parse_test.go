package metainfo_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

type dict = map[string]any

// torrentOf is a torrent around an info dictionary of one file of one byte,
// with changes to both; a nil value removes its key.
func torrentOf(top, info dict) []byte {
	inner := dict{"length": 1, "name": "f", "piece length": block, "pieces": strings.Repeat("x", 20)}
	outer := dict{"announce": "http://t.example/a"}
	for key, value := range info {
		change(inner, key, value)
	}
	outer["info"] = inner
	for key, value := range top {
		change(outer, key, value)
	}
	return bencode.MustAppend(nil, outer)
}

func change(d dict, key string, value any) {
	if d[key] = value; value == nil {
		delete(d, key)
	}
}

// listed is the change that makes a folder of files with one piece.
func listed(files ...any) dict { return dict{"length": nil, "files": files} }

// An error is a sentence that names the key, what is wrong and the rule.
func TestErrorsNameTheKeyAndTheRule(t *testing.T) {
	file := func(path ...any) dict { return dict{"length": 1, "path": path} }
	for _, c := range []struct {
		torrent []byte
		want    string
	}{
		{[]byte("i1e"), `the torrent: it must be a dictionary, found: integer; BEP03-META-001`},
		{[]byte("d1:a0:e "), `byte 7: bytes follow the element; BEP03-BENC-013`},
		{torrentOf(dict{"info": nil}, nil), `info: the key is missing; it must be a dictionary; BEP03-META-009`},
		{torrentOf(nil, dict{"name": ".."}), `info.name: ".." leads to another folder; BEP03-META-013`},
		{torrentOf(nil, listed(file("a", "b/c"))),
			`info.files[0].path[1]: "b/c" contains a separator; BEP03-META-013`},
		{torrentOf(nil, listed(dict{"length": 0, "path": []any{"a"}}, dict{"length": -1, "path": []any{"b"}})),
			`info.files[1].length: -1 is negative; BEP03-META-011`},
		{torrentOf(nil, listed(file())), `info.files[0].path: the list is empty; BEP03-META-012`},
		{torrentOf(nil, listed(file("a"), file("a"))),
			`info: file 1 has the path of file 0, "a"; BEP03-META-013`},
		{torrentOf(nil, listed(file("a", "b"), file("a"))),
			`info: file 0 lies in file 1, "a", which is no folder; BEP03-META-013`},
		{torrentOf(nil, dict{"pieces": "x"}), `info.pieces: 1 bytes are no multiple of 20; BEP03-META-010`},
		{torrentOf(nil, dict{"meta version": 3}), `info.meta version: only version 2 is known, not "i3e"; BEP52-META-005`},
		{torrentOf(dict{"announce-list": []any{[]any{}, []any{5}}}, nil),
			`announce-list[1][0]: it must be a string, found: integer; BEP12-MULTI-002`},
		{torrentOf(dict{"nodes": []any{[]any{"h", 0}}}, nil),
			`nodes[0]: it must be a list of a host and a port from 1 to 65535; BEP05-META-001`},
		{torrentOf(nil, dict{"private": 2}), `info.private: it must be the integer 1 or 0, not "i2e"; BEP27-PRIV-001`},
		{torrentOf(nil, listed(dict{"attr": "l", "length": 1, "path": []any{"a"}, "symlink path": []any{"b"}})),
			`info.files[0].length: a symbolic link has no length, but this is 1; BEP47-PAD-004`},
		{treeOf(dict{"d": dict{"..": dict{}}}), `info.file tree.d: ".." leads to another folder; BEP52-META-007`},
		{treeOf(dict{"": dict{}, "a": leaf(1)}), `info.file tree: the root is no file; BEP52-META-004`},
		{treeOf(dict{"a": dict{"": dict{"attr": "p", "length": 1}}}),
			`info.file tree.a: a file tree has no padding files; BEP52-META-009`},
		{treeOf(dict{"a": dict{"": dict{"length": 0, "pieces root": strings.Repeat("r", 32)}}}),
			`info.file tree.a.pieces root: an empty file has no root; BEP52-META-004`},
		{torrentOf(nil, dict{"length": nil, "meta version": 2, "file tree": dict{"a": leaf(1), "b": link("a")},
			"files": []any{file("a"), dict{"attr": "l", "path": []any{"b"}, "symlink path": []any{"c"}}}}),
			`info: ["b"] is another symbolic link in version 2; BEP52-META-009`},
	} {
		_, err := metainfo.Parse(c.torrent, metainfo.Options{})
		require.EqualError(t, err, "metainfo: "+c.want)
	}
}

// BEP12-MULTI-001 BEP12-MULTI-005 BEP19-WEB-001
func TestURLsAreTrimmedAndEmptyOnesDropped(t *testing.T) {
	tor, err := metainfo.Parse(torrentOf(dict{
		"announce": "\thttp://a.example/\n", "url-list": []any{" http://w.example/ ", " "},
		"announce-list": []any{[]any{" udp://b.example:1 ", ""}, []any{"  "}},
	}, nil), metainfo.Options{})
	require.NoError(t, err)
	require.Equal(t, "http://a.example/", tor.Announce)
	require.Equal(t, [][]string{{"udp://b.example:1"}}, tor.Trackers())
	require.Equal(t, []string{"http://w.example/"}, tor.URLList)
	tor.AnnounceList = nil
	require.Equal(t, [][]string{{"http://a.example/"}}, tor.Trackers())
}

// treeOf is a torrent of version 2 alone.
func treeOf(tree any) []byte {
	return torrentOf(nil, dict{"length": nil, "meta version": 2, "pieces": nil, "file tree": tree})
}

// leaf is a file of a tree.
func leaf(length int64) dict {
	return dict{"": dict{"length": length, "pieces root": strings.Repeat("r", 32)}}
}

// link is a symbolic link of a tree.
func link(target string) dict { return dict{"": dict{"attr": "l", "symlink path": []any{target}}} }

// What lenient mode takes, and how it reads it.
func TestLenientReading(t *testing.T) {
	lenient := metainfo.Options{Lenient: true}
	read := func(b []byte) *metainfo.Torrent {
		t.Helper()
		_, err := metainfo.Parse(b, metainfo.Options{})
		require.Error(t, err, "strict mode")
		tor, err := metainfo.Parse(b, lenient)
		require.NoError(t, err)
		return tor
	}
	file := func(path ...any) dict { return dict{"length": 1, "path": path} }
	names := read(torrentOf(nil, listed(file("..", "a/b"), file("", "c\x00"), file("d\\e")))).Info.Files
	require.Equal(t, [][]string{{"_", "a_b"}, {"_", "c_"}, {"d_e"}},
		[][]string{names[0].Path, names[1].Path, names[2].Path})
	require.Equal(t, "_", read(torrentOf(nil, dict{"name": "."})).Info.Name)
	for _, flag := range []any{2, "1", "", []any{}} { // BEP27-PRIV-001
		require.True(t, read(torrentOf(nil, dict{"private": flag})).Info.Private, "%v", flag)
	}
	tor := read(torrentOf(dict{"announce": 5, "announce-list": "x", "creation date": "x", "nodes": 5, "url-list": 5}, nil))
	require.Empty(t, tor.Trackers())
	require.Zero(t, tor.CreationDate)
	_, err := metainfo.Parse(torrentOf(nil, listed(file("a/b"), file("a\\b"))), lenient)
	require.ErrorContains(t, err, "file 1 has the path of file 0", "renaming makes no two files one")
}

// v2Of makes a torrent of version 2 of zeros.
func v2Of(t *testing.T, pieces ...int64) []byte {
	t.Helper()
	p := metainfo.Plan{Version: metainfo.V2, Name: "n", Folder: true, PieceLength: block}
	for i, n := range pieces {
		p.Files = append(p.Files, metainfo.File{Path: []string{string(rune('a' + i))}, Length: n * block})
	}
	b, err := p.Make(zeros)
	require.NoError(t, err)
	return b
}

// After a magnet link the piece layers come from peers. BEP52-META-006
func TestPieceLayersAreLearned(t *testing.T) {
	whole, err := metainfo.Parse(v2Of(t, 3, 1, 3, 5), metainfo.Options{})
	require.NoError(t, err)
	in, err := metainfo.ParseInfo(whole.Info.Raw(), metainfo.Options{})
	require.NoError(t, err)
	require.Equal(t, whole.Info.InfoHashV2, in.InfoHashV2)
	require.True(t, in.LacksLayers())
	piece := make([]byte, block)
	verified := func(in *metainfo.Info) (list []int) {
		for i := range in.Pieces() {
			if in.VerifyPiece(i, piece) {
				list = append(list, i)
			}
		}
		return list
	}
	require.Equal(t, []int{3}, verified(in), "a file of one piece needs no layer")

	root, layer := in.Files[0].PiecesRoot, whole.Info.PieceLayer(0)
	_, err = in.WithPieceLayer(root, layer[32:])
	require.ErrorContains(t, err, "64 bytes, but 3 pieces have 96")
	wrong := append([]byte{^layer[0]}, layer[1:]...)
	_, err = in.WithPieceLayer(root, wrong)
	require.ErrorContains(t, err, "the hashes do not lead to the root")
	_, err = in.WithPieceLayer(in.Files[1].PiecesRoot, layer[:32])
	require.ErrorContains(t, err, "no file of more than one piece has this root")

	more, err := in.WithPieceLayer(root, layer)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, verified(more), "two files share the root")
	require.True(t, more.LacksLayers())
	require.Equal(t, []int{3}, verified(in), "the other is as it was")
	all, err := more.WithPieceLayer(in.Files[3].PiecesRoot, whole.Info.PieceLayer(3))
	require.NoError(t, err)
	require.False(t, all.LacksLayers())
	require.Len(t, verified(all), 12)
}

// BEP52-PEER-011
func TestVersion2PiecesEndWithTheirFile(t *testing.T) {
	p := metainfo.Plan{Version: metainfo.V2, Name: "n", Folder: true, PieceLength: 2 * block, Files: []metainfo.File{
		{Path: []string{"a"}, Length: 5}, {Path: []string{"b"}}, {Path: []string{"c"}, Length: 2*block + 7},
		{Path: []string{"d"}},
	}}
	b, err := p.Make(zeros)
	require.NoError(t, err)
	tor, err := metainfo.Parse(b, metainfo.Options{})
	require.NoError(t, err)
	in := tor.Info
	require.Equal(t, 3, in.Pieces())
	require.EqualValues(t, []int64{5, 2 * block, 7}, []int64{in.PieceSize(0), in.PieceSize(1), in.PieceSize(2)})
	require.Equal(t, []int{0, 2, 2}, []int{in.PieceFile(0), in.PieceFile(1), in.PieceFile(2)})
	require.EqualValues(t, 4*block+7, in.TotalLength())
	require.EqualValues(t, 2*block+12, in.ContentLength())
	require.Equal(t, []string{"n", "c"}, in.FilePath(2))
	hash := in.Hash20()
	require.Equal(t, in.InfoHashV2[:20], hash[:])
	_, ok := in.PieceHash(0)
	require.False(t, ok)
}

// Each limit holds where it is stated, and costs no more than the input.
func TestLimits(t *testing.T) {
	many := func(n int, item string) bencode.Raw { return bencode.Raw("l" + strings.Repeat(item, n) + "e") }
	long := strings.Repeat("x", metainfo.MaxPathBytes)
	tooMany := many(metainfo.MaxFiles+1, "d6:lengthi0e4:pathl1:aee")
	for want, b := range map[string][]byte{
		"more than 250000 files":             torrentOf(nil, dict{"length": nil, "files": tooMany}),
		"exceeds the limit of 4096 b":        torrentOf(nil, listed(dict{"length": 1, "path": []any{long}})),
		"a path exceeds the limit of 4096 b": treeOf(dict{long[1:]: dict{"a": leaf(1)}}),
		"tree: the lengths exceed the limit": treeOf(dict{"a": leaf(metainfo.MaxLength), "b": leaf(1)}),
		"tree: more than 250000 files": treeOf(bencode.Raw("d" +
			numbered(metainfo.MaxFiles+1, "6:%06dd0:d6:lengthi0eee") + "e")),
		"the limit of 536870912": torrentOf(nil, dict{"piece length": metainfo.MaxPieceLength + 1}),
		"the limit of 281474976710656": torrentOf(nil, listed(dict{"length": int64(metainfo.MaxLength), "path": []any{"a"}},
			dict{"length": 1, "path": []any{"b"}})),
		"exceed the limit of 2097152 pieces": torrentOf(nil, dict{"length": int64(block*metainfo.MaxPieces + 1)}),
		"more than 10000 tiers":              torrentOf(dict{"announce-list": many(metainfo.MaxURLs+1, "le")}, nil),
		"more than 10000 entries":            torrentOf(dict{"url-list": many(metainfo.MaxURLs+1, "0:")}, nil),
		"nesting exceeds 100 levels": torrentOf(nil, dict{"meta version": 2, "file tree": bencode.Raw(
			strings.Repeat("d1:a", 200) + "de" + strings.Repeat("e", 200))}),
	} {
		began := time.Now()
		_, err := metainfo.Parse(b, metainfo.Options{})
		require.ErrorContains(t, err, want)
		require.Less(t, time.Since(began), 5*time.Second, want)
		require.Less(t, len(err.Error()), 300)
	}
	largest := int64(block * metainfo.MaxPieces)
	in, err := metainfo.ParseInfo(bencode.MustAppend(nil, dict{
		"meta version": 2, "name": "f", "piece length": block,
		"file tree": dict{"f": dict{"": dict{"length": largest, "pieces root": strings.Repeat("r", 32)}}},
	}), metainfo.Options{})
	require.NoError(t, err)
	require.Equal(t, metainfo.MaxPieces, in.Pieces())
}

// numbered is n items with their numbers.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// A megabyte of the worst that can be thought of is read or refused quickly.
func TestHostileTorrentsAreReadQuickly(t *testing.T) {
	const n = 30_000
	var descending, unsorted strings.Builder
	for i := range n {
		fmt.Fprintf(&descending, "d6:lengthi1e4:pathl6:%06dee", n-i)
		fmt.Fprintf(&unsorted, "6:%06d0:", n-i)
	}
	var links strings.Builder
	for i := range n {
		fmt.Fprintf(&links, "d4:attr1:l6:lengthi0e4:pathl1:x6:%06de12:symlink pathl6:%06dee", i, n-i)
	}
	pieces := strings.Repeat("x", 20*(n/block+1))
	for name, b := range map[string][]byte{
		"descending paths": torrentOf(nil, dict{"length": nil, "pieces": pieces,
			"files": bencode.Raw("l" + descending.String() + "e")}),
		"unsorted layers": torrentOf(dict{"piece layers": bencode.Raw("d" + unsorted.String() + "e")}, nil),
		"links": torrentOf(nil, dict{"length": nil,
			"files": bencode.Raw("ld6:lengthi1e4:pathl1:aee" + links.String() + "e")}),
	} {
		began := time.Now()
		tor, err := metainfo.Parse(b, metainfo.Options{Lenient: true})
		require.NoError(t, err, name)
		tor.Lint()
		require.Less(t, time.Since(began), 5*time.Second, name)
	}
}

func TestLint(t *testing.T) {
	file := func(length int, path ...any) dict { return dict{"length": length, "path": path} }
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{torrentOf(nil, dict{"piece length": 20000}),
			`info.piece length: 20000 is no power of two; BEP03-META-008`},
		{torrentOf(nil, dict{"name": "\xff"}),
			`info.name: "\xff" is not UTF-8; BEP03-META-002`},
		{torrentOf(nil, listed(file(1, "aux.tar.gz"))),
			`file 0: "aux.tar.gz" is a device of Windows; BEP52-META-007`},
		{torrentOf(nil, listed(file(1, "Com7"))),
			`file 0: "Com7" is a device of Windows; BEP52-META-007`},
		{torrentOf(nil, listed(file(1, "a:b"))),
			`file 0: "a:b" has a character that Windows reserves; BEP52-META-007`},
		{torrentOf(nil, listed(file(1, "a."))),
			`file 0: "a." ends in a dot or a blank, which Windows drops; BEP52-META-007`},
		{torrentOf(nil, listed(file(1, "A"), file(1, "a"))),
			`info: where case does not count, file 1 has the path of file 0, "a"; BEP52-META-007`},
		{torrentOf(dict{"announce": nil}, dict{"private": 1}),
			`announce: a private torrent has no tracker; BEP27-PRIV-002`},
		{torrentOf(nil, listed(file(1, "a"), dict{"attr": "p", "length": 7})),
			`file 1: 7 bytes of padding from byte 1 do not fill a piece; BEP47-PAD-005`},
		{torrentOf(nil, listed(file(1, "a"), dict{"attr": "p", "length": block - 1})), ""},
		{torrentOf(nil, dict{"length": nil, "pieces": strings.Repeat("x", 40),
			"files": []any{file(block, "a"), dict{"attr": "p", "length": block}}}),
			`file 1: 16384 bytes of padding from byte 16384 do not fill a piece; BEP47-PAD-005`},
		{torrentOf(nil, listed(file(1, "a"), dict{"attr": "l", "path": []any{"b"}, "symlink path": []any{"x"}})),
			`file 1: the link's target ["x"] is not in the torrent; BEP47-PAD-004`},
		{torrentOf(nil, listed(file(1, strings.Repeat("x", 256)))),
			`file 0: "` + strings.Repeat("x", 40) + `" has more than 255 bytes; BEP52-META-007`},
	} {
		tor, err := metainfo.Parse(c.b, metainfo.Options{})
		require.NoError(t, err, c.want)
		findings := tor.Lint()
		if c.want == "" {
			require.Empty(t, findings)
			continue
		}
		require.Len(t, findings, 1, "%s: %v", c.want, findings)
		require.EqualError(t, &findings[0], "metainfo: "+c.want)
	}
	tor, err := metainfo.Parse(torrentOf(nil, listed(file(1, "sub", "a"),
		dict{"attr": "l", "path": []any{"b"}, "symlink path": []any{"sub"}})), metainfo.Options{})
	require.NoError(t, err)
	require.Empty(t, tor.Lint(), "a link to a folder")
}

// BEP09-MAGNET-001 BEP09-MAGNET-002 BEP09-MAGNET-003 BEP09-MAGNET-004 BEP53-SO-001 BEP53-SO-002
func TestMagnetLinksAreWrittenInOneForm(t *testing.T) {
	m, err := metainfo.ParseMagnet("MAGNET:?DN=a+b%2Bc&tr.1=http%3a%2f%2ft.example%2fa%3fk%3d1&so=4,1-2,3&xl=7" +
		"&x.pe=[::1]:1&ws=http://w.example/&xt.2=URN:BTIH:MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC&as=ignored&dn=a+b%2Bc")
	require.NoError(t, err)
	const want = "magnet:?xt=urn:btih:" + "6162616261626162616261626162616261626162" +
		"&dn=a%20b%2Bc&xl=7&tr=http://t.example/a%3Fk%3D1&ws=http://w.example/&x.pe=%5B::1%5D:1&so=1-4"
	require.Equal(t, want, m.String())
	for _, broken := range []string{"&dn=50%", "&dn=50%2", "&dn=50%2x"} {
		m, err := metainfo.ParseMagnet(want[:60] + broken)
		require.NoError(t, err, "what is none of the hash is ignored")
		require.Empty(t, m.Name, broken)
	}
	require.True(t, m.Selects(4))
	require.False(t, m.Selects(5))
	require.True(t, (&metainfo.Magnet{}).Selects(5))

	other := hex.EncodeToString(make([]byte, 20))
	v2 := func(digits string) string { return "xt=urn:btmh:1220" + strings.Repeat(digits, 32) }
	for _, c := range [][2]string{
		{want + "&xt=urn:btih:" + other, "the second info-hash of version 1"},
		{"magnet:?" + v2("aa") + "&" + v2("bb"), "the second info-hash of version 2"},
		{want + "&dn=" + strings.Repeat("x", metainfo.MaxMagnet), "exceed the limit of 65536"},
		{"magnet:?xt=urn:btih:" + strings.Repeat("\u0131", 16), "neither 40 hexadecimal digits nor 32 of base32"},
		{"torrent", "does not begin with magnet:?"},
	} {
		_, err := metainfo.ParseMagnet(c[0])
		require.ErrorContains(t, err, c[1])
	}
}
