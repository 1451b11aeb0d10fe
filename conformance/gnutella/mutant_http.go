package gnutella

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// httpMutants get wrong how files are asked for and sent.
func httpMutants() []Mutant {
	return slices.Concat(getMutants(), rangeMutants(), webMutants(), pushMutants())
}

// nowhere is a target that nothing is at.
const nowhere = "/nowhere"

// bendRequests replaces requests that are heard.
func bendRequests(change func(b *bent, r *transfer.Request)) func(*bent) {
	return hearing(func(b *bent, _ conn, r transfer.Request) []message {
		r.Headers = slices.Clone(r.Headers)
		change(b, &r)
		return same(r)
	})
}

// mislaying has the targets that satisfy a condition lead nowhere.
func mislaying(lost func(target string) bool) func(*bent) {
	return bendRequests(func(_ *bent, r *transfer.Request) {
		if lost(r.Target) {
			r.Target = nowhere
		}
	})
}

// bendResponses replaces the heads of answers.
func bendResponses(change func(b *bent, r *transfer.Response)) func(*bent) {
	return saying(func(b *bent, _ conn, r transfer.Response) []message {
		r.Headers = slices.Clone(r.Headers)
		change(b, &r)
		return same(r)
	})
}

// drop takes the lines of a name out of headers.
func drop(h wire.Headers, name string) wire.Headers { return wire.Headers(Offer(h).Without(name)) }

// firstFile is the target of one of the files.
func (b *bent) firstFile() string {
	f := b.node.Library().Files()[0]
	return fmt.Sprintf("/get/%d/%s", f.Index, f.Name)
}

func getMutants() []Mutant {
	return []Mutant{
		{Name: "files-by-index-are-not-found", What: "a request by index and name is answered 404",
			bend: mislaying(func(target string) bool { return strings.HasPrefix(target, "/get/") })},
		{Name: "second-block-is-lost", What: "what follows the first block of a file is zeros",
			bend: saying(func(b *bent, c conn, body transfer.Body) []message {
				before, _ := b.memory[c].(int)
				if b.memory[c] = before + len(body.Data); before > 0 && before%sizeNoise != 0 && len(body.Data) > sizeDelta {
					body.Data = make([]byte, len(body.Data))
				}
				return same(body)
			})},
		{Name: "plain-names-are-not-found", What: "a request's line is cut at every blank",
			bend: mislaying(func(target string) bool { return strings.Contains(target, " ") })},
		{Name: "only-blanks-are-decoded", What: "of encoded letters only %20 is known",
			bend: mislaying(func(target string) bool {
				return strings.Contains(strings.ReplaceAll(target, "%20", " "), "%")
			})},
		{Name: "no-requests-by-urn", What: "N2R is not known",
			bend: mislaying(func(target string) bool { return strings.HasPrefix(target, "/uri-res/") })},
		{Name: "bitprints-are-not-found", What: "of urns only urn:sha1 is known",
			bend: mislaying(func(target string) bool { return strings.Contains(target, "bitprint") })},
		{Name: "any-urn-will-do", What: "a request by an unknown urn brings some file",
			bend: bendRequests(func(b *bent, r *transfer.Request) {
				text, byURN := strings.CutPrefix(r.Target, "/uri-res/N2R?")
				hash, err := urn.Parse(text)
				if _, known := b.node.Library().ByHash(hash); byURN && err == nil && !known {
					r.Target = b.firstFile()
				}
			})},
		{Name: "any-index-will-do", What: "a request by an unknown index brings some file",
			bend: bendRequests(func(b *bent, r *transfer.Request) {
				index, _, _ := strings.Cut(strings.TrimPrefix(r.Target, "/get/"), "/")
				n, err := strconv.ParseUint(index, 10, 32)
				if _, known := b.node.Library().File(uint32(n)); err == nil && !known {
					r.Target = b.firstFile()
				}
			})},
		{Name: "old-http-is-refused", What: "a request of HTTP/1.0 is not served",
			bend: bendRequests(func(_ *bent, r *transfer.Request) {
				if r.Minor == 0 {
					r.Target = nowhere
				}
			})},
		{Name: "old-http-persists", What: "the stream stays open behind an answer to HTTP/1.0",
			bend: bendRequests(func(_ *bent, r *transfer.Request) { r.Minor = 1 })},
		{Name: "unknown-headers-are-errors", What: "a request with a header that is not in the list is refused",
			bend: bendRequests(func(_ *bent, r *transfer.Request) {
				if _, ok := r.Headers.Get("X-Nonsense-Tester"); ok {
					r.Target = nowhere
				}
			})},
		{Name: "no-urn-in-answers", What: "answers do not say the urn",
			bend: bendResponses(func(_ *bent, r *transfer.Response) { r.Headers = drop(r.Headers, "X-Gnutella-Content-URN") })},
		{Name: "urn-of-the-part", What: "the answer with a part says the urn of that part",
			bend: bendResponses(func(_ *bent, r *transfer.Response) {
				if r.Code == 206 {
					part := wire.Header{Name: "X-Gnutella-Content-URN", Value: urn.Sum([]byte("a part")).SHA1.String()}
					r.Headers = append(drop(r.Headers, part.Name), part)
				}
			})},
		{Name: "urns-of-requests-are-ignored", What: "a request by index brings the file whatever content it names",
			bend: bendRequests(func(_ *bent, r *transfer.Request) { r.Headers = drop(r.Headers, "X-Gnutella-Content-URN") })},
		{Name: "heads-have-bodies", What: "HEAD is answered as GET is",
			bend: bendRequests(func(_ *bent, r *transfer.Request) { r.Method = "GET" })},
	}
}

