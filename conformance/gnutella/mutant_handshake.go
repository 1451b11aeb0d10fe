package gnutella

import (
	"bytes"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

func handshakeMutants() []Mutant {
	return []Mutant{
		{Name: "lines-end-in-lf", What: "the lines of the answer end in LF alone",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				return same(raw(bytes.ReplaceAll(encode(m), []byte("\r\n"), []byte("\n"))))
			})},
		{Name: "answers-in-the-wrong-version", What: "the status line names the version 0.7",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				return same(raw(bytes.Replace(encode(m), []byte("GNUTELLA/0.6"), []byte("GNUTELLA/0.7"), 1)))
			})},
		{Name: "knows-06-alone", What: "a connection in a higher version is closed without a word",
			bend: hearing(func(b *bent, c conn, m wire.Connect) []message {
				if m.Version.Minor > 6 {
					b.close(c)
					return nil
				}
				return same(m)
			})},
		{Name: "believes-any-third-step", What: "the third step is taken for an acceptance, whatever its code",
			bend: func(b *bent) {
				b.reread = func(p []byte, begun bool) ([]byte, int) {
					if !begun || !bytes.HasPrefix(p, []byte("GNUTELLA/0.6 503")) {
						return nil, 0
					}
					return []byte("GNUTELLA/0.6 200 OK\r\n\r\n"), blockEnd(p)
				}
			}},
		{Name: "talks-before-the-third-step", What: "a ping follows the own 200 at once",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				if m.Code != wire.Accepted {
					return same(m)
				}
				return []message{m, wire.Descriptor{Type: wire.TypePing, TTL: 1}}
			})},
		{Name: "loses-what-follows-a-handshake", What: "what comes in one read with the third step is thrown away",
			bend: func(b *bent) {
				b.reread = func(p []byte, begun bool) ([]byte, int) {
					if !begun || !bytes.HasPrefix(p, []byte("GNUTELLA/0.6 200")) || blockEnd(p) == 0 {
						return nil, 0
					}
					return p, len(p)
				}
			}},
	}
}

// rereading changes the lines of the first step before they are read.
func rereading(change func(lines string) string) func(*bent) {
	return func(b *bent) {
		b.reread = func(p []byte, begun bool) ([]byte, int) {
			if begun || !bytes.HasPrefix(p, []byte("GNUTELLA CONNECT")) {
				return nil, 0
			}
			n := blockEnd(p)
			return []byte(change(string(p[:n]))), n
		}
	}
}

// understanding changes the headers of the first step.
func understanding(change func(h wire.Headers) wire.Headers) func(*bent) {
	return hearing(func(_ *bent, _ conn, m wire.Connect) []message {
		m.Headers = change(m.Headers)
		return same(m)
	})
}

// answering changes the headers of the answer.
func answering(change func(o Offer) Offer) func(*bent) {
	return saying(func(_ *bent, _ conn, m wire.Status) []message {
		m.Headers = wire.Headers(change(Offer(m.Headers)))
		return same(m)
	})
}

// telling has a header say something else.
func telling(name, value string) func(*bent) {
	return answering(func(o Offer) Offer {
		if o.Get(name) == "" {
			return o
		}
		return o.With(name, value)
	})
}

func headerMutants() []Mutant {
	return []Mutant{
		{Name: "refuses-unknown-headers", What: "a handshake with a header that it does not know is refused",
			bend: hearing(func(b *bent, c conn, m wire.Connect) []message {
				if _, ok := m.Headers.Get("Zebra"); ok {
					b.reply(c, wire.Status{Code: 400, Phrase: "Bad header"})
					b.close(c)
					return nil
				}
				return same(m)
			})},
		{Name: "reads-no-folded-headers", What: "a line that goes on with a header is skipped",
			bend: rereading(func(lines string) string {
				head, rest, folded := strings.Cut(lines, "\r\n\t")
				if _, more, ok := strings.Cut(rest, "\r\n"); folded && ok {
					return head + "\r\n" + more
				}
				return lines
			})},
		{Name: "first-of-repeated-headers", What: "of headers with one name the first counts alone",
			bend: understanding(func(h wire.Headers) (once wire.Headers) {
				for _, line := range h {
					if _, again := once.Get(line.Name); !again {
						once = append(once, line)
					}
				}
				return once
			})},
		{Name: "case-of-names-counts", What: "a header whose name is written in another case is not found",
			bend: rereading(func(lines string) string { return strings.Replace(lines, "aCCEPT-", "X-Lost-", 1) })},
		{Name: "case-of-values-counts", What: "a role that is written in another case is refused as an unknown one",
			bend: hearing(func(b *bent, c conn, m wire.Connect) []message {
				if v, _ := m.Headers.Get("X-Ultrapeer"); v == "tRUE" {
					b.reply(c, wire.Status{Code: 403, Phrase: "No role"})
					b.close(c)
					return nil
				}
				return same(m)
			})},
		{Name: "roles-in-another-case-are-leaves", What: "an ultrapeer that says so in another case is taken for a leaf",
			bend: understanding(func(h wire.Headers) wire.Headers {
				if v, _ := h.Get("X-Ultrapeer"); v == "tRUE" {
					return wire.Headers(Offer(h).With("X-Ultrapeer", "False"))
				}
				return h
			})},
		{Name: "remote-ip-is-its-own", What: "Remote-IP is the servent's own address",
			bend: telling("Remote-IP", "127.0.0.1")},
		{Name: "no-user-agent", What: "the program does not say its name",
			bend: answering(func(o Offer) Offer { return o.Without("User-Agent") })},
		{Name: "pong-caching-true", What: "Pong-Caching has a word for its value",
			bend: telling("Pong-Caching", "True")},
		{Name: "tells-no-role", What: "an ultrapeer does not say that it is one",
			bend: answering(func(o Offer) Offer { return o.Without("X-Ultrapeer") })},
		{Name: "max-ttl-of-7", What: "X-Max-TTL is that of the days of flooding",
			bend: telling("X-Max-TTL", "7")},
		{Name: "degree-of-4", What: "an ultrapeer has four neighbours",
			configure: func(cfg *core.Config) { cfg.Peers = 4 }},
	}
}
