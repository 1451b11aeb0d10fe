package deflate

// maxBits is the length of the longest code (RFC 1951 §3.2.7).
const maxBits = 15

// code is a canonical Huffman code (RFC 1951 §3.2.2): how many symbols have each
// length, and the symbols in the order of their codes.
type code struct {
	count   [maxBits + 1]uint16
	symbols [maxLiterals + 2]uint16 // the fixed code has two that mean nothing
}

// newCode makes a code of the lengths of its symbols, where 0 is none. It is not ok
// if these are no prefix code, or one that leaves codes over, but for that of one
// symbol.
func newCode(lengths []uint8) (c *code, ok bool) {
	c = &code{}
	for _, n := range lengths {
		c.count[n]++
	}
	unused := len(lengths) - int(c.count[0])
	c.count[0] = 0
	left := 1
	var next [maxBits + 2]uint16 // where the symbols of a length begin
	for n := 1; n <= maxBits; n++ {
		left = left<<1 - int(c.count[n])
		if left < 0 {
			return nil, false
		}
		next[n+1] = next[n] + c.count[n]
	}
	if left > 0 && unused != 0 && (unused != 1 || c.count[1] != 1) {
		return nil, false
	}
	for symbol, n := range lengths {
		if n > 0 {
			c.symbols[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	return c, true
}

// fixedCodes are those of RFC 1951 §3.2.6.
func fixedCodes() (literals, distances *code) {
	var lengths [maxLiterals + 2]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	literals, _ = newCode(lengths[:])
	distances, _ = newCode([]uint8{
		5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
	})
	return literals, distances
}

// code makes a code, or fails.
func (d *inflate) code(lengths []uint8) *code {
	c, ok := newCode(lengths)
	if !ok {
		d.fail("lengths that make no code")
		return &code{}
	}
	return c
}

// symbol reads the next symbol of a code, 0 once it has failed.
func (d *inflate) symbol(c *code) int {
	word, first, index := 0, 0, 0
	for n := 1; n <= maxBits; n++ {
		word |= int(d.take(1))
		if count := int(c.count[n]); word-first < count {
			return int(c.symbols[index+word-first])
		} else {
			index += count
			first = (first + count) << 1
		}
		word <<= 1
	}
	d.fail("a code of no symbol")
	return 0
}
