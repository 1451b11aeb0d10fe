package metainfo

import (
	"encoding/hex"
	"strings"
)

// decodeHash reads 40 hexadecimal digits or 32 of base32, in either case.
// BEP09-MAGNET-001 BEP09-MAGNET-002
func decodeHash(s string) (hash [20]byte, ok bool) {
	switch len(s) {
	case 40:
		_, err := hex.Decode(hash[:], []byte(s))
		return hash, err == nil
	case 32:
		return decodeBase32(s)
	default:
		return hash, false
	}
}

// decodeBase32 reads 32 digits of five bits each. RFC 3548 §5
func decodeBase32(s string) (hash [20]byte, ok bool) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var bits uint64
	out := hash[:0]
	for i, c := range []byte(s) {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		digit := strings.IndexByte(digits, c)
		if digit < 0 {
			return [20]byte{}, false
		}
		if bits = bits<<5 | uint64(digit); i%8 == 7 { // forty bits
			out = append(out, byte(bits>>32), byte(bits>>24), byte(bits>>16), byte(bits>>8), byte(bits))
		}
	}
	return hash, true
}

// unescape replaces each percent sign and its two digits by their byte. ok is
// false if a percent sign has no two digits.
func unescape(s string) (_ string, ok bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		var c [1]byte
		if i+3 > len(s) {
			return "", false
		}
		if _, err := hex.Decode(c[:], []byte(s[i+1:i+3])); err != nil {
			return "", false
		}
		b = append(b, c[0])
		i += 2
	}
	return string(b), true
}

// appendEscaped appends s with escapes for all that is not unreserved by
// RFC 3986, a colon or a slash.
func appendEscaped(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~:/", c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}
