package servent

import (
	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Fetch downloads what hits have found. All of them that have a file of the content
// of Want are sources: those of equal hash or, where it is not told, of equal name
// and size. A servent that says that it cannot be reached is pushed, and so is one
// that turns out so.
//
// Result and errors are those of [transfer.Download], which it becomes.
type Fetch struct {
	Op    spec.OpID
	Piece int32 // of the storage, which has to know the hash of Want
	Want  gnutella.Found
	Hits  []gnutella.Hit
}

// IsInput makes Fetch a command.
func (Fetch) IsInput() {}

// download is the command of package transfer.
func (f *Fetch) download() transfer.Download {
	d := transfer.Download{Op: f.Op, Piece: f.Piece, Size: f.Want.Size, SHA1: f.Want.SHA1}
	for _, h := range f.Hits {
		for _, r := range h.Results {
			if r.Size == f.Want.Size && r.SHA1 == f.Want.SHA1 && (r.SHA1 != (urn.SHA1{}) || r.Name == f.Want.Name) {
				d.Sources = append(d.Sources, source(&h, &r))
			}
		}
	}
	return d
}

func source(h *gnutella.Hit, r *gnutella.Found) transfer.Source {
	return transfer.Source{Addr: h.Addr, Index: r.Index, Name: r.Name, ServentID: wire.GUID(h.ServentID), Push: h.Push}
}
