package metainfo_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

const block = metainfo.BlockSize

// zeros reads as nothing but zeros, as the content of libtorrent's samples.
func zeros(_ int, _ int64, b []byte) error {
	clear(b)
	return nil
}

// The torrents of libtorrent's test_torrents, made again of their content.
// BEP52-META-001 BEP52-META-002 BEP52-META-003 BEP52-META-008 BEP03-META-014
func TestMadeTorrentsHaveThePublishedHashes(t *testing.T) {
	one := func(version metainfo.Version, name string, length int64) metainfo.Plan {
		return metainfo.Plan{
			Version: version, Name: name, PieceLength: 64 << 10,
			Files: []metainfo.File{{Path: []string{name}, Length: length}},
		}
	}
	for _, c := range []struct {
		plan         metainfo.Plan
		v1, v2, root string
	}{
		{one(metainfo.Hybrid, "test64K", 64<<10), "c14199bbec64d0e9e439aa3b6b7639e666b86eca",
			"597b180c1a170a585dfc5e85d834d69013ceda174b8f357d5bb1a0ca509faf0a",
			"60aae9c7b428f87e0713e88229e18f0adf12cd7b22a0dd8a92bb2485eb7af242"},
		{one(metainfo.Hybrid, "test1MB", 1<<20), "6c68c1bcc24c65b6fef4724d8234b67e0e9ac6a4",
			"108ac2c3718ce722e6896edc56c4afa98f1d711ecaace7aad74fca418ebd03de",
			"515ea9181744b817744ded9d2e8e9dc6a8450c0b0c52e24b5077f302ffbd9008"},
		{one(metainfo.V2, "test1MB", 1<<20), "",
			"95e04d0c4bad94ab206efa884666fd89777dbe4f7bd9945af1829037a85c6192",
			"515ea9181744b817744ded9d2e8e9dc6a8450c0b0c52e24b5077f302ffbd9008"},
	} {
		b, err := c.plan.Make(zeros)
		require.NoError(t, err)
		tor, err := metainfo.Parse(b, metainfo.Options{})
		require.NoError(t, err)
		in := tor.Info
		if c.v1 != "" {
			require.Equal(t, c.v1, hex.EncodeToString(in.InfoHash[:]))
		}
		require.Equal(t, c.v2, hex.EncodeToString(in.InfoHashV2[:]))
		require.Equal(t, c.root, hex.EncodeToString(in.Files[0].PiecesRoot[:]))
	}
}

// drawPlan draws a plan with its content.
func drawPlan(t *rapid.T) (metainfo.Plan, [][]byte) {
	p := metainfo.Plan{
		Version: rapid.SampledFrom([]metainfo.Version{metainfo.V1, metainfo.V2, metainfo.Hybrid}).Draw(t, "version"),
		Name:    "name", Folder: rapid.Bool().Draw(t, "folder"),
		PieceLength: block << rapid.IntRange(0, 2).Draw(t, "piece length"),
		Private:     rapid.Bool().Draw(t, "private"), Announce: "http://t.example/a", Comment: "c", CreatedBy: "p",
		AnnounceList: [][]string{{"http://t.example/a", "udp://t.example:1"}, {"udp://u.example:1"}},
		URLList:      []string{"http://w.example/"}, CreationDate: 1700000000,
		Nodes: []metainfo.HostPort{{Host: "n.example", Port: 6881}},
	}
	names := []string{"a", "b", "a.b", "c/d", "c/e/f", "c/e/g", "z"}
	if !p.Folder {
		names = []string{"name"}
	}
	var contents [][]byte
	for _, name := range names {
		if p.Folder && name != "a" && rapid.Bool().Draw(t, "leave out "+name) {
			continue
		}
		length := rapid.SampledFrom([]int{1, 0, 5, block - 1, block, block + 1, 3*block + 7, 9 * block}).Draw(t, name)
		if name == "a" || !p.Folder {
			length = max(1, length) // a torrent has some content
		}
		p.Files = append(p.Files, metainfo.File{
			Path: strings.Split(name, "/"), Length: int64(length),
			Executable: rapid.Bool().Draw(t, "x"), Hidden: rapid.Bool().Draw(t, "h"),
		})
		contents = append(contents, pattern(length, len(contents)+1))
	}
	order := slices.Clone(p.Files)
	metainfo.SortFiles(order)
	sorted := make([][]byte, len(order))
	for i, f := range p.Files {
		at := slices.IndexFunc(order, func(g metainfo.File) bool { return slices.Equal(f.Path, g.Path) })
		sorted[at] = contents[i]
	}
	p.Files = order
	return p, sorted
}

