package conformance

import (
	"errors"
	"fmt"
)

// sharing is what the shared instance is: cases that ask for another have it
// replaced.
type sharing struct {
	options *StartOptions
	role    Role
}

func sharingOf(s *Suite, c *Case) sharing {
	role := c.Role
	if role == Querier || role == "" {
		role = Responder // one node is both
	}
	return sharing{s.Shared, role}
}

// equip gives t its network, and the shared instance when it may be shared.
func (r *runner) equip(t *T) (err error) {
	if t.target.PerCase() || alone(t.target, t.c) {
		t.net, err = t.target.Network()
		if p, ok := t.net.(*player); ok {
			p.lend(t)
		}
		return err
	}
	if want := sharingOf(t.suite, t.c); want != r.sharing {
		r.dropShared()
		r.sharing = want
	}
	if r.net == nil {
		if r.net, err = t.target.Network(); err != nil {
			return err
		}
	}
	t.net, t.options = r.net, t.Standard()
	t.options.Role = t.c.Role
	if r.inst == nil {
		if r.inst, err = t.target.Start(r.ctx, r.net, t.options); err != nil {
			return fmt.Errorf("the target did not start: %w", err)
		}
		t.cold = true
	}
	t.inst = r.inst
	if ok, _ := t.target.Can(NeedFresh); ok {
		t.renew = func(opt StartOptions) (Instance, error) { return r.renew(t.target, opt) }
	}
	return nil
}

// renew starts the shared target again.
func (r *runner) renew(target Target, opt StartOptions) (Instance, error) {
	err := r.inst.Stop()
	r.inst = nil
	if err != nil {
		return nil, err
	}
	r.inst, err = target.Start(r.ctx, r.net, opt)
	return r.inst, err
}

// own reports that the case cannot use an instance that others used.
func (c *Case) own() bool {
	if c.Role == Leecher {
		return true // it downloads once
	}
	for _, n := range c.Needs {
		switch n {
		case NeedFresh, NeedBootstrap, NeedRestart, NeedIPv6, NeedMagnet, NeedEncryption, NeedMaxPeers,
			NeedLabel, NeedKey:
			return true
		}
		if n.verb() != "" {
			return true
		}
	}
	return false
}

// alone reports that the case has an instance to itself.
func alone(target Target, c *Case) bool {
	ok, _ := target.Can(NeedFresh)
	return c.own() || c.Waits && ok
}

// runsApart reports that the case has programs of its own that wait most of their
// time, so that several such cases run at once.
func runsApart(target Target, c *Case) bool {
	return c.Role == Leecher || (c.Role == Member || c.Waits) && alone(target, c)
}

// release closes what the case opened and notices a target that died.
func (r *runner) release(t *T) {
	t.endTape()
	t.closeAll()
	if t.inst != nil {
		if err := t.inst.Exited(); err != nil {
			t.tape.ended(err)
			t.died(err)
			if t.inst == r.inst {
				r.inst = nil
			}
		}
	}
	t.illustrate()
	if t.net == r.net {
		return
	}
	if t.inst != nil {
		if err := t.inst.Stop(); err != nil {
			t.Observef("stopping the target: %v", err)
		}
	}
	t.net.Shut()
}

// died judges a target that has ended by itself. One that never got ready and said
// nothing was not started well, which is no failure of what the case is about.
func (t *T) died(err error) {
	if t.warming && !t.answered {
		t.verdict = Inconclusive
		t.failure = &Failure{Message: "the target ended before it was ready: " + err.Error(), Whose: EnvironmentFault}
		return
	}
	t.verdict, t.failure = Fail, ended(err)
}

// Explained is an error that words the failure of a case itself.
type Explained interface {
	error
	Failure() Failure
}

// ended is the failure of a case whose target has ended, or says better what it
// has done.
func ended(err error) *Failure {
	var own Explained
	if errors.As(err, &own) {
		f := own.Failure()
		return &f
	}
	return &Failure{
		Message: "the target ended during the case: " + err.Error(), Whose: TargetFault,
		Causes: []string{"a crash: a refusal leaves the process running"},
	}
}

func (r *runner) dropShared() {
	if r.inst != nil {
		_ = r.inst.Stop() // the run is over, or the instance is already lost
		r.inst = nil
	}
	if r.net != nil {
		r.net.Shut()
		r.net = nil
	}
}
