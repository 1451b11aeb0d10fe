package napster

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a client with equal state that shares nothing mutable.
func (c *Client) Clone() spec.Machine {
	twin := *c
	twin.shared = slices.Clone(c.shared)
	twin.ops = slices.Clone(c.ops)
	for i := range twin.ops {
		twin.ops[i].results = slices.Clone(twin.ops[i].results)
		twin.ops[i].matches = slices.Clone(twin.ops[i].matches)
		twin.ops[i].files = slices.Clone(twin.ops[i].files)
	}
	return &twin
}

// AppendState appends the whole state but the configuration.
func (c *Client) AppendState(b []byte) []byte {
	b = appendInt(b, int64(c.phase), int64(c.conn), int64(len(c.shared)))
	b = appendStrings(b, c.shared...)
	b = appendInt(b, int64(len(c.ops)))
	for i := range c.ops {
		o := &c.ops[i]
		register := int64(0)
		if o.register {
			register = 1
		}
		b = appendInt(b, int64(o.id), int64(o.sent), register, int64(o.deadline-c.now))
		b = appendStrings(b, o.nick, o.name)
		b = appendInt(b, int64(len(o.results)), int64(len(o.matches)), int64(len(o.files)))
		for _, r := range o.results {
			b = appendInt(appendStrings(r.File.append(b), r.Nick, r.IP.String()), int64(r.Link))
		}
		for _, m := range o.matches {
			b = appendStrings(b, m.Nick, m.Addr.String(), m.Name, string(m.MD5[:]))
			b = appendInt(b, int64(m.Size), int64(m.Link))
		}
		for _, f := range o.files {
			b = f.append(b)
		}
	}
	return b
}

// Check reports the first invariant that does not hold: tables within their bounds
// and in order, and a login under way exactly while the client enters.
func (c *Client) Check() error {
	if len(c.shared) > c.cfg.MaxShared || len(c.ops) > c.cfg.MaxOps {
		return fmt.Errorf("napster: %d files and %d commands, at most %d and %d",
			len(c.shared), len(c.ops), c.cfg.MaxShared, c.cfg.MaxOps)
	}
	if !slices.IsSorted(c.shared) {
		return fmt.Errorf("napster: the files are not in order")
	}
	if c.phase != present && len(c.shared) > 0 {
		return fmt.Errorf("napster: %d files are shared in phase %d", len(c.shared), c.phase)
	}
	last := c.now + 1
	for i := range c.ops {
		o := &c.ops[i]
		login := o.sent == TypeLogin
		if login != (c.phase == dialling || c.phase == entering) || login && len(c.ops) > 1 {
			return fmt.Errorf("napster: %v waits in phase %d", o.sent, c.phase)
		}
		if o.deadline < last || max(len(o.results), len(o.matches)) > MaxResults || len(o.files) > c.cfg.MaxListing {
			return fmt.Errorf("napster: %v is due at %v, with %d results", o.sent, o.deadline, len(o.results))
		}
		last = o.deadline
	}
	if len(c.ops) == 0 && (c.phase == dialling || c.phase == entering) {
		return fmt.Errorf("napster: nothing waits in phase %d", c.phase)
	}
	return nil
}
