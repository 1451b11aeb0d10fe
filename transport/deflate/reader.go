package deflate

import (
	"compress/zlib"
	"errors"
	"io"
)

// NewReader undoes the compression of a stream that can be waited for. A stream that
// breaks off between two flushes is at its end: who hangs up does not end what it
// compresses, and whoever decodes messages sees if half of one is missing.
func NewReader(r io.Reader) io.Reader { return &reader{raw: r} }

type reader struct {
	raw io.Reader
	z   io.Reader // nil before the first Read
}

func (r *reader) Read(b []byte) (n int, err error) {
	if r.z == nil {
		r.z, err = zlib.NewReader(r.raw)
	}
	if err == nil {
		n, err = r.z.Read(b)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
