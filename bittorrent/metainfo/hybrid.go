package metainfo

import "slices"

// unite holds the files of version 1, which are in's, to those of version 2
// and gives them their roots. BEP52-META-009
func unite(in *Info, tree []File) error {
	const rule = "BEP52-META-009"
	n := 0
	for i := range in.Files {
		f := &in.Files[i]
		if f.Pad {
			continue
		}
		if n == len(tree) {
			return fault("info.file tree", rule, "it lacks %.80q, which version 1 has", f.Path)
		}
		g := &tree[n]
		n++
		switch {
		case !slices.Equal(f.Path, g.Path):
			return fault("info", rule, "file %d of version 1 is %.80q, of version 2 it is %.80q", i, f.Path, g.Path)
		case f.Length != g.Length:
			return fault("info", rule, "%.80q has %d bytes in version 1, but %d in version 2",
				f.Path, f.Length, g.Length)
		case f.Length > 0 && f.Offset != g.Offset:
			return fault("info", rule, "%.80q begins at byte %d in version 1, but at %d in version 2",
				f.Path, f.Offset, g.Offset)
		case !slices.Equal(f.Symlink, g.Symlink):
			return fault("info", rule, "%.80q is another symbolic link in version 2", f.Path)
		}
		f.PiecesRoot = g.PiecesRoot
	}
	if n < len(tree) {
		return fault("info", rule, "version 1 lacks %.80q, which version 2 has", tree[n].Path)
	}
	last := &tree[n-1]
	if end := last.Offset + last.Length; in.total > ceilDiv(end, in.PieceLength)*in.PieceLength {
		return fault("info", rule, "%d bytes of padding behind the last file are more than a piece lacks", in.total-end)
	}
	return nil
}
