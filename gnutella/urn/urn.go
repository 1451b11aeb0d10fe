package urn

import (
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// SHA1 is the name of a file: the SHA-1 of its bytes (GN-PU-24).
type SHA1 [sha1.Size]byte

// Bitprint is a file's SHA-1 with the root of its Tiger tree (HUGE §2.3).
type Bitprint struct {
	SHA1  SHA1
	Tiger TigerHash
}

// ErrUnknown says that a name belongs to a scheme which this package does not
// know; ErrMalformed that it is none of its scheme.
var (
	ErrUnknown   = errors.New("urn: unknown scheme")
	ErrMalformed = errors.New("urn: malformed")
)

const (
	sha1Scheme     = "urn:sha1:"
	bitprintScheme = "urn:bitprint:"

	sha1Digits  = 32 // of base 32 for 20 bytes
	tigerDigits = 39 // for 24
)

// Sum names a file whose bytes are at hand.
func Sum(file []byte) Bitprint {
	var t Tree
	t.Write(file)
	return Bitprint{sha1.Sum(file), t.Root()}
}

// Parse reads a urn:sha1 or urn:bitprint; of the latter it keeps the SHA-1, as
// every servent may (GN-PU-24). Case does not matter (GN-QY-18). A bare "urn:" or
// "urn:sha1:", by which queries ask for names, is malformed.
func Parse(s string) (SHA1, error) {
	switch {
	case hasFold(s, sha1Scheme):
		return parseSHA1(s[len(sha1Scheme):])
	case hasFold(s, bitprintScheme):
		b, err := parseBitprint(s[len(bitprintScheme):])
		return b.SHA1, err
	}
	return SHA1{}, fmt.Errorf("%w: %.20q", ErrUnknown, s)
}

// ParseBitprint reads a urn:bitprint.
func ParseBitprint(s string) (Bitprint, error) {
	if !hasFold(s, bitprintScheme) {
		return Bitprint{}, fmt.Errorf("%w: %.20q, want %s", ErrUnknown, s, bitprintScheme)
	}
	return parseBitprint(s[len(bitprintScheme):])
}

// String is the urn:sha1.
func (h SHA1) String() string { return sha1Scheme + base32Text(h[:]) }

// String is the urn:bitprint.
func (b Bitprint) String() string {
	return bitprintScheme + base32Text(b.SHA1[:]) + "." + base32Text(b.Tiger[:])
}

// String is the hash in base 32.
func (h TigerHash) String() string { return base32Text(h[:]) }

func parseBitprint(s string) (b Bitprint, err error) {
	first, second, _ := strings.Cut(s, ".")
	if b.SHA1, err = parseSHA1(first); err != nil {
		return Bitprint{}, err
	}
	if len(second) != tigerDigits {
		return Bitprint{}, fmt.Errorf("%w: Tiger root of %d digits, want %d", ErrMalformed, len(second), tigerDigits)
	}
	return b, decode(b.Tiger[:], second)
}

func parseSHA1(s string) (h SHA1, err error) {
	if len(s) != sha1Digits {
		return h, fmt.Errorf("%w: SHA-1 of %d digits, want %d", ErrMalformed, len(s), sha1Digits)
	}
	return h, decode(h[:], s)
}

// decode reads base 32 of just as many digits as the bytes need.
func decode(to []byte, s string) error {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
	if err != nil || len(b) != len(to) || base32Text(b) != strings.ToUpper(s) {
		return fmt.Errorf("%w: %.50q is not base 32 of %d bytes", ErrMalformed, s, len(to))
	}
	copy(to, b)
	return nil
}

func base32Text(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
