package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// NewTapeTarget returns a target that plays what another one did when it was taped. A
// case that is not on a tape, or that does something else now than it did then, is
// inconclusive. A run has to have the seed of the tapes.
func NewTapeTarget(t *Tapes) Target { return tapesTarget{t} }

type tapesTarget struct{ tapes *Tapes }

// Identity is that of the target which was taped.
func (t tapesTarget) Identity() Identity {
	id := t.tapes.Target
	id.How = "tape of " + id.How
	return id
}

// For is the tape of the case.
func (t tapesTarget) For(_ *Suite, c *Case) Target { return tapeTarget{t, t.tapes.Find(c.ID)} }

// PerCase is true: each case has a tape to itself.
func (t tapesTarget) PerCase() bool { return true }

func (t tapesTarget) Can(Need) (bool, string)   { return true, "" } // it could, then
func (t tapesTarget) Network() (Network, error) { return nil, errUntaped }

func (t tapesTarget) Start(context.Context, Network, StartOptions) (Instance, error) {
	return nil, errUntaped
}

var errUntaped = errors.New("the case is not on the tape")

// tapeTarget is a target during one case.
type tapeTarget struct {
	tapesTarget
	tape *Tape // nil if there is none
}

func (t tapeTarget) Learns() PeerSource { return t.tape.Learns }

func (t tapeTarget) Network() (Network, error) {
	if t.tape == nil {
		return nil, errUntaped
	}
	return newPlayer(t.tape), nil
}

func (t tapeTarget) Start(_ context.Context, n Network, _ StartOptions) (Instance, error) {
	return n.(*player).start(), nil
}

// player is the network of a tape. What the case does has to be what it did then; what
// happened to it then happens again, when all has been done that came before.
type player struct {
	tape   *Tape
	now    time.Duration
	doings []tapeStep // that the case is to do
	events []taped    // that are to happen
	done   int
	over   bool // the case has its verdict, and tidies up
}

// taped is what happened, and how much the case had done before it.
type taped struct {
	tapeStep
	after int
}

// tapeSlack is how much earlier than then a case may now stop waiting for an arrival:
// between two steps its clock stands still.
const tapeSlack = 100 * time.Millisecond

func newPlayer(t *Tape) *player {
	p := &player{tape: t, now: t.Began}
	for _, s := range t.Steps {
		if slices.Contains(happenings, s.Op) {
			p.events = append(p.events, taped{s, len(p.doings)})
		} else {
			p.doings = append(p.doings, s)
		}
	}
	return p
}

// offTape ends a case that does something else than when it was taped.
type offTape struct{ why string }

// did goes past the next thing that the case did then, which is to be what it does now.
func (p *player) did(s tapeStep) tapeStep {
	if p.over {
		return s
	}
	if p.done == len(p.doings) {
		panic(offTape{fmt.Sprintf("it goes on to %s where it had ended", s.Op)})
	}
	was := p.doings[p.done]
	same := was.Op == s.Op && was.Conn == cmp.Or(s.Conn, was.Conn) && was.Size == s.Size && was.Sum == s.Sum
	if !same {
		panic(offTape{fmt.Sprintf("step %d is %s and was %s", p.done+1, s.words(), was.words())})
	}
	p.done++
	p.now = max(p.now, was.At)
	return was
}

func (s tapeStep) words() string {
	switch {
	case s.Op == tapeWrite, s.Op == tapeSend:
		return fmt.Sprintf("%s of %d bytes (%08x)", s.Op, s.Size, s.Sum)
	default:
		return string(s.Op)
	}
}

// next is what happens next, if all is done that came before.
func (p *player) next() *taped {
	if len(p.events) == 0 || p.events[0].after > p.done {
		return nil
	}
	return &p.events[0]
}

func (p *player) Now() time.Duration { return p.now }
func (p *player) Virtual() bool      { return p.tape.Virtual } // as it was then
func (p *player) Wake()              {}
func (p *player) Shut()              {}

