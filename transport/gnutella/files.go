package gnutella

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/folder"
)

// files is the storage of a servent: pieces from 0 on are the files of its folder,
// and its downloads have the numbers behind them.
type files struct {
	shared *folder.Shared // nil: nothing
	inbox  *folder.Inbox  // nil: nothing is downloaded

	mu        sync.Mutex // guards what follows
	last      int32      // piece that was given a number
	downloads map[int32]*download
	pieces    map[spec.OpID]int32 // of the downloads
}

// download is a file under way.
type download struct {
	*folder.Part
	want gnutella.Found
}

var (
	errNoInbox = errors.New("gnutella: no folder for downloads")
	errNoPiece = errors.New("gnutella: no such file")
	errTwice   = errors.New("gnutella: a download of that number is under way")
)

// openFiles opens both folders, where they are given, and hashes what is shared.
func openFiles(share, downloads string) (f *files, library *gnutella.Library, err error) {
	f = &files{downloads: map[int32]*download{}, pieces: map[spec.OpID]int32{}}
	var hashes []urn.SHA1
	if share != "" {
		f.shared, err = folder.Share(share, func(r io.Reader) error {
			hash, err := folder.SHA1(r)
			hashes = append(hashes, hash)
			return err
		})
	}
	if err == nil && downloads != "" {
		f.inbox, err = folder.OpenInbox(downloads)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("gnutella: %w", err), f.close())
	}
	var list []gnutella.File
	for i, hash := range hashes {
		file := f.shared.Files[i]
		list = append(list, gnutella.File{Index: uint32(i), Size: uint32(file.Size), Name: file.Name, SHA1: hash})
	}
	f.last = int32(len(list)) - 1
	if library, err = gnutella.NewLibrary(list); err != nil {
		return nil, nil, errors.Join(err, f.close())
	}
	return f, library, nil
}

// begin makes room for a download, and gives its piece.
func (f *files) begin(op spec.OpID, want gnutella.Found) (int32, error) {
	if f.inbox == nil {
		return 0, errNoInbox
	}
	if want.Size > folder.MaxSize {
		return 0, fmt.Errorf("gnutella: a file of %d bytes, at most %d can be stored", want.Size, folder.MaxSize)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.pieces[op]; ok {
		return 0, errTwice
	}
	part, err := f.inbox.Create()
	if err != nil {
		return 0, err
	}
	f.last++
	f.downloads[f.last] = &download{part, want}
	f.pieces[op] = f.last
	return f.last, nil
}

// end takes a download out. ok is false if there is none of that number.
func (f *files) end(op spec.OpID) (d *download, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	piece, ok := f.pieces[op]
	d = f.downloads[piece]
	delete(f.downloads, piece)
	delete(f.pieces, op)
	return d, ok
}

func (f *files) download(piece int32) (*download, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.downloads[piece]
	if d == nil {
		return nil, errNoPiece
	}
	return d, nil
}

// Load implements [transport.Storage].
func (f *files) Load(piece, begin int32, b []byte) error {
	if f.shared != nil && int(piece) < len(f.shared.Files) {
		file, err := f.shared.Open(int(piece))
		if err != nil {
			return err
		}
		_, err = file.ReadAt(b, int64(begin))
		return errors.Join(err, file.Close())
	}
	d, err := f.download(piece)
	if err == nil {
		_, err = d.ReadAt(b, int64(begin))
	}
	return err
}

// Store implements [transport.Storage].
func (f *files) Store(piece, begin int32, b []byte) error {
	d, err := f.download(piece)
	if err != nil {
		return err
	}
	if end := int64(begin) + int64(len(b)); end > int64(d.want.Size) {
		return fmt.Errorf("gnutella: byte %d of a file of %d", end, d.want.Size)
	}
	_, err = d.WriteAt(b, int64(begin))
	return err
}

// Verify implements [transport.Storage]: it hashes a download, once the disk has it.
//
// GN-PU-24
func (f *files) Verify(piece int32) (bool, error) {
	d, err := f.download(piece)
	if err != nil {
		return false, err
	}
	if err := d.Sync(); err != nil {
		return false, err
	}
	size := int64(d.want.Size)
	hash, err := folder.SHA1(io.NewSectionReader(d.File, 0, size))
	return err == nil && hash == [len(hash)]byte(d.want.SHA1), err
}

// close removes what is unfinished.
func (f *files) close() (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for piece, d := range f.downloads {
		err = errors.Join(err, d.Discard())
		delete(f.downloads, piece)
	}
	clear(f.pieces)
	if f.inbox != nil {
		err = errors.Join(err, f.inbox.Close())
	}
	if f.shared != nil {
		err = errors.Join(err, f.shared.Close())
	}
	return err
}
