package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// maxOpen is how many files are kept open: far below what a process may have.
const maxOpen = 128

// files are the files of a torrent below a folder that no path leaves. Padding
// files are not among them: they are zeros, which nobody stores.
type files struct {
	root     *os.Root
	list     []metainfo.File
	names    []string // as the root wants them; "" of a padding file
	readOnly bool
	// wrap stands between the store and the files; tests inject faults in it.
	wrap func(name string, f file) file

	mu    sync.Mutex // guards what follows
	open  map[int]*handle
	state []fileState
}

// file is what is used of an open file.
type file interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Stat() (fs.FileInfo, error)
	Close() error
}

// handle is an open file. It is closed when nobody uses it and either its
// place is wanted or its name means another file.
type handle struct {
	file
	users   int
	stale   bool
	noWrite error // why the file was opened for reading alone
}

// fileState is what is known of a file since it was opened.
type fileState struct {
	fresh bool      // it was made by this Open, or is missing: nothing is in it
	dirty bool      // it has been written to since it was brought to the disk
	lost  bool      // it could not be brought to the disk
	mtime time.Time // when it was written to last, as far as this store knows
}

func openFiles(dir string, info *metainfo.Info, readOnly bool) (*files, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &files{
		root: root, list: info.Files, names: make([]string, len(info.Files)), readOnly: readOnly,
		open: make(map[int]*handle), state: make([]fileState, len(info.Files)),
	}
	for i := range f.list {
		if f.list[i].Pad {
			continue
		}
		if f.names[i], err = localName(info.FilePath(i)); err == nil {
			err = f.prepare(i, info)
		}
		if err != nil {
			return nil, errors.Join(err, root.Close())
		}
	}
	return f, nil
}

// localName joins a path that stays in the folder. Package metainfo has seen
// to that; this is the door, so it is looked at again. BEP03-META-013
func localName(path []string) (string, error) {
	for _, element := range path {
		if element == "" || element == "." || element == ".." || strings.ContainsAny(element, "/\\\x00") {
			return "", fmt.Errorf("the path %q has an element that is no name", path)
		}
	}
	name := filepath.Join(path...)
	switch {
	case !filepath.IsLocal(name):
		return "", fmt.Errorf("the path %q leads out of the folder", path)
	case len(path) == 1 && isRecordName(name):
		return "", fmt.Errorf("the name %q is that of a record of verified pieces", name)
	}
	return name, nil
}

// prepare looks at a file, and makes what is missing.
func (f *files) prepare(i int, info *metainfo.Info) error {
	name, length := f.names[i], f.list[i].Length
	if f.list[i].Symlink != nil {
		return f.link(i, info)
	}
	if !f.readOnly {
		made, err := f.create(i)
		if err != nil {
			return err
		}
		f.state[i].fresh = made
	}
	found, err := f.root.Stat(name)
	switch {
	case f.readOnly && errors.Is(err, fs.ErrNotExist):
		f.state[i].fresh = true
		return nil
	case err != nil:
		return err
	case !found.Mode().IsRegular():
		return fmt.Errorf("%s is no file but %v", name, found.Mode().Type())
	case found.Size() > length:
		return fmt.Errorf("%s has %d bytes, but in the torrent %d: another file is in the way",
			name, found.Size(), length)
	case found.Size() < length && f.readOnly:
		return nil // no record describes it
	case found.Size() < length:
		if found, err = f.extend(name, length); err != nil {
			return err
		}
	}
	f.state[i].mtime = found.ModTime()
	return nil
}

// create makes a file, sparse, unless there is one.
func (f *files) create(i int) (made bool, err error) {
	perm := fs.FileMode(0o644)
	if f.list[i].Executable {
		perm = 0o755
	}
	if parent := filepath.Dir(f.names[i]); parent != "." {
		if err := f.root.MkdirAll(parent, 0o755); err != nil {
			return false, err
		}
	}
	created, err := f.root.OpenFile(f.names[i], os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, errors.Join(created.Truncate(f.list[i].Length), created.Close())
}

// extend gives a file that is too short its length. That counts as writing to
// it, so that no record holds that was made before.
func (f *files) extend(name string, length int64) (fs.FileInfo, error) {
	short, err := f.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(short.Truncate(length), short.Close()); err != nil {
		return nil, err
	}
	return f.root.Stat(name)
}

// link makes a symbolic link, to a place in the torrent's folder.
// BEP47-PAD-004
func (f *files) link(i int, info *metainfo.Info) error {
	target := f.list[i].Symlink
	if info.Folder {
		target = slices.Concat([]string{info.Name}, target)
	}
	to, err := localName(target)
	if err != nil || f.readOnly {
		return err
	}
	parent := filepath.Dir(f.names[i])
	if to, err = filepath.Rel(parent, to); err != nil {
		return err
	}
	if err := f.root.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if err := f.root.Symlink(to, f.names[i]); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// read fills b from an address of the torrent.
func (f *files) read(b []byte, at int64) error {
	return f.each(b, at, func(i int, b []byte, offset int64) error {
		if f.list[i].Pad {
			clear(b) // BEP47-PAD-005
			return nil
		}
		h, err := f.acquire(i)
		if err != nil {
			return err
		}
		defer f.release(i, h)
		n, err := h.ReadAt(b, offset)
		if n == len(b) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s ends at byte %d, before its %d: %w", f.names[i], offset+int64(n),
				f.list[i].Length, io.ErrUnexpectedEOF)
		}
		return err
	})
}

