package annotate

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// Gnutella annotates what one servent sends another: the lines of a handshake and
// descriptors, or a head of HTTP or a GIV and the file behind it. Paths begin with
// the number of the message: "0.connect.User-Agent", "2.query.text". What is
// compressed is one field, which names what is inside.
//
// The error is of the first message that a reader refuses, and names the clause; the
// fields are returned as well. There are none for an empty stream.
func Gnutella(stream []byte) ([]Field, error) {
	if len(stream) == 0 {
		return nil, errors.New("there are no bytes")
	}
	s := &servent{walker: walker{message: stream}}
	for s.at < len(stream) {
		switch rest := stream[s.at:]; {
		case s.deflated:
			s.compressed(rest)
		case s.body:
			s.take(len(rest), 1, "body", readable(rest), rule{meaning: "bytes of a file", clause: "GN-PU-10"}, "")
		case isHead(rest):
			s.head(rest)
		default:
			s.descriptor(rest)
		}
		s.number++
	}
	return s.fields, s.err
}

// servent collects the fields of one direction of a connection.
type servent struct {
	walker
	at       int    // offset of the next field
	number   int    // of the message
	prefix   string // of the paths of its fields
	deflated bool   // what follows is compressed
	body     bool   // what follows is a file
	err      error  // of the first message that is refused
}

// take appends the field of the next size bytes, or of those that are left.
func (s *servent) take(size, depth int, name, value string, r rule, problem string) {
	size = min(size, len(s.message)-s.at)
	path := s.prefix
	if name != "" {
		path += "." + name
	}
	s.add(s.at, s.at+size, depth, path, value, r, problem)
	s.at += size
}

// refuse appends all up to an offset, which a reader refuses.
func (s *servent) refuse(end int, name string, r rule, err error) {
	s.take(end-s.at, 1, name, readable(s.message[s.at:end]), r, err.Error())
	if s.err == nil {
		s.err = err
	}
}

// heads are how messages of lines begin, with what they are.
func heads() [][3]string {
	return [][3]string{
		{"GNUTELLA CONNECT/", "connect", "GN-HS-01"}, {"GNUTELLA", "status", "GN-HS-02"},
		{"GIV ", "giv", "GN-PU-06"}, {"GET ", "request", "GN-PU-10"}, {"HEAD ", "request", "GN-PU-10"},
		{"HTTP/", "response", "GN-PU-10"},
	}
}

func isHead(b []byte) bool {
	for _, h := range heads() {
		if bytes.HasPrefix(b, []byte(h[0])) {
			return true
		}
	}
	return false
}

// head appends the lines of a message. They go to an empty one.
func (s *servent) head(b []byte) {
	meanings := map[string]string{
		"connect": "first step of a handshake", "status": "second or third step of a handshake",
		"giv": "answers a push: the file that it was for", "request": "asks for a file", "response": "answers a request",
	}
	name, first := "", rule{}
	for _, h := range heads() {
		if bytes.HasPrefix(b, []byte(h[0])) {
			name, first = h[1], rule{meaning: meanings[h[1]], clause: h[2]}
			break
		}
	}
	s.prefix = fmt.Sprintf("%d.%s", s.number, name)
	var lines [][]byte
	for i := 0; ; i++ {
		end := bytes.IndexByte(s.message[s.at:], '\n') + 1
		if end == 0 {
			s.refuse(len(s.message), "", rule{meaning: "beginning of a line", clause: first.clause},
				fmt.Errorf("no empty line ends it (%s)", first.clause))
			return
		}
		line := bytes.TrimRight(s.message[s.at:s.at+end], "\r\n")
		switch {
		case len(line) == 0:
			s.ended(name, lines, end)
			return
		case i == 0:
			s.take(end, 0, "", readable(line), first, "")
		default:
			lines = append(lines, line)
			s.header(line, end)
		}
	}
}

// header appends one line with a name and a value.
func (s *servent) header(line []byte, size int) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	r := rule{meaning: headerMeaning(string(name)), clause: "GN-HS-07"}
	switch {
	case line[0] == ' ' || line[0] == '\t':
		s.take(size, 1, "continued", readable(line), r, "")
	case !ok:
		s.take(size, 1, "header", readable(line), r, "no colon")
	default:
		s.take(size, 1, join("", name), readable(bytes.TrimSpace(value)), r, "")
	}
}

// ended appends the empty line, of a size, holds the others to the rules, and says
// what follows them.
func (s *servent) ended(name string, lines [][]byte, size int) {
	r := rule{meaning: "empty line", clause: "GN-HS-02"}
	h, err := wire.ParseHeaders(lines, 0)
	if err != nil {
		s.refuse(s.at+size, "end", r, err)
	} else {
		s.take(size, 1, "end", "", r, "")
	}
	switch name {
	case "connect", "status":
		s.deflated = s.deflated || h.Lists("Content-Encoding", "deflate")
	case "response":
		s.body = true
	}
}

