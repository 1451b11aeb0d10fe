package transfer

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// decodeAll reads a stream that arrives in pieces of so many bytes.
func decodeAll(text string, step int) (list []spec.Message, err error) {
	d := Codec{}.Decoder()
	var buffer []byte
	for len(text) > 0 {
		n := min(step, len(text))
		buffer, text = append(buffer, text[:n]...), text[n:]
		for {
			m, n, err := d.Decode(buffer)
			if err != nil {
				return list, err
			}
			if n == 0 {
				break
			}
			if b, ok := m.(Body); ok {
				m = Body{bytes.Clone(b.Data)}
			}
			list, buffer = append(list, m), bytes.Clone(buffer[n:])
		}
	}
	return list, nil
}

// A stream is read as it was meant, wherever it is cut.
//
// GN-PU-06, GN-PU-07, GN-PU-10 to GN-PU-13.
func TestDecode(t *testing.T) {
	text := "GIV 5:0123456789ABCDEF0000000000000000/a b/c\n\n" +
		"\r\n\r\nGET /get/5/a b HTTP/1.1 HTTP/1.0\r\nRange: bytes=5-9\r\nX-A: 1\r\n\tfolded\r\n\r\n" +
		"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello" +
		"HTTP/1.1 204 None\n\nHTTP/1.1 100\r\n\r\nHTTP/1.0 200 \r\n\r\nall the rest"
	want := []spec.Message{
		Giv{5, servent(), "a b/c"},
		Request{"GET", "/get/5/a b HTTP/1.1", 0,
			wire.Headers{{Name: "Range", Value: "bytes=5-9"}, {Name: "X-A", Value: "1 folded"}}},
		Response{1, 206, "Partial Content", wire.Headers{{Name: "Content-Length", Value: "5"}}},
		Body{[]byte("hello")}, Response{1, 204, "None", nil}, Response{1, 100, "", nil}, Response{0, 200, "", nil},
		Body{[]byte("all the rest")},
	}
	for step := 1; step <= len(text); step++ {
		got, err := decodeAll(text, step)
		if err != nil {
			t.Fatal(err)
		}
		if got = joined(got); !reflect.DeepEqual(got, want) {
			t.Fatalf("cut every %d bytes: %+v, want %+v", step, got, want)
		}
	}
}

// joined puts bodies that came in pieces together.
func joined(list []spec.Message) (out []spec.Message) {
	for _, m := range list {
		if b, ok := m.(Body); ok && len(out) > 0 {
			if before, ok := out[len(out)-1].(Body); ok {
				out[len(out)-1] = Body{append(before.Data, b.Data...)}
				continue
			}
		}
		out = append(out, m)
	}
	return out
}

// What is no message is refused with the clause, and as soon as that is certain.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"GET\r\n\r\n", "is no request (GN-PU-10)"},
		{"GET /x\r\n\r\n", "is no request (GN-PU-10)"},
		{"get /x HTTP/1.1\r\n\r\n", "is no request (GN-PU-10)"},
		{"GET  HTTP/1.1\r\n\r\n", "is no request (GN-PU-10)"},
		{"GET /x HTTP/1.x\r\n\r\n", "the version of"},
		{"GET /x HTTP/1.11\r\n\r\n", "the version of"},
		{"GET /x HTTP/2.0\r\n\r\n", "is no request"},
		{"GET /x HTTP/1.1\r\nno header\r\n\r\n", "is no header (GN-HS-07)"},
		{"GET /x HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "a request with a body of 5 bytes"},
		{"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "the transfer coding"},
		{"HTTP/1.1 OK\r\n\r\n", "the status line"},
		{"HTTP/1.1 20 OK\r\n\r\n", "the status line"},
		{"HTTP/1. 200 OK\r\n\r\n", "the status line"},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the length"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "the length"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "the length"},
		{"GIV 5/x\n\n", "is no GIV (GN-PU-06)"},
		{"GIV 5:00/x\n\n", "is no GIV"},
		{"GIV 5:" + strings.Repeat("0", 32) + "\n\n", "is no GIV"},
		{"GIV 4294967296:" + strings.Repeat("0", 32) + "/x\n\n", "is no GIV"},
		{"GIV 5:" + strings.Repeat("0", 32) + "/x\nmore\n\n", "follows the line of a GIV"},
		{strings.Repeat("\r\n", 5), "more than 4 empty lines"},
		{strings.Repeat("x", wire.MaxHandshake), "no empty line within 8192 bytes"},
		{"GET /x HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", wire.MaxHeaders+1) + "\r\n", "more than 64 headers"},
	} {
		if _, err := decodeAll(c.text, 1); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
	for _, m := range []spec.Message{
		Request{Method: "get", Target: "/"}, Request{Method: "GET"}, Request{Method: "GET", Target: "a\nb"},
		Request{Method: "GET", Target: "/", Minor: 10}, Response{Code: 99}, Response{Code: 200, Phrase: "\n"}, Body{},
		Request{Method: "GET", Target: "/", Headers: wire.Headers{{Name: "a", Value: "\n"}}},
		Response{Code: 200, Headers: wire.Headers{{}}}, Body{make([]byte, MaxBody+1)}, Giv{Name: "\n"}, nil,
	} {
		if b, err := (Codec{}).AppendMessage([]byte("x"), m); err == nil || string(b) != "x" {
			t.Errorf("%+v was encoded", m)
		}
	}
}

// Names survive their encoding, and ranges stay within the file.
//
// GN-PU-11, GN-PU-13.
func TestTargetsAndRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "name"))
		got, ok, _ := parseTarget(targetOf(7, name))
		if !ok || got.index != 7 || !got.names(name) {
			t.Fatalf("%q became %+v", name, got)
		}
		size := rapid.Int32Range(0, 40).Draw(t, "size")
		text := rapid.StringMatching(`(bytes|BYTES ) ?= ?[0-9]{0,2}-[0-9]{0,2}`).Draw(t, "range")
		part, all, ok := rangeOf(text, size)
		if part.begin < 0 || part.end > size || !all && ok && part.begin >= part.end || all && part != (span{0, size}) {
			t.Fatalf("%q of %d bytes is %+v, all %v, ok %v", text, size, part, all, ok)
		}
		part, ok = contentRange(strings.Replace(text, "=", " ", 1), size)
		if ok && (part.begin >= part.end || part.end > size) {
			t.Fatalf("%q of %d bytes is %+v", text, size, part)
		}
	})
}
