package mse

import "crypto/rc4"

// Cipher is one direction of a stream. The zero value changes nothing: it is
// the cipher of a plaintext payload. A copy goes on by itself.
type Cipher struct {
	stream rc4.Cipher
	active bool
}

// newCipher is ENCRYPT of the text, before its first byte.
func newCipher(key [hashSize]byte) Cipher {
	stream, err := rc4.NewCipher(key[:])
	if err != nil {
		panic("mse: " + err.Error()) // a key of 20 bytes is fine
	}
	return dropped(stream)
}

// dropped passes over the first 1024 bytes (MSE §Functions).
func dropped(stream *rc4.Cipher) Cipher { // MSE-HS-007
	var skip [1024]byte
	stream.XORKeyStream(skip[:], skip[:])
	return Cipher{stream: *stream, active: true}
}

// XOR enciphers or deciphers src into dst, which is at least as long, and
// moves on. The two are the same memory or do not overlap; src is written to
// only where it is dst.
func (c *Cipher) XOR(dst, src []byte) {
	if c.active {
		c.stream.XORKeyStream(dst, src)
		return
	}
	copy(dst, src)
}

// Active reports whether the cipher changes anything.
func (c *Cipher) Active() bool { return c.active }
