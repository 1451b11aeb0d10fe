package gnutella

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// fetches are the needs of a case in which the target is told to download.
func fetches(more ...conformance.Need) []conformance.Need {
	return append([]conformance.Need{
		conformance.NeedFresh, conformance.NeedFiles, conformance.NeedVerb(verbSearch), conformance.NeedVerb(verbDownload),
	}, more...)
}

// Source is a servent of the harness that has a file which the target has found.
type Source struct {
	*pusher
	Name string
	Data []byte
	ID   wire.GUID // of the servent
	Hit  wire.GUID // of the hit
	// Serve answers a request; it must not wait. The whole file, or the part that is
	// asked for, if it is nil.
	Serve func(w *Web, r transfer.Request)
	// Asked holds the requests that have come, and when.
	Asked []transfer.Request
	Times []time.Duration

	pending *conformance.Pending
}

// NewSource meets the target, has it search, and answers with a hit: from an address
// that can be dialled or, if it is to push, from one that cannot.
func NewSource(t *T, push bool) *Source {
	text := word(t)
	s := &Source{Name: text + " song.ogg", ID: NewGUID(t)}
	s.Data = pattern(s.Name, sizeDelta)
	s.pusher = &pusher{Peer: Meet(t, Equal())}
	s.at = t.ListenAt(netip.AddrPortFrom(s.Local().Addr(), 0), func(c *conformance.Stream) { s.take(&Web{c, t}) })
	s.Control()
	_, s.Hit = s.searched(text)
	s.answer(push)
	return s
}

// answer sends the hit, and makes sure that it has been read.
func (s *Source) answer(push bool) {
	r := wire.Result{
		Index: 77, Size: uint32(len(s.Data)), Name: []byte(s.Name), Extensions: []byte(urn.Sum(s.Data).SHA1.String()),
	}
	results, err := r.Append(nil)
	if err != nil {
		s.t.Harnessf("a result cannot be written: %v", err)
	}
	h := wire.QueryHit{
		Addr: s.at.Addr(), Speed: 1000, Count: 1, Results: results, ServentID: s.ID,
		Trailer: &wire.Trailer{Vendor: [4]byte{'P', 'S', 'P', 'C'}, Flags: wire.HitFlags{}.With(wire.HitPush, push)},
	}
	s.Send(wire.Descriptor{GUID: s.Hit, Type: wire.TypeQueryHit, TTL: 3, Payload: h.Append(nil)})
	s.Control()
}

// take serves a stream on which the target asks.
func (s *Source) take(w *Web) {
	s.calls = append(s.calls, w)
	w.Handle = func(*conformance.Stream) {
		for {
			m, n, err := transfer.Codec{}.Decoder().Decode(w.Buffered())
			r, ok := m.(transfer.Request)
			if err != nil || n == 0 || !ok {
				return
			}
			w.Discard(n)
			s.Asked, s.Times = append(s.Asked, r), append(s.Times, s.t.Now())
			if s.Serve != nil {
				s.Serve(w, r)
			} else {
				s.send(w, r, s.Data)
			}
		}
	}
	w.Handle(w.Stream)
}

// send answers a request with data in the place of the file.
func (s *Source) send(w *Web, r transfer.Request, data []byte) {
	begin := 0
	first, headers := "HTTP/1.1 200 OK", []string{"X-Gnutella-Content-URN: " + urn.Sum(s.Data).SHA1.String()}
	if text, ranged := r.Headers.Get("Range"); ranged {
		if _, err := fmt.Sscanf(text, "bytes=%d-", &begin); err == nil && begin < len(data) {
			first = "HTTP/1.1 206 Partial Content"
			headers = append(headers, fmt.Sprintf("Content-Range: bytes %d-%d/%d", begin, len(data)-1, len(data)))
		}
	}
	headers = append(headers, fmt.Sprintf("Content-Length: %d", len(data)-begin))
	w.Write(append(lines(first, headers...), data[begin:]...), "")
}

// Download tells the target to fetch the file.
func (s *Source) Download() {
	s.pending = s.t.Do(verbDownload, map[string]any{"name": s.Name})
}

// Complete waits until the target has the file, whole.
func (s *Source) Complete(within time.Duration) bool {
	return s.t.Until(func() bool { return bytes.Equal(s.stored(), s.Data) }, within)
}

// stored is what the target has under the file's name: nil for nothing.
func (s *Source) stored() []byte {
	b, err := s.t.ReadFile(s.Name)
	if err != nil {
		return nil
	}
	return b
}

