package conformance

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Standard is what the suite starts its shared instance with, for a case that
// starts one of its own and asks for a little more. A change of a field does
// not reach the suite's.
func (t *T) Standard() StartOptions {
	if t.suite.Shared == nil {
		return StartOptions{}
	}
	return *t.suite.Shared
}

// Start starts the target as the case needs it. It is called at most once
// before [T.Target], which otherwise starts it as [T.Standard] says.
func (t *T) Start(opt StartOptions) {
	if t.inst != nil {
		t.untaped("starts a target where one was running")
		t.Harnessf("the case starts a target that already runs")
	}
	opt.Role = t.c.Role
	inst, err := t.target.Start(t.ctx, bare(t.net), opt)
	t.noteStart(inst, opt, err)
	if errors.Is(err, ErrUnsupported) {
		t.end(Unsupported, &Failure{Message: "the target cannot be started like this: " + err.Error(), Whose: TargetFault})
	}
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "the target did not start: " + err.Error(), Whose: EnvironmentFault})
	}
	t.inst, t.options = inst, opt
	if inst.Addr().IsValid() { // a parser has none
		t.mark("target started at %v", inst.Addr())
	}
	t.warmUp()
}

// probeEvery is the pause between two probes of a target that is starting.
const probeEvery = 200 * time.Millisecond

// warmUp probes a target that was just started until it answers. Meanwhile the
// case's own nodes answer what the target asks them. A leecher shows that it is
// ready by what it does, and a parser runs once for each command.
func (t *T) warmUp() {
	inst, ok := t.inst.(warming)
	if !ok || t.c.Role == Leecher || t.c.Role == Parser {
		return
	}
	within, _ := inst.warmUp()
	if within == 0 {
		return // a tape, of one that was ready
	}
	t.deadline += within // the case's own time begins when the target is ready
	t.warming = true
	for limit := t.Now() + within; !t.probe(); {
		if t.Now() >= limit || t.inst.Exited() != nil {
			_, words := inst.warmUp()
			t.end(Inconclusive, &Failure{
				Message: fmt.Sprintf("the target did not get ready within %v%s", within, words),
				Whose:   EnvironmentFault,
			})
		}
	}
	t.warming, t.answered = false, true
}

// probe tries once, for about [probeEvery], whether the target answers.
func (t *T) probe() (ready bool) {
	limit := t.Now() + probeEvery
	switch {
	case t.suite.Ready != nil:
		ready = t.suite.Ready(t)
	case t.suite.Probe != nil:
		s := t.Open()
		defer s.Close()
		s.Handle = func(d Datagram) {
			ready = ready || d.From == t.inst.Addr() && t.suite.Probe.Answers(d.Data)
		}
		s.Send(t.suite.Probe.Payload, "is it ready?")
	default:
		s := t.DialTo(t.inst.Addr())
		ready = s.Opened()
		s.Close()
	}
	t.Until(func() bool { return ready }, limit-t.Now())
	return ready
}

// Restart stops the target and starts it with the same state folder.
func (t *T) Restart(opt StartOptions) {
	if t.inst != nil {
		if err := t.inst.Stop(); err != nil {
			t.end(Inconclusive, &Failure{Message: "the target did not stop: " + err.Error(), Whose: EnvironmentFault})
		}
		t.mark("target stopped")
		t.inst = nil
	}
	t.Start(opt)
}

// Renew replaces the instance that earlier cases have used by a fresh one, which
// later cases go on to use. It leaves a target alone that is not ours to start,
// or that was started for this case: only cases that can do with a used
// instance call it, and they do before they open anything.
func (t *T) Renew(opt StartOptions) {
	if t.renew == nil {
		return
	}
	opt.Role = t.c.Role
	inst, err := t.renew(opt)
	t.noteStart(inst, opt, err)
	if err != nil {
		t.end(Inconclusive, &Failure{Message: "the target did not start again: " + err.Error(), Whose: EnvironmentFault})
	}
	t.inst, t.options, t.answered = inst, opt, false
	t.mark("the target was started again at %v", inst.Addr())
	t.warmUp()
}

// Target is the address under judgement.
func (t *T) Target() netip.AddrPort { return t.Instance().Addr() }

// Instance is the running target; it is started if it was not.
func (t *T) Instance() Instance {
	if t.inst == nil {
		t.Start(t.Standard())
	}
	return t.inst
}

// Torrent is the metainfo file of what the target has, or is to download: its
// own, if somebody else runs it, or what it was started with.
func (t *T) Torrent() []byte {
	t.Instance()
	if b, ok := t.target.(Bearer); ok && b.Torrent() != nil {
		return b.Torrent()
	}
	return t.options.Torrent
}

// ReadFile is what the target has written to a file in its folder of content,
// by slash path: see [NeedFiles]. The error is that of a missing file, as
// [io/fs.ErrNotExist].
func (t *T) ReadFile(name string) ([]byte, error) {
	t.untaped("reads a file of the target")
	f, ok := t.Instance().(Filer)
	if !ok {
		t.Harnessf("a case that reads files of the target has to need them")
	}
	return f.ReadFile(name)
}

// Exited reports that the target has ended by itself in good order, as a leecher
// may that has downloaded all. An end in any other way fails the case.
func (t *T) Exited() bool {
	t.untaped("asks whether the target has ended")
	f, ok := t.Instance().(Finisher)
	return ok && f.Finished()
}

// announcer is a tracker whose announce URL is known.
type announcer interface{ Announce() string }

// Announce is the path and query of the tracker's announce URL, if they are known.
func (t *T) Announce() (pathAndQuery string, known bool) {
	if a, ok := t.Instance().(announcer); ok {
		pathAndQuery = a.Announce()
	}
	return pathAndQuery, pathAndQuery != ""
}

// Learns says how the leecher under judgement finds the harness's peers.
func (t *T) Learns() PeerSource {
	if l, ok := t.target.(Learner); ok {
		return l.Learns()
	}
	return FromTracker
}