// headerMeaning is what is known of a line by its name.
func headerMeaning(name string) string {
	switch strings.ToLower(name) {
	case "user-agent", "server":
		return "the program"
	case "x-ultrapeer":
		return "whether it is an ultrapeer, or a leaf"
	case "x-ultrapeer-needed":
		return "whether it looks for ultrapeers, or leaves"
	case "x-try", "x-try-ultrapeers":
		return "others to dial"
	case "x-alt":
		return "others that have the file"
	case "listen-ip", "x-my-address", "node":
		return "where it can be reached"
	case "remote-ip":
		return "where it sees the other"
	case "accept-encoding":
		return "what it can inflate"
	case "content-encoding":
		return "how it compresses what follows"
	case "x-query-routing":
		return "version of its query routing"
	case "ggep", "pong-caching", "bye-packet", "vendor-message", "x-ultrapeer-query-routing":
		return "version that it understands"
	case "x-degree", "x-max-ttl", "x-dynamic-querying":
		return "how it queries dynamically"
	case "range", "content-range":
		return "which bytes"
	case "content-length":
		return "how many bytes follow"
	case "x-gnutella-content-urn":
		return "name of the content"
	case "x-queue", "x-queued":
		return "place in the queue"
	}
	return ""
}

// maxInflated bounds what is inflated to be named.
const maxInflated = 1 << 20

// compressed appends a zlib stream, and names the descriptors in it.
func (s *servent) compressed(b []byte) {
	s.prefix = fmt.Sprintf("%d.zlib", s.number)
	r := rule{meaning: "compressed, as Content-Encoding says", clause: "GN-HS-24"}
	z := deflate.NewInflater()
	defer z.Stop()
	z.Push(b)
	var inside []byte
	var err error
	for more := []byte(nil); len(inside) < maxInflated; inside = append(inside, more...) {
		if more, err = z.Next(); len(more) == 0 {
			break
		}
	}
	if len(inside) == 0 && err != nil {
		s.refuse(len(s.message), "", r, fmt.Errorf("%w (GN-HS-24)", err))
		return
	}
	var names []string
	for at := 0; ; {
		d, n, err := wire.ParseDescriptor(inside[at:])
		if n == 0 || err != nil {
			break
		}
		names = append(names, d.Type.String())
		at += n
	}
	s.take(len(b), 0, "", fmt.Sprintf("%d bytes, which inflate to %d: %s", len(b), len(inside),
		strings.Join(names, ", ")), r, "")
}

// descriptor appends a header and its payload.
func (s *servent) descriptor(b []byte) {
	s.prefix = fmt.Sprint(s.number)
	if len(b) > 16 {
		s.prefix += "." + strings.ReplaceAll(strings.ToLower(wire.Type(b[16]).String()), " ", "_")
	}
	d, n, err := wire.ParseDescriptor(b)
	switch {
	case err != nil:
		s.refuse(len(s.message), "", rule{meaning: "header of a descriptor", clause: "GN-HD-01"}, err)
		return
	case n == 0:
		s.refuse(len(s.message), "", rule{meaning: "beginning of a descriptor", clause: "GN-HD-01"},
			fmt.Errorf("%d bytes of a descriptor (GN-HD-01)", len(b)))
		return
	}
	s.take(16, 0, "", fmt.Sprintf("%x", d.GUID[:]), aboutDescriptor(d.Type), "")
	s.take(1, 1, "type", fmt.Sprintf("%#02x %v", byte(d.Type), d.Type), rule{meaning: "type", clause: "GN-HD-06"}, "")
	s.take(1, 1, "ttl", fmt.Sprint(d.TTL), rule{meaning: "how far it still may go", clause: "GN-HD-07"}, "")
	s.take(1, 1, "hops", fmt.Sprint(d.Hops), rule{meaning: "how far it came", clause: "GN-HD-08"}, "")
	s.take(4, 1, "length", fmt.Sprint(len(d.Payload)), rule{meaning: "bytes of the payload", clause: "GN-HD-02"}, "")
	s.payload(d)
}

// aboutDescriptor is what a descriptor is for.
func aboutDescriptor(t wire.Type) rule {
	switch t {
	case wire.TypePing:
		return rule{meaning: "ping: who is there? The bytes are its GUID", clause: "GN-PG-01"}
	case wire.TypePong:
		return rule{meaning: "pong: a host; the GUID is the ping's", clause: "GN-PG-02"}
	case wire.TypeBye:
		return rule{meaning: "Bye: why the connection ends", clause: "GN-BY-01"}
	case wire.TypeQRP:
		return rule{meaning: "a part of the sender's query routing table", clause: "GN-UQ-08"}
	case wire.TypeVendor, wire.TypeStandardVendor:
		return rule{meaning: "a message of a vendor's", clause: "GN-VE-01"}
	case wire.TypePush:
		return rule{meaning: "push: asks who cannot be reached to dial", clause: "GN-PU-01"}
	case wire.TypeQuery:
		return rule{meaning: "query: who has such files?", clause: "GN-QY-01"}
	case wire.TypeQueryHit:
		return rule{meaning: "hit: who has them; the GUID is the query's", clause: "GN-QH-01"}
	}
	return rule{meaning: "a type that is passed over", clause: "GN-HD-16"}
}