// requested waits for so many requests, and returns the last.
func (s *Source) requested(count int, within time.Duration) *transfer.Request {
	if !s.t.Until(func() bool { return len(s.Asked) >= count }, within) {
		return nil
	}
	return &s.Asked[count-1]
}

// Honest is the control of downloads: another file comes, whole.
func Honest(t *T) {
	s := NewSource(t, false)
	s.Download()
	if !s.Complete(2 * CallWithin) {
		t.Inconclusivef("the target does not download a file that it was told to: %d requests have come", len(s.Asked))
	}
	t.Earn()
}

const downloaded = "the target downloads another file, from one who sends it as it is"

// httpDownload judges the target as a client. It has to be told to be one.
var httpDownload = []Case{
	{
		ID: "gnutella-http/download/asks-as-the-hit-says", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10", "GN-PU-20"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(), Within: time.Minute,
		Control: "the target's query reaches the one who has the file",
		Explain: "The target is told to fetch a file of a hit. It must dial the hit's address, ask for the hit's " +
			"index and name, " +
			"or for its urn, and have the file then.",
		Causes: []string{"the index is read in network order", "the name is not encoded"},
		Kills:  []string{"asks-for-another-index", "believes-all-lengths"},
		Run: func(t *T) {
			s := NewSource(t, false)
			s.Download()
			r := s.requested(1, CallWithin)
			if r == nil {
				t.Failf("the target asks for nothing within %v", CallWithin)
			}
			index, byURN := "/get/77/"+s.Name, "/uri-res/N2R?"+urn.Sum(s.Data).SHA1.String()
			plain, err := url.PathUnescape(r.Target)
			if err != nil || plain != index && !strings.EqualFold(plain, byURN) {
				t.Mismatch("what is asked for", r.Target, index, byURN)
			}
			if !s.Complete(CallWithin) {
				t.Failf("the file was sent, and the target does not have it")
			}
		},
	},
	{
		ID: "gnutella-http/download/corrupted-bytes", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-24"}, Role: conformance.Servent, Kind: conformance.State,
		Needs: fetches(), Within: 2 * time.Minute,
		Control: downloaded + "; it tells the urn of a file of its own, or sends it by that",
		Explain: "The hit has the file's urn:sha1, and what the harness sends has one other byte. A target that knows " +
			"urns must not take it for the file.",
		Causes: []string{"only the length is compared", "the hash is told, and never computed"},
		Kills:  []string{"any-bytes-will-do"},
		Run: func(t *T) {
			Offered(t, FileAlpha).Named()
			s := NewSource(t, false)
			wrong := bytes.Clone(s.Data)
			wrong[len(wrong)/2] ^= 1
			s.Serve = func(w *Web, r transfer.Request) { s.send(w, r, wrong) }
			s.Download()
			if s.requested(1, CallWithin) == nil {
				t.Inconclusivef("the target asks for nothing within %v", CallWithin)
			}
			t.Until(s.pending.Done, AnswerWithin)
			Honest(t)
			if s.stored() != nil {
				t.Failf("the target has a file under the name %q, with a byte that the hash does not allow", s.Name)
			}
		},
	},
	{
		ID: "gnutella-http/download/goes-on-where-it-broke", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-13"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(conformance.NeedClock), Waits: true, Within: 5 * time.Minute,
		Control: "the file is complete in the end",
		Explain: "The stream ends in the middle of the file. When the target asks again, within three minutes, it should " +
			"ask for the rest, by a range, or for a little more than that. Ranges have to be supported, and no document " +
			"says that who downloads has to use them, or when it tries again.",
		Causes: []string{"ranges are served, and never asked for"},
		Kills:  []string{"believes-all-lengths", "downloads-begin-anew"},
		Run: func(t *T) {
			s := NewSource(t, false)
			s.Serve = func(w *Web, r transfer.Request) {
				if len(s.Asked) > 1 {
					s.send(w, r, s.Data)
					return
				}
				w.WriteMalformed(append(lines("HTTP/1.1 200 OK", fmt.Sprintf("Content-Length: %d", len(s.Data))),
					s.Data[:len(s.Data)/2]...), "half of the file")
				w.Close()
			}
			s.Download()
			r := s.requested(2, 3*time.Minute)
			if r == nil {
				t.Inconclusivef("the target does not ask again within 3 min of a stream that broke")
			}
			var begin int
			text, _ := r.Headers.Get("Range")
			if _, err := fmt.Sscanf(text, "bytes=%d-", &begin); err != nil || begin == 0 || begin > len(s.Data)/2 {
				t.Mismatch("the second request's Range", fmt.Sprintf("%q", text),
					fmt.Sprintf("bytes=%d-, or somewhat before", len(s.Data)/2))
			}
			if !s.Complete(CallWithin) {
				t.Failf("the rest was sent, and the file is not complete")
			}
			t.Earn()
		},
	},
	{
		ID: "gnutella-http/download/busy-sources-get-a-minute", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-PU-16"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(conformance.NeedClock), Waits: true, Within: 12 * time.Minute,
		Control: downloaded,
		Explain: "Every request is answered 503. Between two requests to the same source a client may leave a minute. " +
			"One that comes sooner is recorded.",
		Causes: []string{"the next request follows at once", "each stream has a clock of its own"},
		Kills:  []string{"busy-sources-get-no-peace"},
		Run: func(t *T) {
			s := NewSource(t, false)
			s.Serve = func(w *Web, _ transfer.Request) {
				w.Write(lines("HTTP/1.1 503 Busy", "Content-Length: 0", "Connection: close"), "")
				w.Close()
			}
			s.Download()
			if s.requested(1, CallWithin) == nil {
				t.Inconclusivef("the target asks for nothing within %v", CallWithin)
			}
			t.Wait(5 * time.Minute)
			Honest(t)
			for i := 1; i < len(s.Times); i++ {
				if pause := s.Times[i] - s.Times[i-1]; pause < time.Minute-time.Second {
					t.Infof("request %d comes %v after the one before, which was refused for lack of room", i+1, pause)
				}
			}
		},
	},
	{
		ID: "gnutella-http/download/another-length", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-13", "GN-PU-24"}, Role: conformance.Servent, Kind: conformance.State,
		Needs: fetches(), Within: 2 * time.Minute,
		Control: downloaded,
		Explain: "The answer promises, and has, a file of another length than the hit: longer, though it begins " +
			"with the file. It is not what the hit's urn names, and a target that knows urns must not take it for the file.",
		Causes: []string{"the length of the answer is believed"},
		Kills:  []string{"lengths-are-believed"},
		Run: func(t *T) {
			Offered(t, FileAlpha).Named()
			s := NewSource(t, false)
			s.Serve = func(w *Web, r transfer.Request) { s.send(w, r, append(bytes.Clone(s.Data), "and more"...)) }
			s.Download()
			if s.requested(1, CallWithin) == nil {
				t.Inconclusivef("the target asks for nothing within %v", CallWithin)
			}
			t.Until(s.pending.Done, AnswerWithin)
			Honest(t)
			if b := s.stored(); b != nil && !bytes.Equal(b, s.Data) {
				t.Failf("the target has a file of %d bytes under the name of one of %d", len(b), len(s.Data))
			}
		},
	},
	{
		ID: "gnutella-http/download/incomplete-is-not-shared", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-19"}, Role: conformance.Servent, Kind: conformance.State,
		Needs: fetches(), Within: 2 * time.Minute,
		Control: "the rest is sent then, and the file is complete",
		Explain: "Half of a file has come. A request for its urn must not bring it as a whole, and a query for " +
			"its name must not " +
			"be answered with it.",
		Causes: []string{"files are shared from the moment that they are created"},
		Kills:  []string{"any-urn-will-do"},
		Run:    incomplete,
	},
}

