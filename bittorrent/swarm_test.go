package bittorrent

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// swarm is a small network in memory: machines, streams between them that
// delay what they carry, and their storage. It is deterministic.
type swarm struct {
	rapid.TB
	rng     spec.Rand
	now     time.Duration
	layout  Layout
	private bool
	data    [][]byte // what the pieces are
	peers   []*member
	events  []event // in order of time, then of number
	number  uint64
	tamper  func(from, to *member, m spec.Message) spec.Message // nil: nothing is changed
}

// member is a machine with its storage.
type member struct {
	*Node
	cfg      Config
	addr     netip.AddrPort
	store    map[block][]byte // by the block, each at its place
	accepted int              // inbound streams so far
	ends     map[spec.Conn]*stream
	notes    []spec.Event
	drops    []spec.Drop
	referee  *referee
}

// stream is one end of a connection.
type stream struct {
	owner, other *member
	id, otherID  spec.Conn
	closed       bool
}

type event struct {
	at     time.Duration
	number uint64
	run    func()
}

// newSwarm makes a torrent of that many pieces; the last is shorter.
func newSwarm(t rapid.TB, seed uint64, pieces, length int32) *swarm {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	s := &swarm{TB: t, rng: spec.NewRand(key), layout: Layout{Pieces: pieces, PieceLength: length}}
	if length > 1 {
		s.layout.Short = []ShortPiece{{pieces - 1, 1 + length/2}}
		if 1+length/2 == length {
			s.layout.Short = nil
		}
	}
	for i := range pieces {
		piece := make([]byte, s.layout.Size(i))
		s.rng.Fill(piece)
		s.data = append(s.data, piece)
	}
	return s
}

// join adds a peer that has the given pieces; nil: all. With an InfoHash it
// has a magnet link alone.
func (s *swarm) join(cfg Config, have []int32) *member {
	i := len(s.peers) + 1
	cfg.Seed[0], cfg.Seed[1] = byte(i), byte(s.rng.Uint64())
	if cfg.ListenPort = 6881; cfg.BlockSize == 0 {
		cfg.BlockSize = 4
	}
	if cfg.InfoHash == ([20]byte{}) && cfg.InfoHashV2 == ([32]byte{}) {
		if cfg.Info == nil {
			cfg.InfoHash, cfg.Layout = [20]byte{7}, s.layout
			cfg.Layout.Private = s.private
		}
		held := newBitfield(s.layout.Pieces)
		if have == nil {
			held.fill()
		}
		for _, piece := range have {
			held.set(piece)
		}
		cfg.Have = held.append(nil)
	}
	n, err := New(cfg, s.now)
	if err != nil {
		s.Fatal(err)
	}
	m := &member{
		Node: n, cfg: cfg, addr: memberAddr(i),
		store: map[block][]byte{}, ends: map[spec.Conn]*stream{},
	}
	all := have
	for piece := range s.layout.Pieces {
		if n.Has(piece) {
			all = append(all, piece)
		}
	}
	m.referee = newReferee(func(format string, args ...any) {
		s.Helper()
		s.Fatalf("%v at %v: "+format, append([]any{m.addr, s.now}, args...)...)
	}, &m.cfg, all)
	s.peers = append(s.peers, m)
	return m
}

func memberAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 6881)
}

// after runs something later: events of one stream keep their order.
func (s *swarm) after(d time.Duration, run func()) {
	s.number++
	e := event{s.now + d, s.number, run}
	i, _ := slices.BinarySearchFunc(s.events, e, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number))
	})
	s.events = slices.Insert(s.events, i, e)
}

// latency is that of every stream.
const latency = 10 * time.Millisecond

// step gives one input to a peer, holds it to its invariants and carries out
// what it asks for.
func (s *swarm) step(m *member, in spec.Input) {
	s.Helper()
	m.referee.input(in)
	effects := m.Step(s.now, in, nil)
	if err := m.Check(); err != nil {
		s.Fatalf("%v at %v after %T%+v: %v", m.addr, s.now, in, in, err)
	}
	for _, e := range effects {
		m.referee.effect(in, e)
		s.perform(m, e)
	}
}

func (s *swarm) perform(m *member, e spec.Effect) {
	switch e := e.(type) {
	case spec.Dial:
		s.dialled(m, e)
	case spec.Write:
		s.written(m, e)
	case spec.Close:
		if end := m.ends[e.Conn]; end != nil {
			end.closed = true
			delete(m.ends, e.Conn)
			s.after(latency, func() {
				if far := end.other.ends[end.otherID]; far != nil {
					far.closed = true
					s.step(end.other, spec.Closed{Conn: end.otherID}) // in which timers may write
					delete(end.other.ends, end.otherID)
				}
			})
		}
	case spec.Load:
		data := s.read(m, e.Piece, e.Begin, e.Length)
		s.after(time.Millisecond, func() { s.step(m, spec.Loaded{Token: e.Token, Data: data}) })
	case spec.Store:
		m.store[block{e.Piece, e.Begin, int32(len(e.Data))}] = e.Data
		s.after(time.Millisecond, func() { s.step(m, spec.Stored{Token: e.Token}) })
	case spec.Verify:
		ok := bytes.Equal(s.read(m, e.Piece, 0, s.layout.Size(e.Piece)), s.data[e.Piece])
		s.after(time.Millisecond, func() { s.step(m, spec.Verified{Token: e.Token, OK: ok}) })
	case spec.Notify:
		m.notes = append(m.notes, e.Event)
	case spec.Drop:
		// Who dial each other, or ask as they are being choked, are not at fault.
		if !errors.Is(e.Reason, errTwice) && e.Clause != "BEP03-PEER-036" {
			m.drops = append(m.drops, e)
		}
	}
}

