package metainfo

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"

	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// order is a torrent to be made: a vector's input, spelt out.
type order struct {
	v     vectors.Vector
	paths [][]string
	data  [][]byte
}

func orderOf(v vectors.Vector) order {
	o := order{v: v}
	list, _ := v.Input.Tree("data").([]any)
	for _, item := range list {
		file := item.([]any)
		var path []string
		for _, name := range file[0].([]any) {
			path = append(path, string(name.([]byte)))
		}
		o.paths = append(o.paths, path)
		o.data = append(o.data, pattern(file[1].(*big.Int).Int64(), file[2].(*big.Int).Int64()))
	}
	return o
}

// pattern is content as the field data of the vectors describes it.
func pattern(n, factor int64) []byte {
	b := make([]byte, n)
	for i := range n {
		b[i] = byte(factor * (7*i + 13*(i/256) + i/16384))
	}
	return b
}

// arguments are those of make_torrent.
func (o order) arguments() map[string]any {
	files := make([]any, len(o.paths))
	for i, path := range o.paths {
		files[i] = map[string]any{"path": path, "content": hex.EncodeToString(o.data[i])}
	}
	in := o.v.Input
	return map[string]any{
		"version": in.Text("version"), "name": in.Text("name"), "folder": in.Bool("folder"), "files": files,
		"piece_length": in.Int("piece_length"), "private": in.Bool("private"), "announce": in.Text("announce"),
	}
}

// makeAll has the target make the torrents of the vectors, and judges them.
func makeAll(t *T, own []vectors.Vector) {
	for _, v := range own {
		p, ok := begin(t, verbMake, orderOf(v).arguments())
		if !ok {
			t.Unsupportedf("the target makes no torrents")
		}
		r := end(t, p)
		switch text, told := r.fields["torrent"].(string); {
		case r.verdict == refused && v.Input.Text("version") != "v1":
			t.Unsupportedf("the target makes no torrents of version 2: %s", r.why)
		case r.verdict != read, !told:
			t.Mismatch(v.Name, r, "a torrent")
		default:
			if wrong := orderOf(v).inspect(text); wrong != "" {
				t.Notef("the torrent is %.2000s", text)
				t.Fail(conformance.Failure{Message: v.Name + ": " + wrong, Where: v.Name})
			}
		}
	}
	t.Earn()
	t.Observef("%d torrents are as they should be", len(own))
}

// inspect says what is wrong with a torrent that was made, or nothing.
func (o order) inspect(text string) string {
	b, err := hex.DecodeString(text)
	if err != nil {
		return "the torrent is not hexadecimal: " + err.Error()
	}
	tor, err := core.Parse(b, core.Options{})
	if err != nil {
		return err.Error()
	}
	in, want := tor.Info, o.v.Input
	version := want.Text("version")
	switch {
	case in.HasV1 != (version != "v2"), in.HasV2 != (version != "v1"):
		return "it is not of the version " + version
	case in.Name != want.Text("name"):
		return fmt.Sprintf("its name is %q", in.Name)
	case in.PieceLength != want.Int("piece_length"):
		return fmt.Sprintf("its piece length is %d", in.PieceLength)
	case in.Private != want.Bool("private"):
		return fmt.Sprintf("that it is private is %v", in.Private)
	case tor.Announce != want.Text("announce") && len(tor.AnnounceList) == 0:
		return fmt.Sprintf("its tracker is %q", tor.Announce)
	}
	return o.inspectContent(in)
}

func (o order) inspectContent(in *core.Info) string {
	space, n := make([]byte, in.TotalLength()), 0
	for _, f := range in.Files {
		if f.Pad {
			continue
		}
		i := slices.IndexFunc(o.paths, func(p []string) bool { return slices.Equal(p, f.Path) })
		if i < 0 || int64(len(o.data[i])) != f.Length {
			return fmt.Sprintf("it has a file %q of %d bytes", f.Path, f.Length)
		}
		copy(space[f.Offset:], o.data[i])
		n++
	}
	if n != len(o.paths) {
		return fmt.Sprintf("it has %d of %d files", n, len(o.paths))
	}
	for i := range in.Pieces() {
		if at := int64(i) * in.PieceLength; !in.VerifyPiece(i, space[at:at+in.PieceSize(i)]) {
			return fmt.Sprintf("the hash of piece %d is not that of its content", i)
		}
	}
	return ""
}
