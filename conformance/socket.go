package conformance

import (
	"encoding/hex"
	"net/netip"
	"time"
)

// Socket is one source address of the harness for the length of a case.
type Socket struct {
	t     *T
	local netip.AddrPort
	// Handle receives every datagram as it is pumped; nil keeps them in the inbox.
	Handle func(Datagram)
	inbox  []Datagram
}

// Open binds a socket at a source address of its own.
func (t *T) Open() *Socket { return t.OpenAt(netip.AddrPort{}) }

// OpenAt binds a socket at the given address; a zero port asks for any.
func (t *T) OpenAt(local netip.AddrPort) *Socket {
	at, err := t.net.Open(local)
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "no socket for the harness: " + err.Error(), Whose: EnvironmentFault})
	}
	s := &Socket{t: t, local: at}
	t.sockets[at] = s
	return s
}

// Addr is the address that the target sees.
func (s *Socket) Addr() netip.AddrPort { return s.local }

// Close ends the socket before its case does.
func (s *Socket) Close() {
	s.t.net.Close(s.local)
	delete(s.t.sockets, s.local)
}

// Send sends a well-formed payload to the target. One that the verified core
// refuses is the harness's own fault and ends the case as an error.
func (s *Socket) Send(payload []byte, note string) { s.SendTo(s.t.Target(), payload, note) }

// SendTo is [Socket.Send] to another address.
func (s *Socket) SendTo(to netip.AddrPort, payload []byte, note string) {
	if s.t.suite.Lint != nil {
		if err := s.t.suite.Lint(payload); err != nil {
			s.t.Harnessf("the harness was about to send a malformed message: %v: %x", err, payload)
		}
	}
	s.send(to, payload, note)
}

// SendMalformed sends a payload that is wrong on purpose; the note says how.
func (s *Socket) SendMalformed(payload []byte, note string) { s.send(s.t.Target(), payload, note) }

func (s *Socket) send(to netip.AddrPort, payload []byte, note string) {
	s.t.log.add(s.t.entry(">", s.local, to, payload, s.t.decoded(payload), note))
	began := s.t.Now()
	if err := s.t.net.Send(s.local, to, payload); err != nil {
		s.t.Notef("sending failed: %v", err)
	}
	if held := s.t.Now() - began; held >= pacedNoticeably {
		s.t.deadline += held // the harness's own courtesy is not the target's delay
		s.t.mark("held back for %v, so as not to be taken for a flood", held.Round(time.Millisecond))
	}
}

// pacedNoticeably is longer than any send takes by itself.
const pacedNoticeably = 50 * time.Millisecond

// Inbox returns the datagrams that arrived and empties the inbox.
func (s *Socket) Inbox() []Datagram {
	in := s.inbox
	s.inbox = nil
	return in
}

func (t *T) deliver(d Datagram) {
	s, ok := t.sockets[d.To]
	note := ""
	if !ok {
		note = "for a socket that is closed"
	}
	t.log.add(t.entry("<", d.From, d.To, d.Data, t.decoded(d.Data), note))
	switch {
	case !ok:
	case s.Handle != nil:
		s.Handle(d)
	default:
		s.inbox = append(s.inbox, d)
	}
}

func (t *T) decoded(payload []byte) any {
	if t.suite.Decode == nil {
		return nil
	}
	return t.suite.Decode(payload)
}

func (t *T) entry(dir string, from, to netip.AddrPort, payload []byte, decoded any, note string) Entry {
	return Entry{
		At: t.Now() - t.began, Dir: dir, Via: from.String() + " → " + to.String(),
		Hex:   hex.EncodeToString(payload[:min(len(payload), TranscriptPayload)]),
		Bytes: len(payload), Decoded: decoded, Note: note,
	}
}

// transcript keeps the first and the last entries of a case.
type transcript struct {
	entries []Entry
	omitted int
}

// Bounds of a transcript: enough to follow any exchange by eye, little enough
// that a target which floods does not grow the report.
const (
	TranscriptHead    = 200
	TranscriptTail    = 100
	TranscriptPayload = 2048
)

func (l *transcript) add(e Entry) {
	l.entries = append(l.entries, e)
	if len(l.entries) > TranscriptHead+2*TranscriptTail {
		cut := len(l.entries) - TranscriptTail
		l.omitted += cut - TranscriptHead
		l.entries = append(l.entries[:TranscriptHead], l.entries[cut:]...)
	}
}
