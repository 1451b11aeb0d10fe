package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// toy is a small machine that keeps the contract: it stores values that peers
// put, for a while, and asks peers on command. Each bug breaks one clause.
type toy struct {
	bug     string
	cfg     *toyConfig
	now     time.Duration
	rng     spec.Rand
	entries []entry
	asks    []question
	hits    map[netip.Addr]uint64
	buf     []byte
}

type toyConfig struct{ ttl, timeout time.Duration }

type entry struct {
	from    netip.AddrPort
	value   []byte
	expires time.Duration
}

type question struct {
	op    spec.OpID
	nonce uint64
	due   time.Duration
}

// The messages, and the one command.
type (
	put   struct{ value []byte }
	get   struct{ nonce uint64 }
	reply struct {
		nonce uint64
		value []byte
	}
	ask struct {
		op spec.OpID
		to netip.AddrPort
	}
)

func (put) IsMessage()   {}
func (get) IsMessage()   {}
func (reply) IsMessage() {}
func (ask) IsInput()     {}

const (
	maxEntries = 8
	maxAsks    = 2
)

var (
	errEmpty   = errors.New("nothing to store")
	errTimeout = errors.New("no answer")
	errBusy    = errors.New("too many questions")
)

func newToy(bug string) func(uint64, time.Duration) spec.Machine {
	return func(seed uint64, now time.Duration) spec.Machine {
		return &toy{
			bug: bug, now: now, rng: newRand(seed), hits: make(map[netip.Addr]uint64),
			cfg: &toyConfig{ttl: 10 * time.Minute, timeout: 2 * time.Second},
		}
	}
}

func (m *toy) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if m.bug == "timetraveller" {
		m.now = now
	}
	m.now = max(m.now, now)
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.expires <= m.now })
	out = m.expireAsks(out)
	switch in := in.(type) {
	case spec.Wake:
		if m.bug == "restless" {
			m.rng.Uint64()
		}
		if m.bug == "noisy" {
			out = append(out, spec.Notify{})
		}
		return out
	case ask:
		if len(m.asks) == maxAsks {
			return append(out, spec.Done{Op: in.op, Err: errBusy})
		}
		q := question{in.op, m.rng.Uint64(), m.now + m.cfg.timeout}
		m.asks = append(m.asks, q)
		return append(out, spec.Send{To: in.to, Msg: get{q.nonce}})
	case spec.Recv:
		return m.receive(in, out)
	default:
		if m.bug == "lenient" {
			return out
		}
		panic(fmt.Sprintf("toy: unknown input %T", in))
	}
}

func (m *toy) expireAsks(out []spec.Effect) []spec.Effect {
	for len(m.asks) > 0 && m.asks[0].due <= m.now {
		if m.bug != "forgetful" {
			out = append(out, spec.Done{Op: m.asks[0].op, Err: errTimeout})
		}
		m.asks = m.asks[1:]
	}
	return out
}

func (m *toy) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	switch msg := in.Msg.(type) {
	case put:
		return m.put(in.From, msg, out)
	case get:
		m.hits[in.From.Addr()]++
		value := m.answer()
		if m.bug == "chatty" {
			out = append(out, spec.Notify{}, spec.Notify{}, spec.Notify{}, spec.Notify{})
		}
		return append(out, spec.Send{To: in.From, Msg: reply{msg.nonce, value}})
	case reply:
		i := slices.IndexFunc(m.asks, func(q question) bool { return q.nonce == msg.nonce })
		if i < 0 {
			return append(out, spec.Drop{From: in.From, Clause: "TOY-3", Reason: errors.New("nobody asked")})
		}
		done := spec.Done{Op: m.asks[i].op}
		m.asks = slices.Delete(m.asks, i, i+1)
		if m.bug == "twice" {
			out = append(out, done)
		}
		return append(out, done)
	}
	panic("toy: unknown message")
}

func (m *toy) put(from netip.AddrPort, msg put, out []spec.Effect) []spec.Effect {
	if len(msg.value) == 0 {
		drop := spec.Drop{From: from, Clause: "TOY-1", Reason: errEmpty}
		if m.bug == "mute" {
			drop.Clause = ""
		}
		if m.bug == "stained" {
			m.hits[from.Addr()]++
		}
		return append(out, drop)
	}
	value := slices.Clone(msg.value)
	if m.bug == "borrower" {
		value = msg.value
	}
	if m.bug == "crash" && len(value) > 5 {
		panic("index out of range")
	}
	if len(m.entries) < maxEntries {
		m.entries = append(m.entries, entry{from, value, m.now + m.cfg.ttl})
	}
	return out
}

