package crdt

import (
	"encoding/binary"
	"fmt"
)

// The canonical bytes of a state: the number of its elements, then these in order.
// Numbers are unsigned varints in their shortest form; a string follows its length.

// AppendState appends the canonical bytes of the counter.
func (c *GCounter) AppendState(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.counts)))
	for _, e := range c.counts {
		b = appendString(b, e.site)
		b = binary.AppendUvarint(b, e.n)
	}
	return b
}

// AppendState appends the canonical bytes of the counter.
func (c *PNCounter) AppendState(b []byte) []byte {
	return c.removed.AppendState(c.added.AppendState(b))
}

// AppendState appends the canonical bytes of the set.
func (s *GSet) AppendState(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.elements)))
	for _, e := range s.elements {
		b = appendString(b, e)
	}
	return b
}

// AppendState appends the canonical bytes of the map.
func (m *LWWMap) AppendState(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.entries)))
	for _, e := range m.entries {
		b = appendString(b, e.Key)
		b = binary.AppendUvarint(b, e.Stamp.Counter)
		b = appendString(b, e.Stamp.Site)
		if e.Deleted {
			b = append(b, 0)
			continue
		}
		b = appendString(append(b, 1), e.Value)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ParseGCounter reads the canonical bytes of a counter, and nothing else.
func ParseGCounter(b []byte) (GCounter, error) {
	p := parser{b: b}
	c := p.counter()
	if err := p.end("counter"); err != nil {
		return GCounter{}, err
	}
	return c, nil
}

// ParsePNCounter reads the canonical bytes of a counter, and nothing else.
func ParsePNCounter(b []byte) (PNCounter, error) {
	p := parser{b: b}
	c := PNCounter{p.counter(), p.counter()}
	if err := p.end("counter"); err != nil {
		return PNCounter{}, err
	}
	return c, nil
}

// ParseGSet reads the canonical bytes of a set, and nothing else.
func ParseGSet(b []byte) (GSet, error) {
	p, s := parser{b: b}, GSet{}
	for n := p.uint(); p.more(&n); {
		e := p.string()
		if len(s.elements) > 0 {
			p.ascending(s.elements[len(s.elements)-1], e)
		}
		s.elements = append(s.elements, e)
	}
	if err := p.end("set"); err != nil {
		return GSet{}, err
	}
	return s, nil
}

// ParseLWWMap reads the canonical bytes of a map, and nothing else.
func ParseLWWMap(b []byte) (LWWMap, error) {
	p, m := parser{b: b}, LWWMap{}
	for n := p.uint(); p.more(&n); {
		e := Entry{Key: p.string(), Stamp: Stamp{p.uint(), p.string()}}
		switch p.uint() {
		case 0:
			e.Deleted = true
		case 1:
			e.Value = p.string()
		default:
			p.fail("neither a value nor a tombstone")
		}
		if len(m.entries) > 0 {
			p.ascending(m.entries[len(m.entries)-1].Key, e.Key)
		}
		m.entries = append(m.entries, e)
	}
	if err := p.end("map"); err != nil {
		return LWWMap{}, err
	}
	return m, nil
}

// parser reads a state. After its first error it reads zeros and nothing more.
type parser struct {
	b      []byte
	at     int
	reason string
}

func (p *parser) fail(reason string) {
	if p.reason == "" {
		p.reason = reason
	}
}

// end wants nothing more, and tells the first error.
func (p *parser) end(what string) error {
	if p.at < len(p.b) {
		p.fail("bytes after the end")
	}
	if p.reason != "" {
		return fmt.Errorf("crdt: %s, byte %d: %s", what, p.at, p.reason)
	}
	return nil
}

// more says whether there is one more of n elements.
func (p *parser) more(n *uint64) bool {
	if *n == 0 || p.reason != "" {
		return false
	}
	*n--
	return true
}

func (p *parser) uint() uint64 {
	if p.reason != "" {
		return 0
	}
	v, n := binary.Uvarint(p.b[p.at:])
	switch {
	case n == 0:
		p.fail("truncated")
	case n < 0:
		p.fail("a number of more than 64 bits")
	case n > 1 && p.b[p.at+n-1] == 0:
		p.fail("a number that is not in its shortest form")
	default:
		p.at += n
		return v
	}
	return 0
}

func (p *parser) string() string {
	n := p.uint()
	if n > uint64(len(p.b)-p.at) {
		p.fail("truncated")
		return ""
	}
	if p.reason != "" {
		return ""
	}
	s := string(p.b[p.at : p.at+int(n)])
	p.at += int(n)
	return s
}

// ascending wants each element once, in order.
func (p *parser) ascending(last, next string) {
	if next <= last {
		p.fail("out of order")
	}
}

func (p *parser) counter() (c GCounter) {
	for n := p.uint(); p.more(&n); {
		e := count{p.string(), p.uint()}
		if e.n == 0 {
			p.fail("a count of zero")
		}
		if len(c.counts) > 0 {
			p.ascending(c.counts[len(c.counts)-1].site, e.site)
		}
		c.counts = append(c.counts, e)
	}
	return c
}
