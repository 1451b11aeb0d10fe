package tracker

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// httpHost is a host on virtual time that speaks HTTP as well: the machine
// behind what net/http does for it on real sockets.
type httpHost struct {
	*conformance.MachineHost
	conns  map[spec.Conn]*httpConn
	answer *tracker.Respond // of the query under way
	dead   func() bool      // nil, or whether the machine has crashed
}

type httpConn struct {
	from netip.AddrPort
	buf  []byte
}

// maxHead bounds what is kept of a request.
const maxHead = 2 * tracker.MaxQuery

func newHTTPHost(m spec.Machine, codec spec.Codec) *httpHost {
	h := &httpHost{conns: map[spec.Conn]*httpConn{}}
	h.MachineHost = &conformance.MachineHost{Machine: m, Codec: codec, OnEffect: func(_ time.Duration, e spec.Effect) {
		if r, ok := e.(tracker.Respond); ok {
			h.answer = &r
		}
	}}
	return h
}

// Stream implements conformance.StreamHost.
func (h *httpHost) Stream(
	now time.Duration, e conformance.StreamEvent, out []conformance.Outgoing,
) []conformance.Outgoing {
	switch e.Kind {
	case conformance.StreamAccepted:
		h.conns[e.Conn] = &httpConn{from: e.Remote}
	case conformance.StreamData:
		if c := h.conns[e.Conn]; c != nil {
			c.buf = append(c.buf, e.Data...)
			return h.read(now, e.Conn, c, out)
		}
	case conformance.StreamEnded, conformance.StreamBroken:
		return h.close(e.Conn, out)
	}
	return out
}

func (h *httpHost) close(c spec.Conn, out []conformance.Outgoing) []conformance.Outgoing {
	if h.conns[c] == nil {
		return out
	}
	delete(h.conns, c)
	return append(out, conformance.Outgoing{Op: conformance.CloseStream, Conn: c})
}

// read serves the requests that are complete.
func (h *httpHost) read(
	now time.Duration, id spec.Conn, c *httpConn, out []conformance.Outgoing,
) []conformance.Outgoing {
	for {
		end := bytes.Index(c.buf, []byte("\r\n\r\n"))
		switch {
		case end < 0 && len(c.buf) > maxHead:
			return h.close(id, h.write(id, 431, []byte("too long"), out))
		case end < 0:
			return out
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.buf[:end+4])))
		c.buf = c.buf[end+4:]
		if err != nil {
			return h.close(id, h.write(id, 400, []byte(err.Error()), out))
		}
		if r.Method != http.MethodGet {
			return h.close(id, h.write(id, 405, []byte("a tracker answers GET alone"), out))
		}
		h.answer = nil
		out = h.Apply(now, tracker.Query{Token: 1, From: c.from, Path: r.URL.Path, RawQuery: r.URL.RawQuery}, out)
		if h.answer == nil {
			return h.close(id, out)
		}
		out = h.write(id, h.answer.Status, h.answer.Body, out)
		if r.Close || strings.HasPrefix(r.Proto, "HTTP/1.0") {
			return h.close(id, out)
		}
	}
}

func (h *httpHost) write(
	c spec.Conn, status int32, body []byte, out []conformance.Outgoing,
) []conformance.Outgoing {
	text := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(int(status)), len(body), body)
	return append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: c, Payload: text})
}
