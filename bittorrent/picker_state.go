package bittorrent

import (
	"encoding/binary"
	"fmt"
	"slices"
)

func (p *picker) clone() picker {
	c := *p
	c.have, c.open = p.have.clone(), p.open.clone()
	c.pieces = slices.Clone(p.pieces)
	c.wanted, c.above = slices.Clone(p.wanted), slices.Clone(p.above)
	c.ready, c.retry = slices.Clone(p.ready), slices.Clone(p.retry)
	c.begun = slices.Clone(p.begun)
	for i := range c.begun {
		c.begun[i].blocks = slices.Clone(p.begun[i].blocks)
		c.begun[i].asks = slices.Clone(p.begun[i].asks)
	}
	return c
}

func (p *picker) appendState(b []byte) []byte {
	b = append(b, byte(p.cfg.order))
	b = appendInts(b, p.cfg.randomFirst, p.cfg.blockSize, p.cfg.maxBegun, p.cfg.maxCopies, p.seeds)
	b = p.have.appendState(b)
	b = p.open.appendState(b)
	b = appendInts(b, int32(len(p.pieces)))
	for _, e := range p.pieces {
		b = appendInts(b, e.copies, e.place)
		b = append(b, byte(e.state))
		b = appendBool(b, e.alone)
	}
	for _, list := range [...][]int32{p.wanted, p.above, p.ready, p.retry} {
		b = appendInts(b, int32(len(list)))
		b = appendInts(b, list...)
	}
	b = appendInts(b, int32(len(p.begun)))
	for i := range p.begun {
		b = p.begun[i].appendState(b)
	}
	return binary.BigEndian.AppendUint64(b, uint64(p.serial))
}

func (g *begunPiece) appendState(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(g.serial))
	b = binary.BigEndian.AppendUint64(b, uint64(g.owner))
	b = appendInts(b, g.piece, g.missing, g.stored, int32(len(g.blocks)))
	b = append(b, g.blocks...)
	b = appendInts(b, int32(len(g.asks)))
	for _, a := range g.asks {
		b = binary.BigEndian.AppendUint64(b, uint64(a.conn))
		b = appendInts(b, a.index)
		b = appendBool(b, a.late)
	}
	return b
}

func appendInts(b []byte, ints ...int32) []byte {
	for _, n := range ints {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func appendBool(b []byte, is bool) []byte {
	if is {
		return append(b, 1)
	}
	return append(b, 0)
}

// check reports the first invariant that does not hold. counted are all
// bitfields that count.
func (p *picker) check(counted []*bitfield) error {
	if err := p.checkCopies(counted); err != nil {
		return err
	}
	if int(p.have.count)+len(p.wanted)+len(p.begun) != len(p.pieces) || int(p.open.count) != len(p.wanted) {
		return fmt.Errorf("picker: %d held, %d wanted, %d open, %d begun of %d pieces",
			p.have.count, len(p.wanted), p.open.count, len(p.begun), len(p.pieces))
	}
	for at, i := range p.wanted {
		if e := p.pieces[i]; e.state != pieceWanted || int(e.place) != at || !p.open.has(i) {
			return fmt.Errorf("picker: wanted[%d] is piece %d, which is %+v", at, i, e)
		}
		if at > 0 && p.pieces[p.wanted[at-1]].copies < p.pieces[i].copies {
			return fmt.Errorf("picker: piece %d comes before piece %d, which has more copies", p.wanted[at-1], i)
		}
	}
	for a, end := range p.above {
		n := slices.IndexFunc(p.wanted, func(i int32) bool { return int(p.pieces[i].copies) <= a })
		if n < 0 {
			n = len(p.wanted)
		}
		if int(end) != n {
			return fmt.Errorf("picker: %d wanted pieces have more than %d copies, not %d", n, a, end)
		}
	}
	for i, e := range p.pieces {
		if p.have.has(int32(i)) != (e.state == pieceHeld) || slices.Contains(p.retry, int32(i)) != e.alone {
			return fmt.Errorf("picker: piece %d is %+v", i, e)
		}
	}
	return p.checkBegun()
}

func (p *picker) checkCopies(counted []*bitfield) error {
	copies, seeds := make([]int32, len(p.pieces)), int32(0)
	for _, f := range counted {
		if f.asSeed {
			seeds++
			continue
		}
		f.each(func(i int32) { copies[i]++ })
	}
	if seeds != p.seeds {
		return fmt.Errorf("picker: %d seeds are counted, of %d", p.seeds, seeds)
	}
	for i, n := range copies {
		if p.pieces[i].copies != n {
			return fmt.Errorf("picker: %d copies of piece %d are counted, of %d", p.pieces[i].copies, i, n)
		}
	}
	return nil
}

func (p *picker) checkBegun() error {
	var ready []int64
	for at := range p.begun {
		g := &p.begun[at]
		if e := p.pieces[g.piece]; e.state != pieceBegun || int(e.place) != at {
			return fmt.Errorf("picker: begun[%d] is piece %d, which is %+v", at, g.piece, e)
		}
		if err := g.check(); err != nil {
			return err
		}
		if g.missing > 0 {
			ready = append(ready, g.serial)
		}
	}
	slices.Sort(ready)
	if !slices.EqualFunc(ready, p.ready, func(serial int64, i int32) bool {
		return p.pieces[i].state == pieceBegun && p.begunPiece(i).serial == serial
	}) {
		return fmt.Errorf("picker: %v are ready, not those begun as %v", p.ready, ready)
	}
	if len(p.begun) > int(p.cfg.maxBegun) {
		return fmt.Errorf("picker: %d pieces are begun, at most %d may be", len(p.begun), p.cfg.maxBegun)
	}
	return nil
}

func (g *begunPiece) check() error {
	var missing, stored int32
	for index, state := range g.blocks {
		asks := g.asksOf(int32(index))
		live := slices.ContainsFunc(asks, func(a ask) bool { return !a.late })
		if live != (state == blockAsked) || len(asks) > 0 && state > blockAsked {
			return fmt.Errorf("picker: block %d of piece %d is in state %d, asked %+v", index, g.piece, state, asks)
		}
		switch state {
		case blockMissing:
			missing++
		case blockStored:
			stored++
		}
	}
	if missing != g.missing || stored != g.stored {
		return fmt.Errorf("picker: piece %d has %d missing and %d stored blocks, not %d and %d",
			g.piece, missing, stored, g.missing, g.stored)
	}
	for i, a := range g.asks {
		if i > 0 && g.asks[i-1].index > a.index || g.owner != 0 && a.conn != g.owner && !a.late {
			return fmt.Errorf("picker: piece %d of connection %d is asked as %+v", g.piece, g.owner, g.asks)
		}
	}
	return nil
}
