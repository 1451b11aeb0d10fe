package metainfo_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func load(t *testing.T, protocol string) *vectors.File {
	t.Helper()
	f, err := vectors.Load(protocol)
	require.NoError(t, err)
	return f
}

// BEP03-META-014 BEP03-META-016 BEP03-META-007
func TestInfoHashVectors(t *testing.T) {
	for _, v := range load(t, "metainfo").Select("info-hash") {
		raw, content := v.Input.Bytes("info"), v.Input.Bytes("content")
		in, err := metainfo.ParseInfo(raw, metainfo.Options{Lenient: true})
		require.NoError(t, err, v.Name)
		require.Equal(t, raw, in.Raw())
		require.Equal(t, v.Expect.Bytes("info_hash"), in.InfoHash[:], v.Name)
		require.EqualValues(t, len(content), in.TotalLength(), v.Name)
		require.Len(t, v.Expect.List("pieces"), in.Pieces(), v.Name)
		for i, want := range v.Expect.List("pieces") {
			hash, ok := in.PieceHash(i)
			require.True(t, ok, v.Name)
			require.Equal(t, want, hash[:], v.Name)
			at := int64(i) * in.PieceLength
			require.True(t, in.VerifyPiece(i, content[at:at+in.PieceSize(i)]), v.Name)
		}
	}
}

func TestTorrentVectors(t *testing.T) {
	for _, v := range load(t, "metainfo").Select("parse") {
		for _, opt := range []metainfo.Options{{}, {Lenient: true}} {
			tor, err := metainfo.Parse(v.Input.Bytes("torrent"), opt)
			outcome := v.Expect.Text("outcome")
			switch {
			case err != nil:
				require.NotEqual(t, "accept", outcome, "%s: %v", v.Name, err)
				require.ErrorAs(t, err, new(*metainfo.Error), v.Name)
			case outcome == "refuse":
				// Lenient mode takes some of them, and says which.
				require.True(t, opt.Lenient && isLax(v.Name), "%s: accepted, lenient is %v", v.Name, opt.Lenient)
			case outcome != "one":
				requireTorrent(t, v, tor)
			default:
				require.Fail(t, "both descriptions were taken", v.Name)
			}
		}
	}
}

// isLax reports whether lenient mode reads what no reader must.
func isLax(name string) bool {
	return name == "v2/piece-layers-are-complete/absent" ||
		name == "v2/piece-layers-are-complete/without-the-file"
}

// requireTorrent holds a torrent that was read to the expectations.
func requireTorrent(t *testing.T, v vectors.Vector, tor *metainfo.Torrent) {
	t.Helper()
	in, e := tor.Info, v.Expect
	require.Equal(t, e.Has("info_hash"), in.HasV1, v.Name)
	require.Equal(t, e.Has("info_hash_v2"), in.HasV2, v.Name)
	if in.HasV1 {
		require.Equal(t, e.Bytes("info_hash"), in.InfoHash[:], v.Name)
	}
	if in.HasV2 {
		require.Equal(t, e.Bytes("info_hash_v2"), in.InfoHashV2[:], v.Name)
	}
	want := func(field string, got any) {
		t.Helper()
		if e.Has(field) {
			require.EqualValues(t, plain(e[field]), plain(got), "%s: %s", v.Name, field)
		}
	}
	want("name", in.Name)
	want("piece_length", in.PieceLength)
	want("length", in.ContentLength())
	want("private", in.Private)
	want("web_seeds", tor.URLList)
	want("trackers", tor.Trackers())
	var files, executable, hidden, links, nodes []any
	pads := int64(0)
	for _, f := range in.Files {
		switch path := strings.Join(f.Path, "/"); {
		case f.Pad:
			pads++
			continue
		case f.Symlink != nil:
			links = append(links, []any{f.Path, f.Symlink})
		case f.Executable && f.Hidden:
			executable, hidden = append(executable, path), append(hidden, path)
		case f.Executable:
			executable = append(executable, path)
		case f.Hidden:
			hidden = append(hidden, path)
		}
		files = append(files, []any{f.Path, f.Length})
	}
	for _, n := range tor.Nodes {
		nodes = append(nodes, fmt.Sprintf("%s:%d", n.Host, n.Port))
	}
	want("files", files)
	want("pads", pads)
	want("executable", executable)
	want("hidden", hidden)
	want("links", links)
	want("nodes", nodes)
}

