package dht

import (
	"encoding/hex"
	"math/big"
	"unicode"
	"unicode/utf8"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// Decode renders a payload for a transcript: text as it is, other strings as
// 0x and hexadecimal digits. What is not bencoded gives nil.
func Decode(payload []byte) any {
	v, err := bencode.Parse(payload, bencode.Options{Lenient: true})
	if err != nil {
		return nil
	}
	return readable(v.Any())
}

func readable(v any) any {
	switch v := v.(type) {
	case string:
		return printable(v)
	case *big.Int:
		return v.String()
	case []any:
		for i := range v {
			v[i] = readable(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[printable(key)] = readable(e)
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
