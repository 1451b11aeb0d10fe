package gnutella

import (
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// hostile judges what becomes of handshakes that nobody means well by.
var hostile = []Case{
	{
		ID: "gnutella06/hostile/no-handshake", Rev: 2, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-01"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands before and after",
		Explain: "A stream begins with random bytes and an empty line. It must not be taken for a link, and others must be " +
			"served as before. Whether it is closed at once is recorded: the bytes may look like the beginning of something " +
			"else, as of TLS.",
		Causes: []string{"only the end of the lines is looked for"},
		Kills:  []string{"welcomes-everybody"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			b := make([]byte, 64)
			t.Rand().Fill(b)
			b[0] |= 0x80
			p.WriteMalformed(append(b, "\r\n\r\n"...), "64 random bytes, and an empty line")
			dropped := p.Dropped(2 * AnswerWithin)
			p.Alive()
			if p.Answer != nil && p.Answer.Code == 200 {
				t.Failf("random bytes are taken for the first step of a handshake")
			}
			if !dropped {
				t.Observef("the stream is open %v after random bytes", 2*AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/hostile/header-flood", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-01", "GN-HS-07"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands before and after",
		Explain: "After the connect line, 1 MB of headers without an empty line. The target should give " +
			"up on them, and close: what it keeps of one side's lines has to be bounded.",
		Causes: []string{"lines are gathered until the empty one comes"},
		Kills:  []string{"gathers-all-lines"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			p.WriteMalformed([]byte("GNUTELLA CONNECT/0.6\r\n"), "the connect line")
			for i := range 128 {
				block := strings.Repeat(fmt.Sprintf("X-Flood-%d: %s\r\n", i, strings.Repeat("y", 100)), 70)
				p.WriteMalformed([]byte(block), "headers without an end")
				if t.Until(p.Ended, 5*time.Millisecond) {
					break
				}
			}
			dropped := p.Dropped(3 * AnswerWithin)
			p.Alive()
			if !dropped {
				t.Failf("the stream is open %v after 1 MB of headers", 3*AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/hostile/endless-line", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-01"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "another peer shakes hands before and after",
		Explain: "A header line that does not end within 1 MB. The target should give up on it, and close.",
		Causes:  []string{"a line is gathered until its end comes"},
		Kills:   []string{"gathers-all-lines"},
		Run: func(t *T) {
			p := Dial(t)
			p.Alive()
			p.WriteMalformed([]byte("GNUTELLA CONNECT/0.6\r\nX-Flood: "), "the connect line, and a header")
			for range 128 {
				p.WriteMalformed([]byte(strings.Repeat("y", 8<<10)), "a line without an end")
				if t.Until(p.Ended, 5*time.Millisecond) {
					break
				}
			}
			dropped := p.Dropped(3 * AnswerWithin)
			p.Alive()
			if !dropped {
				t.Failf("the stream is open %v after a line of 1 MB", 3*AnswerWithin)
			}
		},
	},
	{
		ID: "gnutella06/hostile/slow-handshakes", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GN-HS-01"}, Role: conformance.Servent, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "another peer shakes hands while the slow ones wait, and after",
		Explain: "Eight streams say 'GNUTELLA CONN' and then nothing. Others must be served meanwhile, " +
			"and the streams should be closed within two minutes.",
		Causes: []string{"a handshake may take for ever", "streams are served one after another"},
		Kills:  []string{"waits-for-slow-handshakes"},
		Within: 4 * time.Minute,
		Run: func(t *T) {
			var slow []*Peer
			for range 8 {
				p := Dial(t)
				p.WriteMalformed([]byte("GNUTELLA CONN"), "the beginning of a connect line")
				slow = append(slow, p)
			}
			slow[0].Alive()
			open := func() (n int) {
				for _, p := range slow {
					if !p.Ended() {
						n++
					}
				}
				return n
			}
			t.Until(func() bool { return open() == 0 }, 2*time.Minute)
			slow[0].Alive()
			if open() > 0 {
				t.Failf("%d of 8 streams are open two minutes after a part of a line", open())
			}
		},
	},
}