// read returns bytes of a piece as a member has it: blocks that came, over
// what it had from the start.
func (s *swarm) read(m *member, piece, begin, length int32) []byte {
	data := bytes.Clone(s.data[piece])
	for b, d := range m.store {
		if b.piece == piece {
			copy(data[b.begin:], d)
		}
	}
	return data[begin : begin+length]
}

func (s *swarm) dialled(m *member, e spec.Dial) {
	i := slices.IndexFunc(s.peers, func(p *member) bool { return p.addr == e.To })
	if i < 0 {
		s.after(latency, func() { s.step(m, spec.Closed{Conn: e.Conn, Err: fmt.Errorf("nobody there")}) })
		return
	}
	other := s.peers[i]
	other.accepted++
	near := &stream{m, other, e.Conn, -spec.Conn(other.accepted), false}
	far := &stream{other, m, near.otherID, e.Conn, false}
	s.after(latency, func() {
		m.ends[near.id], other.ends[far.id] = near, far
		s.step(m, spec.Opened{Conn: near.id, Remote: other.addr})
		s.step(other, spec.Opened{Conn: far.id, Remote: m.addr})
	})
}

func (s *swarm) written(m *member, e spec.Write) {
	end := m.ends[e.Conn]
	if end == nil {
		s.Fatalf("%v wrote %+v to stream %d, which is not open", m.addr, e.Msg, e.Conn)
	}
	msg := e.Msg
	if s.tamper != nil {
		msg = s.tamper(m, end.other, msg)
	}
	s.after(latency, func() {
		if far := end.other.ends[end.otherID]; far != nil && msg != nil {
			s.step(end.other, spec.Got{Conn: end.otherID, Msg: msg})
		}
		if !end.closed {
			s.step(m, spec.Drained{Conn: e.Conn})
		}
	})
}

// connect makes a peer know others.
func (s *swarm) connect(m *member, others ...*member) {
	s.step(m, AddPeers{Addrs: addrs(others...)})
}

func addrs(of ...*member) (list []netip.AddrPort) {
	for _, m := range of {
		list = append(list, m.addr)
	}
	return list
}

// run lets time pass, to the end or until done.
func (s *swarm) run(limit time.Duration, done func() bool) bool {
	end := s.now + limit
	for s.now < end {
		if done != nil && done() {
			return true
		}
		next, who := end, (*member)(nil)
		for _, m := range s.peers {
			if at, ok := m.Deadline(); ok && at < next {
				next, who = at, m
			}
		}
		if len(s.events) > 0 && s.events[0].at <= next {
			e := s.events[0]
			s.events = s.events[1:]
			s.now = max(s.now, e.at)
			e.run()
			continue
		}
		s.now = next
		if who != nil {
			s.step(who, spec.Wake{})
		}
	}
	return done == nil || done()
}

func (s *swarm) allComplete() bool {
	return !slices.ContainsFunc(s.peers, func(m *member) bool { return !m.Complete() })
}

func TestDownloadFromOneSeed(t *testing.T) {
	s := newSwarm(t, 1, 9, 16)
	s.join(Config{}, nil)
	leecher := s.join(Config{}, []int32{})
	s.connect(leecher, s.peers[0])
	if !s.run(time.Minute, s.allComplete) {
		t.Fatalf("%d of 9 pieces", leecher.Held())
	}
	if last := leecher.notes[len(leecher.notes)-1]; last != (Completed{}) {
		t.Errorf("last event %+v", last)
	}
	if leecher.Left() != 0 || leecher.Downloaded() != s.layout.Length() {
		t.Errorf("%d left, %d of %d downloaded", leecher.Left(), leecher.Downloaded(), s.layout.Length())
	}
}

func TestSwarmCompletes(t *testing.T) {
	for _, fast := range []bool{true, false} {
		s := newSwarm(t, 2, 40, 10)
		s.join(Config{NoFast: !fast}, nil)
		for range 7 {
			earlier := slices.Clone(s.peers)
			s.connect(s.join(Config{NoFast: !fast}, []int32{}), earlier...)
		}
		complete := s.run(10*time.Minute, s.allComplete)
		s.run(3*time.Minute, nil) // seeds leave each other, for good
		for _, m := range s.peers {
			if !complete || len(m.drops) > 0 || m.Conns() > 0 {
				t.Errorf("fast %v: %v has %d pieces and refused %.400v", fast, m.addr, m.Held(), m.drops)
			}
		}
	}
}
