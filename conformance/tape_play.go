package conformance

import (
	"bytes"
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

// suits fits the options to the tapes, or says why it cannot.
func (t tapesTarget) suits(opts *Options) error {
	switch {
	case opts.Seed != t.tapes.Seed:
		return &UsageError{Message: fmt.Sprintf("seed %d: the tape was made with %d", opts.Seed, t.tapes.Seed)}
	case opts.Repeat > 1:
		return &UsageError{Message: "a tape has one run of each case, which cannot be repeated"}
	}
	opts.Timeout = t.tapes.Timeout
	return nil
}

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
	return &player{tape: t.tape, steps: t.tape.Steps, now: t.tape.Began}, nil
}

func (t tapeTarget) Start(_ context.Context, n Network, opt StartOptions) (Instance, error) {
	return n.(*player).start(opt)
}

// player is the network of a tape. The case has to go through the very steps that it
// went through then: what it does is compared, what happened happens again, and the
// clock shows the same. Where a case that was changed parts from that, what the target
// would have done is not known.
type player struct {
	tape  *Tape
	steps []tapeStep // that are left
	now   time.Duration
	over  bool // the case has its verdict, and tidies up
}

// offTape ends a case that does something else than when it was taped.
type offTape struct{ why string }

// next is the step that comes next, and not only time.
func (p *player) next() *tapeStep {
	for len(p.steps) > 0 && p.steps[0].Op == tapeClock {
		p.take()
	}
	if len(p.steps) == 0 {
		return nil
	}
	return &p.steps[0]
}

// take goes past the next step.
func (p *player) take() tapeStep {
	s := p.steps[0]
	p.steps, p.now = p.steps[1:], max(p.now, s.At)
	return s
}

// did goes past what the case did then, which has to be what it does now.
func (p *player) did(s tapeStep) tapeStep {
	if p.over {
		return s
	}
	was := p.next()
	switch {
	case was == nil:
		panic(offTape{fmt.Sprintf("it goes on to %s where it had ended", s.Op)})
	case !same(*was, s):
		panic(offTape{fmt.Sprintf("step %d is %s and was %s", 1+len(p.tape.Steps)-len(p.steps), s.words(), was.words())})
	}
	return p.take()
}

// same reports whether a step is one that was taped, as far as the case decides that.
func same(was, s tapeStep) bool {
	return was.Op == s.Op && was.Asked == s.Asked && was.Remote == s.Remote && was.Size == s.Size && was.Sum == s.Sum &&
		(s.Op == tapeDial || was.Conn == s.Conn)
}

func (s tapeStep) words() string {
	w := string(s.Op)
	if s.Asked.IsValid() {
		w += " at " + s.Asked.String()
	}
	if s.Remote.IsValid() {
		w += " to " + s.Remote.String()
	}
	if s.Conn != 0 {
		w += fmt.Sprintf(" of connection %d", s.Conn)
	}
	if s.Sum != 0 {
		w += fmt.Sprintf(", %d bytes (%08x)", s.Size, s.Sum)
	}
	return w
}

// Now is what the clock showed at this step.
func (p *player) Now() time.Duration {
	if len(p.steps) > 0 && p.steps[0].Op == tapeClock {
		p.take()
	}
	return p.now
}

func (p *player) Virtual() bool { return p.tape.Virtual } // as it was then
func (p *player) Wake()         {}
func (p *player) Shut()         {}

// Recv is what happened next. A case that waits for less than then is told that
// nothing came, if nothing had come by that time; one that waits where it had gone on
// is off the tape.
func (p *player) Recv(until time.Duration) (Arrival, bool) {
	s := p.next()
	switch {
	case p.over:
		return nil, false
	case s == nil:
		panic(offTape{fmt.Sprintf("it waits until %v where it had ended at %v", until, p.now)})
	case s.Op == tapeExited:
		p.now = max(p.now, until)
		return nil, false
	case !slices.Contains(happenings, s.Op):
		panic(offTape{fmt.Sprintf("it waits until %v where it went on with %s", until, s.words())})
	case until < s.Until && until < s.At:
		p.now = max(p.now, until)
		return nil, false
	}
	return p.take().arrival()
}

// arrival is what comes of a step that happened.
func (s tapeStep) arrival() (Arrival, bool) {
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

func (p *player) Open(local netip.AddrPort) (netip.AddrPort, error) {
	s := p.did(tapeStep{Op: tapeOpen, Asked: local})
	return s.Local, taperr(s.Err)
}

func (p *player) Close(local netip.AddrPort) { p.did(tapeStep{Op: tapeShut, Asked: local}) }

func (p *player) Send(from, to netip.AddrPort, payload []byte) error {
	s := sent(tapeSend, payload)
	s.Asked, s.Remote = from, to
	return taperr(p.did(s).Err)
}

func (p *player) Listen(local netip.AddrPort) (netip.AddrPort, error) {
	s := p.did(tapeStep{Op: tapeListen, Asked: local})
	return s.Local, taperr(s.Err)
}

func (p *player) Unlisten(local netip.AddrPort) { p.did(tapeStep{Op: tapeUnlisten, Asked: local}) }

func (p *player) Dial(local, to netip.AddrPort) (spec.Conn, error) {
	s := p.did(tapeStep{Op: tapeDial, Asked: local, Remote: to})
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
	t.inst, t.options = tapeInstance{p, p.tape.Shared}, t.Standard()
	t.options.Role, t.cold = t.c.Role, p.tape.Shared.Warm > 0
	if p.tape.Renews {
		t.renew = p.start
	}
}

func (p *player) start(opt StartOptions) (Instance, error) {
	s := p.did(started(opt))
	if s.Err != "" {
		return nil, taperr(s.Err)
	}
	return tapeInstance{p, s.Start}, nil
}

// end is when the case has its verdict. A target that ended by itself later than the
// case looks now may have ended for what the case left out.
func (p *player) end(t *T) {
	p.over = true
	switch left := p.next(); {
	case left != nil && left.Op != tapeExited && p.steps[len(p.steps)-1].Op == tapeExited:
		t.verdict = Inconclusive
		t.failure = &Failure{Message: "the target ended later in the case than it goes now", Whose: EnvironmentFault}
	case t.verdict != p.tape.Verdict:
		t.Observef("%s when it was taped, by revision %d", p.tape.Verdict, p.tape.Rev)
	}
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
func (i tapeInstance) Quit() error                  { return taperr(i.tape.did(tapeStep{Op: tapeQuit}).Err) }

func (i tapeInstance) warmUp() (time.Duration, string) { return i.at.Warm, "" }

// Exited says when the target had ended.
func (i tapeInstance) Exited() error {
	if s := i.tape.next(); s != nil && s.Op == tapeExited {
		return errors.New(s.Err)
	}
	return nil
}