// ranging replaces the ranges of requests; an empty one is none.
func ranging(change func(text string) string) func(*bent) {
	return bendRequests(func(_ *bent, r *transfer.Request) {
		text, ok := r.Headers.Get("Range")
		if !ok {
			return
		}
		if r.Headers = drop(r.Headers, "Range"); change(text) != "" {
			r.Headers = append(r.Headers, wire.Header{Name: "Range", Value: change(text)})
		}
	})
}

func rangeMutants() []Mutant {
	return []Mutant{
		{Name: "ranges-are-ignored", What: "who asks for a part gets all",
			bend: ranging(func(string) string { return "" })},
		{Name: "ranges-end-too-early", What: "the last byte of a part is left out",
			bend: ranging(func(text string) string {
				var begin, end int
				if n, _ := fmt.Sscanf(text, "bytes=%d-%d", &begin, &end); n == 2 {
					return fmt.Sprintf("bytes=%d-%d", begin, end-1)
				}
				return text
			})},
		{Name: "ranges-need-an-end", What: "a range without an end is ignored",
			bend: ranging(func(text string) string {
				if strings.HasSuffix(text, "-") {
					return ""
				}
				return text
			})},
		{Name: "last-bytes-are-first-bytes", What: "the number of last bytes is taken for a beginning",
			bend: ranging(func(text string) string {
				if last, ok := strings.CutPrefix(text, "bytes=-"); ok {
					return "bytes=" + last + "-"
				}
				return text
			})},
		{Name: "ends-beyond-the-file-are-refused", What: "a part whose end lies beyond the file is answered 416",
			bend: ranging(func(text string) string {
				var begin, end int
				if n, _ := fmt.Sscanf(text, "bytes=%d-%d", &begin, &end); n == 2 && end >= sizeDelta {
					return "bytes=99999999-"
				}
				return text
			})},
		{Name: "parts-are-not-described", What: "a part comes without Content-Range",
			bend: bendResponses(func(_ *bent, r *transfer.Response) {
				if r.Code == 206 {
					r.Headers = drop(r.Headers, "Content-Range")
				}
			})},
	}
}

