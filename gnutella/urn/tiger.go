package urn

import "encoding/binary"

// TigerHash is a hash of Tiger: 192 bits, or 39 digits of base 32.
type TigerHash [24]byte

// Tiger hashes b (Tiger 1996, with the padding of its first version).
func Tiger(b []byte) TigerHash {
	s, boxes := tigerStart(), sBoxes()
	size := uint64(len(b)) * 8
	for ; len(b) >= 64; b = b[64:] {
		s.compress(b, &boxes)
	}
	var last [128]byte
	n := copy(last[:], b)
	last[n] = 1
	end := 64
	if n >= 56 {
		end = 128
	}
	binary.LittleEndian.PutUint64(last[end-8:], size)
	for at := 0; at < end; at += 64 {
		s.compress(last[at:at+64], &boxes)
	}
	var h TigerHash
	for i, v := range s {
		binary.LittleEndian.PutUint64(h[8*i:], v)
	}
	return h
}

// tiger is the three registers a, b and c.
type tiger [3]uint64

func tigerStart() tiger {
	return tiger{0x0123456789abcdef, 0xfedcba9876543210, 0xf096a5b4c3b2e187}
}

// compress takes in one block of 64 bytes.
func (s *tiger) compress(block []byte, boxes *[4][256]uint64) {
	var x [8]uint64
	for i := range x {
		x[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	a, b, c := s[0], s[1], s[2]
	a, b, c = pass(a, b, c, &x, 5, boxes)
	schedule(&x)
	c, a, b = pass(c, a, b, &x, 7, boxes)
	schedule(&x)
	b, c, a = pass(b, c, a, &x, 9, boxes)
	s[0], s[1], s[2] = a^s[0], b-s[1], c+s[2]
}

// pass is eight rounds, between which the registers change places.
func pass(a, b, c uint64, x *[8]uint64, times uint64, boxes *[4][256]uint64) (uint64, uint64, uint64) {
	for _, word := range x {
		c ^= word
		a -= boxes[0][byte(c)] ^ boxes[1][byte(c>>16)] ^ boxes[2][byte(c>>32)] ^ boxes[3][byte(c>>48)]
		b += boxes[3][byte(c>>8)] ^ boxes[2][byte(c>>24)] ^ boxes[1][byte(c>>40)] ^ boxes[0][byte(c>>56)]
		b *= times
		a, b, c = b, c, a
	}
	// Eight turns leave them two places off.
	return b, c, a
}

// schedule makes the words of the next pass.
func schedule(x *[8]uint64) {
	x[0] -= x[7] ^ 0xa5a5a5a5a5a5a5a5
	x[1] ^= x[0]
	x[2] += x[1]
	x[3] -= x[2] ^ ^x[1]<<19
	x[4] ^= x[3]
	x[5] += x[4]
	x[6] -= x[5] ^ ^x[4]>>23
	x[7] ^= x[6]
	x[0] += x[7]
	x[1] -= x[0] ^ ^x[7]<<19
	x[2] ^= x[1]
	x[3] += x[2]
	x[4] -= x[3] ^ ^x[2]>>23
	x[5] ^= x[4]
	x[6] += x[5]
	x[7] -= x[6] ^ 0x0123456789abcdef
}
