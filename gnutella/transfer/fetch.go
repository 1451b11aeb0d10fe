package transfer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// ask sends the request for what a download lacks.
//
// GN-PU-10, GN-PU-13, GN-PU-17, GN-PU-20, GN-PU-23.
func (n *step) ask(c *conn, d *download) {
	s := &d.sources[d.current]
	r := Request{Method: "GET", Target: n2rPrefix + d.sha1.String(), Minor: 1, Headers: wire.Headers{
		{Name: "Host", Value: c.remote.String()},
		{Name: "User-Agent", Value: n.cfg.UserAgent},
		{Name: "X-Queue", Value: queueVersion},
	}}
	if s.Name != "" {
		r.Target = targetOf(s.Index, s.Name)
	}
	if d.at > 0 {
		r.Headers = append(r.Headers, wire.Header{Name: "Range", Value: fmt.Sprintf("bytes=%d-", d.at)})
	}
	if d.sha1 != (urn.SHA1{}) {
		r.Headers = append(r.Headers, wire.Header{Name: contentHeader, Value: d.sha1.String()})
		if list := locationsText(d.sha1, d.givers(), c.remote.Addr()); list != "" {
			r.Headers = append(r.Headers, wire.Header{Name: locationHeader, Value: list})
		}
	}
	d.phase, d.due = asked, n.now+n.cfg.HeadTimeout
	n.emit(spec.Write{Conn: c.id, Msg: r})
}

// givers are the sources that are known to have the file, and can be dialled.
func (d *download) givers() (list []netip.AddrPort) {
	for i := range d.sources {
		if s := &d.sources[i]; s.gave && !s.Push {
			list = append(list, s.Addr)
		}
	}
	return list
}

// gotResponse takes the head of an answer.
//
// GN-PU-13, GN-PU-16, GN-PU-17, GN-PU-21, GN-PU-23.
func (n *step) gotResponse(c *conn, d *download, r Response) {
	if r.Code < 200 {
		return // another follows (RFC 2616 §10.1)
	}
	if r.Code == codeOK || r.Code == codePartial {
		n.gotHead(c, d, &r)
		return
	}
	n.addNamed(c, d, r.Headers)
	switch {
	case r.Code == codeBusy:
		n.refused(d, &r)
	case r.Code >= 500:
		n.lose(d, broken)
	default:
		n.lose(d, useless)
	}
}

// addNamed takes the sources that another one names, up to a number: those that do
// not have the file are forgotten, and might name each other for ever.
//
// GN-PU-23.
func (n *step) addNamed(c *conn, d *download, h wire.Headers) {
	if d.sha1 == (urn.SHA1{}) {
		return
	}
	for _, a := range locationsIn(h, d.sha1, c.remote.Addr()) {
		if int(d.named) < namedPerSource*n.cfg.Sources && n.addSource(d, Source{Addr: a}) {
			d.named++
		}
	}
}

// gotHead holds what a source promises against what was asked for.
func (n *step) gotHead(c *conn, d *download, r *Response) {
	told, isTold := contentURN(r.Headers)
	text, isLong := r.Headers.Get("Content-Length")
	length, isSize := decimal(text, MaxSize)
	part := span{0, d.size}
	if r.Code == codePartial {
		text, _ := r.Headers.Get("Content-Range")
		part, _ = contentRange(text, d.size)
	}
	switch {
	case isTold && d.sha1 != (urn.SHA1{}) && told != d.sha1:
		n.refuse(c, "GN-PU-21", errContent)
	case part.begin > d.at || part.end <= d.at:
		n.refuse(c, "GN-PU-13", errRange)
	case isLong && (!isSize || int32(length) != part.end-part.begin):
		n.refuse(c, "GN-PU-13", errLength)
	default:
		d.phase, d.due, d.got = receiving, n.now+n.cfg.StallTimeout, part
		if d.recent = 0; part.end-d.at < minProgress {
			d.shorts++
		}
		d.persists = persists(r.Minor, r.Headers) && isLong && d.shorts < maxShorts
		n.addNamed(c, d, r.Headers)
		n.notify(Receiving{d.op, c.remote, uint32(d.at)})
		return
	}
	n.lose(d, useless)
}

// The limits of what a source may demand.
const (
	minPoll = time.Second
	maxPoll = 2 * time.Minute // of who is waited for on its stream
	maxWait = time.Hour
)

// refused waits for a place, on the stream where the source offers a queue.
func (n *step) refused(d *download, r *Response) {
	s := &d.sources[d.current]
	place, queues := r.Headers.Get("X-Queue")
	poll := max(minPoll, seconds(field(place, "pollMin")))
	if queues && persists(r.Minor, r.Headers) && s.refusals+1 < maxRefusals && poll <= maxPoll {
		s.refusals++
		d.phase, d.due = queued, n.now+poll
		return
	}
	text, _ := r.Headers.Get("Retry-After")
	s.after = n.now + seconds(text)
	if queues {
		s.after = max(s.after, n.now+poll)
	}
	n.lose(d, busy)
}

// field is a value in a list such as "position=2,length=5".
func field(list, name string) string {
	for _, item := range strings.Split(list, ",") {
		if key, value, _ := strings.Cut(strings.TrimSpace(item), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// seconds reads a number of them, at most maxWait; what is none counts as zero.
func seconds(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxWait)
}

// gotBody stores what is new of a body. That of a refusal is of no interest.
func (n *step) gotBody(c *conn, d *download, data []byte, lent bool) {
	if d.phase != receiving {
		return
	}
	if len(data) > int(d.got.end-d.got.begin) {
		n.refuse(c, "GN-PU-13", errLength)
		n.lose(d, useless)
		return
	}
	old := min(int32(len(data)), max(0, d.at-d.got.begin))
	d.got.begin += int32(len(data))
	s := &d.sources[d.current]
	if fresh := data[old:]; len(fresh) > 0 {
		if !lent {
			fresh = slices.Clone(fresh)
		}
		n.emit(spec.Store{Token: n.file(d), Piece: d.piece, Begin: d.at, Data: fresh})
		d.at += int32(len(fresh))
		d.storing++
		s.gave = true
	}
	if d.at > s.reach {
		d.gained, s.reach, s.refusals = true, d.at, 0
	}
	if d.recent += int32(len(data)); d.recent >= minProgress {
		d.recent, d.due = 0, n.now+n.cfg.StallTimeout
		if d.gained {
			s.tries = 0
		}
	}
	switch {
	case d.at == d.size:
		n.close(c)
		d.conn, d.current = 0, noSource
		n.complete(d)
	case d.got.begin == d.got.end && d.persists: // it sends no more at once
		n.ask(c, d)
	case d.got.begin == d.got.end, d.storing >= maxStoring:
		n.lose(d, broken)
	}
}
