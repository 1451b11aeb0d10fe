package bittorrent

import (
	"cmp"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// The state of a block in a begun piece. It is missing while nobody is asked
// for it or all who are take too long.
const (
	blockMissing byte = iota
	blockAsked
	blockArrived // being stored
	blockStored
)

// begunPiece is a piece of which a block was asked for.
type begunPiece struct {
	serial  int64     // rises with each piece begun
	owner   spec.Conn // the only connection that is asked; 0: any
	piece   int32
	missing int32  // blocks in that state
	stored  int32  // blocks in that state
	blocks  []byte // their states
	asks    []ask  // by index, then in the order of asking
}

// ask is a request that was not answered.
type ask struct {
	conn  spec.Conn
	index int32 // of the block
	late  bool  // others may be asked, too
}

// The fates of a request: exactly one of arrived and returned, and overdue
// before. Of a block that conn was not asked for they change nothing.

// arrived takes a block that conn was asked for. Others that were asked for
// it are appended to cancel, and their requests are forgotten. Unless the
// block is wanted it is to be thrown away. BEP03-PEER-041, BEP03-PEER-045
func (p *picker) arrived(conn spec.Conn, b block, cancel []spec.Conn) (others []spec.Conn, wanted bool) {
	g, index := p.lookup(b)
	if g == nil {
		return cancel, false
	}
	at, isAsked := g.find(index, conn)
	if !isAsked {
		return cancel, false
	}
	if g.owner != 0 && g.owner != conn { // it is another's now: see restart
		g.asks = slices.Delete(g.asks, at, at+1)
		return cancel, false
	}
	asks := g.asksOf(index)
	for _, a := range asks {
		if a.conn != conn {
			cancel = append(cancel, a.conn)
		}
	}
	for at > 0 && g.asks[at-1].index == index {
		at--
	}
	g.asks = slices.Delete(g.asks, at, at+len(asks))
	p.setBlock(g, index, blockArrived)
	return cancel, true
}

// returned says that conn will not send a block: it rejected the request,
// choked us without BEP 6, or is gone. BEP06-FAST-016
func (p *picker) returned(rng *spec.Rand, conn spec.Conn, b block) {
	g, index := p.lookup(b)
	if g == nil {
		return
	}
	if at, isAsked := g.find(index, conn); isAsked {
		g.asks = slices.Delete(g.asks, at, at+1)
		p.settle(g, index)
		p.dropIfUntouched(rng, g)
	}
}

// overdue says that conn takes so long for a block that others may be asked.
// Should it come from conn after all, it is as good.
func (p *picker) overdue(conn spec.Conn, b block) {
	g, index := p.lookup(b)
	if g == nil {
		return
	}
	if at, isAsked := g.find(index, conn); isAsked {
		g.asks[at].late = true
		p.settle(g, index)
	}
}

// stored says that a block which arrived is stored, and reports whether it was
// the last of its piece: then the piece is to be verified.
func (p *picker) stored(b block) (complete bool) {
	g, index := p.lookup(b)
	if g == nil || g.blocks[index] != blockArrived {
		return false
	}
	p.setBlock(g, index, blockStored)
	return g.isComplete()
}

// storeFailed makes a block that arrived missing again.
func (p *picker) storeFailed(b block) {
	if g, index := p.lookup(b); g != nil && g.blocks[index] == blockArrived {
		p.setBlock(g, index, blockMissing)
	}
}

// verified says that a piece is held, whether it was fetched or found.
func (p *picker) verified(piece int32) {
	switch p.pieces[piece].state {
	case pieceWanted:
		p.unwant(piece)
	case pieceBegun:
		p.end(p.begunPiece(piece))
	}
	p.pieces[piece].state, p.pieces[piece].place = pieceHeld, 0
	p.have.set(piece)
	if p.pieces[piece].alone {
		p.pieces[piece].alone = false
		p.retry = slices.DeleteFunc(p.retry, func(i int32) bool { return i == piece })
	}
	if p.isComplete() { // a seed needs none of this
		p.wanted, p.begun, p.ready, p.retry = nil, nil, nil, nil
	}
}

// failed says that a piece must be fetched, or fetched again; alone: before
// others and from one connection, so that one can be blamed. BEP03-PEER-042
func (p *picker) failed(rng *spec.Rand, piece int32, alone bool) {
	switch p.pieces[piece].state {
	case pieceBegun:
		p.end(p.begunPiece(piece))
		p.want(rng, piece)
	case pieceHeld:
		p.have.unset(piece)
		p.want(rng, piece)
	}
	if alone && !p.pieces[piece].alone {
		p.pieces[piece].alone = true
		p.retry = append(p.retry, piece)
	}
}

// begin moves a wanted piece among those begun, with all blocks missing. The
// slices of a piece that has ended are used again: they lie behind the last.
func (p *picker) begin(l *Layout, piece int32) *begunPiece {
	p.unwant(piece)
	at := len(p.begun)
	if at < cap(p.begun) {
		p.begun = p.begun[:at+1]
	} else {
		p.begun = append(p.begun, begunPiece{})
	}
	g := &p.begun[at]
	n := int((int64(l.Size(piece)) + int64(p.cfg.blockSize) - 1) / int64(p.cfg.blockSize))
	p.serial++
	*g = begunPiece{
		serial: p.serial, piece: piece, missing: int32(n),
		blocks: slices.Grow(g.blocks[:0], n)[:n], asks: g.asks[:0],
	}
	clear(g.blocks)
	p.pieces[piece].state, p.pieces[piece].place = pieceBegun, int32(at)
	p.ready = append(p.ready, piece)
	return g
}

// end takes a piece out of those begun; the caller gives it another state.
func (p *picker) end(g *begunPiece) {
	if g.missing > 0 {
		p.unready(g)
	}
	at, last := p.pieces[g.piece].place, len(p.begun)-1
	p.begun[at], p.begun[last] = p.begun[last], p.begun[at]
	p.pieces[p.begun[at].piece].place = at
	p.begun = p.begun[:last]
}

// restart makes all blocks missing. Requests that are late stay known, lest
// somebody is asked twice, but what comes is not the new owner's.
func (p *picker) restart(g *begunPiece) {
	if g.missing == 0 {
		p.makeReady(g)
	}
	clear(g.blocks)
	g.missing, g.stored = int32(len(g.blocks)), 0
}

// dropIfUntouched makes a begun piece wanted again when there is nothing in it:
// then it has no priority over others.
func (p *picker) dropIfUntouched(rng *spec.Rand, g *begunPiece) {
	if int(g.missing) == len(g.blocks) && len(g.asks) == 0 {
		piece := g.piece
		p.end(g)
		p.want(rng, piece)
	}
}

// dropIdle makes the piece wanted again that costs the least of those that
// nobody was asked for, and reports whether there was one. Without it, peers
// that leave in the middle of pieces which nobody else has would use up maxBegun.
func (p *picker) dropIdle(rng *spec.Rand) bool {
	var least *begunPiece
	for i := range p.begun {
		if g := &p.begun[i]; g.isIdle() && len(g.asks) == 0 && (least == nil ||
			cmp.Or(cmp.Compare(g.stored, least.stored), cmp.Compare(least.serial, g.serial)) < 0) {
			least = g
		}
	}
	if least == nil {
		return false
	}
	piece := least.piece
	p.end(least)
	p.want(rng, piece)
	return true
}

// ask counts a block as asked of conn.
func (p *picker) ask(g *begunPiece, index int32, conn spec.Conn) {
	at, _ := slices.BinarySearchFunc(g.asks, index+1, compareIndex)
	g.asks = slices.Insert(g.asks, at, ask{conn: conn, index: index})
	p.setBlock(g, index, blockAsked)
}

// settle makes a block missing when all who were asked for it are late.
func (p *picker) settle(g *begunPiece, index int32) {
	if !slices.ContainsFunc(g.asksOf(index), func(a ask) bool { return !a.late }) {
		p.setBlock(g, index, blockMissing)
	}
}

// setBlock changes a block's state, and keeps the counts and the list of ready
// pieces in agreement.
func (p *picker) setBlock(g *begunPiece, index int32, state byte) {
	wasReady := g.missing > 0
	switch g.blocks[index] {
	case blockMissing:
		g.missing--
	case blockStored:
		g.stored--
	}
	switch g.blocks[index] = state; state {
	case blockMissing:
		g.missing++
	case blockStored:
		g.stored++
	}
	if isReady := g.missing > 0; isReady && !wasReady {
		p.makeReady(g)
	} else if wasReady && !isReady {
		p.unready(g)
	}
}

// makeReady puts a piece into ready at its rank.
func (p *picker) makeReady(g *begunPiece) {
	at, _ := slices.BinarySearchFunc(p.ready, g.serial, p.compareSerial)
	p.ready = slices.Insert(p.ready, at, g.piece)
}

func (p *picker) unready(g *begunPiece) {
	at, _ := slices.BinarySearchFunc(p.ready, g.serial, p.compareSerial)
	p.ready = slices.Delete(p.ready, at, at+1)
}

func (p *picker) compareSerial(piece int32, serial int64) int {
	return cmp.Compare(p.begunPiece(piece).serial, serial)
}

func (p *picker) begunPiece(piece int32) *begunPiece { return &p.begun[p.pieces[piece].place] }

// lookup returns the begun piece of a block and the block's index in it; nil
// when it is no block of a begun piece.
func (p *picker) lookup(b block) (*begunPiece, int32) {
	if uint32(b.piece) >= uint32(len(p.pieces)) || p.pieces[b.piece].state != pieceBegun ||
		b.begin < 0 || b.begin%p.cfg.blockSize != 0 {
		return nil, 0
	}
	g := p.begunPiece(b.piece)
	if index := b.begin / p.cfg.blockSize; int(index) < len(g.blocks) {
		return g, index
	}
	return nil, 0
}

// blockOf is the block of that index. The last is what is left of the piece.
// BEP03-PEER-031, BEP03-PEER-032
func (p *picker) blockOf(l *Layout, piece, index int32) block {
	begin := index * p.cfg.blockSize
	return block{piece, begin, min(p.cfg.blockSize, l.Size(piece)-begin)}
}

// find returns where in asks the request of a block from conn is.
func (g *begunPiece) find(index int32, conn spec.Conn) (at int, isAsked bool) {
	at, _ = slices.BinarySearchFunc(g.asks, index, compareIndex)
	for ; at < len(g.asks) && g.asks[at].index == index; at++ {
		if g.asks[at].conn == conn {
			return at, true
		}
	}
	return at, false
}

// asksOf returns the requests of one block.
func (g *begunPiece) asksOf(index int32) []ask {
	first, _ := slices.BinarySearchFunc(g.asks, index, compareIndex)
	end := first
	for end < len(g.asks) && g.asks[end].index == index {
		end++
	}
	return g.asks[first:end]
}

func compareIndex(a ask, index int32) int { return cmp.Compare(a.index, index) }

// hasUnasked reports whether there is a missing block that nobody was asked for.
func (g *begunPiece) hasUnasked() bool {
	late := int32(0)
	for at := 0; at < len(g.asks); {
		index := g.asks[at].index
		if g.blocks[index] == blockMissing {
			late++
		}
		at += len(g.asksOf(index))
	}
	return g.missing > late
}

// isIdle reports whether nobody is sending the piece and it is not complete.
func (g *begunPiece) isIdle() bool {
	return !g.isComplete() && int(g.missing+g.stored) == len(g.blocks)
}

func (g *begunPiece) isComplete() bool { return int(g.stored) == len(g.blocks) }
