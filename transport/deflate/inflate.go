package deflate

import (
	"compress/zlib"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
)

// windowSize is how far back a match may reach (RFC 1951 §2).
const windowSize = 32 << 10

// inflate decodes one zlib stream. It differs from compress/zlib in what it does
// where the input stops for a while: it has given all that can be known by then,
// also within a block.
type inflate struct {
	in    *source
	bits  uint32 // that were read and not used, the next one lowest
	count uint   // of bits
	err   error  // what ends it; all that reads returns nothing then

	out  []byte // the window and, beyond sent, what nobody has got
	sent int
	sum  hash.Hash32

	literals, distances *code // the fixed ones; nil until a block has them
}

func newInflate(in *source) *inflate {
	return &inflate{in: in, out: make([]byte, 0, 2*windowSize), sum: adler32.New()}
}

// run decodes until the end of the stream, and says what it was.
func (d *inflate) run() error {
	d.header()
	for final := false; !final && d.err == nil; {
		final = d.take(1) == 1
		switch d.take(2) {
		case 0:
			d.stored()
		case 1:
			d.fixed()
		case 2:
			d.dynamic()
		default:
			d.fail("a block of an unknown kind")
		}
	}
	d.flush()
	d.trailer()
	if d.err == nil {
		return io.EOF
	}
	return d.err
}

// header reads the two bytes of RFC 1950 §2.2.
func (d *inflate) header() {
	cmf := d.take(8)
	flags := d.take(8)
	const methodDeflate, maxWindow, dictionary = 8, 7, 1 << 5
	switch {
	case d.err != nil:
	case cmf&15 != methodDeflate || cmf>>4 > maxWindow || (cmf<<8|flags)%31 != 0:
		d.err = zlib.ErrHeader
	case flags&dictionary != 0:
		d.err = zlib.ErrDictionary
	}
}

// trailer compares the sum of all that came out.
func (d *inflate) trailer() {
	d.align()
	var sum uint32
	for range 4 {
		sum = sum<<8 | d.take(8)
	}
	if d.err == nil && sum != d.sum.Sum32() {
		d.err = zlib.ErrChecksum
	}
}

// stored copies a block that is not compressed.
func (d *inflate) stored() {
	d.align()
	size, complement := d.take(16), d.take(16)
	if d.err == nil && size != ^complement&0xffff {
		d.fail("a stored block with lengths %04x and %04x", size, complement)
	}
	for ; size > 0 && d.err == nil; size-- {
		if b := d.take(8); d.err == nil {
			d.emit(byte(b))
		}
	}
}

// fixed reads a block with the codes that are known: blocks of ten bits would take far
// longer to make them than to read.
func (d *inflate) fixed() {
	if d.literals == nil {
		d.literals, d.distances = fixedCodes()
	}
	d.block(d.literals, d.distances)
}

// The numbers of symbols of RFC 1951 §3.2.5 and §3.2.7.
const (
	maxLiterals  = 286
	maxDistances = 30
	maxLengths   = 19
	endOfBlock   = 256
)

// dynamic reads a block with codes of its own.
func (d *inflate) dynamic() {
	literals, distances, n := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if literals > maxLiterals || distances > maxDistances {
		d.fail("a block with %d literals and %d distances", literals, distances)
		return
	}
	var lengths [maxLengths]uint8
	order := [maxLengths]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, symbol := range order[:n] {
		lengths[symbol] = uint8(d.take(3))
	}
	code := d.code(lengths[:])
	var all [maxLiterals + maxDistances]uint8
	used := all[:literals+distances]
	for i := 0; i < len(used) && d.err == nil; {
		symbol := d.symbol(code)
		value, again := uint8(0), 1
		switch {
		case symbol < 16:
			value = uint8(symbol)
		case symbol == 16 && i > 0:
			value, again = used[i-1], 3+int(d.take(2))
		case symbol == 16:
			d.fail("the length of a code repeats that of none")
		case symbol == 17:
			again = 3 + int(d.take(3))
		default:
			again = 11 + int(d.take(7))
		}
		if i+again > len(used) {
			d.fail("lengths of more codes than the block has")
			return
		}
		for ; again > 0; again-- {
			used[i] = value
			i++
		}
	}
	d.block(d.code(used[:literals]), d.code(used[literals:]))
}

// block decodes literals and matches up to the end of a block.
func (d *inflate) block(literals, distances *code) {
	for d.err == nil {
		symbol := d.symbol(literals)
		switch {
		case d.err != nil || symbol == endOfBlock:
			return
		case symbol < endOfBlock:
			d.emit(byte(symbol))
		case symbol >= maxLiterals:
			d.fail("a match of no length")
		default:
			d.match(d.length(symbol-endOfBlock-1), d.distance(d.symbol(distances)))
		}
	}
}

// length of a match: the first four are told apart by their symbols, and each four
// that follow share one more bit.
func (d *inflate) length(symbol int) int {
	const longest, last = 258, 28
	switch {
	case symbol < 4:
		return symbol + 3
	case symbol == last:
		return longest
	}
	extra := uint(symbol/4 - 1)
	return (4+symbol%4)<<extra + int(d.take(extra)) + 3
}

// distance of a match: the same, in pairs.
func (d *inflate) distance(symbol int) int {
	switch {
	case symbol < 2:
		return symbol + 1
	case symbol >= maxDistances:
		d.fail("a match of no distance")
		return 1
	}
	extra := uint(symbol/2 - 1)
	return (2+symbol%2)<<extra + int(d.take(extra)) + 1
}

func (d *inflate) match(length, distance int) {
	if d.err == nil && distance > len(d.out) {
		d.fail("a match that begins before the stream")
	}
	for ; length > 0 && d.err == nil; length-- {
		d.emit(d.out[len(d.out)-distance])
	}
}

// emit adds a byte to what comes out.
func (d *inflate) emit(b byte) {
	if len(d.out) == cap(d.out) {
		d.flush()
		n := copy(d.out, d.out[len(d.out)-windowSize:])
		d.out, d.sent = d.out[:n], n
	}
	d.out = append(d.out, b)
	if len(d.out)-d.sent == MaxChunk {
		d.flush()
	}
}

// flush hands out what nobody has got.
func (d *inflate) flush() {
	if fresh := d.out[d.sent:]; len(fresh) > 0 {
		d.sent = len(d.out)
		_, _ = d.sum.Write(fresh) // a sum never fails
		d.in.give(fresh)
	}
}

// take reads at most 16 bits; nothing once it has failed.
func (d *inflate) take(n uint) uint32 {
	for d.count < n && d.err == nil {
		if d.in.pushed.Len() == 0 {
			d.flush()
		}
		b, ok := d.in.read()
		if !ok {
			d.err = errStopped
		}
		d.bits |= uint32(b) << d.count
		d.count += 8
	}
	if d.err != nil {
		return 0
	}
	v := d.bits & (1<<n - 1)
	d.bits >>= n
	d.count -= n
	return v
}

// align drops what is left of a byte.
func (d *inflate) align() { d.take(d.count % 8) }

func (d *inflate) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{errCorrupt}, args...)...)
	}
}

var errCorrupt = errors.New("deflate: the compressed stream is damaged")
