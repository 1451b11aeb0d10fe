package gnutella

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/servent"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
)

// The commands that a servent can be given.
const (
	// verbSearch has the target ask the network for a text: {"text": "…"}.
	verbSearch = "search"
	// verbDownload has it fetch a file of a name that a hit has told: {"name": "…"}. It
	// ends with the download, well or not.
	verbDownload = "download"
)

// desk is the application of the reference servent: it keeps files and hits, and
// gives commands. It is safe for concurrent use.
type desk struct {
	mu     sync.Mutex
	pieces []piece // the shared files, and the downloads behind them
	hits   []core.Hit
	op     spec.OpID
	open   map[spec.OpID]*order
}

// piece is a file.
type piece struct {
	core.Found
	data     []byte
	complete bool
}

// order is a command under way.
type order struct {
	*conformance.Pending
	piece int32 // of a download; 0: none is, as something is always shared before it
}

// keptHits bounds what is remembered of searches: a case needs the latest.
const keptHits = 64

var errNoPiece = errors.New("gnutella: no such piece")

// newDesk shares files, with the indexes in the order of the names.
func newDesk(files map[string][]byte) *desk {
	d := &desk{op: leaving, open: map[spec.OpID]*order{}}
	for i, name := range names(files) {
		data := files[name]
		found := core.Found{Index: uint32(i + 1), Size: uint32(len(data)), Name: name, SHA1: urn.Sum(data).SHA1}
		d.pieces = append(d.pieces, piece{found, data, true})
	}
	return d
}

// library is what is shared.
func (d *desk) library() (*core.Library, error) {
	var list []core.File
	for _, p := range d.pieces {
		list = append(list, core.File{Index: p.Index, Size: p.Size, Name: p.Name, SHA1: p.SHA1})
	}
	return core.NewLibrary(list)
}

// command is the input that a command stands for. Its end comes by observe.
func (d *desk) command(cmd conformance.Command) (spec.Input, *conformance.Pending, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.op++
	o := &order{Pending: &conformance.Pending{}}
	var in spec.Input
	switch cmd.Verb {
	case verbSearch:
		text, ok := cmd.Args["text"].(string)
		if !ok {
			return nil, nil, fmt.Errorf("%s needs a text", cmd.Verb)
		}
		in = core.Search{Op: d.op, Text: text}
	case verbDownload:
		name, _ := cmd.Args["name"].(string)
		want, ok := d.found(name)
		if !ok {
			return nil, nil, fmt.Errorf("no hit has told of %q", name)
		}
		o.piece = int32(len(d.pieces))
		d.pieces = append(d.pieces, piece{Found: want})
		in = servent.Fetch{Op: d.op, Piece: o.piece, Want: want, Hits: slices.Clone(d.hits)}
	default:
		return nil, nil, conformance.ErrUnsupported
	}
	d.open[d.op] = o
	return in, o.Pending, nil
}

func (d *desk) found(name string) (core.Found, bool) {
	for _, h := range slices.Backward(d.hits) {
		for _, f := range h.Results {
			if f.Name == name {
				return f, true
			}
		}
	}
	return core.Found{}, false
}

// observe remembers hits, and ends commands. It says whether one has ended.
func (d *desk) observe(e spec.Effect) (ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e := e.(type) {
	case spec.Notify:
		if h, ok := e.Event.(core.Hit); ok {
			d.hits = append(d.hits, h)
			d.hits = d.hits[max(0, len(d.hits)-keptHits):]
		}
	case spec.Done:
		o := d.open[e.Op]
		if o == nil {
			return false
		}
		delete(d.open, e.Op)
		if o.piece > 0 {
			d.pieces[o.piece].complete = e.Err == nil
		}
		o.Finish(nil, e.Err)
		return true
	}
	return false
}

// ReadFile is a file that is shared, or whose download is complete.
func (d *desk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.pieces {
		if p.Name == name && p.complete {
			return bytes.Clone(p.data), nil
		}
	}
	return nil, fs.ErrNotExist
}

// Load implements [transport.Storage], as the next two do.
func (d *desk) Load(place, begin int32, b []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if int(place) >= len(d.pieces) || int(begin)+len(b) > len(d.pieces[place].data) {
		return errNoPiece
	}
	copy(b, d.pieces[place].data[begin:])
	return nil
}

// Store is described at [desk.Load].
func (d *desk) Store(place, begin int32, b []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if int(place) >= len(d.pieces) || int(begin) > len(d.pieces[place].data) {
		return errNoPiece
	}
	p := &d.pieces[place]
	p.data = append(p.data[:begin], b...)
	return nil
}

// Verify is described at [desk.Load].
func (d *desk) Verify(place int32) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if int(place) >= len(d.pieces) {
		return false, errNoPiece
	}
	p := &d.pieces[place]
	return urn.Sum(p.data).SHA1 == p.SHA1, nil
}
