package gnutella

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
)

// httpRanges judges parts of files.
var httpRanges = []Case{
	rangeCase("middle", conformance.Must, 5, 10, "bytes=5-9",
		"Five bytes from the middle: 206, with a Content-Range that says which part of how much it is.",
		[]string{"the last byte is left out", "ranges are ignored"},
		[]string{"parts-are-not-described", "ranges-are-ignored", "ranges-end-too-early"}),
	rangeCase("open-ended", conformance.Must, 12, sizeDelta, "bytes=12-",
		"All from a byte on, as who resumes a download asks.",
		[]string{"a range without an end is taken for none"},
		[]string{"parts-are-not-described", "ranges-are-ignored", "ranges-need-an-end"}),
	rangeCase("last-bytes", conformance.Should, sizeDelta-7, sizeDelta, "bytes=-7",
		"The last seven bytes (RFC 2616 §14.35.1).",
		[]string{"the number is taken for a beginning or an end"},
		[]string{"last-bytes-are-first-bytes", "parts-are-not-described", "ranges-are-ignored"}),
	rangeCase("end-beyond-the-file", conformance.Must, sizeDelta-4, sizeDelta,
		fmt.Sprintf("bytes=%d-%d", sizeDelta-4, sizeDelta+100),
		"A part whose end lies beyond that of the file: what there is of it must come (RFC 2616 §14.35.1).",
		[]string{"the part is read past the end of the file", "such a range is refused"},
		[]string{"ends-beyond-the-file-are-refused", "parts-are-not-described", "ranges-are-ignored"}),
	{
		ID: "gnutella-http/range/beyond-the-file", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-13"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A part that begins where the file has ended: 416, since there is nothing of it (RFC 2616 §14.35.1).",
		Causes:  []string{"the beginning is cut to the file's length, and an empty part is sent", "the whole file is sent"},
		Kills:   []string{"ranges-are-ignored", "ranges-need-an-end"},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Control()
			r, w := s.Get(fmt.Sprintf("Range: bytes=%d-", len(s.Data)))
			room(t, r)
			switch {
			case r == nil:
				t.Failf("no answer has come: %s", w.Last())
			case r.Code != 416:
				t.Mismatch("the status", fmt.Sprint(r.Code), "416")
			}
		},
	},
	{
		ID: "gnutella-http/range/says-the-urn-of-the-file", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-21"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "The urn that an answer carries is that of the full file, also if a part of it is sent.",
		Causes:  []string{"the part is hashed"},
		Kills:   []string{"ranges-are-ignored", "ranges-end-too-early", "urn-of-the-part"},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Control()
			r, w := s.Get("Range: bytes=5-9")
			s.Is(r, w, 206, 5, 10)
			if r.Get("X-Gnutella-Content-URN") == "" {
				t.Unsupportedf("the target says no urn")
			}
			s.saysURN(r)
		},
	},
	{
		ID: "gnutella-http/range/by-urn", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-13", "GN-PU-20"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A part of a file that is asked for by its urn.",
		Causes:  []string{"requests by urn have a path of their own, which knows no ranges"},
		Kills:   []string{"no-requests-by-urn", "ranges-are-ignored", "ranges-end-too-early"},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Named()
			w := Browse(t)
			r := w.Ask("GET "+s.N2R()+" HTTP/1.1", "Range: bytes=5-9")
			s.Is(r, w, 206, 5, 10)
		},
	},
}

// rangeCase asks for a part of the file of 5000 bytes.
func rangeCase(
	name string, level conformance.Level, begin, end int, header, explain string, causes, kills []string,
) Case {
	return Case{
		ID: "gnutella-http/range/" + name, Rev: 2, Since: "0.2.0", Level: level,
		Requirements: []string{"GN-PU-13"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served, Explain: explain, Causes: causes, Kills: kills,
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Control()
			r, w := s.Get("Range: " + header)
			s.Is(r, w, 206, begin, end)
			want := fmt.Sprintf("bytes %d-%d/%d", begin, end-1, len(s.Data))
			if got := r.Get("Content-Range"); got != want {
				t.Mismatch("Content-Range", fmt.Sprintf("%q", got), want)
			}
		},
	}
}

