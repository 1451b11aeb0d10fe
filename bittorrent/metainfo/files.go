package metainfo

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// files reads length or files, of version 1. BEP03-META-005
func (r reader) files(in *Info, k infoKeys) error {
	hasLength, hasFiles := k.length.Kind() != bencode.Invalid, k.files.Kind() != bencode.Invalid
	switch {
	case hasLength && hasFiles:
		return fault("info", "BEP03-META-005", "it has both length and files")
	case hasLength:
		length, err := fileLength(k.length, "info.length")
		if err != nil {
			return err
		}
		in.Files = []File{{Path: []string{in.Name}, Length: length}}
		return r.attributes(&in.Files[0], k.attr, k.symlinkPath, "info")
	case hasFiles:
		in.Folder = true
		return r.fileList(in, k.files)
	default:
		return fault("info", "BEP03-META-005", "it has neither length nor files")
	}
}

// fileList reads files, and gives every file its offset. BEP03-META-006
func (r reader) fileList(in *Info, v bencode.Value) error {
	if v.Kind() != bencode.List {
		return wrongType(v, "info.files", "BEP03-META-005", "a list")
	}
	var names []string // of all paths: few allocations for many
	var offset int64
	for entry := range v.Items() {
		f := File{Offset: offset}
		var err error
		if names, err = r.listed(&f, entry, names); err != nil {
			return at(fmt.Sprintf("info.files[%d]", len(in.Files)), err)
		}
		if offset += f.Length; offset > MaxLength {
			return fault("info.files", "BEP03-META-011", "the lengths exceed the limit of %d bytes", int64(MaxLength))
		}
		if len(in.Files) == MaxFiles {
			return fault("info.files", "BEP03-META-006", "more than %d files", MaxFiles)
		}
		in.Files = append(in.Files, f)
	}
	return nil
}

// listed reads one entry of files. The elements of its path are appended to
// names and shared with it.
func (r reader) listed(f *File, entry bencode.Value, names []string) ([]string, error) {
	if entry.Kind() != bencode.Dict {
		return names, wrongType(entry, "", "BEP03-META-006", "a dictionary")
	}
	var attr, length, path, symlink bencode.Value
	for key, v := range entry.Entries() {
		switch string(key) {
		case "attr":
			attr = v
		case "length":
			length = v
		case "path":
			path = v
		case "symlink path":
			symlink = v
		}
	}
	err := r.attributes(f, attr, symlink, "")
	if err != nil {
		return names, err
	}
	if length.Kind() != bencode.Invalid || f.Symlink == nil { // BEP 47 §Symlinks
		if f.Length, err = fileLength(length, "length"); err != nil {
			return names, err
		}
	}
	if f.Symlink != nil && f.Length != 0 {
		return names, fault("length", "BEP47-PAD-004", "a symbolic link has no length, but this is %d", f.Length)
	}
	if f.Pad && path.Kind() == bencode.Invalid { // BEP47-PAD-003
		return names, nil
	}
	first := len(names)
	names, err = r.path(names, path, "path")
	f.Path = names[first:len(names):len(names)]
	return names, err
}

// attributes reads attr and symlink path. BEP47-PAD-001
func (r reader) attributes(f *File, attr, symlink bencode.Value, path string) error {
	flags, ok := attr.Bytes()
	if !ok && attr.Kind() != bencode.Invalid && !r.Lenient {
		return wrongType(attr, join(path, "attr"), "BEP47-PAD-001", "a string")
	}
	f.Pad = bytes.IndexByte(flags, 'p') >= 0
	f.Executable = bytes.IndexByte(flags, 'x') >= 0
	f.Hidden = bytes.IndexByte(flags, 'h') >= 0
	if bytes.IndexByte(flags, 'l') < 0 {
		return nil
	}
	target, err := r.path(nil, symlink, join(path, "symlink path")) // BEP47-PAD-004
	if err != nil {
		return err
	}
	f.Symlink = target
	return nil
}

// fileLength reads the length of a file. BEP03-META-011
func fileLength(v bencode.Value, path string) (int64, error) {
	n, ok := v.Int64()
	switch {
	case v.Kind() != bencode.Integer:
		return 0, wrongType(v, path, "BEP03-META-006", "an integer")
	case ok && n < 0:
		return 0, fault(path, "BEP03-META-011", "%d is negative", n)
	case !ok || n > MaxLength:
		return 0, fault(path, "BEP03-META-011", "%s exceeds the limit of %d", digits(v), int64(MaxLength))
	}
	return n, nil
}

// digits are the first of an integer, for the words of an Error.
func digits(v bencode.Value) string {
	const shown = 20
	text := v.Raw()[1 : len(v.Raw())-1]
	if len(text) > shown {
		return string(text[:shown]) + "…"
	}
	return string(text)
}

// at puts a step before the path of an Error.
func at(step string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	return &Error{Path: join(step, e.Path), Rule: e.Rule, What: e.What}
}

// join puts a dot between two steps, unless one is empty.
func join(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "." + second
}
