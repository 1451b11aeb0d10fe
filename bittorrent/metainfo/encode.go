package metainfo

import (
	"crypto/sha256"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// dict is a dictionary to be encoded, which puts its keys in order.
type dict = map[string]any

// Encode returns the torrent of the plan with the given hashes, in canonical
// bencoding. It fails when [Parse] would not accept the torrent, which holds
// the hashes to the plan, but not to the content.
func (p *Plan) Encode(h Hashes) ([]byte, error) {
	in, source, err := p.layout()
	if err != nil {
		return nil, err
	}
	top := p.top()
	info := dict{"name": in.Name, "piece length": in.PieceLength}
	if in.Private {
		info["private"] = 1 // BEP27-PRIV-001
	}
	if in.HasV1 {
		describeFiles(info, in)
		info["pieces"] = h.Pieces
	}
	if in.HasV2 {
		if err := p.checkLayers(in, h); err != nil {
			return nil, err
		}
		info["meta version"] = 2
		info["file tree"], top["piece layers"] = describeTree(in, source, h)
	}
	top["info"] = info
	b, err := bencode.Append(nil, top)
	if err != nil {
		return nil, err
	}
	if _, err := Parse(b, Options{}); err != nil {
		return nil, err
	}
	return b, nil
}

// top is all of the torrent but info and piece layers.
func (p *Plan) top() dict {
	top := dict{}
	text := func(key, value string) {
		if value != "" {
			top[key] = value
		}
	}
	text("announce", p.Announce)
	text("comment", p.Comment)
	text("created by", p.CreatedBy)
	if len(p.AnnounceList) > 0 {
		tiers := make([]any, len(p.AnnounceList))
		for i, tier := range p.AnnounceList {
			tiers[i] = tier
		}
		top["announce-list"] = tiers
	}
	if len(p.URLList) > 0 {
		top["url-list"] = p.URLList
	}
	if p.CreationDate != 0 {
		top["creation date"] = p.CreationDate
	}
	if len(p.Nodes) > 0 {
		nodes := make([]any, len(p.Nodes))
		for i, n := range p.Nodes {
			nodes[i] = []any{n.Host, int64(n.Port)}
		}
		top["nodes"] = nodes
	}
	return top
}

// describeFiles adds length or files. BEP03-META-005 BEP03-META-006
func describeFiles(info dict, in *Info) {
	if !in.Folder {
		describe(info, &in.Files[0])
		return
	}
	files := make([]any, len(in.Files))
	for i := range in.Files {
		file := dict{"path": in.Files[i].Path}
		describe(file, &in.Files[i])
		files[i] = file
	}
	info["files"] = files
}

// describe adds length and attributes. BEP47-PAD-001
func describe(file dict, f *File) {
	file["length"] = f.Length
	attr := ""
	for _, a := range []struct {
		is     bool
		letter string
	}{{f.Executable, "x"}, {f.Hidden, "h"}, {f.Symlink != nil, "l"}, {f.Pad, "p"}} {
		if a.is {
			attr += a.letter
		}
	}
	if attr != "" {
		file["attr"] = attr
	}
	if f.Symlink != nil {
		file["symlink path"] = f.Symlink
	}
}

// checkLayers wants one root a piece of every file. BEP52-META-002
func (p *Plan) checkLayers(in *Info, h Hashes) error {
	if len(h.Layers) != len(p.Files) {
		return fault("layers", "BEP52-META-002", "%d, of %d files", len(h.Layers), len(p.Files))
	}
	for i := range p.Files {
		if n := ceilDiv(p.Files[i].Length, in.PieceLength); int64(len(h.Layers[i])) != n*sha256.Size {
			return fault("layers", "BEP52-META-002", "%.80q has %d bytes of hashes, but %d pieces",
				p.Files[i].Path, len(h.Layers[i]), n)
		}
	}
	return nil
}

// describeTree is file tree and piece layers. BEP52-META-002 BEP52-META-004
func describeTree(in *Info, source []int, h Hashes) (tree, layers dict) {
	tree, layers = dict{}, dict{}
	for i := range in.Files {
		f := &in.Files[i]
		if f.Pad {
			continue
		}
		file, layer := dict{}, h.Layers[source[i]]
		describe(file, f)
		if f.Length > 0 {
			root := in.root(layer)
			file["pieces root"] = root[:]
			if f.Length > in.PieceLength {
				layers[string(root[:])] = layer
			}
		}
		folder := tree
		for _, name := range f.Path[:len(f.Path)-1] {
			inner, ok := folder[name].(dict)
			if !ok {
				inner = dict{}
				folder[name] = inner
			}
			folder = inner
		}
		folder[f.Path[len(f.Path)-1]] = dict{"": file}
	}
	return tree, layers
}