func incomplete(t *T) {
	s := NewSource(t, false)
	var stream *Web
	s.Serve = func(w *Web, r transfer.Request) {
		stream = w
		w.WriteMalformed(append(lines("HTTP/1.1 200 OK", fmt.Sprintf("Content-Length: %d", len(s.Data))),
			s.Data[:len(s.Data)/2]...), "half of the file")
	}
	s.Download()
	if s.requested(1, CallWithin) == nil {
		t.Inconclusivef("the target asks for nothing within %v", CallWithin)
	}
	s.Control()
	w := Browse(t)
	r := w.Ask("GET /uri-res/N2R?" + urn.Sum(s.Data).SHA1.String() + " HTTP/1.1")
	p := Meet(t, Equal())
	p.Control()
	hit := p.Ask(NewQuery(t, s.Name[:len(s.Name)-len(".ogg")], 2, 0))
	stream.WriteMalformed(s.Data[len(s.Data)/2:], "the other half")
	if !s.Complete(CallWithin) {
		t.Inconclusivef("the file was sent in two parts, and the target does not have it")
	}
	t.Earn()
	if r != nil && r.Code == 200 {
		t.Failf("half of a file is sent for its urn: %v", r)
	}
	if hit != nil && hit.Named(s.Name) != nil {
		t.Failf("a query is answered with a file of which half has come")
	}
}