func (p *player) Recv(until time.Duration) (Arrival, bool) {
	s := p.next()
	if s == nil || s.At > until+tapeSlack || s.Op == tapeExited {
		p.now = max(p.now, until)
		return nil, false
	}
	p.events = p.events[1:]
	p.now = max(p.now, s.At)
	switch s.Op {
	case tapeSilence:
		return nil, false
	case tapeDatagram:
		return Datagram{At: s.Came, From: s.Remote, To: s.Local, Data: bytes.Clone(s.Data)}, true
	}
	e := StreamEvent{
		At: s.Came, Conn: s.Conn, Local: s.Local, Remote: s.Remote, Data: bytes.Clone(s.Data), Err: taperr(s.Err),
	}
	for kind, op := range streamOps {
		if op == s.Op {
			e.Kind = kind
		}
	}
	return e, true
}

// taperr is an error again.
func taperr(text string) error {
	for _, err := range []error{ErrRefused, ErrReset, ErrClogged, ErrUnsupported} {
		if err.Error() == text {
			return err
		}
	}
	if text == "" {
		return nil
	}
	return errors.New(text)
}

func (p *player) Open(netip.AddrPort) (netip.AddrPort, error) {
	s := p.did(tapeStep{Op: tapeOpen})
	return s.Local, taperr(s.Err)
}

func (p *player) Close(netip.AddrPort) { p.did(tapeStep{Op: tapeShut}) }

func (p *player) Send(_, _ netip.AddrPort, payload []byte) error {
	return taperr(p.did(sent(tapeSend, payload)).Err)
}

func (p *player) Listen(netip.AddrPort) (netip.AddrPort, error) {
	s := p.did(tapeStep{Op: tapeListen})
	return s.Local, taperr(s.Err)
}

func (p *player) Unlisten(netip.AddrPort) { p.did(tapeStep{Op: tapeUnlisten}) }

func (p *player) Dial(_, _ netip.AddrPort) (spec.Conn, error) {
	s := p.did(tapeStep{Op: tapeDial})
	return s.Conn, taperr(s.Err)
}

func (p *player) Write(c spec.Conn, b []byte) error {
	s := sent(tapeWrite, b)
	s.Conn = c
	return taperr(p.did(s).Err)
}

func (p *player) Consume(spec.Conn, int)  {}
func (p *player) CloseWrite(c spec.Conn)  { p.did(tapeStep{Op: tapeCloseWrite, Conn: c}) }
func (p *player) CloseStream(c spec.Conn) { p.did(tapeStep{Op: tapeClose, Conn: c}) }
func (p *player) Abort(c spec.Conn)       { p.did(tapeStep{Op: tapeAbort, Conn: c}) }

// lend gives the case the instance that was there before it, if one was.
func (p *player) lend(t *T) {
	if p.tape.Shared == nil {
		return
	}
	t.inst, t.options = p.instance(p.tape.Shared), t.Standard()
	t.options.Role, t.cold = t.c.Role, p.tape.Shared.Warm > 0
	if p.tape.Renews {
		t.renew = func(StartOptions) (Instance, error) { return p.start(), nil }
	}
}

func (p *player) start() Instance { return p.instance(p.did(tapeStep{Op: tapeStarts}).Start) }

// instance is the target as it was reached.
func (p *player) instance(at *tapeStart) Instance {
	i := tapeInstance{p, at}
	for _, s := range p.doings {
		if s.Op == tapeQuit {
			return tapeQuitter{i}
		}
	}
	return i
}

// tapeInstance is a target that was started, or that was there, then.
type tapeInstance struct {
	tape *player
	at   *tapeStart
}

func (i tapeInstance) Addr() netip.AddrPort         { return i.at.Addr }
func (i tapeInstance) Addr6() netip.AddrPort        { return i.at.Addr6 }
func (i tapeInstance) Do(Command) (*Pending, error) { return nil, errUntaped }
func (i tapeInstance) Stop() error                  { return nil }
func (i tapeInstance) Announce() string             { return i.at.Announce }

// Exited says when the target had ended.
func (i tapeInstance) Exited() error {
	s := i.tape.next()
	if s == nil || s.Op != tapeExited {
		return nil
	}
	return errors.New(s.Err)
}

func (i tapeInstance) warmUp() (time.Duration, string) { return i.at.Warm, "" }

// tapeQuitter is one that was asked to end.
type tapeQuitter struct{ tapeInstance }

func (i tapeQuitter) Quit() error { return taperr(i.tape.did(tapeStep{Op: tapeQuit}).Err) }
