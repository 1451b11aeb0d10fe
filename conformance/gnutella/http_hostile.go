package gnutella

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

const locationHeader = "X-Gnutella-Alternate-Location"

// Addresses that no case uses otherwise.
const (
	elsewhere    = "198.51.100.77:6346"
	elsewhereToo = "198.51.100.88:6346"
)

// location says that the file is somewhere else, too.
func (s *Share) location(at string) string { return "http://" + at + s.N2R() }

// sendsTo says whether an answer names a location.
func (r *Reply) sendsTo(at string) bool {
	return strings.Contains(r.Get(locationHeader)+r.Get("X-Alt"), at) ||
		strings.Contains(r.Get("X-Alt"), strings.TrimSuffix(at, ":6346"))
}

// Of what is hostile.
const (
	stepsUp     = 16      // from any folder that files may be shared in to the root
	headerFlood = 1 << 20 // bytes of a head without an end
	floodPart   = 16 << 10
	slowHead    = 4 * time.Minute // that a servent may wait for one, generously
)

// httpHostile judges what a servent does with requests that mean it no good.
var httpHostile = []Case{
	pathCase("steps-up", "Paths that lead up out of what is shared, by sixteen steps, plain and encoded.",
		[]string{"paths-lead-up"},
		"/get/%d/"+up("../")+"etc/passwd", "/get/"+up("../")+"etc/passwd", "/"+up("../")+"etc/passwd",
		"/get/%d/"+up("..%%2f")+"etc%%2fpasswd", "/get/%d/"+up("%%2e%%2e/")+"etc/passwd"),
	pathCase("absolute", "Paths from the root of the file system.", []string{"paths-begin-at-the-root"},
		"/get/%d//etc/passwd", "//etc/passwd", "/etc/passwd", "/get/%d/%%2fetc/passwd", "/uri-res/N2R?/etc/passwd"),
	{
		ID: "gnutella-http/hostile/flood-of-headers", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-15"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the file comes on another stream, before and after",
		Explain: "Headers are to be ignored, but not for ever: at the latest after 1 MiB of them the stream must " +
			"have ended, or " +
			"an error must have come. What goes on reading keeps memory for whoever asks.",
		Causes: []string{"a head has no limit"},
		Within: time.Minute,
		Kills:  []string{"heads-have-no-end"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			w := Browse(t)
			w.WriteMalformed([]byte("GET "+s.Path()+" HTTP/1.1\r\n"), "the line of a request")
			part := []byte(strings.Repeat("X-Flood: "+strings.Repeat("x", 55)+"\r\n", floodPart/66))
			spoke := func() bool { return w.Ended() || len(w.Buffered()) > 0 }
			for sent := 0; sent < headerFlood && !spoke(); sent += len(part) {
				w.WriteMalformed(part, "headers")
				t.Wait(20 * time.Millisecond)
			}
			refused := t.Until(spoke, AnswerWithin)
			s.Control()
			if !refused {
				t.Failf("the target reads %d bytes of headers, and waits for more", headerFlood)
			}
			if r, _, err := reply(w.Buffered(), false, w.Ended()); err == nil {
				refuses(t, r, "a head without an end")
			}
		},
	},
	{
		ID: "gnutella-http/hostile/slow-head", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the file comes on another stream, before and after",
		Explain: "Half a head, and then a header every 20 s for four minutes. A servent has few streams: it must " +
			"end this one.",
		Causes: []string{"the time is counted from the last byte, or not at all"},
		Waits:  true, Within: slowHead + time.Minute,
		Kills: []string{"waits-for-slow-handshakes"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			w := Browse(t)
			w.WriteMalformed([]byte("GET "+s.Path()+" HTTP/1.1\r\n"), "the line of a request")
			for began := t.Now(); t.Now()-began < slowHead && !w.Ended(); {
				if !t.Until(w.Ended, 20*time.Second) {
					w.WriteMalformed([]byte("X-Slow: 1\r\n"), "a header")
				}
			}
			s.Control()
			if !w.Ended() {
				t.Failf("a head that does not end is waited for, for %v", slowHead)
			}
		},
	},
	{
		ID: "gnutella-http/hostile/no-request", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the file comes on another stream, before and after",
		Explain: "Lines that begin as a request and are none. The answer is an error, or the end of the stream; " +
			"the target " +
			"must go on serving others.",
		Causes: []string{"a line is taken apart without looking whether it has its parts"},
		Within: time.Minute,
		Kills:  []string{"any-line-is-a-request"},
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			for _, line := range []string{"GET", "GET ", "GET / /", "GET /get/", "GET /get/99999999999999999999/x HTTP/1.1",
				"GET /get/-1/x HTTP/1.1",
				"GET %zz HTTP/1.1", "HEAD HTTP/1.1"} {
				w := Browse(t)
				w.WriteMalformed([]byte(line+"\r\n\r\n"), "no request")
				t.Until(func() bool { return w.Ended() || len(w.Buffered()) > 0 }, time.Second)
				if r, _, err := reply(w.Buffered(), false, true); err == nil {
					refuses(t, r, fmt.Sprintf("%q", line))
				}
				w.Close()
			}
			s.Control()
		},
	},
}

func up(step string) string { return strings.Repeat(step, stepsUp) }

// pathCase asks for what is not shared, by paths in which an index may be.
func pathCase(name, explain string, kills []string, paths ...string) Case {
	return Case{
		ID: "gnutella-http/hostile/path-" + name, Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the file comes on another stream, before and after",
		Explain: explain + " No answer may have a file that is not shared.",
		Causes:  []string{"the name is appended to that of the folder", "the check is made before decoding"},
		Kills:   kills, Within: time.Minute,
		Run: func(t *T) {
			s := Offered(t, FileAlpha)
			s.Control()
			for _, path := range paths {
				target := path
				if strings.Contains(path, "%") {
					target = strings.ReplaceAll(strings.ReplaceAll(path, "%d", fmt.Sprint(s.Index)), "%%", "%")
				}
				w := Browse(t)
				leaks(t, w.Ask("GET "+target+" HTTP/1.1"), target)
				w.Close()
			}
			s.Control()
		},
	}
}