// httpPushed judges the target as a client of those who cannot be dialled.
var httpPushed = []Case{
	{
		ID: "gnutella-http/download/pushes-who-cannot-be-dialled", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-01"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(), Within: time.Minute,
		Control: "the target's query reaches the one who has the file",
		Explain: "The hit says that its servent cannot be dialled. The target must send a push with that " +
			"servent's id and the " +
			"file's index, on the link of the hit.",
		Causes: []string{"the flag and its enabler are read from the wrong bytes"},
		Kills:  []string{"pushes-nobody"},
		Run: func(t *T) {
			s := NewSource(t, true)
			_, m, ok := s.wanted()
			if !ok {
				t.Failf("no push comes for a hit whose servent cannot be dialled: %s", s.Last())
			}
			if m.Index != 77 {
				t.Mismatch("the index of the push", fmt.Sprint(m.Index), "77")
			}
			if m.Addr != t.Target() {
				t.Mismatch("the address of the push", m.Addr.String(), t.Target().String())
			}
			t.Earn()
		},
	},
	{
		ID: "gnutella-http/download/push-has-a-guid-of-its-own", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-04"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(), Within: time.Minute,
		Control: "a push comes for a hit whose servent cannot be dialled",
		Explain: "The hit says that its servent cannot be dialled. The push that the target sends should have a GUID of " +
			"its own, not that of the hit.",
		Causes: []string{"the hit's GUID is used again"},
		Kills:  []string{"pushes-with-the-guid-of-the-hit"},
		Run: func(t *T) {
			s := NewSource(t, true)
			guid, _, ok := s.wanted()
			if !ok {
				t.Inconclusivef("no push comes for a hit whose servent cannot be dialled: %s", s.Last())
			}
			if guid == s.Hit {
				t.Failf("the push has the GUID of the hit")
			}
			t.Earn()
		},
	},
	givCase("takes-a-giv", []string{"GN-PU-06", "GN-PU-10"},
		"The servent that was pushed dials and says GIV. The target must ask for the file on that stream, and "+
			"have it then.",
		[]string{"a GIV is taken for a handshake that is none"}, []string{"believes-all-lengths", "takes-no-giv"},
		func(id wire.GUID, name string) string { return fmt.Sprintf("GIV 77:%x/%s\n\n", id, name) }),
	givCase("digits-of-either-case", []string{"GN-PU-07"},
		"The same, with the servent id in capital letters.",
		[]string{"the id is compared as a text"},
		[]string{"believes-all-lengths", "capital-digits-are-strange", "takes-no-giv"},
		func(id wire.GUID, name string) string { return fmt.Sprintf("GIV 77:%X/%s\n\n", id, name) }),
	givCase("index-and-name-do-not-count", []string{"GN-PU-09"},
		"The same, with another index and another name: the target asks for what it wants.",
		[]string{"the index is compared with that of the push"},
		[]string{"believes-all-lengths", "givs-have-to-name-the-file", "takes-no-giv"},
		func(id wire.GUID, _ string) string { return fmt.Sprintf("GIV 5:%x/something else.txt\n\n", id) }),
}

// wanted has the target push the source, and returns the push if it comes.
func (s *Source) wanted() (guid wire.GUID, m wire.Push, ok bool) {
	s.Download()
	r := s.Await(CallWithin, func(r *Received) (ok bool) {
		var err error
		if r.Type == wire.TypePush {
			m, err = wire.ParsePush(r.Payload)
			ok = err == nil && m.ServentID == s.ID
		}
		return ok
	})
	if r == nil {
		return guid, m, false
	}
	return r.GUID, m, true
}

// givCase answers a push with a line.
func givCase(
	name string, requirements []string, explain string, causes, kills []string,
	line func(id wire.GUID, name string) string,
) Case {
	level := conformance.Must
	if name == "index-and-name-do-not-count" {
		level = conformance.Should
	}
	return Case{
		ID: "gnutella-http/download/" + name, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: requirements, Role: conformance.Servent, Kind: conformance.Behaviour,
		Needs: fetches(), Within: time.Minute,
		Control: "the target pushes the one who has the file", Explain: explain, Causes: causes, Kills: kills,
		Run: func(t *T) {
			s := NewSource(t, true)
			if _, _, ok := s.wanted(); !ok {
				t.Inconclusivef("no push comes for a hit whose servent cannot be dialled: %s", s.Last())
			}
			t.Earn()
			w := Browse(t)
			s.take(w)
			w.Write([]byte(line(s.ID, s.Name)), "")
			if s.requested(1, AnswerWithin) == nil {
				t.Failf("the target asks for nothing on the stream of a GIV: %s", w.Last())
			}
			if !s.Complete(AnswerWithin) {
				t.Failf("the file was sent, and the target does not have it")
			}
		},
	}
}
