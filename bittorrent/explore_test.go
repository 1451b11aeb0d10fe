package bittorrent

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
)

// lane is a world of two machines with one stream between them, in which
// nothing but the order of events is open: which end reads next, which storage
// effect is answered next, and whether the stream breaks.
type lane struct {
	ends   [2]*Node
	flight [2][]spec.Message // to each end, in order
	tasks  [2][]spec.Effect  // storage effects that are unanswered
	drain  [2]bool           // something was written and not drained
	closed [2]bool           // the end has heard, or said, that the stream is closed
}

const laneConn = 1 // of the end that dialled; the other has its negative

func laneID(end int) spec.Conn { return spec.Conn(laneConn - 2*end*laneConn) }

func (l *lane) clone() *lane {
	c := *l
	for i := range c.ends {
		c.ends[i] = l.ends[i].Clone().(*Node)
		c.flight[i], c.tasks[i] = slices.Clone(l.flight[i]), slices.Clone(l.tasks[i])
	}
	return &c
}

// step gives an input to one end and takes its effects.
func (l *lane) step(end int, in spec.Input) {
	for _, e := range l.ends[end].Step(0, in, nil) {
		switch e := e.(type) {
		case spec.Write:
			l.flight[1-end] = append(l.flight[1-end], e.Msg)
			l.drain[end] = true
		case spec.Close:
			l.closed[end] = true
			l.flight[end] = nil
		case spec.Load, spec.Store, spec.Verify:
			l.tasks[end] = append(l.tasks[end], e)
		}
	}
}

// next lists the worlds that can follow.
func (l *lane) next() (worlds []*lane) {
	for end := range l.ends {
		if len(l.flight[end]) > 0 && !l.closed[end] {
			w := l.clone()
			m := w.flight[end][0]
			w.flight[end] = w.flight[end][1:]
			w.step(end, spec.Got{Conn: laneID(end), Msg: m})
			worlds = append(worlds, w)
		} else if l.closed[1-end] && !l.closed[end] {
			w := l.clone()
			w.closed[end] = true
			w.step(end, spec.Closed{Conn: laneID(end)})
			worlds = append(worlds, w)
		}
		if l.drain[end] && len(l.flight[1-end]) == 0 && !l.closed[end] {
			w := l.clone()
			w.drain[end] = false
			w.step(end, spec.Drained{Conn: laneID(end)})
			worlds = append(worlds, w)
		}
		for i := range l.tasks[end] {
			w := l.clone()
			e := w.tasks[end][i]
			w.tasks[end] = slices.Delete(w.tasks[end], i, i+1)
			w.step(end, laneAnswer(e))
			worlds = append(worlds, w)
		}
	}
	return worlds
}

func laneAnswer(e spec.Effect) spec.Input {
	switch e := e.(type) {
	case spec.Load:
		return spec.Loaded{Token: e.Token, Data: make([]byte, e.Length)}
	case spec.Store:
		return spec.Stored{Token: e.Token}
	default:
		return spec.Verified{Token: e.(spec.Verify).Token, OK: true}
	}
}

func (l *lane) digest() [32]byte {
	var b []byte
	for end := range l.ends {
		b = l.ends[end].AppendState(b)
		b = binary.BigEndian.AppendUint32(b, uint32(len(b)))
		for _, m := range l.flight[end] {
			b = fmt.Appendf(b, "%T%+v|", m, m)
		}
		for _, e := range l.tasks[end] {
			b = fmt.Appendf(b, "%T%+v|", e, e)
		}
		b = fmt.Appendf(b, "%v%v", l.drain[end], l.closed[end])
	}
	return sha256.Sum256(b)
}

// TestTwoPeersInEveryOrder visits every order in which two peers that have one
// piece each can read, store and drain: they always end with both pieces, and
// with one view of who chokes whom.
func TestTwoPeersInEveryOrder(t *testing.T) {
	for _, noFast := range []bool{false, true} {
		start := &lane{}
		for end := range start.ends {
			n, err := New(Config{
				Seed: [32]byte{byte(end)}, InfoHash: [20]byte{7}, Have: []byte{0x80 >> end},
				Layout: Layout{Pieces: 2, PieceLength: 2}, BlockSize: 2, MaxRequestsOut: 2,
				NoFast: noFast, NoExtended: true,
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			start.ends[end] = n
		}
		a, b := memberAddr(1), memberAddr(2)
		start.step(0, AddPeers{Addrs: addrs(&member{addr: b})})
		start.step(0, spec.Opened{Conn: laneID(0), Remote: b})
		start.step(1, spec.Opened{Conn: laneID(1), Remote: a})
		seen := map[[32]byte]bool{start.digest(): true}
		terminal := 0
		for queue := []*lane{start}; len(queue) > 0; queue = queue[1:] {
			worlds := queue[0].next()
			for _, w := range worlds {
				for _, n := range w.ends {
					if err := n.Check(); err != nil {
						t.Fatal(err)
					}
				}
				if d := w.digest(); !seen[d] {
					seen[d] = true
					queue = append(queue, w)
				}
			}
			if len(worlds) == 0 {
				terminal++
				checkLaneEnd(t, queue[0])
			}
			if len(seen) > 300_000 {
				t.Fatal("too many states: make the torrent smaller")
			}
		}
		t.Logf("fast %v: %d states, %d final", !noFast, len(seen), terminal)
		if len(seen) < 1000 || terminal == 0 {
			t.Errorf("fast %v: only %d states, %d final", !noFast, len(seen), terminal)
		}
	}
}

func checkLaneEnd(t *testing.T, l *lane) {
	c, d := l.ends[0].connOf(laneID(0)), l.ends[1].connOf(laneID(1))
	switch {
	case !l.ends[0].Complete() || !l.ends[1].Complete():
		t.Fatalf("%d and %d pieces", l.ends[0].Held(), l.ends[1].Held())
	case c == nil || d == nil:
		t.Fatal("the connection is gone")
	case c.amChoking != d.peerChoking || d.amChoking != c.peerChoking ||
		c.amInterested != d.peerInterested || d.amInterested != c.peerInterested:
		t.Fatalf("they disagree: %+v and %+v", c, d)
	case len(c.asked)+len(d.asked)+len(c.queue)+len(d.queue) > 0:
		t.Fatalf("requests are left: %v %v %v %v", c.asked, d.asked, c.queue, d.queue)
	}
}
