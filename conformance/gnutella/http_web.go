package gnutella

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Web is a stream on which files are asked for.
type Web struct {
	*conformance.Stream
	t *T
}

// Reply is the answer to a request, with its body.
type Reply struct {
	transfer.Response
	Body  []byte
	Short bool // the stream ended before the body did
}

func (r *Reply) String() string {
	if r == nil {
		return "no answer"
	}
	return fmt.Sprintf("%d %s with %d bytes", r.Code, r.Phrase, len(r.Body))
}

// Get is the value of a header, "" without one.
func (r *Reply) Get(name string) string {
	v, _ := r.Headers.Get(name)
	return v
}

// Browse connects to the target from an address of its own.
func Browse(t *T) *Web { return &Web{t.Dial(), t} }

// Ask sends a request and waits for the answer, which is nil if none came.
func (w *Web) Ask(first string, headers ...string) *Reply {
	w.Write(w.request(first, headers...), "")
	return w.Reply(strings.HasPrefix(first, "HEAD "))
}

// request is the head of a request, with what HTTP/1.1 demands.
func (w *Web) request(first string, headers ...string) []byte {
	return lines(first, append([]string{"Host: " + w.Remote().String(), "User-Agent: " + agent}, headers...)...)
}

// lines is a head.
func lines(first string, headers ...string) []byte {
	return []byte(strings.Join(append([]string{first}, headers...), "\r\n") + "\r\n\r\n")
}

// Reply waits for an answer, of which only the head comes if it is bodiless.
func (w *Web) Reply(bodiless bool) (r *Reply) {
	w.t.Until(func() bool {
		var n int
		var err error
		r, n, err = reply(w.Buffered(), bodiless, w.Ended())
		if err != nil {
			w.t.Failf("what the target answers is no HTTP: %v", err)
		}
		if r != nil {
			w.Discard(n)
		}
		return r != nil || w.Ended()
	}, 2*AnswerWithin)
	return r
}

// reply reads an answer that is complete, or that the end of its stream cuts off.
func reply(b []byte, bodiless, ended bool) (r *Reply, n int, err error) {
	m, n, err := transfer.Codec{}.Decoder().Decode(b)
	if n == 0 || err != nil {
		return nil, 0, err
	}
	head, ok := m.(transfer.Response)
	if !ok {
		return nil, 0, fmt.Errorf("a %T", m)
	}
	text, told := head.Headers.Get("Content-Length")
	length, _ := strconv.Atoi(text)
	rest := b[n:]
	switch {
	case bodiless || head.Code < 200 || head.Code == 204 || head.Code == 304:
		length = 0
	case !told && !ended, told && len(rest) < length && !ended:
		return nil, 0, nil
	case !told:
		length = len(rest)
	}
	r = &Reply{Response: head, Short: len(rest) < length}
	r.Body = bytes.Clone(rest[:min(length, len(rest))])
	return r, n + len(r.Body), nil
}

// Last says how the stream is, for the words of a failure.
func (w *Web) Last() string {
	switch {
	case w.Err() != nil:
		return "the stream broke: " + w.Err().Error()
	case w.Ended():
		return "the target closed the stream"
	case len(w.Buffered()) > 0:
		return fmt.Sprintf("%d bytes have come", len(w.Buffered()))
	default:
		return "the target says nothing"
	}
}

// Share is a file of the target, as a hit has told of it.
type Share struct {
	Name    string
	Data    []byte
	Index   uint32
	Servent wire.GUID
	URNTold bool // the hit has its urn
	// ByURN asks for it by its content: Control found that it does not come by index.
	ByURN bool
	t     *T
}

// Offered finds one of the files that the target shares, or ends the case.
func Offered(t *T, name string) *Share {
	p := Meet(t, Equal())
	p.Control()
	text := strings.NewReplacer(".", " ", "-", " ", "_", " ").Replace(name)
	a := p.Finds(text, name)
	p.Close()
	r := a.Named(name)
	_, told := urnOf(r)
	return &Share{Name: name, Data: Shared()[name], Index: r.Index, Servent: a.ServentID, URNTold: told, t: t}
}

// Target is how it is asked for by index, with its name as it is.
func (s *Share) Target() string { return fmt.Sprintf("/get/%d/%s", s.Index, s.Name) }

