package tracker

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (c *Client) Clone() spec.Machine {
	d := *c
	d.tiers = slices.Clone(c.tiers)
	for i := range d.tiers {
		d.tiers[i] = slices.Clone(d.tiers[i])
	}
	return &d
}

// AppendState implements [spec.Machine].
func (c *Client) AppendState(b []byte) []byte {
	e := encoder{c.rng.AppendState(b), c.now}
	e.uint(uint64(len(c.tiers)))
	for _, tier := range c.tiers {
		e.uint(uint64(len(tier)))
		for i := range tier {
			h := &tier[i]
			e.string(h.announce)
			e.flags(h.known, h.refused)
			e.at(h.notUntil)
			e.string(h.id)
			e.addr(h.addr)
			e.uint(h.connection)
			e.at(h.expires)
		}
	}
	e.flags(c.begun, c.ended, c.incomplete, c.completed, c.waits)
	e.uint(uint64(c.progress.Uploaded))
	e.uint(uint64(c.progress.Downloaded))
	e.uint(uint64(c.progress.Left))
	e.uint(uint64(c.tier))
	e.uint(uint64(c.place))
	e.uint(uint64(c.phase))
	e.uint(uint64(c.event))
	e.uint(uint64(c.token))
	e.uint(uint64(c.transaction))
	e.uint(uint64(c.tries))
	e.at(c.at)
	e.uint(uint64(c.failures))
	e.string(c.last)
	e.uint(uint64(c.end))
	return e.b
}

// Check implements [spec.Machine]: somebody exists who is asked, and what is
// waited for has a limit.
func (c *Client) Check() error {
	if int(c.tier) >= len(c.tiers) || c.place < 0 || int(c.place) >= len(c.tiers[c.tier]) {
		return fmt.Errorf("tracker: tracker %d of tier %d is asked, which does not exist", c.place, c.tier)
	}
	switch {
	case c.phase != idle && (!c.begun || c.at == never):
		return fmt.Errorf("tracker: phase %d would last for ever", c.phase)
	case c.phase != idle && c.ended != (c.event == Stopped):
		return fmt.Errorf("tracker: %v is announced of a download that has ended: %v", c.event, c.ended)
	case c.completed && c.incomplete:
		return fmt.Errorf("tracker: a completion is due of what is not complete")
	case c.ended && c.phase == idle && (c.at != never || c.waits):
		return fmt.Errorf("tracker: the client has ended, and goes on")
	}
	return nil
}
