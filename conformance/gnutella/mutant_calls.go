package gnutella

import (
	"bytes"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

func callMutants() []Mutant {
	return []Mutant{
		{Name: "dials-with-lf", What: "the lines of the first step end in LF alone",
			bend: saying(func(_ *bent, _ conn, m wire.Connect) []message {
				return same(raw(bytes.ReplaceAll(encode(m), []byte("\r\n"), []byte("\n"))))
			})},
		{Name: "dials-without-an-empty-line", What: "the first step ends with its last header",
			bend: saying(func(_ *bent, _ conn, m wire.Connect) []message {
				return same(raw(bytes.TrimSuffix(encode(m), []byte("\r\n"))))
			})},
		{Name: "dials-with-a-line-of-no-header", What: "a line of the first step has no colon",
			bend: saying(func(_ *bent, _ conn, m wire.Connect) []message {
				return same(raw(bytes.Replace(encode(m), []byte("\r\n"), []byte("\r\nHello\r\n"), 1)))
			})},
		{Name: "wants-ok", What: "an answer of 200 counts with the phrase OK alone",
			bend: hearing(func(b *bent, c conn, m wire.Status) []message {
				if m.Phrase != "OK" {
					b.close(c)
					return nil
				}
				return same(m)
			})},
		{Name: "takes-a-refusal-for-an-answer", What: "who answers with any status is answered by a third step",
			bend: func(b *bent) {
				hearing(func(_ *bent, _ conn, m wire.Status) []message {
					m.Code = wire.Accepted
					return same(m)
				})(b)
			}},
		{Name: "reads-the-first-of-a-list", What: "of the hosts in a list the first is read alone",
			bend: hearing(func(_ *bent, _ conn, m wire.Status) []message {
				for i, h := range m.Headers {
					if h.Name == "X-Try" {
						m.Headers[i].Value, _, _ = strings.Cut(h.Value, ",")
					}
				}
				return same(m)
			})},
		{Name: "never-falls-back", What: "who hangs up on 0.6 is not dialled again",
			configure: func(cfg *core.Config) { cfg.NoFallback = true }},
		{Name: "never-becomes-a-leaf", What: "an ultrapeer stays one whatever it is asked",
			bend: hearing(func(_ *bent, _ conn, m wire.Status) []message {
				m.Headers = wire.Headers(Offer(m.Headers).Without("X-Ultrapeer-Needed"))
				return same(m)
			})},
		{Name: "leaf-without-a-role", What: "a leaf does not say that it is one",
			bend: saying(func(_ *bent, _ conn, m wire.Connect) []message {
				m.Headers = wire.Headers(Offer(m.Headers).Without("X-Ultrapeer"))
				return same(m)
			})},
	}
}
