package metainfo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// path reads a list of path elements and appends them to names.
func (r reader) path(names []string, v bencode.Value, path string) ([]string, error) {
	if v.Kind() != bencode.List {
		return names, wrongType(v, path, "BEP03-META-006", "a list")
	}
	first, size := len(names), 0
	for item := range v.Items() {
		name, err := r.element(item)
		if err != nil {
			return names, at(fmt.Sprintf("%s[%d]", path, len(names)-first), err)
		}
		if size += len(name) + 1; size > MaxPathBytes {
			return names, fault(path, "BEP03-META-013", "it exceeds the limit of %d bytes", MaxPathBytes)
		}
		names = append(names, name)
	}
	if len(names) == first { // BEP03-META-012
		return names, fault(path, "BEP03-META-012", "the list is empty")
	}
	return names, nil
}

// element reads one path element, or the name of the torrent.
func (r reader) element(v bencode.Value) (string, error) {
	b, ok := v.Bytes()
	if !ok {
		return "", wrongType(v, "", "BEP03-META-009", "a string")
	}
	name := string(b)
	why := unsafe(name)
	if why == "" {
		return name, nil
	}
	if r.Lenient {
		return sanitized(name), nil
	}
	return "", fault("", "BEP03-META-013", "%.40q %s", name, why)
}

// unsafe says why a path element could lead out of its folder on some system,
// or nowhere, or is "". BEP03-META-013 BEP52-META-007
func unsafe(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == ".", name == "..":
		return "leads to another folder"
	case strings.ContainsAny(name, "/\\"):
		return "contains a separator"
	case strings.IndexByte(name, 0) >= 0:
		return "contains a NUL byte"
	case len(name) > MaxPathBytes:
		return "exceeds the limit of " + fmt.Sprint(MaxPathBytes) + " bytes"
	default:
		return ""
	}
}

// sanitized is a safe element in the place of an unsafe one.
func sanitized(name string) string {
	if name == "" || name == "." || name == ".." {
		return "_"
	}
	name = strings.NewReplacer("/", "_", "\\", "_", "\x00", "_").Replace(name)
	return name[:min(len(name), MaxPathBytes)]
}

// checkPaths finds two files with one path, or a file that lies in another.
// Padding files are nobody's: theirs may repeat (BEP47-PAD-003).
func checkPaths(files []File) error {
	order, sorted := make([]int32, 0, len(files)), true
	for i := range files {
		if files[i].Pad {
			continue
		}
		if n := len(order); n > 0 && comparePaths(files[order[n-1]].Path, files[i].Path) > 0 {
			sorted = false
		}
		order = append(order, int32(i))
	}
	if !sorted {
		slices.SortStableFunc(order, func(a, b int32) int { return comparePaths(files[a].Path, files[b].Path) })
	}
	for n := 1; n < len(order); n++ { // what lies in a file follows it directly
		first, second := files[order[n-1]].Path, files[order[n]].Path
		if len(first) > len(second) || !slices.Equal(first, second[:len(first)]) {
			continue
		}
		what := "file %d has the path of file %d, %.80q"
		if len(first) < len(second) {
			what = "file %d lies in file %d, %.80q, which is no folder"
		}
		return fault("info", "BEP03-META-013", what, order[n], order[n-1], strings.Join(first, "/"))
	}
	return nil
}

func comparePaths(a, b []string) int { return slices.Compare(a, b) }