// answer returns what a get is told: the values, one after the other, and how
// often anyone has asked.
func (m *toy) answer() []byte {
	b := []byte{}
	if m.bug == "reuser" {
		b = m.buf[:0]
		defer func() { m.buf = b }()
	}
	for _, e := range m.entries {
		b = append(b, e.value...)
	}
	keys := slices.SortedFunc(maps.Keys(m.hits), netip.Addr.Compare)
	if m.bug == "unsorted" {
		keys = slices.Collect(maps.Keys(m.hits))
	}
	for _, key := range keys {
		b = append(b, byte(m.hits[key]))
	}
	if m.bug == "process" {
		b = binary.BigEndian.AppendUint32(b, uint32(os.Getpid()))
	}
	return b
}

func (m *toy) Deadline() (at time.Duration, ok bool) {
	for _, e := range m.entries {
		if !ok || e.expires < at {
			at, ok = e.expires, true
		}
	}
	for _, q := range m.asks {
		if !ok || q.due < at {
			at, ok = q.due, true
		}
	}
	if m.bug == "spinner" {
		at = m.now
	}
	return at, ok
}

func (m *toy) Clone() spec.Machine {
	c := *m
	c.asks, c.hits, c.buf = slices.Clone(m.asks), maps.Clone(m.hits), slices.Clone(m.buf)
	c.entries = slices.Clone(m.entries)
	switch m.bug {
	case "siamese":
		c.hits = m.hits
	case "tail":
		c.entries = m.entries // appends write into what both see
	case "values":
		return &c
	}
	for i := range c.entries {
		if m.bug != "tail" {
			c.entries[i].value = slices.Clone(c.entries[i].value)
		}
	}
	return &c
}

func (m *toy) AppendState(b []byte) []byte {
	base := m.now
	if m.bug == "absolute" {
		base = 0
	}
	b = m.rng.AppendState(b)
	for _, e := range m.entries {
		b = fmt.Appendf(b, "%v %x %d;", e.from, e.value, e.expires-base)
	}
	for _, q := range m.asks {
		nonce := q.nonce
		if m.bug == "blind" {
			nonce = 0
		}
		b = fmt.Appendf(b, "%d %d %d;", q.op, nonce, q.due-base)
	}
	for _, key := range slices.SortedFunc(maps.Keys(m.hits), netip.Addr.Compare) {
		b = fmt.Appendf(b, "%v %d;", key, m.hits[key])
	}
	return b
}

func (m *toy) Check() error {
	if m.bug == "lawless" && len(m.entries) > 2 {
		return errors.New("more than two entries")
	}
	return nil
}

// toyCodec writes a tag, a nonce where there is one, and the value.
type toyCodec struct{ bug string }

func (c toyCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	switch m := m.(type) {
	case get:
		if c.bug == "lossy" {
			m.nonce &= 0xff
		}
		return binary.BigEndian.AppendUint64(append(b, 'g'), m.nonce), nil
	case reply:
		return append(binary.BigEndian.AppendUint64(append(b, 'r'), m.nonce), m.value...), nil
	}
	return nil, fmt.Errorf("no bytes for %T", m)
}

func (toyCodec) ParseMessage(b []byte) (spec.Message, error) {
	if len(b) < 9 {
		return nil, errors.New("short")
	}
	if nonce := binary.BigEndian.Uint64(b[1:]); b[0] == 'g' {
		return get{nonce}, nil
	} else {
		return reply{nonce, b[9:]}, nil
	}
}

// drawToy draws what three peers may send, and commands.
func drawToy(g *Gen) spec.Input {
	peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(g.Below(3))}), 1)
	switch g.Below(5) {
	case 0:
		return ask{g.Op, peer}
	case 1:
		value := make([]byte, g.Below(8))
		g.Fill(value)
		return spec.Recv{From: peer, Msg: put{value}}
	case 2:
		return spec.Recv{From: peer, Msg: get{g.Uint64()}}
	case 3:
		for _, s := range slices.Backward(g.Sent) {
			if question, ok := s.Msg.(get); ok {
				return spec.Recv{From: s.To, Msg: reply{question.nonce, []byte("yes")}}
			}
		}
	}
	return spec.Recv{From: peer, Msg: reply{nonce: g.Uint64()}}
}