// write writes b at an address of the torrent.
func (f *files) write(b []byte, at int64) error {
	return f.each(b, at, func(i int, b []byte, offset int64) error {
		if f.list[i].Pad {
			return nil
		}
		h, err := f.acquire(i)
		if err != nil {
			return err
		}
		defer f.release(i, h)
		if h.noWrite != nil {
			return h.noWrite
		}
		_, err = h.WriteAt(b, offset)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.state[i].dirty = true // before the piece can be verified
		return err
	})
}

// padded reports whether bytes from an address of the torrent lie in a padding
// file, which reads as zeros whatever is written.
func (f *files) padded(b []byte, at int64) (found bool) {
	_ = f.each(b, at, func(i int, _ []byte, _ int64) error {
		found = found || f.list[i].Pad
		return nil
	})
	return found
}

// each calls do for the parts of b that one file each has.
func (f *files) each(b []byte, at int64, do func(i int, b []byte, offset int64) error) error {
	i, _ := slices.BinarySearchFunc(f.list, at, func(file metainfo.File, at int64) int {
		if file.Offset+file.Length <= at {
			return -1
		}
		return 1
	})
	for ; len(b) > 0; i++ {
		offset := at - f.list[i].Offset
		n := min(int64(len(b)), f.list[i].Length-offset)
		if n == 0 {
			continue // an empty file
		}
		if err := do(i, b[:n], offset); err != nil {
			return err
		}
		b, at = b[n:], at+n
	}
	return nil
}

// acquire returns an open file, for [files.release].
func (f *files) acquire(i int) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.open[i]
	if !ok {
		var err error
		if h, err = f.openFile(i); err != nil {
			return nil, err
		}
		f.makeRoom()
		f.open[i] = h
	}
	h.users++
	return h, nil
}

func (f *files) openFile(i int) (*handle, error) {
	flag := os.O_RDWR
	if f.readOnly {
		flag = os.O_RDONLY
	}
	opened, err := f.root.OpenFile(f.names[i], flag, 0)
	var noWrite error
	if err != nil && !f.readOnly && !errors.Is(err, fs.ErrNotExist) {
		noWrite = err // to seed, reading is enough
		opened, err = f.root.OpenFile(f.names[i], os.O_RDONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	h := &handle{file: opened, noWrite: noWrite}
	if f.wrap != nil {
		h.file = f.wrap(f.names[i], opened)
	}
	return h, nil
}

// makeRoom closes files that nobody uses, as far as there are too many.
func (f *files) makeRoom() {
	for i, h := range f.open {
		if len(f.open) < maxOpen {
			return
		}
		if h.users == 0 {
			delete(f.open, i)
			h.Close() // what was written is brought to the disk by sync, which opens it again
		}
	}
}

func (f *files) release(i int, h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.users--; h.users == 0 && h.stale {
		h.Close()
	}
}

// renew forgets an open file whose name has become another file's or nobody's,
// so that what happens to the name is noticed. It reports whether the file is the
// one that was open, with all its bytes, and fails if there is none.
func (f *files) renew(i int) (same bool, err error) {
	now, err := f.root.Stat(f.names[i])
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.open[i]
	if !ok {
		return false, err
	}
	if err == nil {
		if then, err := h.Stat(); err == nil && os.SameFile(then, now) {
			return now.Size() >= f.list[i].Length, nil
		}
	}
	delete(f.open, i)
	h.stale = true
	if h.users == 0 {
		h.Close()
	}
	return false, err
}

// close closes all files. Nobody uses one any more.
func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, h := range f.open {
		errs = append(errs, h.Close())
	}
	clear(f.open)
	return errors.Join(append(errs, f.root.Close())...)
}
