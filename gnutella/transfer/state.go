package transfer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (n *Node) Clone() spec.Machine {
	c := *n
	c.conns = make([]*conn, len(n.conns))
	for i, o := range n.conns {
		twin := *o
		twin.waiting = slices.Clone(o.waiting)
		c.conns[i] = &twin
	}
	c.downloads = make([]*download, len(n.downloads))
	for i, o := range n.downloads {
		twin := *o
		twin.sources = slices.Clone(o.sources)
		c.downloads[i] = &twin
	}
	c.queue, c.tasks = slices.Clone(n.queue), slices.Clone(n.tasks)
	c.locations = make([][]netip.AddrPort, len(n.locations))
	for i, list := range n.locations {
		c.locations[i] = slices.Clone(list)
	}
	return &c
}

// AppendState implements [spec.Machine].
func (n *Node) AppendState(b []byte) []byte {
	b = numbers(b, int64(n.lastDial), int64(n.lastToken), int64(len(n.conns)))
	for _, c := range n.conns {
		b = n.appendConn(b, c)
	}
	b = numbers(b, int64(len(n.queue)))
	for _, w := range n.queue {
		b = numbers(b, int64(w.conn), n.since(w.from), n.since(w.until))
	}
	b = numbers(b, int64(len(n.downloads)))
	for _, d := range n.downloads {
		b = n.appendDownload(b, d)
	}
	b = numbers(b, int64(len(n.tasks)))
	for _, t := range n.tasks {
		b = numbers(b, int64(t.token), int64(t.op))
	}
	for _, list := range n.locations {
		b = numbers(b, int64(len(list)))
		for _, a := range list {
			b = appendAddr(b, a)
		}
	}
	return b
}

func (n *Node) appendConn(b []byte, c *conn) []byte {
	b = numbers(b, int64(c.id), int64(c.phase), int64(c.task), n.since(c.due), int64(c.giv.Index), int64(len(c.waiting)))
	b = append(appendAddr(b, c.remote), flag(c.fetching))
	b = appendText(append(b, c.giv.ServentID[:]...), c.giv.Name)
	for _, a := range c.waiting {
		b = numbers(b, int64(a.code), int64(a.piece), int64(a.begin), int64(a.end))
		b = append(b, flag(a.head), flag(a.last), flag(a.queues))
		b = numbers(appendAddr(append(b, a.servent[:]...), a.to), int64(a.index))
	}
	u := &c.body
	b = numbers(b, int64(u.piece), int64(u.begin), int64(u.at), int64(u.end), int64(u.token), int64(u.inFlight))
	return append(b, flag(u.last))
}

func (n *Node) appendDownload(b []byte, d *download) []byte {
	b = numbers(b, int64(d.op), int64(d.piece), int64(d.size), int64(d.at), int64(d.storing), int64(d.current))
	b = numbers(b, int64(d.conn), int64(d.phase), n.since(d.due), int64(d.got.begin), int64(d.got.end))
	b = append(append(b, d.sha1[:]...), flag(d.foreign), flag(d.alone), flag(d.corrupt))
	b = numbers(append(b, flag(d.persists), flag(d.gained)), int64(d.recent), int64(d.shorts), int64(d.named))
	b = numbers(b, int64(len(d.sources)))
	for i := range d.sources {
		s := &d.sources[i]
		b = appendText(append(appendAddr(b, s.Addr), s.ServentID[:]...), s.Name)
		b = numbers(b, int64(s.Index), n.since(s.after), int64(s.tries), int64(s.refusals), int64(s.reach))
		b = append(b, flag(s.Push), flag(s.gave))
	}
	return b
}

// since is an instant relative to now; never stays itself.
func (n *Node) since(at time.Duration) int64 {
	if at == never {
		return int64(never)
	}
	return int64(at - n.now)
}

func numbers(b []byte, values ...int64) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func appendText(b []byte, text string) []byte { return append(numbers(b, int64(len(text))), text...) }

func appendAddr(b []byte, a netip.AddrPort) []byte {
	text, _ := a.MarshalBinary()
	return append(append(b, byte(len(text))), text...)
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check implements [spec.Machine]: tables are within their bounds, and agree.
func (n *Node) Check() error {
	switch {
	case n.serving() > n.cfg.Conns || len(n.queue) > n.cfg.Queue || len(n.downloads) > n.cfg.Downloads:
		return fmt.Errorf("transfer: over a limit: %d streams, %d wait, %d downloads",
			n.serving(), len(n.queue), len(n.downloads))
	case len(n.conns)-n.serving() > len(n.downloads):
		return fmt.Errorf("transfer: %d streams of %d downloads", len(n.conns)-n.serving(), len(n.downloads))
	}
	for _, list := range n.locations {
		if len(list) > n.cfg.Alternates {
			return fmt.Errorf("transfer: %d locations of a file, at most %d", len(list), n.cfg.Alternates)
		}
	}
	busy := 0
	for i, c := range n.conns {
		if c.phase == sending {
			busy++
		}
		if err := n.checkConn(c); err != nil {
			return err
		}
		if slices.ContainsFunc(n.conns[:i], func(o *conn) bool { return o.id == c.id }) {
			return fmt.Errorf("transfer: stream %d is there twice", c.id)
		}
	}
	if busy > n.cfg.Uploads {
		return fmt.Errorf("transfer: %d uploads, at most %d (GN-PU-16)", busy, n.cfg.Uploads)
	}
	for _, d := range n.downloads {
		if err := n.checkDownload(d); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) checkConn(c *conn) error {
	u := &c.body
	switch {
	case c.phase == ended:
		return fmt.Errorf("transfer: stream %d has ended and is still there", c.id)
	case c.due <= n.now:
		return fmt.Errorf("transfer: stream %d was due at %v", c.id, c.due)
	case u.at < u.begin || u.at > u.end:
		return fmt.Errorf("transfer: stream %d is at %d of %d to %d", c.id, u.at, u.begin, u.end)
	case len(c.waiting) > maxPipelined || len(c.waiting) > 0 && c.phase == open:
		return fmt.Errorf("transfer: stream %d: %d requests wait", c.id, len(c.waiting))
	case c.fetching && n.of(c) == nil:
		return fmt.Errorf("transfer: stream %d fetches for nobody", c.id)
	}
	return nil
}

func (n *Node) checkDownload(d *download) error {
	hasConn := d.phase == connecting || d.phase == asked || d.phase == queued || d.phase == receiving
	tasks := 0
	for _, t := range n.tasks {
		if t.op == d.op {
			tasks++
		}
	}
	if d.phase == verifying {
		tasks--
	}
	switch {
	case hasConn != (n.find(d.conn) != nil) || hasConn && n.of(n.find(d.conn)) != d:
		return fmt.Errorf("transfer: download %d in phase %d has the stream %d", d.op, d.phase, d.conn)
	case (hasConn || d.phase == pushing) != (d.current != noSource) || int(d.current) >= len(d.sources):
		return fmt.Errorf("transfer: download %d in phase %d is at source %d", d.op, d.phase, d.current)
	case d.at < 0 || d.at > d.size || len(d.sources) > n.cfg.Sources || int(d.storing) != tasks:
		return fmt.Errorf("transfer: download %d: %d of %d bytes, %d sources, %d Stores, %d tasks",
			d.op, d.at, d.size, len(d.sources), d.storing, tasks)
	case int(d.named) > namedPerSource*n.cfg.Sources:
		return fmt.Errorf("transfer: download %d has taken %d sources from others", d.op, d.named)
	case d.due <= n.now:
		return fmt.Errorf("transfer: download %d was due at %v", d.op, d.due)
	}
	return nil
}
