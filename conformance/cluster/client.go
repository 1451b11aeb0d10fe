package cluster

import (
	"fmt"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// clientPrefix begins the names of clients, as Maelstrom has it.
const clientPrefix = "c"

// client asks one node one thing at a time.
type client struct {
	name  string
	last  int64
	calls map[int64]*Call
}

// Call is a request of a client with what came of it.
type Call struct {
	Node, Type string
	Sent       time.Duration
	Answered   time.Duration // when the answer came
	Reply      stdio.Body    // the answer; its Type is "" until then

	client *client
	id     int64
	given  bool // nobody waits any more
}

// Done reports that the call is answered, well or not.
func (c *Call) Done() bool { return c.Reply.Type != "" }

// Err is the error that the node answered with, or nil.
func (c *Call) Err() *stdio.Error {
	if c.Reply.Type != "error" {
		return nil
	}
	e := &stdio.Error{Code: -1, Text: "an error without a code"}
	_ = c.Reply.Decode(e) // a code that is no number is none
	return e
}

// OK reports that the call is answered with the type that means success.
func (c *Call) OK() bool { return c.Reply.Type == c.Type+"_ok" }

// hear takes what a node sends to the client: the one that was asked, or any one.
// The error says which rule it broke.
func (c *client) hear(now time.Duration, m stdio.Message, any bool) error {
	if m.Body.InReplyTo == nil {
		return fmt.Errorf("it sends a client what is no answer: in_reply_to is missing")
	}
	call := c.calls[*m.Body.InReplyTo]
	switch {
	case call == nil, call.Node != m.Src && !any:
		return fmt.Errorf("it answers a request that it was not sent: in_reply_to %d", *m.Body.InReplyTo)
	case call.Done():
		return fmt.Errorf("it answers a request twice: in_reply_to %d was a %s", call.id, call.Type)
	}
	call.Reply, call.Answered = m.Body, now
	return nil
}

// busy reports that the client waits for an answer.
func (c *client) busy() bool {
	call := c.calls[c.last]
	return call != nil && !call.Done() && !call.given
}

// Go sends a request to a node and does not wait. Each call that is under way has
// a client of its own.
func (c *Cluster) Go(node, typ string, args map[string]any) *Call {
	cl := c.free()
	cl.last++
	call := &Call{Node: node, Type: typ, Sent: c.router.Now(), client: cl, id: cl.last}
	cl.calls[cl.last] = call
	line := stdio.Append(nil, cl.name, node, stdio.Request(typ, cl.last, args))
	m, err := stdio.Parse(line)
	if err != nil {
		c.t.Harnessf("a request is malformed: %v", err)
	}
	c.router.hand(c.router.Now(), m, line)
	return call
}

// Inject hands a message to a node as if another one had sent it, which may not
// run at all: what a peer may say that is not as it should be.
func (c *Cluster) Inject(from, to string, body any) {
	line := stdio.Append(nil, from, to, body)
	m, err := stdio.Parse(line)
	if err != nil {
		c.t.Harnessf("what is injected is malformed: %v", err)
	}
	c.router.hand(c.router.Now(), m, line)
}

// free is a client that waits for nothing.
func (c *Cluster) free() *client {
	r := c.router
	for i := range len(r.clients) {
		if cl := r.clients[clientPrefix+strconv.Itoa(i)]; !cl.busy() {
			return cl
		}
	}
	cl := &client{name: clientPrefix + strconv.Itoa(len(r.clients)), calls: map[int64]*Call{}}
	r.clients[cl.name] = cl
	return cl
}

// Wait waits until all calls are answered, and reports whether they were within
// the given time. What is answered later is no breach.
func (c *Cluster) Wait(within time.Duration, calls ...*Call) bool {
	answered := c.Until(func() bool {
		for _, call := range calls {
			if !call.Done() {
				return false
			}
		}
		return true
	}, within)
	for _, call := range calls {
		call.given = true
	}
	return answered
}

// Patience is how long a request may take, as in Maelstrom.
const Patience = 5 * time.Second

// Patience is that of clients in this cluster: longer where the nodes were given
// more of it because the machine is busy.
func (c *Cluster) Patience() time.Duration { return Patience * time.Duration(max(1, c.opt.slack)) }

// Call sends a request and waits for its answer. A node that does not answer
// within [Cluster.Patience] fails the case.
func (c *Cluster) Call(node, typ string, args map[string]any) *Call {
	call := c.Go(node, typ, args)
	c.heard(call)
	return call
}

// heard fails the case for calls that are not answered.
func (c *Cluster) heard(calls ...*Call) {
	if c.Wait(c.Patience(), calls...) {
		return
	}
	for _, call := range calls {
		if !call.Done() {
			c.silent(call)
		}
	}
}

// Answered wants that all calls succeed within [Cluster.Patience].
func (c *Cluster) Answered(calls ...*Call) {
	c.heard(calls...)
	for _, call := range calls {
		if !call.OK() {
			c.refused(call)
		}
	}
}

// Ask is Call for a request that has to succeed; it returns the answer's body.
func (c *Cluster) Ask(node, typ string, args map[string]any) stdio.Body {
	call := c.Go(node, typ, args)
	c.Answered(call)
	return call.Reply
}
