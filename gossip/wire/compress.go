package wire

import (
	"bytes"
	"compress/lzw"
	"io"
	"math"
	"slices"
)

const (
	algoLZW      = 0
	lzwWidth     = 8    // bits of a literal
	inflateChunk = 4096 // bytes that the output grows by at first
)

// AppendCompressed appends the compression of a message. GO-WF-09
func AppendCompressed(b, message []byte) []byte {
	var packed bytes.Buffer
	w := lzw.NewWriter(&packed, lzw.LSB, lzwWidth)
	w.Write(message) //nolint:errcheck // a bytes.Buffer takes everything
	w.Close()        //nolint:errcheck
	b = append(b, byte(TypeCompress))
	b = append(b, "\x82\xa4Algo\x00\xa3Buf"...)
	return appendBytes(b, packed.Bytes())
}

// Decompress opens a compressed message. It refuses one of more than [MaxInflated]
// bytes, without having made more. GO-WF-09
func Decompress(b []byte) ([]byte, error) {
	message, f := decompress(b, MaxInflated)
	if f != nil {
		return nil, f
	}
	return message, nil
}

func decompress(b []byte, limit int) ([]byte, *Fault) {
	r := reader{b: b, at: 1, what: "compression", rule: "GO-WF-09"}
	var packed []byte
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "Algo":
			if r.uint(math.MaxUint8) != algoLZW {
				r.fail("an algorithm that is not LZW")
			}
		case "Buf":
			packed = r.bytes(MaxInflated)
		default:
			r.skip()
		}
	}
	if r.fault != nil {
		return nil, r.fault
	}
	out, reason := inflate(packed, limit)
	if reason != "" {
		return nil, newFault("GO-WF-09", "compression", 1, reason)
	}
	return out, nil
}

func inflate(packed []byte, limit int) (out []byte, reason string) {
	in := lzw.NewReader(bytes.NewReader(packed), lzw.LSB, lzwWidth)
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, max(inflateChunk, len(out)))
		}
		n, err := in.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, "it inflates to more than the limit"
		case err == io.EOF && len(out) == 0:
			return nil, "it holds nothing"
		case err == io.EOF:
			return out, ""
		case err != nil:
			return nil, "not LZW"
		}
	}
}
