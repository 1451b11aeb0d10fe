package ggep

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// inflate reads a zlib stream of at most limit bytes.
func inflate(b []byte, limit int) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(data) > limit {
		return nil, fmt.Errorf("inflates to more than %d bytes", limit)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("zlib: the stream is cut off")
	}
	return data, err
}

// deflate writes a zlib stream. Its writer has no errors where there is memory.
func deflate(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}
