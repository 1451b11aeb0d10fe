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
	front  front
	dead   bool
}

// front is what a mutant gets wrong before its machine sees a query.
type front struct {
	crashes   func(request []byte) bool // on what has arrived
	refuses   func(head string) bool    // by a page
	oneRead   bool                      // takes what arrives at once for a request
	oneByOne  bool                      // serves no connection while an earlier one is open
	noLengths bool                      // lets the end of the stream tell the end of the answer
}

type httpConn struct {
	id   spec.Conn
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
		h.conns[e.Conn] = &httpConn{id: e.Conn, from: e.Remote}
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
	h.dead = h.dead || h.front.crashes != nil && h.front.crashes(c.buf)
	if h.dead || h.front.oneByOne && h.waits(c) {
		return out
	}
	for {
		end := bytes.Index(c.buf, []byte("\r\n\r\n"))
		switch {
		case end < 0 && (len(c.buf) > maxHead || h.front.oneRead):
			return h.close(id, h.write(id, 400, []byte("no request"), out))
		case end < 0:
			return out
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.buf[:end+4])))
		refused := h.front.refuses != nil && h.front.refuses(string(c.buf[:end]))
		c.buf = c.buf[end+4:]
		if err != nil || refused {
			return h.close(id, h.write(id, 400, []byte("<html>bad request"), out))
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

// waits reports whether an earlier connection is open.
func (h *httpHost) waits(c *httpConn) bool {
	for id := range h.conns {
		if id > c.id { // they are numbered downward
			return true
		}
	}
	return false
}

func (h *httpHost) write(
	c spec.Conn, status int32, body []byte, out []conformance.Outgoing,
) []conformance.Outgoing {
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	if h.front.noLengths {
		length = ""
	}
	text := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\n%s\r\n%s",
		status, http.StatusText(int(status)), length, body)
	return append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: c, Payload: text})
}
