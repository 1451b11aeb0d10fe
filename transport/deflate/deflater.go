package deflate

import (
	"bytes"
	"compress/zlib"
)

// FlushEvery is how many bytes are compressed without a flush: "about every 4 kB"
// (GN-HS-26).
const FlushEvery = 4 << 10

// Deflater compresses what is sent on one stream. The zero Deflater is ready, and
// takes 0.8 MB with its first byte: whoever makes them bounds how many there are.
type Deflater struct {
	w   *zlib.Writer
	out bytes.Buffer
}

// Append compresses data as what comes next in the stream, appends that to b, and
// flushes: the other side can read all of data. Of no data it makes nothing.
func (d *Deflater) Append(b, data []byte) []byte {
	if d.w == nil {
		d.w = zlib.NewWriter(&d.out)
	}
	for len(data) > 0 {
		part := data[:min(len(data), FlushEvery)]
		data = data[len(part):]
		d.out.Reset()
		_, err := d.w.Write(part)
		if err == nil {
			err = d.w.Flush()
		}
		if err != nil {
			panic("deflate: writing to memory: " + err.Error()) // documented never to fail
		}
		b = append(b, d.out.Bytes()...)
	}
	return b
}
