package deflate

import "io"

// Reader undoes the compression of a stream that can be waited for. A stream that
// breaks off is at its end: who hangs up does not end what it compresses, and whoever
// decodes messages sees if half of one is missing.
type Reader struct {
	raw io.Reader
	z   *Inflater
	in  [1 << 10]byte
	out []byte // of z, which nobody has read
	err error
}

// NewReader returns a Reader at the beginning of a compressed stream.
func NewReader(r io.Reader) *Reader { return &Reader{raw: r, z: NewInflater()} }

// Read implements [io.Reader].
func (r *Reader) Read(b []byte) (n int, err error) {
	for len(r.out) == 0 && r.err == nil {
		if r.out, r.err = r.z.Next(); len(r.out) > 0 || r.err != nil {
			break
		}
		if n, r.err = r.raw.Read(r.in[:]); n > 0 {
			r.err = nil // it comes again
			r.z.Push(r.in[:n])
		}
	}
	if r.err != nil {
		r.Stop()
		return 0, r.err
	}
	n = copy(b, r.out)
	r.out = r.out[n:]
	return n, nil
}

// Stop frees what the Reader holds, before the end of the stream. It may be called
// twice, and not while Read waits.
func (r *Reader) Stop() { r.z.Stop() }
