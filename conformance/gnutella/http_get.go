package gnutella

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/urn"
)

// served is the control of all cases that ask for files.
const served = "a file that a hit has told of comes whole when it is asked for, by index or by its urn"

// httpGet judges how a file is asked for.
var httpGet = []Case{
	{
		ID: "gnutella-http/get/by-index", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query is answered by a hit that has the file",
		Explain: "A hit has the index and the name of a file. GET /get/<index>/<name> HTTP/1.1 on the port of the " +
			"hit must " +
			"bring 200 and the file.",
		Causes: []string{"the index of the hit is not that of the upload", "the name is compared undecoded"},
		Kills:  []string{"files-by-index-are-not-found", "index-is-the-place-in-the-hit"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			r, w := s.Get()
			s.Is(r, w, 200, 0, len(s.Data))
			if told := r.Get("Content-Length"); told != strconv.Itoa(len(s.Data)) {
				t.Mismatch("Content-Length", told, strconv.Itoa(len(s.Data)))
			}
		},
	},
	{
		ID: "gnutella-http/get/large-file", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A file of 70,000 bytes, more than is read or written at once, must come as it is.",
		Causes:  []string{"blocks are sent in the order in which the disk has read them", "the last block is cut off"},
		Kills:   []string{"second-block-is-lost"},
		Run: func(t *T) {
			first, s := Offered(t, FileAlpha), Offered(t, FileNoise)
			first.Control()
			s.ByURN = first.ByURN
			r, w := s.Get()
			s.Is(r, w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/plain-name", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-11"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "The blanks of a name stand as they are in the request's line, as old servents write them.",
		Causes:  []string{"the line is cut at every blank"},
		Kills:   []string{"plain-names-are-not-found"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Indexed()
			w := Browse(t)
			s.Is(w.Ask("GET "+s.Target()+" HTTP/1.1"), w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/encoded-name", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-11"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the file comes when its name is written as it is, or with its blanks encoded",
		Explain: "Every letter of a name may be encoded, with digits of either case. The file must come all the same.",
		Causes:  []string{"only %20 is decoded", "digits are read in one case"},
		Kills:   []string{"only-blanks-are-decoded"},
		Run: func(t *T) {
			s := Offered(t, FileNoise)
			s.Indexed()
			encoded := ""
			for i := range len(s.Name) {
				format := "%%%02x"
				if i%2 == 0 {
					format = "%%%02X"
				}
				encoded += fmt.Sprintf(format, s.Name[i])
			}
			w := Browse(t)
			s.Is(w.Ask(fmt.Sprintf("GET /get/%d/%s HTTP/1.1", s.Index, encoded)), w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/by-urn", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-20", "GN-PU-24"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "GET /uri-res/N2R?urn:sha1:… HTTP/1.0 names the file by its SHA-1 alone.",
		Causes:  []string{"the file is hashed in another way", "N2R is not known"},
		Kills:   []string{"old-http-is-refused", "no-requests-by-urn"},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Named()
			w := Browse(t)
			s.Is(w.Ask("GET "+s.N2R()+" HTTP/1.0"), w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/by-bitprint", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-24"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the file comes when it is asked for by its urn:sha1",
		Explain: "A urn:bitprint has the SHA-1 before its dot: a servent that knows no Tiger trees takes that part.",
		Causes:  []string{"only urn:sha1 is read"},
		Kills:   []string{"bitprints-are-not-found"},
		Run: func(t *T) {
			s := Offered(t, FileDelta)
			s.Named()
			w := Browse(t)
			r := w.Ask("GET " + s.N2R() + " HTTP/1.1")
			room(t, r)
			if !ok200(r) {
				t.Inconclusivef("the target does not send a file by its urn:sha1: %s", w.Last())
			}
			w.Close()
			w = Browse(t)
			s.Is(w.Ask("GET /uri-res/N2R?"+urn.Sum(s.Data).String()+" HTTP/1.1"), w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/unknown-urn", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-20"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "The urn of a file that the target does not have. The answer is 404.",
		Causes:  []string{"only a part of the hash is compared"},
		Kills:   []string{"any-urn-will-do"},
		Run: func(t *T) {
			Offered(t, FileAlpha).Named()
			w := Browse(t)
			r := w.Ask("GET /uri-res/N2R?" + urn.Sum([]byte(word(t))).SHA1.String() + " HTTP/1.1")
			room(t, r)
			switch {
			case r == nil:
				t.Failf("no answer has come: %s", w.Last())
			case r.Code != 404:
				t.Mismatch("the status", strconv.Itoa(int(r.Code)), "404")
			}
		},
	},
	{
		ID: "gnutella-http/get/unknown-index", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "An index and a name that no hit has told. Whatever the answer is, it is not a file.",
		Causes:  []string{"the last file is sent for every index beyond it"},
		Kills:   []string{"any-index-will-do"},
		Run: func(t *T) {
			Offered(t, FileAlpha).Control()
			w := Browse(t)
			r := w.Ask("GET /get/876543/" + word(t) + ".txt HTTP/1.1")
			room(t, r)
			refuses(t, r, "a file that was never offered")
		},
	},
	{
		ID: "gnutella-http/get/http-1-0", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "A request of HTTP/1.0, which has no Host, brings the file.",
		Causes:  []string{"the version is compared as a text"},
		Kills:   []string{"old-http-is-refused"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			w := Browse(t)
			w.Write(lines("GET "+s.Path()+" HTTP/1.0"), "")
			s.Is(w.Reply(false), w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/unknown-headers", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-15"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "Headers that nobody knows, one of them folded, must be ignored.",
		Causes:  []string{"a header that is not in the list is an error"},
		Kills:   []string{"unknown-headers-are-errors"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			r, w := s.Get("X-Nonsense-Tester: 1", "X-Folded: a,", "  b", "Chat: 127.0.0.1:1")
			s.Is(r, w, 200, 0, len(s.Data))
		},
	},
	{
		ID: "gnutella-http/get/says-the-urn", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-21"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "An answer carries X-Gnutella-Content-URN with the urn:sha1 of the file.",
		Causes:  []string{"the header is sent only to requests by urn"},
		Kills:   []string{"no-urn-in-answers"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Named()
			r, w := s.Get()
			s.Is(r, w, 200, 0, len(s.Data))
			s.saysURN(r)
		},
	},
	{
		ID: "gnutella-http/get/another-urn", Rev: 2, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"GN-PU-22"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same request with the file's own urn brings it",
		Explain: "A request by index says, in X-Gnutella-Content-URN, that another content is meant: the index " +
			"may have changed " +
			"since the hit. A servent may answer 404, and one that does not sends what nobody wants.",
		Causes: []string{"the header is read of answers alone"},
		Kills:  []string{"urns-of-requests-are-ignored"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Indexed()
			r, w := s.Get("X-Gnutella-Content-URN: " + s.URN())
			if !ok200(r) || !bytes.Equal(r.Body, s.Data) {
				t.Inconclusivef("a request that says the urn of the file brings %v; %s", r, w.Last())
			}
			t.Earn()
			w.Close()
			r, w = s.Get("X-Gnutella-Content-URN: " + urn.Sum([]byte(word(t))).SHA1.String())
			room(t, r)
			switch {
			case r == nil:
				t.Failf("no answer has come: %s", w.Last())
			case r.Code != 404:
				t.Infof("a request for another content is answered %v", r)
			}
		},
	},
	{
		ID: "gnutella-http/get/head", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "HEAD brings what GET would, its length included, without the body (RFC 2616 §9.4).",
		Causes:  []string{"HEAD is not known", "the body is sent, too"},
		Kills:   []string{"heads-have-bodies"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			w := Browse(t)
			r := w.Ask("HEAD " + s.Path() + " HTTP/1.1")
			room(t, r)
			switch {
			case r == nil:
				t.Failf("no answer has come: %s", w.Last())
			case r.Code != 200 || r.Get("Content-Length") != strconv.Itoa(len(s.Data)):
				t.Mismatch("the answer", fmt.Sprintf("%d of %q bytes", r.Code, r.Get("Content-Length")),
					fmt.Sprintf("200 of %d bytes", len(s.Data)))
			}
			s.Control()
			if len(w.Buffered()) > 0 {
				t.Failf("%d bytes follow the head", len(w.Buffered()))
			}
		},
	},
}

func ok200(r *Reply) bool { return r != nil && r.Code == 200 }

// saysURN fails the case unless an answer names the content of the whole file.
func (s *Share) saysURN(r *Reply) {
	if got, err := urn.Parse(r.Get("X-Gnutella-Content-URN")); err != nil || got.String() != s.URN() {
		s.t.Mismatch("X-Gnutella-Content-URN", fmt.Sprintf("%q", r.Get("X-Gnutella-Content-URN")), s.URN())
	}
}
