package transfer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// ask is what a request comes to.
type ask struct {
	code  int32 // of the answer, unless there is no slot
	piece int32 // of 200, 206 and 416
	span
	head   bool // without the body
	last   bool // the stream ends with the answer
	queues bool // it can wait for its turn
	relay       // of 202
}

// The codes of answers (RFC 2616 §10).
const (
	codeOK             = 200
	codeAccepted       = 202
	codePartial        = 206
	codeBadRequest     = 400
	codeNotFound       = 404
	codeGone           = 410
	codeUnsatisfiable  = 416
	codeNotImplemented = 501
	codeBusy           = 503
)

// gotRequest answers a request, or files it behind the one that is being answered.
// What it names is learnt when it has not been refused; from who does not wait for
// answers nothing is.
func (n *step) gotRequest(c *conn, r Request) {
	a := n.understand(&r)
	if c.phase == open {
		hasFile := a.code == codeOK || a.code == codePartial || a.code == codeUnsatisfiable
		if n.answer(c, a) && hasFile {
			n.learn(a.piece, r.Headers, c.remote.Addr())
		}
		return
	}
	if len(c.waiting) == maxPipelined {
		n.refuse(c, "GN-PU-13", errFlood)
		n.close(c)
		return
	}
	c.waiting = append(c.waiting, a)
}

// understand finds the file that a request is for, and the part of it. Headers that
// mean nothing here are ignored.
//
// GN-PU-08, GN-PU-10 to GN-PU-15, GN-PU-20, GN-PU-22, GN-PU-24.
func (n *step) understand(r *Request) ask {
	a := ask{code: codeNotFound, head: r.Method == "HEAD", last: !persists(r.Minor, r.Headers) || r.Method == "HEAD"}
	a.queues = !a.last && r.Headers.Lists("X-Queue", queueVersion)
	if !a.head && r.Method != "GET" {
		a.code, a.last = codeNotImplemented, true
		return a
	}
	if p, isRelay, ok := relayOf(r); isRelay {
		if a.code, a.relay = codeAccepted, p; !ok {
			a.code = codeBadRequest
		}
		return a
	}
	t, ok, unsafe := parseTarget(r.Target)
	place := n.place(&t)
	switch {
	case unsafe:
		a.code = codeBadRequest
		return a
	case !ok || place < 0:
		return a
	}
	f := &n.cfg.Files[place]
	if wanted, told := contentURN(r.Headers); told && f.SHA1 != (urn.SHA1{}) && wanted != f.SHA1 {
		return a
	}
	a.piece, a.code, a.span = int32(place), codeOK, span{0, int32(f.Size)}
	if text, ranged := r.Headers.Get("Range"); ranged {
		part, all, satisfiable := rangeOf(text, int32(f.Size))
		switch {
		case !satisfiable:
			a.code = codeUnsatisfiable
		case !all:
			a.code, a.span = codePartial, part
		}
	}
	return a
}

// place is that of the file of a target, or -1.
func (n *Node) place(t *target) int {
	return slices.IndexFunc(n.cfg.Files, func(f File) bool {
		if t.byHash {
			return f.SHA1 == t.sha1 && f.SHA1 != (urn.SHA1{})
		}
		return f.Index == t.index && t.names(f.Name)
	})
}

// persists says whether a stream stays open after a message.
//
// GN-PU-12, GN-PU-14.
func persists(minor uint8, h wire.Headers) bool {
	if minor == 0 {
		return h.Lists("Connection", "keep-alive")
	}
	return !h.Lists("Connection", "close")
}

// contentURN is the content that headers name, if it can be understood.
//
// GN-PU-21, GN-PU-24.
func contentURN(h wire.Headers) (sha1 urn.SHA1, ok bool) {
	text, _ := h.Get("X-Gnutella-Content-URN")
	for _, v := range strings.Split(text, ",") {
		if sha1, err := urn.Parse(strings.TrimSpace(v)); err == nil {
			return sha1, true
		}
	}
	return sha1, false
}

