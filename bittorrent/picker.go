package bittorrent

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// PieceOrder says which of the pieces that are not begun is asked for next.
type PieceOrder uint8

// The orders. All but the first are for experiments that show why it is first.
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
	conn      spec.Conn // not 0
	has       *bitfield // counted: see peerBitfield
	choked    bool      // only pieces of allowed may be asked for
	alone     bool      // on parole: see blame
	allowed   []int32   // pieces that may be asked for while choked (BEP 6)
	suggested []int32   // pieces that the peer would like to send (BEP 6)
}

// pickerConfig holds the rules of a picker. It has no defaults: Config does.
type pickerConfig struct {
	order       PieceOrder
	randomFirst int32 // pieces to be complete before order counts; the paper has 1, libtorrent 4
	blockSize   int32 // bytes of a request
	maxBegun    int32 // pieces begun and not verified, at most: bounds memory
	maxCopies   int32 // connections that are asked for one block in endgame, at most
}

// A picker decides what to ask whom for. It follows the four rules of the
// economics paper, §2.4, in the order of [picker.pick]:
//
//   - Strict priority: the blocks of a piece that was begun come before those
//     of any other, for only whole pieces can be traded.
//   - Random first piece: a rare piece is slow to get, because few have it,
//     and a newcomer needs something to trade soon.
//   - Rarest first: the swarm keeps all pieces for as long as possible, and
//     what we have is what others want.
//   - Endgame: when every block was asked for, the last ones are asked of
//     everybody, lest one slow peer holds up the end.
//
// Use: one picker for a torrent whose layout is known. Each connection has a
// bitfield, which the peer… methods change and count. The owner calls pick
// when a connection has room for requests, then tells the fate of every
// request (arrived, returned, overdue), of every block that arrived (stored,
// storeFailed) and of every piece that is complete (verified, failed). It
// fills a connection up again in the step in which a block arrived, and idle
// ones when inEndgame turns true.
//
// Each piece is in one of three states: wanted (in order of rarity: see
// picker_order.go), begun (block by block: see picker_begun.go), held. Costs,
// with c copies of a piece and b blocks in it: a have message O(1); a bitfield
// one step for each piece in it; a have-all O(1); a pick O(c + log b) for each
// block, but at worst one look at every 64 pieces.
type picker struct {
	cfg    pickerConfig
	have   bitfield // pieces that are held
	open   bitfield // pieces that are wanted: not held, not begun
	pieces []piece
	seeds  int32   // counted bitfields that were full from the first; these are in no piece's copies
	wanted []int32 // the pieces of open, most common first, ties in random order
	above  []int32 // [a]: how many in wanted have more than a copies: where those with a begin
	begun  []begunPiece
	ready  []int32 // pieces of begun that have missing blocks, in the order in which they were begun
	retry  []int32 // pieces to be fetched before others and from one connection each
	serial int64   // of the piece begun last
}

// piece is what is known of every piece.
type piece struct {
	copies int32 // counted bitfields that have it, besides seeds
	place  int32 // index in wanted or in begun
	state  pieceState
	alone  bool // it is in retry
}

type pieceState uint8

const (
	pieceWanted pieceState = iota
	pieceBegun
	pieceHeld
)

func newPicker(cfg pickerConfig, l *Layout, rng *spec.Rand) picker {
	p := picker{
		cfg:    cfg,
		have:   newBitfield(l.Pieces),
		open:   newBitfield(l.Pieces),
		pieces: make([]piece, l.Pieces),
		wanted: make([]int32, l.Pieces),
		above:  make([]int32, 1),
	}
	p.open.fill()
	for i := range p.wanted {
		p.wanted[i] = int32(i)
	}
	rng.Shuffle(len(p.wanted), func(i, j int) { p.wanted[i], p.wanted[j] = p.wanted[j], p.wanted[i] })
	for at, i := range p.wanted {
		p.pieces[i].place = int32(at)
	}
	return p
}

// pick appends up to n blocks to ask the source for, which count as asked.
//
// BEP03-PEER-029, BEP03-PEER-030: only for what it has and we lack.
// BEP03-PEER-028, BEP06-FAST-018: while choked only for what it allows.
func (p *picker) pick(rng *spec.Rand, l *Layout, from *source, n int32, out []block) []block {
	full := len(out) + int(n)
	out = p.pickReady(l, from, full, out)
	for len(out) < full {
		next := p.choose(rng, from)
		if next < 0 || len(p.begun) >= int(p.cfg.maxBegun) && !p.dropIdle(rng) {
			break
		}
		g := p.begin(l, next)
		if from.alone || p.pieces[next].alone {
			g.owner = from.conn
		}
		out = p.take(l, from, g, full, out)
	}
	if len(out) < full {
		out = p.pickStalled(l, from, full, out)
	}
	if len(out) < full && !from.alone && p.inEndgame() {
		out = p.pickCopies(l, from, full, out)
	}
	return out
}