// What is made is canonical, says what the plan says, and its pieces are those
// of the content and of nothing else. BEP03-META-007 BEP52-META-010
// BEP52-META-011 BEP47-PAD-005 BEP27-PRIV-001 BEP03-BENC-008
func TestMadeTorrentsDescribeTheirContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, contents := drawPlan(t)
		b, err := p.Make(reading(contents))
		require.NoError(t, err)
		v, err := bencode.Parse(b, bencode.Options{})
		require.NoError(t, err)
		require.Equal(t, b, bencode.MustAppend(nil, v.Any()), "canonical")
		tor, err := metainfo.Parse(b, metainfo.Options{})
		require.NoError(t, err)
		require.Empty(t, tor.Lint())
		require.Equal(t, p.AnnounceList, tor.AnnounceList)
		require.Equal(t, p.URLList, tor.URLList)
		require.Equal(t, p.Nodes, tor.Nodes)
		require.Equal(t, p.CreationDate, tor.CreationDate)
		require.Equal(t, []string{p.Announce, p.Comment, p.CreatedBy},
			[]string{tor.Announce, tor.Comment, tor.CreatedBy})
		in := tor.Info
		require.Equal(t, p.Private, in.Private)
		require.False(t, in.LacksLayers())

		n := 0
		space := make([]byte, in.TotalLength())
		for _, f := range in.Files {
			if f.Pad {
				continue
			}
			require.Equal(t, p.Files[n].Path, f.Path)
			require.Equal(t, p.Files[n].Executable, f.Executable)
			require.Equal(t, p.Files[n].Hidden, f.Hidden)
			copy(space[f.Offset:], contents[n])
			n++
		}
		require.Len(t, p.Files, n)
		wrong := rapid.IntRange(0, in.Pieces()-1).Draw(t, "a piece")
		for i := range in.Pieces() {
			piece := space[int64(i)*in.PieceLength:][:in.PieceSize(i)]
			require.True(t, in.VerifyPiece(i, piece))
			require.False(t, in.VerifyPiece(i, piece[1:]))
			if i == wrong {
				bad := bytes.Clone(piece)
				bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= 1
				require.False(t, in.VerifyPiece(i, bad))
			}
		}
		require.False(t, in.VerifyPiece(in.Pieces(), nil))
		require.False(t, in.VerifyPiece(-1, nil))
	})
}

// Of a hybrid every piece must pass both hashes. BEP52-META-010
func TestHybridPiecesMustPassBothHashes(t *testing.T) {
	p := metainfo.Plan{Version: metainfo.Hybrid, Name: "f", Files: []metainfo.File{{Length: 5}}, PieceLength: block}
	good, err := p.Hash(reading([][]byte{[]byte("first")}))
	require.NoError(t, err)
	other, err := p.Hash(reading([][]byte{[]byte("other")}))
	require.NoError(t, err)
	for _, c := range []struct {
		h             metainfo.Hashes
		first, second bool
	}{
		{good, true, false},
		{metainfo.Hashes{Pieces: good.Pieces, Layers: other.Layers}, false, false},
		{metainfo.Hashes{Pieces: other.Pieces, Layers: good.Layers}, false, false},
	} {
		b, err := p.Encode(c.h)
		require.NoError(t, err)
		tor, err := metainfo.Parse(b, metainfo.Options{})
		require.NoError(t, err)
		hash := tor.Info.Hash20()
		require.Equal(t, tor.Info.InfoHash, hash, "the swarm of version 1 is older and larger")
		require.Equal(t, c.first, tor.Info.VerifyPiece(0, []byte("first")))
		require.Equal(t, c.second, tor.Info.VerifyPiece(0, []byte("other")))
	}
}

func TestPlansThatCannotBeMade(t *testing.T) {
	file := func(length int64, path ...string) metainfo.File { return metainfo.File{Path: path, Length: length} }
	two := func(a, b string) []metainfo.File { return []metainfo.File{file(1, a), file(1, b)} }
	good := metainfo.Plan{Version: metainfo.V1, Name: "n", Folder: true, Files: []metainfo.File{file(1, "a")}}
	for want, change := range map[string]func(*metainfo.Plan){
		"none of V1, V2 and Hybrid":        func(p *metainfo.Plan) { p.Version = 0 },
		"2 files need a folder":            func(p *metainfo.Plan) { p.Folder, p.Files = false, two("a", "b") },
		"negative or too large":            func(p *metainfo.Plan) { p.Files[0].Length = -1 },
		"not within 1 and":                 func(p *metainfo.Plan) { p.PieceLength = -1 },
		"no file has a single byte":        func(p *metainfo.Plan) { p.Files[0].Length = 0 },
		"file 0 has no path":               func(p *metainfo.Plan) { p.Files[0].Path = nil },
		"leads to another folder":          func(p *metainfo.Plan) { p.Files[0].Path = []string{".."} },
		"not in the order of a file tree":  func(p *metainfo.Plan) { p.Version, p.Files = metainfo.V2, two("b", "a") },
		"lies in file 0":                   func(p *metainfo.Plan) { p.Files = append(p.Files, file(1, "a", "b")) },
		"not a power of two of at least":   func(p *metainfo.Plan) { p.Version = metainfo.V2; p.PieceLength = 20000 },
		"exceed the limit of 2097152 piec": func(p *metainfo.Plan) { p.PieceLength = block; p.Files[0].Length = 1 << 40 },
	} {
		p := good
		p.Files = slices.Clone(good.Files)
		change(&p)
		_, err := p.Make(zeros)
		require.ErrorContains(t, err, want)
	}
	broken := errors.New("disk")
	_, err := good.Make(func(int, int64, []byte) error { return broken })
	require.ErrorIs(t, err, broken)
	_, err = good.Encode(metainfo.Hashes{Pieces: make([]byte, 40)})
	require.ErrorContains(t, err, "2 hashes")
	good.Version = metainfo.V2
	_, err = good.Encode(metainfo.Hashes{Layers: [][]byte{make([]byte, 31)}})
	require.ErrorContains(t, err, "has 31 bytes of hashes, but 1 pieces")
}

func TestDefaultPieceLength(t *testing.T) {
	for length, want := range map[int64]int64{
		0: block, 1: block, 100 << 20: 64 << 10, 4 << 30: 4 << 20, metainfo.MaxLength: 16 << 20,
	} {
		require.Equal(t, want, metainfo.DefaultPieceLength(length), "%d bytes", length)
	}
}
