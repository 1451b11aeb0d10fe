package tracker

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (s *Server) Clone() spec.Machine {
	c := *s
	c.swarms = slices.Clone(s.swarms)
	for i := range c.swarms {
		c.swarms[i].peers = slices.Clone(c.swarms[i].peers)
	}
	return &c
}

// AppendState implements [spec.Machine].
func (s *Server) AppendState(b []byte) []byte {
	e := encoder{s.rng.AppendState(b), s.now}
	e.b = append(e.b, s.ids.key[:]...)
	e.at(s.ids.start)
	e.at(s.sweepAt)
	e.uint(uint64(len(s.swarms)))
	for i := range s.swarms {
		w := &s.swarms[i]
		e.b = append(e.b, w.hash[:]...)
		e.uint(uint64(w.downloaded))
		e.uint(uint64(len(w.peers)))
		for _, p := range w.peers {
			e.addr(p.addr)
			e.b = append(e.b, p.id[:]...)
			e.flags(p.seed, p.completed)
			e.at(p.expires)
		}
	}
	return e.b
}

// Check implements [spec.Machine]: tables are sorted, counted and within their
// limits, and the sweep is armed while there is something to sweep.
func (s *Server) Check() error {
	total := 0
	for i := range s.swarms {
		w := &s.swarms[i]
		total += len(w.peers)
		switch {
		case i > 0 && compareHashes(s.swarms[i-1].hash, w.hash) >= 0:
			return fmt.Errorf("tracker: swarm %d is out of order", i)
		case len(w.peers) == 0:
			return fmt.Errorf("tracker: swarm %x has nobody", w.hash)
		case len(w.peers) > int(s.cfg.MaxSwarmPeers):
			return fmt.Errorf("tracker: swarm %x has %d peers, at most %d", w.hash, len(w.peers), s.cfg.MaxSwarmPeers)
		}
		for j := range w.peers {
			if p := &w.peers[j]; j > 0 && comparePeers(w.peers[j-1], p.addr) >= 0 {
				return fmt.Errorf("tracker: swarm %x: peer %v is out of order", w.hash, p.addr)
			} else if p.expires > s.now+s.cfg.PeerLife {
				return fmt.Errorf("tracker: swarm %x: peer %v outlives the limit", w.hash, p.addr)
			}
		}
	}
	switch {
	case total != int(s.peers):
		return fmt.Errorf("tracker: %d peers are counted, there are %d", s.peers, total)
	case total > int(s.cfg.MaxPeers), len(s.swarms) > int(s.cfg.MaxSwarms):
		return fmt.Errorf("tracker: %d peers in %d swarms exceed a limit", total, len(s.swarms))
	case (s.sweepAt == never) != (len(s.swarms) == 0):
		return fmt.Errorf("tracker: %d swarms, and the next sweep at %v", len(s.swarms), s.sweepAt)
	}
	return nil
}

// encoder writes state: everything that varies in size has its length in
// front, and instants are relative to now.
type encoder struct {
	b   []byte
	now time.Duration
}

func (e *encoder) uint(n uint64)   { e.b = binary.BigEndian.AppendUint64(e.b, n) }
func (e *encoder) bytes(s []byte)  { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.b = append(e.b, s...) }

func (e *encoder) addr(a netip.AddrPort) {
	e.bytes(a.Addr().AsSlice())
	e.uint(uint64(a.Port()))
}

// at tells a timer that is not armed from every one that is.
func (e *encoder) at(at time.Duration) {
	if e.flags(at != never); at != never {
		e.uint(uint64(at - e.now))
	}
}

func (e *encoder) flags(flags ...bool) {
	for _, f := range flags {
		bit := byte(0)
		if f {
			bit = 1
		}
		e.b = append(e.b, bit)
	}
}
