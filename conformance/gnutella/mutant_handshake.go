package gnutella

import (
	"bytes"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

func handshakeMutants() []Mutant {
	return append(oldMutants(),
		Mutant{Name: "lines-end-in-lf", What: "the lines of the answer end in LF alone",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				return same(raw(bytes.ReplaceAll(encode(m), []byte("\r\n"), []byte("\n"))))
			})},
		Mutant{Name: "answers-in-the-wrong-version", What: "the status line names the version 0.7",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				return same(raw(bytes.Replace(encode(m), []byte("GNUTELLA/0.6"), []byte("GNUTELLA/0.7"), 1)))
			})},
		Mutant{Name: "believes-any-third-step", What: "the third step is taken for an acceptance, whatever its code",
			bend: func(b *bent) {
				b.decode = func(p []byte, begun bool) (message, int, bool) {
					if !begun || !bytes.HasPrefix(p, []byte("GNUTELLA/0.6 503")) {
						return nil, 0, false
					}
					return wire.Status{Code: wire.Accepted}, len(p), true
				}
			}},
	)
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
	}
}
