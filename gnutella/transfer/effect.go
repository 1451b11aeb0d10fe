package transfer

import (
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// The events of [spec.Notify], and of [spec.Done].
type (
	// Downloaded is the result of Download: the piece is complete and, where its hash
	// is known, verified.
	Downloaded struct {
		Piece    int32
		Size     uint32
		Verified bool
	}

	// Receiving says that a source sends a part of a download, from Begin on.
	Receiving struct {
		Op    spec.OpID
		From  netip.AddrPort
		Begin uint32
	}

	// Corrupted says that what a download had fetched has another hash. It begins
	// anew, with other sources or with one at a time.
	Corrupted struct{ Op spec.OpID }

	// PushNeeded asks the application to push a servent, which is to dial and to say
	// GIV. [NoPush] says that this cannot be done.
	PushNeeded struct {
		Op        spec.OpID // of the Download
		ServentID wire.GUID
		Index     uint32
	}

	// RelayWanted asks the application to pass a push on to a leaf, which is to dial
	// To. [Relayed] is the answer.
	RelayWanted struct {
		Conn      spec.Conn
		ServentID wire.GUID
		Index     uint32
		To        netip.AddrPort
	}

	// Uploaded says that a part of a file was sent to the end, as far as the driver
	// was handed it.
	Uploaded struct {
		To         netip.AddrPort
		Piece      int32
		Begin, End uint32
	}
)

func (Downloaded) IsEvent()  {}
func (Receiving) IsEvent()   {}
func (Corrupted) IsEvent()   {}
func (PushNeeded) IsEvent()  {}
func (RelayWanted) IsEvent() {}
func (Uploaded) IsEvent()    {}

// The errors of [spec.Done].
var (
	// ErrOp: a Download of the same Op is under way.
	ErrOp = errors.New("transfer: the operation is under way")
	// ErrNoHash: Have is not zero, and SHA1 is: of which file that is cannot be told.
	ErrNoHash = errors.New("transfer: a part without the hash of its file")
	// ErrPiece: the piece is of a shared file, or of a download under way, or negative.
	ErrPiece = errors.New("transfer: the piece is taken")
	// ErrSize: Size exceeds MaxSize, or Have exceeds Size.
	ErrSize = errors.New("transfer: size out of bounds")
	// ErrTooMany: more than Config.Downloads, than Config.Conns, or than a quarter of
	// those in offers that are being dialled; or a Name too long.
	ErrTooMany = errors.New("transfer: too many at once")
	// ErrNoSource: no source is left that could have the file.
	ErrNoSource = errors.New("transfer: no source is left")
	// ErrCorrupt: the same, and one at least sent something else.
	ErrCorrupt = errors.New("transfer: no source is left, and what came has another hash")
	// ErrStorage: the storage failed; it is wrapped with what it said.
	ErrStorage = errors.New("transfer: the storage failed")
	// ErrCancelled: by Cancel.
	ErrCancelled = errors.New("transfer: cancelled")
	// ErrUnknown: there is no such Download.
	ErrUnknown = errors.New("transfer: no such download")
)

// Reasons in [spec.Drop].
var (
	errTarget  = errors.New("transfer: a path out of what is shared, or a push of nobody")
	errOrder   = errors.New("transfer: a message out of order")
	errFlood   = errors.New("transfer: too many requests at once")
	errUnasked = errors.New("transfer: nobody was asked to push")
	errLength  = errors.New("transfer: the file has another length")
	errRange   = errors.New("transfer: another range than was asked for")
	errContent = errors.New("transfer: another file than was asked for")
	errEarly   = errors.New("transfer: asked again before its turn")
)