// inEndgame reports whether every block that anybody has was asked for, so
// that an idle connection can only be asked for what others were asked for.
//
// BEP03-PEER-044 (economics paper §2.4.4)
func (p *picker) inEndgame() bool {
	if len(p.wanted) > 0 && p.isAvailable(p.wanted[0]) {
		return false
	}
	for _, i := range p.ready {
		if g := p.begunPiece(i); g.owner == 0 && p.isAvailable(i) && g.hasUnasked() {
			return false
		}
	}
	return len(p.begun) > 0
}

// isComplete reports whether every piece is held.
func (p *picker) isComplete() bool { return p.have.isFull() }

// pickReady takes missing blocks of begun pieces, the oldest first.
//
// BEP03-CHOKE-010 (economics paper §2.4.1 Strict Priority)
func (p *picker) pickReady(l *Layout, from *source, full int, out []block) []block {
	for at := 0; at < len(p.ready) && len(out) < full; {
		g := p.begunPiece(p.ready[at])
		if from.mayAsk(g.piece) && (g.owner == from.conn || g.owner == 0 && !from.alone) {
			out = p.take(l, from, g, full, out)
		}
		if g.missing > 0 { // else it has left the list
			at++
		}
	}
	return out
}

// choose returns the wanted piece to begin, or -1 when the source has none.
func (p *picker) choose(rng *spec.Rand, from *source) int32 {
	for _, list := range [...][]int32{p.retry, from.suggested} {
		if i := p.firstOpen(from, list); i >= 0 {
			return i
		}
	}
	switch {
	case from.choked:
		return p.firstOpen(from, from.allowed)
	case p.cfg.order == RandomOrder, p.have.count < p.cfg.randomFirst:
		return p.randomOpen(rng, from.has)
	case p.cfg.order == InOrder:
		return p.leastOpen(from.has)
	default:
		return p.rarestOpen(from.has)
	}
}

// pickStalled takes over pieces that nobody is sending and that the source
// could not continue, for they must not have two contributors: they start from
// scratch. This is the last resort before endgame, so that a connection whose
// next requests are about to be made does not lose its piece.
func (p *picker) pickStalled(l *Layout, from *source, full int, out []block) []block {
	for i := 0; i < len(p.begun) && len(out) < full; i++ {
		g := &p.begun[i]
		isOthers := g.owner != from.conn && (g.owner != 0 || from.alone)
		if isOthers && g.isIdle() && from.mayAsk(g.piece) {
			p.restart(g)
			g.owner = from.conn
			out = p.take(l, from, g, full, out)
		}
	}
	return out
}

// pickCopies takes blocks that others were asked for, those that the fewest
// were asked for first. BEP03-PEER-044
func (p *picker) pickCopies(l *Layout, from *source, full int, out []block) []block {
	type candidate struct {
		copies, index int32
		g             *begunPiece
	}
	var candidates []candidate
	for i := range p.begun {
		g := &p.begun[i]
		if g.owner != 0 || !from.mayAsk(g.piece) {
			continue
		}
		for at := 0; at < len(g.asks); {
			asks := g.asksOf(g.asks[at].index)
			at += len(asks)
			isAsked := slices.ContainsFunc(asks, func(a ask) bool { return a.conn == from.conn })
			if !isAsked && len(asks) < int(p.cfg.maxCopies) {
				candidates = append(candidates, candidate{int32(len(asks)), asks[0].index, g})
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.copies, b.copies), cmp.Compare(a.g.serial, b.g.serial))
	})
	for _, c := range candidates[:min(len(candidates), full-len(out))] {
		p.ask(c.g, c.index, from.conn)
		out = append(out, p.blockOf(l, c.g.piece, c.index))
	}
	return out
}

// take asks the source for the first missing blocks of a begun piece.
func (p *picker) take(l *Layout, from *source, g *begunPiece, full int, out []block) []block {
	for index := 0; len(out) < full; index++ {
		skip := bytes.IndexByte(g.blocks[index:], blockMissing)
		if skip < 0 {
			break
		}
		index += skip
		if _, overdue := g.find(int32(index), from.conn); overdue {
			continue
		}
		p.ask(g, int32(index), from.conn)
		out = append(out, p.blockOf(l, g.piece, int32(index)))
	}
	return out
}

// mayAsk reports whether the source has a piece and lets us ask for it.
// BEP06-FAST-017: an allowed piece need not be there.
func (s *source) mayAsk(piece int32) bool {
	return s.has.has(piece) && (!s.choked || slices.Contains(s.allowed, piece))
}

// isAvailable reports whether a connected peer has the piece.
func (p *picker) isAvailable(piece int32) bool { return p.seeds > 0 || p.pieces[piece].copies > 0 }
