package peers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	theirs "github.com/anacrolix/torrent/metainfo"

	ours "github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// FuzzTorrentHashAgrees: where both sides read a torrent, its info-hash of
// version 1 is the same.
func FuzzTorrentHashAgrees(f *testing.F) {
	file, err := vectors.Load("metainfo")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		if v.Input.Has("torrent") {
			f.Add(v.Input.Bytes("torrent"))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		mine, err := ours.Parse(b, ours.Options{Lenient: true})
		if err != nil || !mine.Info.HasV1 {
			return
		}
		other, err := loadTheirs(b)
		if err == nil && other.HashInfoBytes() != theirs.Hash(mine.Info.InfoHash) {
			t.Fatalf("%x, the other has %v", mine.Info.InfoHash, other.HashInfoBytes())
		}
	})
}

// loadTheirs turns the other parser's panics into errors: they are its own affair.
func loadTheirs(b []byte) (mi *theirs.MetaInfo, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return theirs.Load(bytes.NewReader(b))
}

// The torrents of libtorrent's announcement of version 2, which the other
// module keeps: what our maker makes of their files and hashes has their
// published info-hashes. BEP52-META-008
func TestReferenceTorrentsAreMadeAgain(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anacrolix/torrent").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		version  ours.Version
		v1, v2   string
		tailPads bool
	}{
		"bittorrent-v2-test.torrent": {ours.V2, strings.Repeat("0", 40),
			"caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e", true},
		"bittorrent-v2-hybrid-test.torrent": {ours.Hybrid, "631a31dd0a46257d5078c0dee4e66e26f73e42ac",
			"d8dd32ac93357c368556af3ac1d95c9d76bd0dff6fa9833ecdac3d53134efabb", false},
	} {
		b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		tor, err := ours.Parse(b, ours.Options{})
		if err != nil {
			t.Fatal(err)
		}
		in := tor.Info
		if fmt.Sprintf("%x", in.InfoHash) != c.v1 || fmt.Sprintf("%x", in.InfoHashV2) != c.v2 {
			t.Errorf("%s: %x %x", name, in.InfoHash, in.InfoHashV2)
		}
		made, err := again(tor, c.version)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Our maker pads the last file of a hybrid, as the reference maker of BEP 52
		// does and libtorrent did not yet.
		if same := bytes.Equal(made.Info.Raw(), in.Raw()); same != c.tailPads {
			t.Errorf("%s: made again, it is the same: %v", name, same)
		}
		for i, f := range in.Files {
			if g := made.Info.Files[i]; g.PiecesRoot != f.PiecesRoot || g.Offset != f.Offset {
				t.Errorf("%s: file %d differs", name, i)
			}
		}
	}
}

// again makes a torrent of the files and the hashes of another.
func again(tor *ours.Torrent, version ours.Version) (*ours.Torrent, error) {
	in := tor.Info
	p := &ours.Plan{Version: version, Name: in.Name, Folder: in.Folder, PieceLength: in.PieceLength}
	var h ours.Hashes
	for i := range in.Pieces() {
		if hash, ok := in.PieceHash(i); ok {
			h.Pieces = append(h.Pieces, hash[:]...)
		}
	}
	for i, f := range in.Files {
		if f.Pad {
			continue
		}
		p.Files = append(p.Files, f)
		layer := in.PieceLayer(i)
		if f.Length > 0 && f.Length <= in.PieceLength {
			layer = f.PiecesRoot[:]
		}
		h.Layers = append(h.Layers, layer)
	}
	b, err := p.Encode(h)
	if err != nil {
		return nil, err
	}
	return ours.Parse(b, ours.Options{})
}

// BenchmarkMetainfoParse reads a torrent with all its files and the info-hash.
func BenchmarkMetainfoParse(b *testing.B) {
	for _, files := range []int{1, 100, 10_000} {
		in := metainfoOf(files)
		b.Run(fmt.Sprintf("%d-files/p2pspec", files), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				t, err := ours.Parse(in, ours.Options{})
				if err != nil || len(t.Info.Files) != files {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d-files/anacrolix", files), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				mi, err := theirs.Load(bytes.NewReader(in))
				if err != nil {
					b.Fatal(err)
				}
				info, err := mi.UnmarshalInfo()
				if err != nil || len(info.Files) != files || mi.HashInfoBytes() == (theirs.Hash{}) {
					b.Fatal(err)
				}
			}
		})
	}
}

// metainfoOf is a torrent whose pieces fit its files.
func metainfoOf(files int) []byte {
	p := &ours.Plan{Version: ours.V1, Name: "a torrent", Folder: true, PieceLength: 1 << 18,
		Announce: "udp://tracker.example:6969/announce", CreationDate: 1700000000}
	for i := range files {
		p.Files = append(p.Files, ours.File{
			Path: []string{"folder", fmt.Sprintf("file-%05d.bin", i)}, Length: 1 << 20,
		})
	}
	b, err := p.Encode(ours.Hashes{Pieces: bytes.Repeat([]byte("01234567890123456789"), 4*files)})
	if err != nil {
		panic(err)
	}
	return b
}