// httpStreams judges how long a stream lives.
var httpStreams = []Case{
	{
		ID: "gnutella-http/stream/persists", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-13", "GN-PU-14"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "Three requests of HTTP/1.1 on one stream, one after another: a file, a part, another file. The " +
			"stream must " +
			"stay open between them.",
		Causes: []string{"the stream is closed behind each answer", "a part ends the stream"},
		Kills:  []string{"closes-behind-each-answer", "ranges-are-ignored", "ranges-end-too-early"},
		Run: func(t *T) {
			s, other := Offered(t, FileDelta), Offered(t, FileAlpha)
			s.Control()
			r, w := s.Get()
			s.Is(r, w, 200, 0, len(s.Data))
			r = w.Ask("GET "+s.Path()+" HTTP/1.1", "Range: bytes=5-9")
			s.Is(r, w, 206, 5, 10)
			other.ByURN = s.ByURN
			r = w.Ask("GET " + other.Path() + " HTTP/1.1")
			other.Is(r, w, 200, 0, len(other.Data))
		},
	},
	{
		ID: "gnutella-http/stream/close", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-14"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a stream without the header stays open for a second request",
		Explain: "A request with Connection: close brings the file and then the end of the stream.",
		Causes:  []string{"the header is not read", "its value is compared with its case"},
		Kills:   []string{"close-is-ignored"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			_, w := s.Get()
			second := w.Ask("GET " + s.Path() + " HTTP/1.1")
			room(t, second)
			if !ok200(second) {
				t.Inconclusivef("the target ends the stream without having been asked to: %s", w.Last())
			}
			w.Close()
			r, w := s.Get("Connection: close")
			s.Is(r, w, 200, 0, len(s.Data))
			if !t.Until(w.Ended, AnswerWithin) {
				t.Failf("the stream stays open behind an answer that was to be the last")
			}
		},
	},
	{
		ID: "gnutella-http/stream/ends-behind-http-1-0", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A client of HTTP/1.0 that does not ask for more may know no other end of a body than that of the stream " +
			"(RFC 2616 §19.6.2): it should end behind the answer.",
		Causes: []string{"the stream is kept for a client that does not ask for it"},
		Kills:  []string{"old-http-persists"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			w := Browse(t)
			if r := w.Ask("GET " + s.Path() + " HTTP/1.0"); !ok200(r) {
				t.Inconclusivef("a request of HTTP/1.0 is answered %v; %s", r, w.Last())
			}
			if !t.Until(w.Ended, AnswerWithin) {
				t.Failf("the stream stays open behind an answer to HTTP/1.0")
			}
		},
	},
	{
		ID: "gnutella-http/stream/two-requests-at-once", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-13"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "Two requests in one segment, on one stream: both are answered, in their order (RFC 2616 §8.1.2.2).",
		Causes:  []string{"what follows a request in the same read is thrown away"},
		Kills: []string{
			"closes-behind-each-answer", "one-request-a-read", "ranges-are-ignored", "ranges-end-too-early",
		},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Control()
			w := Browse(t)
			one := w.request("GET "+s.Path()+" HTTP/1.1", "Range: bytes=0-99")
			w.Write(append(one, w.request("GET "+s.Path()+" HTTP/1.1", "Range: bytes=200-299")...), "two requests")
			s.Is(w.Reply(false), w, 206, 0, 100)
			s.Is(w.Reply(false), w, 206, 200, 300)
		},
	},
}

// httpLocations judges the mesh of who has a file.
var httpLocations = []Case{
	{
		ID: "gnutella-http/location/is-told-to-others", Rev: 2, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-PU-23"}, Role: conformance.Servent, Kind: conformance.State,
		Control: served,
		Explain: "A request tells another location of the same file, in X-Gnutella-Alternate-Location. Who asks " +
			"for the file " +
			"next, from another address, may be told of it, in that header or in X-Alt. What comes is recorded: " +
			"the harness has no location but in a reserved network, of which some tell nobody.",
		Causes: []string{"locations are read of answers alone"},
		Kills:  []string{"forgets-locations"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Named()
			r := s.after(s.location(elsewhere))
			if !r.sendsTo(elsewhere) {
				t.Infof("the next to ask is not told of a location that the target has heard of: %q, X-Alt %q",
					r.Get(locationHeader), r.Get("X-Alt"))
			}
		},
	},
	{
		ID: "gnutella-http/location/list-with-dates", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-15", "GN-PU-23"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A folded list of locations, one with a date and words behind it, one that is none. What cannot " +
			"be read is to " +
			"be ignored; the file must come.",
		Causes: []string{"the header is parsed as one URL", "what cannot be read is an error"},
		Kills:  []string{"dates-are-errors"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			r, w := s.Get(locationHeader+": http://192.0.2.1:6346/uri-res/N2R?"+s.URN()+" 2002-04-30T08:30Z some words,",
				"\tnot a location, http://192.0.2.2:6346/get/1/x")
			s.Is(r, w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/location/of-another-file", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-23"}, Role: conformance.Servent, Kind: conformance.State,
		Control: "the next to ask is told of the location that is of the file",
		Explain: "A request for one file tells two locations: one of another file, by its urn, and one of this. The " +
			"next to ask for the first file may be told of the second location, and must not be sent to the first. A " +
			"target that tells of neither keeps no locations, or none in a reserved network: there is nothing to judge.",
		Causes: []string{"the urn of a location is not looked at"},
		Kills:  []string{"locations-of-any-file"},
		Run: func(t *T) {
			s, other := Offered(t, FileAlpha), Offered(t, FileDelta)
			s.Named()
			r := s.after(other.location(elsewhere) + ", " + s.location(elsewhereToo))
			switch {
			case r.sendsTo(elsewhere):
				t.Failf("the location of another file is told: %q, X-Alt %q", r.Get(locationHeader), r.Get("X-Alt"))
			case !r.sendsTo(elsewhereToo):
				t.Unsupportedf("the target tells nobody of locations")
			}
		},
	},
}

// after is the answer to who asks next when a request has told of locations.
func (s *Share) after(locations string) *Reply {
	named := "X-Gnutella-Content-URN: " + s.URN()
	r, w := s.Get(named, locationHeader+": "+locations)
	s.Is(r, w, 200, 0, len(s.Data))
	w.Close()
	r, w = s.Get(named)
	s.Is(r, w, 200, 0, len(s.Data))
	return r
}