// leaking sends what is not shared to who asks for such targets.
func leaking(found func(target string) bool) func(*bent) {
	return hearing(func(b *bent, c conn, r transfer.Request) []message {
		if !found(r.Target) {
			return same(r)
		}
		b.reply(c, raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nroot:"))
		return nil
	})
}

// webMutants get wrong streams, locations, and what is hostile.
func webMutants() []Mutant {
	return []Mutant{
		{Name: "closes-behind-each-answer", What: "no stream has a second answer",
			bend: bendRequests(func(_ *bent, r *transfer.Request) {
				r.Headers = append(r.Headers, wire.Header{Name: "Connection", Value: "close"})
			})},
		{Name: "close-is-ignored", What: "a stream stays open that was to be closed",
			bend: bendRequests(func(_ *bent, r *transfer.Request) { r.Headers = drop(r.Headers, "Connection") })},
		{Name: "one-request-a-read", What: "what comes behind a request in one read is thrown away",
			bend: func(b *bent) {
				b.reread = func(p []byte, _ bool) ([]byte, int) {
					end := bytes.Index(p, []byte("\r\n\r\n"))
					if end < 0 || !bytes.HasPrefix(p, []byte("GET ")) {
						return nil, 0
					}
					return p[:end+4], len(p)
				}
			}},
		{Name: "forgets-locations", What: "nobody is told of the locations that requests name",
			bend: bendRequests(func(_ *bent, r *transfer.Request) { r.Headers = drop(r.Headers, locationHeader) })},
		{Name: "locations-of-any-file", What: "a location is told whatever file it is of",
			bend: bendRequests(func(_ *bent, r *transfer.Request) {
				list, ok := r.Headers.Get(locationHeader)
				own, named := r.Headers.Get("X-Gnutella-Content-URN")
				if !ok || !named {
					return
				}
				all := strings.Split(list, ", ")
				for i, location := range all {
					before, _, _ := strings.Cut(location, "urn:")
					all[i] = before + own
				}
				value := wire.Header{Name: locationHeader, Value: strings.Join(all, ", ")}
				r.Headers = append(drop(r.Headers, locationHeader), value)
			})},
		{Name: "dates-are-errors", What: "a location with a date has the request refused",
			bend: bendRequests(func(_ *bent, r *transfer.Request) {
				if list, _ := r.Headers.Get(locationHeader); strings.Contains(list, "2002-") {
					r.Target = nowhere
				}
			})},
		{Name: "paths-lead-up", What: "a path with steps up in it leads out of what is shared",
			bend: leaking(func(target string) bool { return strings.Contains(target, "..") })},
		{Name: "paths-begin-at-the-root", What: "a path from the root leads out of what is shared",
			bend: leaking(func(target string) bool { return strings.HasPrefix(target, "/etc/") })},
		{Name: "heads-have-no-end", What: "a head of any length is waited for",
			bend: func(b *bent) {
				b.waits = func(p []byte, _ bool) bool {
					return bytes.HasPrefix(p, []byte("GET ")) && !bytes.Contains(p, []byte("\r\n\r\n"))
				}
			}},
		{Name: "any-line-is-a-request", What: "a line that only begins as a request brings a file",
			bend: func(b *bent) {
				b.reread = func(p []byte, _ bool) ([]byte, int) {
					if bad := []byte("GET / /\r\n\r\n"); bytes.HasPrefix(p, bad) {
						return lines("GET " + b.firstFile() + " HTTP/1.1"), len(bad)
					}
					return nil, 0
				}
			}},
	}
}

// pushMutants get wrong what comes of a push.
func pushMutants() []Mutant {
	giving := func(change func(b *bent, c conn, g transfer.Giv) []message) func(*bent) { return saying(change) }
	return []Mutant{
		{Name: "pushes-are-never-acted-upon", What: "nobody is dialled for a push",
			bend: hearingType(wire.TypePush, func(b *bent, _ conn, d wire.Descriptor) []message {
				if m, err := wire.ParsePush(d.Payload); err == nil && m.ServentID == b.node.ServentID() {
					return nil
				}
				return same(d)
			})},
		{Name: "givs-end-in-cr-lf", What: "the line of a GIV ends as those of HTTP do",
			bend: giving(func(_ *bent, _ conn, g transfer.Giv) []message {
				return same(raw(fmt.Sprintf("GIV %d:%x/%s\r\n\r\n", g.Index, g.ServentID, g.Name)))
			})},
		{Name: "givs-have-another-id", What: "a GIV has not the servent id of hits",
			bend: giving(func(_ *bent, _ conn, g transfer.Giv) []message {
				g.ServentID[3] ^= 1
				return same(g)
			})},
		{Name: "deaf-behind-a-giv", What: "what is asked for behind a GIV is not read",
			bend: behindGiv(func(transfer.Giv, string) bool { return true })},
		{Name: "givs-are-for-one-file", What: "behind a GIV only its own file is served",
			bend: behindGiv(func(g transfer.Giv, target string) bool {
				return !strings.HasPrefix(target, fmt.Sprintf("/get/%d/", g.Index))
			})},
		{Name: "pushes-are-for-anybody", What: "a push is acted upon whatever servent it names",
			bend: hearingType(wire.TypePush, func(b *bent, _ conn, d wire.Descriptor) []message {
				if m, err := wire.ParsePush(d.Payload); err == nil && m.Addr.Port() != usualPort {
					m.ServentID = b.node.ServentID()
					d.Payload = m.Append(nil)
				}
				return same(d)
			})},
	}
}

// behindGiv throws requests away that come on a stream of a GIV.
func behindGiv(lost func(g transfer.Giv, target string) bool) func(*bent) {
	return func(b *bent) {
		saying(func(b *bent, c conn, g transfer.Giv) []message {
			b.memory[c] = g
			return same(g)
		})(b)
		hearing(func(b *bent, c conn, r transfer.Request) []message {
			if g, ok := b.memory[c].(transfer.Giv); ok && lost(g, r.Target) {
				return nil
			}
			return same(r)
		})(b)
	}
}

// downloadMutants get wrong how files are fetched.
func downloadMutants() []Mutant {
	return slices.Concat([]Mutant{
		{Name: "any-bytes-will-do", What: "what was fetched is not verified",
			bend: func(b *bent) {
				b.input = func(in spec.Input) []spec.Input {
					if v, ok := in.(spec.Verified); ok {
						v.OK = true
						in = v
					}
					return []spec.Input{in}
				}
			}},
		{Name: "lengths-are-believed", What: "what is fetched has the length that the answer says", bend: believeLengths},
		{Name: "downloads-begin-anew", What: "what has broken is asked for from the beginning",
			bend: saying(func(_ *bent, _ conn, r transfer.Request) []message {
				r.Headers = drop(r.Headers, "Range")
				return same(r)
			})},
		{Name: "busy-sources-get-no-peace", What: "who has no room is asked again after 5 s",
			files: func(cfg *transfer.Config) { cfg.RetryAfter = 5e9 }},
		{Name: "asks-for-another-index", What: "the index that is asked for is not that of the hit",
			bend: saying(func(_ *bent, _ conn, r transfer.Request) []message {
				r.Target = strings.Replace(r.Target, "/get/77/", "/get/1291845632/", 1)
				return same(r)
			})},
	}, pushingMutants())
}

// believeLengths has what follows the file's end stored, too.
func believeLengths(b *bent) {
	extra := []byte{}
	got := 0
	b.hear = func(_ conn, m spec.Message) []message {
		switch m := m.(type) {
		case transfer.Response:
			if m.Code == 200 {
				got = 0
				m.Headers = append(drop(m.Headers, "Content-Length"),
					wire.Header{Name: "Content-Length", Value: strconv.Itoa(sizeDelta)})
			}
			return same(m)
		case transfer.Body:
			room := max(0, sizeDelta-got)
			if got += len(m.Data); len(m.Data) > room {
				extra = bytes.Clone(m.Data[room:])
				m.Data = m.Data[:room]
			}
			return same(m)
		}
		return same(m)
	}
	b.effect = func(e spec.Effect) []spec.Effect {
		if s, ok := e.(spec.Store); ok && len(extra) > 0 {
			s.Data, extra = append(bytes.Clone(s.Data), extra...), nil
			e = s
		}
		return []spec.Effect{e}
	}
	b.input = func(in spec.Input) []spec.Input {
		if v, ok := in.(spec.Verified); ok && got > sizeDelta {
			v.OK = true
			in = v
		}
		return []spec.Input{in}
	}
}

// pushingMutants get wrong whom they push, and whose GIV they take.
func pushingMutants() []Mutant {
	ownPush := func(change func(b *bent, d *wire.Descriptor) bool) func(*bent) {
		return func(b *bent) {
			hearingType(wire.TypeQueryHit, func(b *bent, _ conn, d wire.Descriptor) []message {
				b.memory["hit"] = d.GUID
				return same(d)
			})(b)
			sayingType(wire.TypePush, func(b *bent, _ conn, d wire.Descriptor) []message {
				if d.Hops == 0 && !change(b, &d) {
					return nil
				}
				return same(d)
			})(b)
		}
	}
	hearGiv := func(taken func(g transfer.Giv) bool) func(*bent) {
		return hearing(func(_ *bent, _ conn, g transfer.Giv) []message {
			if !taken(g) {
				g.ServentID = wire.GUID{}
			}
			return same(g)
		})
	}
	return []Mutant{
		{Name: "pushes-nobody", What: "who cannot be dialled is not pushed",
			bend: ownPush(func(*bent, *wire.Descriptor) bool { return false })},
		{Name: "pushes-with-the-guid-of-the-hit", What: "a push has the GUID of the hit that it is for",
			bend: ownPush(func(b *bent, d *wire.Descriptor) bool {
				d.GUID, _ = b.memory["hit"].(wire.GUID)
				return true
			})},
		{Name: "takes-no-giv", What: "a GIV is taken for that of a stranger",
			bend: hearGiv(func(transfer.Giv) bool { return false })},
		{Name: "givs-have-to-name-the-file", What: "a GIV for another index than that of the push is refused",
			bend: hearGiv(func(g transfer.Giv) bool { return g.Index == 77 })},
		{Name: "capital-digits-are-strange", What: "a GIV in capital digits is that of a stranger",
			bend: func(b *bent) {
				b.reread = func(p []byte, _ bool) ([]byte, int) {
					end := bytes.Index(p, []byte("\n\n"))
					if end < 0 || !bytes.HasPrefix(p, []byte("GIV ")) || bytes.Equal(bytes.ToLower(p[4:40]), p[4:40]) {
						return nil, 0
					}
					return []byte("GIV 77:" + strings.Repeat("0", 32) + "/x\n\n"), end + 2
				}
			}},
	}
}
