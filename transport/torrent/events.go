package torrent

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/spec"
)

// performed is shown what the machine tells its application, on the goroutine
// that owns it.
func (t *Torrent) performed(_ time.Duration, e spec.Effect) {
	if drop, ok := e.(spec.Drop); ok {
		t.observe(Refused(drop))
	}
	n, ok := e.(spec.Notify)
	if !ok {
		return
	}
	switch e := n.Event.(type) {
	case bittorrent.PieceVerified:
		t.held.Add(1)
	case bittorrent.Completed:
		t.allThere()
	case bittorrent.StorageFailed:
		if t.ready.Load() { // before, nothing can be stored yet
			t.fail(&StorageError{Piece: e.Piece, Err: e.Err})
		}
	case bittorrent.MetadataReceived:
		t.receive(metadata{raw: e.Info})
	case bittorrent.LayersReceived:
		t.receive(metadata{info: e.Info})
	case bittorrent.MetadataBad:
		t.fail(e.Err)
	case bittorrent.DHTNode:
		t.contact(e.Addr)
	}
	t.observe(n.Event)
}

// Refused is what a peer sent and should not have, with the clause.
type Refused spec.Drop

// IsEvent makes it a spec.Event.
func (Refused) IsEvent() {}

// StorageError says that the files could not take a piece, or give one.
// Nothing that was verified is lost; the next Start goes on from there.
type StorageError struct {
	Piece int32
	Err   error
}

func (e *StorageError) Error() string { return fmt.Sprintf("torrent: piece %d: %v", e.Piece, e.Err) }

func (e *StorageError) Unwrap() error { return e.Err }
