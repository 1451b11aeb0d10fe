package transfer

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Download fetches a file into a piece of the driver's storage, which has to know
// the hash that the piece is promised, and that is none of Config.Files nor of
// another download. Sources are asked one after another, and those that they name.
// Without a hash all of it is of one source: another begins anew.
//
// Result [Downloaded]. Errors: [ErrOp], [ErrTooMany], [ErrSize], [ErrNoHash],
// [ErrPiece], [ErrNoSource], [ErrCorrupt], [ErrStorage], [ErrCancelled].
type Download struct {
	Op      spec.OpID
	Piece   int32
	Size    uint32   // in bytes
	Have    uint32   // that are stored already, from the beginning: of an earlier download; zero without SHA1
	SHA1    urn.SHA1 // zero: not known; then nothing is verified
	Sources []Source
}

// Source is where a file can be had.
type Source struct {
	Addr      netip.AddrPort
	Index     uint32    // by which the source has it
	Name      string    // likewise; empty: it is asked for by SHA1 alone
	ServentID wire.GUID // whom to push when it cannot be dialled; zero: it has to be
	Push      bool      // it said that it cannot be
}

// Cancel ends a download.
//
// Result nil. Errors: [ErrUnknown].
type Cancel struct {
	Op   spec.OpID
	Task spec.OpID // of the Download
}

// Offer answers a push: it dials, says GIV, and serves what is then asked for. It is
// done at once.
//
// GN-PU-06, GN-PU-08.
//
// Result nil. Errors: [ErrTooMany].
type Offer struct {
	Op    spec.OpID
	To    netip.AddrPort
	Index uint32
	Name  string
}

// NoPush says that the servent which [PushNeeded] named cannot be pushed.
type NoPush struct{ ServentID wire.GUID }

// Relayed says whether the push that [RelayWanted] told of was passed on.
type Relayed struct {
	Conn spec.Conn
	OK   bool
}

func (Download) IsInput() {}
func (Cancel) IsInput()   {}
func (Offer) IsInput()    {}
func (NoPush) IsInput()   {}
func (Relayed) IsInput()  {}
