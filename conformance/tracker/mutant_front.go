package tracker

import (
	"net/url"
	"strings"
)

// frontMutants fail before their machine sees a query.
func frontMutants() []Mutant {
	crashes := func(name, what string, on func(request string) bool) Mutant {
		return Mutant{Name: name, What: "crashes on " + what,
			front: front{crashes: func(b []byte) bool { return on(string(b)) }}}
	}
	value := func(request, key string) string {
		_, rest, _ := strings.Cut(request, key+"=")
		return rest[:len(rest)-len(strings.TrimLeft(rest, "-0123456789"))]
	}
	return []Mutant{
		crashes("crashes-on-bad-escapes", "escapes that are none", func(r string) bool {
			line, _, _ := strings.Cut(r, " HTTP")
			_, err := url.PathUnescape(line)
			return err != nil && strings.Contains(r, "\r\n\r\n")
		}),
		crashes("crashes-on-many-keys", "more than a thousand keys",
			func(r string) bool { return strings.Count(r, "&") > 1000 }),
		crashes("crashes-on-long-lines", "request lines of more than 32768 bytes",
			func(r string) bool { return len(r) > 32768 }),
		crashes("crashes-on-empty-keys", "keys without a name", func(r string) bool { return strings.Contains(r, "&=") }),
		crashes("crashes-on-raw-bytes", "bytes beyond 127", func(r string) bool { return strings.Contains(r, "\xfe") }),
		crashes("crashes-on-negative-numbers", "a left below zero",
			func(r string) bool { return strings.HasPrefix(value(r, "left"), "-") }),
		crashes("crashes-on-huge-numbers", "a left of more than 19 digits",
			func(r string) bool { return len(value(r, "left")) > 20 }),
		crashes("crashes-on-other-protocols", "what begins with a byte 19",
			func(r string) bool { return strings.HasPrefix(r, "\x13") }),
		crashes("crashes-on-post", "a POST", func(r string) bool { return strings.HasPrefix(r, "POST") }),
		{Name: "http-1-1-alone", What: "refuses HTTP/1.0",
			front: front{refuses: func(head string) bool { return strings.Contains(head, "HTTP/1.0") }}},
		{Name: "one-read-is-one-request", What: "takes what one read brings for a request", front: front{oneRead: true}},
		{Name: "one-connection-at-a-time", What: "serves one connection until it ends", front: front{oneByOne: true}},
		{Name: "no-content-length", What: "lets the end of the connection tell the end of the answer",
			front: front{noLengths: true}},
	}
}
