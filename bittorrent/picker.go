package bittorrent

import (
	"encoding/binary"

	"github.com/p2pspec/p2pspec/spec"
)

// PieceOrder says which of the pieces that are not begun is asked for next.
type PieceOrder uint8

// The orders. All but the first are for experiments that show why it is.
const (
	RarestFirst PieceOrder = iota // the piece that the fewest connected peers have (economics paper §2.4.2)
	RandomOrder                   // any
	InOrder                       // the first of the torrent
)

// A block is what one request asks for.
type block struct {
	piece, begin, length int32 // begin and length in bytes
}

// A source is what the picker has to know of a connection that could be asked.
type source struct {
	conn      spec.Conn
	has       *bitfield // counted by peerBitfield, peerHas or peerHasAll
	choked    bool      // only pieces of allowed may be asked for
	alone     bool      // on parole: share no piece with others
	allowed   []int32   // allowed fast pieces (BEP 6)
	suggested []int32   // suggested pieces (BEP 6)
}

// pickerConfig holds the rules of a picker. There are no defaults.
type pickerConfig struct {
	order       PieceOrder
	randomFirst int32 // pieces to complete in random order before order counts
	blockSize   int32 // bytes of a request
	maxBegun    int32 // pieces begun and not finished, at most
	maxCopies   int32 // connections asked for one block in endgame, at most
}

// A picker decides what to ask whom for.
type picker struct {
	cfg  pickerConfig
	have bitfield // verified pieces
}

func newPicker(cfg pickerConfig, l *Layout, rng *spec.Rand) picker {
	return picker{cfg: cfg, have: newBitfield(l.Pieces)}
}

// Availability. Each connection's bitfield is counted from the first of these
// calls until peerLeft, and changed by them alone.

// peerBitfield makes f what a peer's first message said. f is as it was with an error.
func (p *picker) peerBitfield(rng *spec.Rand, f *bitfield, wired []byte) error { return f.load(wired) }

// peerHasAll makes f full.
func (p *picker) peerHasAll(rng *spec.Rand, f *bitfield) { f.fill() }

// peerHas adds a piece to f and reports whether it was missing.
func (p *picker) peerHas(rng *spec.Rand, f *bitfield, piece int32) bool { return f.set(piece) }

// peerLost takes a piece out of f (BEP 54) and reports whether it was there.
func (p *picker) peerLost(rng *spec.Rand, f *bitfield, piece int32) bool { return f.unset(piece) }

// peerLeft no longer counts f.
func (p *picker) peerLeft(rng *spec.Rand, f *bitfield) {}

// pick appends up to n blocks to ask the source for, and counts them as asked.
func (p *picker) pick(rng *spec.Rand, l *Layout, from *source, n int32, out []block) []block {
	return out
}

// Fates of a request.

// arrived takes a block that conn was asked for. Others that were asked for
// the same block are appended to cancel: the picker has forgotten about them.
// With wanted false the block is to be thrown away: it was not asked of conn,
// or is there already.
func (p *picker) arrived(conn spec.Conn, b block, cancel []spec.Conn) (others []spec.Conn, wanted bool) {
	return cancel, false
}

// returned says that conn will not send a block: it was rejected, or conn
// choked or closed. For one that was not asked nothing happens.
func (p *picker) returned(rng *spec.Rand, conn spec.Conn, b block) {}

// overdue says that others may be asked for a block that conn takes too long
// for. Should it come from conn after all, it is welcome.
func (p *picker) overdue(conn spec.Conn, b block) {}

// Fates of a block that arrived.

// stored reports whether the block was the last that its piece lacked: then
// the piece is to be verified.
func (p *picker) stored(b block) (complete bool) { return false }

// storeFailed makes an arrived block missing again.
func (p *picker) storeFailed(b block) {}

// Fates of a piece.

// verified says that a piece is held, whether it was picked or found on disk.
func (p *picker) verified(piece int32) { p.have.set(piece) }

// failed says that a piece must be fetched again. When alone is set, that is
// done before others and from one connection.
func (p *picker) failed(rng *spec.Rand, piece int32, alone bool) {}

// inEndgame reports whether every block that anyone has was asked for, so that
// idle connections may be asked for the same ones.
func (p *picker) inEndgame() bool { return false }

func (p *picker) isComplete() bool { return p.have.isFull() }

func (p *picker) clone() picker {
	c := *p
	c.have = p.have.clone()
	return c
}

func (p *picker) appendState(b []byte) []byte {
	b = append(b, byte(p.cfg.order))
	b = binary.BigEndian.AppendUint32(b, uint32(p.cfg.randomFirst))
	return p.have.appendState(b)
}
