package metainfo

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Lint lists what the maker of a torrent should have done otherwise, though
// readers accept it: names that some system cannot store, paths that differ in
// case alone, text that is not UTF-8, a piece length that is no power of two,
// links to nowhere, padding that does not fill its piece.
func (t *Torrent) Lint() []Error {
	var l lint
	in := t.Info
	if t.Announce == "" && len(t.AnnounceList) == 0 && len(t.Nodes) == 0 && in.Private {
		l.add("announce", "BEP27-PRIV-002", "a private torrent has no tracker")
	}
	if in.PieceLength&(in.PieceLength-1) != 0 {
		l.add("info.piece length", "BEP03-META-008", "%d is no power of two", in.PieceLength)
	}
	l.name("info.name", in.Name)
	paths := sortedPaths(in.Files)
	for i := range in.Files {
		f := &in.Files[i]
		if f.Pad {
			l.padding(in, i)
			continue
		}
		if in.Folder {
			l.path(fmt.Sprintf("file %d", i), f.Path)
		}
		if f.Symlink != nil && !hasPath(paths, f.Symlink) {
			l.add(fmt.Sprintf("file %d", i), "BEP47-PAD-004", "the link's target %.80q is not in the torrent", f.Symlink)
		}
	}
	l.caseAlone(in.Files)
	return l.findings
}

type lint struct{ findings []Error }

func (l *lint) add(path, rule, format string, args ...any) {
	l.findings = append(l.findings, Error{Path: path, Rule: rule, What: fmt.Sprintf(format, args...)})
}

func (l *lint) path(where string, path []string) {
	for _, name := range path {
		l.name(where, name)
	}
}

// maxElement is the length limit of a path element in common file systems, in
// bytes.
const maxElement = 255

// name finds what a system may refuse in a path element. BEP52-META-007
func (l *lint) name(path, name string) {
	switch stem, _, _ := strings.Cut(name, "."); {
	case !utf8.ValidString(name):
		l.add(path, "BEP03-META-002", "%.80q is not UTF-8", name)
	case len(name) > maxElement:
		l.add(path, "BEP52-META-007", "%.40q has more than %d bytes", name, maxElement)
	case strings.ContainsAny(name, `<>:"|?*`) || strings.IndexFunc(name, func(c rune) bool { return c < ' ' }) >= 0:
		l.add(path, "BEP52-META-007", "%.80q has a character that Windows reserves", name)
	case isDevice(stem):
		l.add(path, "BEP52-META-007", "%.80q is a device of Windows", name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		l.add(path, "BEP52-META-007", "%.80q ends in a dot or a blank, which Windows drops", name)
	}
}

// isDevice reports whether Windows takes the name for that of a device,
// whatever follows its first dot.
func isDevice(stem string) bool {
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	port, found := strings.CutPrefix(stem, "COM")
	if !found {
		port, found = strings.CutPrefix(stem, "LPT")
	}
	return found && len(port) == 1 && '0' <= port[0] && port[0] <= '9'
}

// padding wants a padding file to end with its piece. BEP47-PAD-005
func (l *lint) padding(in *Info, i int) {
	f := &in.Files[i]
	if f.Length >= in.PieceLength || (f.Offset+f.Length)%in.PieceLength != 0 {
		l.add(fmt.Sprintf("file %d", i), "BEP47-PAD-005", "%d bytes of padding from byte %d do not fill a piece",
			f.Length, f.Offset)
	}
}

// caseAlone finds paths that are one where case does not count.
// BEP52-META-007
func (l *lint) caseAlone(files []File) {
	folded := make([]File, len(files))
	for i := range files {
		folded[i] = File{Path: slices.Clone(files[i].Path), Pad: files[i].Pad}
		for j, name := range folded[i].Path {
			folded[i].Path[j] = strings.ToLower(name)
		}
	}
	if err := checkPaths(folded); err != nil {
		l.add("info", "BEP52-META-007", "where case does not count, %s", err.(*Error).What)
	}
}

func sortedPaths(files []File) [][]string {
	var paths [][]string
	for i := range files {
		if !files[i].Pad {
			paths = append(paths, files[i].Path)
		}
	}
	slices.SortStableFunc(paths, comparePaths)
	return paths
}

// hasPath reports whether a sorted path is the given one, or lies below it.
func hasPath(sorted [][]string, path []string) bool {
	n, _ := slices.BinarySearchFunc(sorted, path, comparePaths)
	return n < len(sorted) && len(sorted[n]) >= len(path) && slices.Equal(sorted[n][:len(path)], path)
}