// Encoded is the same with the blanks of the name encoded.
func (s *Share) Encoded() string { return strings.ReplaceAll(s.Target(), " ", "%20") }

// URN names its content.
func (s *Share) URN() string { return urn.Sum(s.Data).SHA1.String() }

// N2R is how it is asked for by its content (GN-PU-20).
func (s *Share) N2R() string { return "/uri-res/N2R?" + s.URN() }

// Path is how it is asked for: by index, or by urn where only that works.
func (s *Share) Path() string {
	if s.ByURN {
		return s.N2R()
	}
	return s.Encoded()
}

// Get asks for it on a new stream, and once more on another if there is no room: a
// target may not have seen yet that a stream of before is closed.
func (s *Share) Get(headers ...string) (r *Reply, w *Web) {
	for range busyTries {
		if w != nil {
			w.Close()
			s.t.Wait(busyPause)
		}
		w = Browse(s.t)
		if r = w.Ask("GET "+s.Path()+" HTTP/1.1", headers...); !r.busy() {
			break
		}
	}
	return r, w
}

// busy says whether the target has no room, as it may at any time (GN-PU-16).
func (r *Reply) busy() bool { return r != nil && r.Code == wire.Busy }

// room leaves the case open if the target had none for a request.
func room(t *T, r *Reply) {
	if r.busy() {
		t.Inconclusivef("the target is busy: it answers %v", r)
	}
}

// Control is the well-behaved request: the file comes, whole, by index or by its urn,
// or the case ends.
func (s *Share) Control() {
	if !s.comes() && !s.ByURN {
		s.ByURN = true
		if !s.comes() {
			s.t.Inconclusivef("the target sends %q neither by index nor by its urn", s.Name)
		}
	}
	s.t.Earn()
}

// comes says whether the file comes, whole.
func (s *Share) comes() bool {
	r, w := s.Get()
	defer w.Close()
	return ok200(r) && bytes.Equal(r.Body, s.Data)
}

// Indexed is Control for what is about requests by index: a target that only sends
// files by urn does not support them, which get/by-index judges.
func (s *Share) Indexed() {
	if s.Control(); s.ByURN {
		s.t.Unsupportedf("the target sends files by urn alone")
	}
}

// Named is Control for what is about urns, which are an extension (HUGE): a target
// that tells none in a hit, and sends nothing by urn, does not know them.
func (s *Share) Named() {
	s.Control()
	if by := (&Share{Name: s.Name, Data: s.Data, ByURN: true, t: s.t}); !s.URNTold && !by.comes() {
		s.t.Unsupportedf("the target does not know urns: it tells none of %q, and sends nothing by urn", s.Name)
	}
}

// Is fails the case unless a reply is the file from begin up to end, with the code
// of a whole or of a part. Who is busy leaves it open.
func (s *Share) Is(r *Reply, w *Web, code int32, begin, end int) {
	room(s.t, r)
	switch {
	case r == nil:
		s.t.Failf("no answer has come: %s", w.Last())
	case r.Code != code:
		s.t.Mismatch("the status", fmt.Sprintf("%d %s", r.Code, r.Phrase), strconv.Itoa(int(code)))
	case r.Short:
		s.t.Failf("the stream ended behind byte %d of a body that was to have %s", len(r.Body), r.Get("Content-Length"))
	case !bytes.Equal(r.Body, s.Data[begin:end]):
		s.t.Mismatch("the body", fmt.Sprintf("%d bytes, of which the first %d are "+
			"right", len(r.Body), agree(r.Body, s.Data[begin:end])),
			fmt.Sprintf("bytes %d to %d of %q", begin, end-1, s.Name))
	}
}

// agree is how many bytes two begin with alike.
func agree(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// leaks fails the case if a reply has anything but what is shared: some servents send
// the file of an index whatever its name.
func leaks(t *T, r *Reply, what string) {
	if r == nil || r.Code >= 300 || len(r.Body) == 0 {
		return
	}
	for _, data := range Shared() {
		if bytes.Equal(data, r.Body) {
			return
		}
	}
	t.Failf("%s is answered %v, which are of no file that is shared", what, r)
}

// refuses fails the case if a reply has a success in it.
func refuses(t *T, r *Reply, what string) {
	if r != nil && r.Code < 300 {
		t.Failf("%s is answered %v", what, r)
	}
}
