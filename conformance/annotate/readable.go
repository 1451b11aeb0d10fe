package annotate

import (
	"encoding/hex"
	"math/big"
	"unicode"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// Readable renders a bencoded value for a transcript: text as it is, other
// strings as 0x and hexadecimal digits. It returns what follows the value as
// well, and nil for what is not bencoded.
func Readable(b []byte) (v any, rest []byte) {
	value, rest, err := bencode.ParsePrefix(b, bencode.Options{Lenient: true})
	if err != nil {
		return nil, b
	}
	return legible(value.Any()), rest
}

func legible(v any) any {
	switch v := v.(type) {
	case string:
		return printable(v)
	case *big.Int:
		return v.String()
	case []any:
		for i := range v {
			v[i] = legible(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[printable(key)] = legible(e)
		}
		return out
	default:
		return v
	}
}

func printable(s string) string {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return "0x" + hex.EncodeToString([]byte(s))
		}
	}
	return s
}