// answer sends the head of an answer, and begins its body. Refusals leave the stream
// as it is, but one for lack of room, after which another may want it. ok is false if
// nothing was to be asked.
func (n *step) answer(c *conn, a ask) (ok bool) {
	hasBody := (a.code == codeOK || a.code == codePartial) && a.end > a.begin && !a.head
	place, early := 0, false
	if hasBody {
		place, early = n.turn(c)
	}
	switch {
	case a.code == codeAccepted:
		n.wantRelay(c, &a)
		return true
	case early:
		n.refuse(c, "GN-PU-17", errEarly)
		n.close(c)
		return false
	case place > 0 && a.queues && n.enqueue(c, place):
		n.respond(c, a, codeBusy, wire.Header{Name: "X-Queue", Value: n.queueText(place)})
		hasBody = false
	case place > 0:
		a.last, hasBody = true, false
		wait := strconv.Itoa(int(n.cfg.RetryAfter / time.Second))
		n.respond(c, a, codeBusy, wire.Header{Name: "Retry-After", Value: wait})
	case a.code == codeBadRequest:
		n.refuse(c, "GN-PU-10", errTarget)
		n.respond(c, a, a.code)
	case a.code == codeOK || a.code == codePartial || a.code == codeUnsatisfiable:
		n.respond(c, a, a.code, n.describe(c, &a)...)
	default:
		n.respond(c, a, a.code)
	}
	if hasBody {
		n.begin(c, a)
		return true
	}
	n.answered(c, a.last)
	return true
}

// respond writes a head.
func (n *step) respond(c *conn, a ask, code int32, more ...wire.Header) {
	length := int32(0)
	if code == codeOK || code == codePartial {
		length = a.end - a.begin
	}
	h := wire.Headers{
		{Name: "Server", Value: n.cfg.UserAgent},
		{Name: "Content-Length", Value: strconv.Itoa(int(length))},
	}
	if a.last {
		h = append(h, wire.Header{Name: "Connection", Value: "close"})
	} else {
		h = append(h, wire.Header{Name: "Connection", Value: "Keep-Alive"})
	}
	r := Response{Minor: 1, Code: code, Phrase: phrase(code), Headers: append(h, more...)}
	n.emit(spec.Write{Conn: c.id, Msg: r})
}

// describe is what answers say of a file.
//
// GN-PU-13, GN-PU-21, GN-PU-23.
func (n *Node) describe(c *conn, a *ask) (h wire.Headers) {
	f := &n.cfg.Files[a.piece]
	switch a.code {
	case codePartial:
		h = wire.Headers{{Name: "Content-Range", Value: fmt.Sprintf("bytes %d-%d/%d", a.begin, a.end-1, f.Size)}}
	case codeUnsatisfiable:
		h = wire.Headers{{Name: "Content-Range", Value: fmt.Sprintf("bytes */%d", f.Size)}}
	}
	h = append(h, wire.Header{Name: "Content-Type", Value: "application/octet-stream"})
	if f.SHA1 == (urn.SHA1{}) {
		return h
	}
	h = append(h, wire.Header{Name: contentHeader, Value: f.SHA1.String()})
	if list := locationsText(f.SHA1, n.locations[a.piece], c.remote.Addr()); list != "" {
		h = append(h, wire.Header{Name: locationHeader, Value: list})
	}
	return h
}

func phrase(code int32) string {
	switch code {
	case codeOK:
		return "OK"
	case codeAccepted:
		return "Accepted"
	case codePartial:
		return "Partial Content"
	case codeBadRequest:
		return "Bad Request"
	case codeNotFound:
		return "Not Found"
	case codeGone:
		return "Gone"
	case codeUnsatisfiable:
		return "Requested Range Not Satisfiable"
	case codeNotImplemented:
		return "Not Implemented"
	}
	return "Busy"
}