// plain turns lists, strings and integers of any type into comparable ones.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case *big.Int:
		return v.Int64()
	case []string:
		return plain(anys(v))
	case [][]string:
		return plain(anys(v))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

func anys[E any](list []E) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e
	}
	return out
}

func TestMakeVectors(t *testing.T) {
	for _, v := range load(t, "metainfo").Select("make") {
		plan := metainfo.Plan{
			Name: v.Input.Text("name"), Folder: v.Input.Bool("folder"), PieceLength: v.Input.Int("piece_length"),
			Private: v.Input.Bool("private"), Announce: v.Input.Text("announce"),
			Version: map[string]metainfo.Version{
				"v1": metainfo.V1, "v2": metainfo.V2, "hybrid": metainfo.Hybrid,
			}[v.Input.Text("version")],
		}
		var contents [][]byte
		for _, f := range plain(v.Input.Tree("data")).([]any) {
			f := f.([]any)
			var path []string
			for _, name := range f[0].([]any) {
				path = append(path, name.(string))
			}
			plan.Files = append(plan.Files, metainfo.File{Path: path, Length: f[1].(int64)})
			contents = append(contents, pattern(int(f[1].(int64)), int(f[2].(int64))))
		}
		b, err := plan.Make(reading(contents))
		require.NoError(t, err, v.Name)
		tor, err := metainfo.Parse(b, metainfo.Options{})
		require.NoError(t, err, v.Name)
		require.Equal(t, v.Expect.Bytes("info"), tor.Info.Raw(), v.Name)
		requireTorrent(t, v, tor)
		require.Equal(t, plan.Announce, tor.Announce, v.Name)
	}
}

// pattern is content as the vectors describe it.
func pattern(n, factor int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(factor * (7*i + 13*(i/256) + i/16384))
	}
	return b
}

// reading reads files from memory.
func reading(contents [][]byte) metainfo.Read {
	return func(file int, offset int64, b []byte) error {
		if n := copy(b, contents[file][offset:]); n < len(b) {
			return fmt.Errorf("file %d is too short", file)
		}
		return nil
	}
}

func TestMagnetVectors(t *testing.T) {
	for _, v := range load(t, "magnet").Vectors {
		m, err := metainfo.ParseMagnet(v.Input.Text("uri"))
		if v.Expect.Text("outcome") == "refuse" {
			require.ErrorAs(t, err, new(*metainfo.Error), v.Name)
			continue
		}
		require.NoError(t, err, v.Name)
		requireMagnet(t, v, m)
		again, err := metainfo.ParseMagnet(m.String())
		require.NoError(t, err, v.Name)
		require.Equal(t, m, again, v.Name)
		require.Equal(t, m.String(), again.String(), v.Name)
	}
}

func requireMagnet(t *testing.T, v vectors.Vector, m *metainfo.Magnet) {
	t.Helper()
	require.Equal(t, v.Expect.Has("info_hash"), m.HasV1, v.Name)
	require.Equal(t, v.Expect.Has("info_hash_v2"), m.HasV2, v.Name)
	if m.HasV1 {
		require.Equal(t, v.Expect.Bytes("info_hash"), m.InfoHash[:], v.Name)
	}
	if m.HasV2 {
		require.Equal(t, v.Expect.Bytes("info_hash_v2"), m.InfoHashV2[:], v.Name)
	}
	tiers, selected := []any{}, []any{}
	for _, url := range m.Trackers {
		tiers = append(tiers, []any{url})
	}
	for _, r := range m.Select {
		for i := r.First; i <= r.Last; i++ {
			require.True(t, m.Selects(int(i)))
			selected = append(selected, int64(i))
		}
	}
	for field, got := range map[string]any{
		"name": m.Name, "trackers": tiers, "web_seeds": m.WebSeeds, "peers": m.Peers, "selected": selected,
	} {
		if v.Expect.Has(field) {
			require.Equal(t, plain(v.Expect[field]), plain(got), "%s: %s", v.Name, field)
		}
	}
}
