package metainfo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/conformance"
)

// Reader is a program that reads and makes torrents. The zero value is package
// bittorrent/metainfo; a function in a field takes its place. What it returns
// is a reply of the adapter protocol; an error is a refusal.
type Reader struct {
	Torrent func(b []byte) (map[string]any, error)
	Magnet  func(link string) (map[string]any, error)
	Make    func(p *core.Plan, read core.Read) ([]byte, error)
}

// Target is a reader in a target's place.
type Target struct{ Reader }

// Identity names the reference reader.
func (Target) Identity() conformance.Identity {
	return conformance.Identity{Name: "p2pspec", How: "built-in"}
}

// Can tells that the reader knows both commands.
func (Target) Can(n conformance.Need) (bool, string) {
	ok := n == conformance.NeedVerb(verbParse) || n == conformance.NeedVerb(verbMake)
	return ok, "the built-in reader has no " + string(n)
}

// PerCase is true: a reader has no state.
func (Target) PerCase() bool { return true }

// Network is one on which nothing is ever sent.
func (Target) Network() (conformance.Network, error) { return conformance.NewVirtualNetwork(), nil }

// Start returns the reader.
func (r Target) Start(
	context.Context, conformance.Network, conformance.StartOptions,
) (conformance.Instance, error) {
	return r, nil
}

// Addr is none.
func (Target) Addr() netip.AddrPort { return netip.AddrPort{} }

// Addr6 is none.
func (Target) Addr6() netip.AddrPort { return netip.AddrPort{} }

// Exited is nil: the reader does not end.
func (Target) Exited() error { return nil }

// Stop does nothing.
func (Target) Stop() error { return nil }

// Do carries out a command at once.
func (r Target) Do(c conformance.Command) (*conformance.Pending, error) {
	reply, err := r.do(c)
	switch {
	case errors.Is(err, conformance.ErrUnsupported):
		return nil, err
	case err != nil && !errors.Is(err, errCrash):
		err = &conformance.AdapterError{Code: CodeRefused, Text: err.Error()}
	}
	p := &conformance.Pending{}
	p.Finish(asJSON(reply), err)
	return p, nil
}

// asJSON gives values the types that they have in an adapter's reply.
func asJSON(reply map[string]any) map[string]any {
	var out map[string]any
	text, err := json.Marshal(reply)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // the readers are our own
	}
	return out
}

func (r Reader) do(c conformance.Command) (map[string]any, error) {
	switch c.Verb {
	case verbParse:
		if link, ok := c.Args["magnet"].(string); ok {
			return r.magnet(link)
		}
		text, _ := c.Args["torrent"].(string)
		b, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		return r.torrent(b)
	case verbMake:
		return r.make(c)
	default:
		return nil, conformance.ErrUnsupported
	}
}

func (r Reader) torrent(b []byte) (map[string]any, error) {
	if r.Torrent != nil {
		return r.Torrent(b)
	}
	return ReadTorrent(b)
}

func (r Reader) magnet(link string) (map[string]any, error) {
	if r.Magnet != nil {
		return r.Magnet(link)
	}
	return ReadMagnet(link)
}

// ReadTorrent is what the reference reader says of a torrent.
func ReadTorrent(b []byte) (map[string]any, error) {
	t, err := core.Parse(b, core.Options{})
	if err != nil {
		return nil, err
	}
	return describe(t), nil
}

func describe(t *core.Torrent) map[string]any {
	in := t.Info
	reply := map[string]any{
		"name": in.Name, "piece_length": in.PieceLength, "length": in.ContentLength(), "private": in.Private,
		"trackers": some(t.Trackers()), "web_seeds": some(t.URLList),
	}
	if in.HasV1 {
		reply["info_hash"] = hex.EncodeToString(in.InfoHash[:])
	}
	if in.HasV2 {
		reply["info_hash_v2"] = hex.EncodeToString(in.InfoHashV2[:])
	}
	files, nodes := []any{}, []string{}
	for _, f := range in.Files {
		file := map[string]any{
			"path": f.Path, "length": f.Length, "pad": f.Pad, "executable": f.Executable, "hidden": f.Hidden,
		}
		if f.Symlink != nil {
			file["symlink"] = f.Symlink
		}
		files = append(files, file)
	}
	for _, n := range t.Nodes {
		nodes = append(nodes, fmt.Sprintf("%s:%d", n.Host, n.Port))
	}
	reply["files"], reply["nodes"] = files, nodes
	return reply
}

// some is the list, which is not null in JSON.
func some[E any](list []E) []E { return append([]E{}, list...) }

// ReadMagnet is what the reference reader says of a link.
func ReadMagnet(link string) (map[string]any, error) {
	m, err := core.ParseMagnet(link)
	if err != nil {
		return nil, err
	}
	return describeMagnet(m), nil
}

func describeMagnet(m *core.Magnet) map[string]any {
	tiers, selected := [][]string{}, []int32{}
	for _, url := range m.Trackers {
		tiers = append(tiers, []string{url})
	}
	for _, r := range m.Select {
		for i := r.First; i <= r.Last; i++ {
			selected = append(selected, i)
		}
	}
	reply := map[string]any{
		"name": m.Name, "trackers": tiers, "web_seeds": some(m.WebSeeds), "peers": some(m.Peers), "selected": selected,
	}
	if m.HasV1 {
		reply["info_hash"] = hex.EncodeToString(m.InfoHash[:])
	}
	if m.HasV2 {
		reply["info_hash_v2"] = hex.EncodeToString(m.InfoHashV2[:])
	}
	return reply
}

// make carries out make_torrent.
func (r Reader) make(c conformance.Command) (map[string]any, error) {
	var args struct {
		Version, Name, Announce string
		Folder, Private         bool
		PieceLength             int64 `json:"piece_length"`
		Files                   []struct {
			Path    []string
			Content string
		}
	}
	text, err := json.Marshal(c.Args)
	if err == nil {
		err = json.Unmarshal(text, &args)
	}
	if err != nil {
		return nil, err
	}
	plan := &core.Plan{
		Version: map[string]core.Version{"v1": core.V1, "v2": core.V2, "hybrid": core.Hybrid}[args.Version],
		Name:    args.Name, Folder: args.Folder, PieceLength: args.PieceLength, Private: args.Private,
		Announce: args.Announce,
	}
	var contents [][]byte
	for _, f := range args.Files {
		content, err := hex.DecodeString(f.Content)
		if err != nil {
			return nil, err
		}
		plan.Files = append(plan.Files, core.File{Path: f.Path, Length: int64(len(content))})
		contents = append(contents, content)
	}
	maker := r.Make
	if maker == nil {
		maker = (*core.Plan).Make
	}
	b, err := maker(plan, func(file int, offset int64, b []byte) error {
		copy(b, contents[file][offset:])
		return nil
	})
	return map[string]any{"torrent": hex.EncodeToString(b)}, err
}
