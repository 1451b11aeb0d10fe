package explore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// plain is a world of the obvious explorer: nothing is shared, and nothing is
// done only once.
type plain struct {
	machines           []spec.Machine
	now                []time.Duration
	done               []string
	flight             []spec.Recv
	to                 []int
	losses, duplicates int
	given              int
	depth              int
}

func (p *plain) clone() *plain {
	c := *p
	c.machines, c.now, c.done = slices.Clone(p.machines), slices.Clone(p.now), slices.Clone(p.done)
	c.flight, c.to = slices.Clone(p.flight), slices.Clone(p.to)
	for i := range c.machines {
		c.machines[i] = c.machines[i].Clone()
	}
	c.depth++
	return &c
}

func (p *plain) key() string {
	var under []string
	for i, f := range p.flight {
		under = append(under, fmt.Sprintf("%d %v %T%+v", p.to[i], f.From, f.Msg, f.Msg))
	}
	slices.Sort(under)
	key := fmt.Sprint(p.losses, p.duplicates, p.given, p.done, under)
	for _, m := range p.machines {
		key += fmt.Sprintf("|%x", m.AppendState(nil))
	}
	return key
}

func (p *plain) step(c *Config, i int, now time.Duration, in spec.Input) *plain {
	p.now[i] = now
	for _, e := range p.machines[i].Step(now, in, nil) {
		switch e := e.(type) {
		case spec.Send:
			p.to = append(p.to, c.place(e.To))
			p.flight = append(p.flight, spec.Recv{From: c.Nodes[i].Addr, Msg: e.Msg})
		case spec.Done:
			p.done[i] += fmt.Sprint(e)
		}
	}
	return p
}

// next lists the worlds one action away; equal messages are one choice.
func (p *plain) next(c *Config) (out []*plain) {
	for i, cmd := range c.Commands {
		if p.given&(1<<i) == 0 {
			n := p.clone()
			n.given |= 1 << i
			at := c.place(cmd.Node)
			out = append(out, n.step(c, at, n.now[at]+c.Tick, cmd.Input))
		}
	}
	tried := map[string]bool{}
	for i := range p.flight {
		if name := fmt.Sprintf("%d %+v", p.to[i], p.flight[i]); tried[name] {
			continue
		} else {
			tried[name] = true
		}
		take := func() (n *plain, in spec.Recv, to int) {
			n = p.clone()
			in, to = n.flight[i], n.to[i]
			n.flight, n.to = slices.Delete(n.flight, i, i+1), slices.Delete(n.to, i, i+1)
			return n, in, to
		}
		n, in, to := take()
		out = append(out, n.step(c, to, n.now[to]+c.Tick, in))
		if p.losses > 0 {
			n, _, _ := take()
			n.losses--
			out = append(out, n)
		}
		if p.duplicates > 0 {
			n := p.clone()
			n.duplicates--
			out = append(out, n.step(c, to, n.now[to]+c.Tick, in))
		}
	}
	for i, m := range p.machines {
		if at, ok := m.Deadline(); ok {
			out = append(out, p.clone().step(c, i, at, spec.Wake{}))
		}
	}
	return out
}

func reference(c *Config) (counts Counts) {
	first := &plain{losses: c.Losses, duplicates: c.Duplicates}
	for _, n := range c.Nodes {
		first.machines = append(first.machines, n.Machine)
	}
	first.now, first.done = make([]time.Duration, len(c.Nodes)), make([]string, len(c.Nodes))
	met := map[string]bool{first.key(): true}
	for queue := []*plain{first}; len(queue) > 0; queue = queue[1:] {
		next := queue[0].next(c)
		counts.Edges += len(next)
		counts.Terminal += b2i(len(next) == 0)
		counts.Depth = queue[0].depth
		for _, n := range next {
			if key := n.key(); !met[key] {
				met[key] = true
				queue = append(queue, n)
			}
		}
	}
	counts.States = len(met)
	return counts
}

// The search, which steps each machine once for each state and input, counts
// what the obvious explorer counts.
func TestLikeTheObviousExplorer(t *testing.T) {
	for _, tick := range []time.Duration{0, time.Millisecond} {
		c := config("")
		c.Always, c.Finally, c.Sometimes = nil, nil, nil
		c.Losses, c.Horizon, c.Tick = 1, 0, tick
		got, err := Run(c)
		if want := reference(&c); err != nil || got.Counts != want {
			t.Errorf("tick %v: explored %+v, %v, want %+v", tick, got.Counts, err, want)
		}
	}
}

func TestWorkersLeaveNoTrace(t *testing.T) {
	run := func(n int, c Config) (Counts, []int, string) {
		c.Workers = n
		r, err := Run(c)
		return r.Counts, r.Rounds, fmt.Sprint(err)
	}
	for _, c := range []Config{ring(3, ""), ring(3, "stuck"), config("forgetful")} {
		counts, rounds, says := run(1, c)
		for _, n := range []int{2, 5} {
			c2, r2, s2 := run(n, c)
			if c2 != counts || !slices.Equal(r2, rounds) || s2 != says {
				t.Errorf("%d workers: %+v, %v, %s\nwant %+v, %v, %s", n, c2, r2, s2, counts, rounds, says)
			}
		}
	}
}

// A script repeats on fresh machines, and notices others.
func TestScriptReplays(t *testing.T) {
	c := config("forgetful")
	_, err := Run(c)
	var v *Violation
	if !errors.As(err, &v) {
		t.Fatal(err)
	}
	machines, err := v.Script.Replay(c.Nodes)
	if err != nil || machines[1].(*counter).count != 2 {
		t.Errorf("replayed to %+v, %v", machines[1], err)
	}
	if _, err := v.Script.Replay(config("polite").Nodes[:1]); err == nil {
		t.Error("replayed without the server")
	}
	c.Nodes[0].Machine.(*counter).peer = client
	if _, err := v.Script.Replay(c.Nodes); err == nil || !strings.Contains(err.Error(), "step 0: effects") {
		t.Errorf("replayed on other machines: %v", err)
	}
}
