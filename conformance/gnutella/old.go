package gnutella

import (
	"bytes"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// oldConnect is the whole first step of 0.4.
const oldConnect = "GNUTELLA CONNECT/0.4\n\n"

// TryOld dials and asks for a connection as 0.4 has it.
func TryOld(t *T) *Peer {
	p := Dial(t)
	p.Write([]byte(oldConnect), "")
	p.Answered()
	return p
}

// MeetOld is [Meet] in 0.4, which has no word for busy. A target that hangs up on
// it, and takes 0.6, does not know that version.
func MeetOld(t *T) *Peer {
	p := again(func() *Peer { return TryOld(t) }, func(p *Peer) bool { return p.Answer == nil && p.Ended() })
	switch {
	case p.Answer != nil && p.Answer.Old:
		return p
	case p.Answer == nil && p.Ended():
		p.Alive()
		t.Unsupportedf("the target does not speak 0.4: it hangs up on the connect string")
	}
	t.Inconclusivef("the target did not accept the connect string of 0.4: %s", p.Last())
	return nil
}

// oldHandshake judges how connections of 0.4 begin.
var oldHandshake = []Case{
	{
		ID: "gnutella04/handshake/accepts-the-connect-string", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-11", "GN-HS-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "'GNUTELLA CONNECT/0.4' and two line feeds must be answered by 'GNUTELLA OK' and two line " +
			"feeds, without any header; descriptors follow at once.",
		Causes: []string{"only 0.6 is known", "0.4 is answered in the words of 0.6"},
		Kills:  []string{"answers-04-as-06", "hangs-up-on-04"},
		Run: func(t *T) {
			p := Dial(t)
			p.Handle = nil // the first bytes are judged as they are
			p.Write([]byte(oldConnect), "")
			const want = "GNUTELLA OK\n\n"
			t.Until(func() bool { return len(p.Buffered()) >= len(want) || p.Ended() }, 2*AnswerWithin)
			got := bytes.Clone(p.Buffered())
			switch {
			case len(got) == 0:
				p.Alive()
				t.Failf("the connect string of 0.4 is not answered: %s", p.Last())
			case !bytes.HasPrefix(got, []byte(want)):
				p.Alive()
				t.Mismatch("the answer to the connect string of 0.4", string(got[:min(len(got), 40)]), want)
			}
			p = NewPeer(t, p.Stream)
			p.Control()
		},
	},
}

func oldMutants() []Mutant {
	return []Mutant{
		{Name: "dials-04-with-cr-lf", What: "the connect string of 0.4 ends in CR LF twice",
			bend: saying(func(_ *bent, _ conn, m wire.Connect) []message {
				if m.Version.Old() {
					return same(raw("GNUTELLA CONNECT/0.4\r\n\r\n"))
				}
				return same(m)
			})},
		{Name: "hangs-up-on-04", What: "a connection in 0.4 is closed without a word",
			bend: hearing(func(b *bent, c conn, m wire.Connect) []message {
				if m.Version.Old() {
					b.close(c)
					return nil
				}
				return same(m)
			})},
		{Name: "answers-04-as-06", What: "the answer to 0.4 is a status of 0.6",
			bend: saying(func(_ *bent, _ conn, m wire.Status) []message {
				m.Old = false
				return same(m)
			})},
	}
}
