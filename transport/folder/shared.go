// Package folder keeps the files that a program of the overlays shares, and those
// that it downloads: no path leads out of either, whatever strangers call a file, and
// a download has no name before it is known to be good.
package folder

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
	"unicode"
)

const (
	// MaxFiles bounds the files that are shared, so that a root directory given by
	// mistake is an error, and not an hour of hashing.
	MaxFiles = 1 << 16
	// MaxName is the longest name that is shared, in bytes: file systems have this
	// limit.
	MaxName = 255
	// MaxSize is the largest file, in bytes: storage effects can name no larger one.
	MaxSize = 1<<31 - 1
)

// File is one that is shared.
type File struct {
	Name     string // the last part of its path
	Size     int64  // in bytes
	path     string
	modified time.Time // when it was read
}

// Shared is what lies in a folder, for others to read. The files are taken to stay as
// they are: one that has changed since cannot be read any more.
type Shared struct {
	root  *os.Root
	Files []File // in the order of their paths

	// Skipped says what of the folder is not shared, and why.
	Skipped []error
}

// Share reads a folder and all below it, and gives each file's content to hash, in
// their order. Files whose names begin with a dot are nobody's business, and symbolic
// links are not followed; a folder below that cannot be read is skipped. The error is
// about the folder itself, or a file in it that cannot be read.
func Share(dir string, hash func(io.Reader) error) (*Shared, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Shared{root: root}
	err = fs.WalkDir(root.FS(), ".", func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && at == ".":
			return err
		case err != nil:
			s.skip(at, err.Error())
			return fs.SkipDir
		}
		return s.visit(at, entry, hash)
	})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *Shared) visit(at string, entry fs.DirEntry, hash func(io.Reader) error) error {
	name := path.Base(at)
	switch hidden := at != "." && strings.HasPrefix(name, "."); {
	case hidden && entry.IsDir():
		return fs.SkipDir
	case hidden, entry.IsDir():
		return nil
	case !entry.Type().IsRegular():
		s.skip(at, "no regular file")
		return nil
	case len(name) > MaxName || strings.ContainsFunc(name, unicode.IsControl):
		s.skip(at, "its name is too long, or has control characters")
		return nil
	case len(s.Files) == MaxFiles:
		return fmt.Errorf("more than %d files", MaxFiles)
	}
	return s.add(at, hash)
}

func (s *Shared) skip(at, why string) {
	s.Skipped = append(s.Skipped, fmt.Errorf("%q is not shared: %s", at, why))
}

func (s *Shared) add(at string, hash func(io.Reader) error) error {
	file, err := s.root.Open(at)
	if err != nil {
		return err
	}
	defer file.Close() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > MaxSize {
		s.skip(at, fmt.Sprintf("it has %d bytes, at most %d can be sent", info.Size(), MaxSize))
		return nil
	}
	if err := hash(io.NewSectionReader(file, 0, info.Size())); err != nil {
		return err
	}
	s.Files = append(s.Files, File{path.Base(at), info.Size(), at, info.ModTime()})
	return nil
}

// Open opens a file by its place.
func (s *Shared) Open(i int) (*os.File, error) {
	f := s.Files[i]
	file, err := s.root.Open(f.path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (info.Size() != f.Size || !info.ModTime().Equal(f.modified)) {
		err = fmt.Errorf("%q has changed since it was read", f.path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Close gives the folder back.
func (s *Shared) Close() error { return s.root.Close() }

// SHA1 hashes what is left of a reader, in bounded memory.
func SHA1(r io.Reader) (sum [sha1.Size]byte, err error) {
	h := sha1.New()
	_, err = io.Copy(h, r)
	h.Sum(sum[:0])
	return sum, err
}
