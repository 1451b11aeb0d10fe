package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// InitPatience is how long a node may take to answer init, counted from the start
// of its process, as in Maelstrom.
const InitPatience = 10 * time.Second

// initPatience is longer where the machine is busy.
func (c *Cluster) initPatience() time.Duration {
	return InitPatience * time.Duration(max(1, c.opt.slack))
}

// seat starts a node, in its old place if it had one.
func (c *Cluster) seat(name string) {
	s := c.router.seat(name)
	if s == nil {
		s = &seat{name: name}
		c.router.seats = append(c.router.seats, s)
	}
	link, err := c.inst.make(c.router, name)
	if err != nil {
		c.t.Inconclusivef("%s does not start: %v", name, err)
	}
	s.link, s.begun, s.down, s.paused, s.held = link, false, false, false, nil
}

// initialize sends init and waits for all init_ok.
func (c *Cluster) initialize(nodes ...string) {
	var calls []*Call
	for _, name := range nodes {
		args := map[string]any{"node_id": name, "node_ids": c.Nodes()}
		if !c.opt.Plain {
			args["overlay"] = c.overlay()
		}
		calls = append(calls, c.Go(name, "init", args))
	}
	c.Wait(c.initPatience(), calls...)
	for _, call := range calls {
		switch {
		case !call.Done():
			c.silent(call)
		case !call.OK():
			c.refused(call)
		}
		c.learn(call)
	}
}

// learn keeps the capabilities that all nodes have.
func (c *Cluster) learn(call *Call) {
	var reply struct{ Capabilities []string }
	if err := call.Reply.Decode(&reply); err != nil {
		c.t.Fail(conformance.Failure{
			Message:  call.Node + ": capabilities in init_ok is not a list of words",
			Expected: []string{`"capabilities":["state","leave"], or nothing`}, Got: string(call.Reply.Raw),
		})
	}
	first := c.able == nil
	able := map[string]bool{}
	for _, word := range reply.Capabilities {
		able[word] = first || c.able[word]
	}
	c.able = able
}

// Overlay is what the key "overlay" of init says.
type Overlay struct {
	Bits       int               `json:"bits"`
	IDs        map[string]uint64 `json:"ids"`
	PeriodMS   int64             `json:"period_ms"`
	TimeoutMS  int64             `json:"timeout_ms"`
	Successors int               `json:"successors"`
	K          int               `json:"k"`
	Alpha      int               `json:"alpha"`
}

func (c *Cluster) overlay() Overlay {
	o := c.opt
	return Overlay{
		Bits: o.Bits, IDs: c.ids, PeriodMS: o.Period.Milliseconds(), TimeoutMS: o.Timeout.Milliseconds(),
		Successors: o.Successors, K: o.K, Alpha: o.Alpha,
	}
}

// Restart starts a node again that was killed: with nothing that it knew, and
// not yet a member.
func (c *Cluster) Restart(node string) {
	if s := c.router.seat(node); s == nil || !s.down {
		c.t.Harnessf("%s was not killed", node)
	}
	c.note("%s is started again", node)
	c.seat(node)
	c.initialize(node)
}

// Canary asks a node for something that nobody has defined. One that claims to
// have done it could claim anything, and one that says nothing cannot be told
// from one that is slow: the case is then inconclusive. It is [Cluster.Refusal]
// for the case that judges just this.
func (c *Cluster) Canary() {
	if why := c.Refusal(); why != "" {
		c.t.Inconclusivef("%s; what it says of other requests then proves nothing", why)
	}
}

// Refusal reports how the first node fails to refuse an unknown request with
// error 10; "" when it does refuse it.
func (c *Cluster) Refusal() string {
	typ := fmt.Sprintf("canary_%x", c.t.Rand().Uint64())
	call := c.Go(nodeName(0), typ, nil)
	switch {
	case !c.Wait(c.Patience()/2, call): // it has nobody to ask first
		return fmt.Sprintf("%s does not answer the invented request %s: an unknown type has to be answered with error 10",
			call.Node, typ)
	case call.Err() == nil:
		return fmt.Sprintf("%s answers the invented request %s with %s, and not with error 10",
			call.Node, typ, call.Reply.Type)
	case call.Err().Code != 10:
		return fmt.Sprintf("%s answers the invented request %s with %v, and not with error 10", call.Node, typ, call.Err())
	}
	return ""
}

// silent fails the case for a request that was not answered.
func (c *Cluster) silent(call *Call) {
	within := c.Patience()
	if call.Type == "init" {
		within = c.initPatience()
	}
	c.t.Fail(conformance.Failure{
		Message:  fmt.Sprintf("%s did not answer %s within %v", call.Node, call.Type, within),
		Expected: []string{fmt.Sprintf("%s_ok, or an error, with in_reply_to %d", call.Type, call.id)}, Got: "nothing",
		Causes: append(slices.Clone(c.t.Case().Causes),
			"stdout is not flushed after each line", "the answer lacks in_reply_to",
			"the node waits for a peer without a time out"),
	})
}

// refused fails the case for a request that had to succeed.
func (c *Cluster) refused(call *Call) {
	f := conformance.Failure{
		Message:  fmt.Sprintf("%s does not do what %s asks", call.Node, call.Type),
		Expected: []string{call.Type + "_ok"}, Got: string(call.Reply.Raw),
	}
	if e := call.Err(); e != nil {
		f.Message = fmt.Sprintf("%s answers %s with %v", call.Node, call.Type, e)
		if e.Code == 10 {
			f.Causes = []string{"the request is not implemented: see docs/overlay.md for what it has to do"}
		}
	}
	c.t.Fail(f)
}
