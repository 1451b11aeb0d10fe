package metainfo

import (
	"bytes"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// rewrites is a maker that changes the torrent that the reference makes.
func rewrites(name, what string, change func(top, info map[string]any, p *core.Plan)) Mutant {
	return Mutant{name, what, Reader{Make: func(p *core.Plan, read core.Read) ([]byte, error) {
		b, err := p.Make(read)
		if err != nil {
			return nil, err
		}
		v, err := bencode.Parse(b, bencode.Options{})
		if err != nil {
			return nil, err
		}
		top := v.Any().(map[string]any)
		change(top, top["info"].(map[string]any), p)
		return bencode.Append(nil, top)
	}}}
}

// misreadingMakers make torrents that are wrong.
func misreadingMakers() []Mutant {
	return []Mutant{
		rewrites("private-outside-info", "the flag stands beside info", func(top, info map[string]any, _ *core.Plan) {
			if info["private"] != nil {
				top["private"] = 1
				delete(info, "private")
			}
		}),
		rewrites("pieces-of-wrong-content", "the hash of the last piece is that of nothing",
			func(_, info map[string]any, _ *core.Plan) {
				if pieces, ok := info["pieces"].(string); ok {
					info["pieces"] = pieces[:len(pieces)-20] + "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55" + pieces[len(pieces)-10:]
				}
			}),
		rewrites("layers-forgotten", "there are no piece layers", func(top, _ map[string]any, _ *core.Plan) {
			if top["piece layers"] != nil {
				top["piece layers"] = map[string]any{}
			}
		}),
		rewrites("layers-for-every-root", "files of one piece have a layer too", func(top, _ map[string]any, p *core.Plan) {
			if layers, ok := top["piece layers"].(map[string]any); ok && p.Folder {
				layers["the root of a file of one piece!"] = "the root of a file of one piece!"
			}
		}),
		rewrites("padding-without-attribute", "padding files are not marked", func(_, info map[string]any, _ *core.Plan) {
			files, _ := info["files"].([]any)
			for _, f := range files {
				delete(f.(map[string]any), "attr")
			}
		}),
		rewrites("name-is-the-path", "the name is that of the first file", func(_, info map[string]any, p *core.Plan) {
			if p.Folder && p.Version == core.V1 {
				info["name"] = p.Files[0].Path[0]
			}
		}),
		{"keys-unsorted", "the keys of the torrent are not in order",
			Reader{Make: func(p *core.Plan, read core.Read) ([]byte, error) {
				b, err := p.Make(read)
				announce := bencode.AppendString(bencode.AppendString(nil, "announce"), p.Announce)
				rest, _ := bytes.CutPrefix(b, append([]byte("d"), announce...))
				return append(append(append([]byte("d"), rest[:len(rest)-1]...), announce...), 'e'), err
			}}},
		{"padding-left-out", "hybrids are made as version 1 and 2 side by side", Reader{Make: makeUnpadded}},
	}
}

// makeUnpadded joins the two descriptions without padding between the files.
func makeUnpadded(p *core.Plan, read core.Read) ([]byte, error) {
	if p.Version != core.Hybrid {
		return p.Make(read)
	}
	first, second := *p, *p
	first.Version, second.Version = core.V1, core.V2
	tops := make([]map[string]any, 2)
	for i, plan := range []core.Plan{first, second} {
		b, err := plan.Make(read)
		if err != nil {
			return nil, err
		}
		v, err := bencode.Parse(b, bencode.Options{})
		if err != nil {
			return nil, err
		}
		tops[i] = v.Any().(map[string]any)
	}
	info := tops[1]["info"].(map[string]any)
	for key, value := range tops[0]["info"].(map[string]any) {
		info[key] = value
	}
	return bencode.Append(nil, tops[1])
}
