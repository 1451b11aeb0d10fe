package gnutella

import (
	"bytes"
	"time"

	core "github.com/p2pspec/p2pspec/gnutella"
)

func hostileMutants() []Mutant {
	return []Mutant{
		{Name: "welcomes-everybody", What: "whatever ends in an empty line is taken for a first step",
			bend: func(b *bent) {
				b.reread = func(p []byte, begun bool) ([]byte, int) {
					if begun || p[0] < 0x80 || !bytes.HasSuffix(p, []byte("\r\n\r\n")) {
						return nil, 0
					}
					return []byte("GNUTELLA CONNECT/0.6\r\n\r\n"), len(p)
				}
			}},
		{Name: "gathers-all-lines", What: "lines are gathered until an empty one comes",
			bend: func(b *bent) {
				b.waits = func(p []byte, begun bool) bool {
					return !begun && bytes.HasPrefix(p, []byte("GNUTELLA")) && blockEnd(p) == 0
				}
			}},
		{Name: "waits-for-slow-handshakes", What: "a handshake may take an hour",
			configure: func(cfg *core.Config) { cfg.HandshakeTimeout = time.Hour }},
	}
}
