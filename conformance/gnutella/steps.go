package gnutella

import (
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Answer is a hit with its results.
type Answer struct {
	*Received
	wire.QueryHit
	Results []wire.Result
}

// Ask sends a query and waits for a hit, which is nil if none comes. What is no
// hit ends the case.
func (p *Peer) Ask(q wire.Descriptor) *Answer {
	p.Send(q)
	r := p.AwaitGUID(AnswerWithin, wire.TypeQueryHit, q.GUID)
	if r == nil {
		return nil
	}
	h, err := wire.ParseQueryHit(r.Payload)
	if err != nil {
		p.t.Failf("the target's hit is none: %v", err)
	}
	a := &Answer{Received: r, QueryHit: h}
	for rest := h.Results; len(rest) > 0; {
		var result wire.Result
		if result, rest, err = wire.NextResult(rest); err != nil {
			p.t.Failf("a result of the target's is none: %v", err)
		}
		a.Results = append(a.Results, result)
	}
	return a
}

// AskAlone asks as a peer of its own: some servents answer one query for a file on
// each link.
func AskAlone(t *T, q wire.Descriptor) *Answer { return Meet(t, Equal()).askOnce(q) }

// askOnce asks, and closes the link.
func (p *Peer) askOnce(q wire.Descriptor) *Answer {
	defer p.Close()
	return p.Ask(q)
}

// twin is another peer with the same offer: leaves of today refuse others.
func (p *Peer) twin() *Peer {
	if p.Mine == nil { // met in 0.4
		return Meet(p.t, Equal())
	}
	return Meet(p.t, p.Mine)
}

// Named is the result with a name, or nil.
func (a *Answer) Named(name string) *wire.Result {
	for i := range a.Results {
		if string(a.Results[i].Name) == name {
			return &a.Results[i]
		}
	}
	return nil
}

// Finds is the control of what is shared: a query for the words of a file is
// answered. A target that does not share the file makes the case unsupported.
func (p *Peer) Finds(text, name string) *Answer {
	a := p.Ask(NewQuery(p.t, text, 2, 0))
	for tries := 1; a == nil && tries < scanTries; tries++ {
		p.t.Wait(scanPause)
		a = p.twin().askOnce(NewQuery(p.t, text, 2, 0))
	}
	if a == nil || a.Named(name) == nil {
		p.Control()
		p.t.Unsupportedf("the target does not answer a query for %q: it does not share %q", text, name)
	}
	p.t.Earn()
	return a
}

// A target that has just started may be looking through its files.
const (
	scanTries = 3
	scanPause = 2 * time.Second
)

// finding is a peer whose query for files that the target was given is answered.
func finding(t *T, text string) *Peer {
	for range scanTries {
		p := Meet(t, Equal())
		if p.Ask(NewQuery(t, text, 2, 0)) != nil {
			return p
		}
		p.Control()
		p.Close()
		t.Wait(scanPause)
	}
	t.Unsupportedf("the target does not answer a query for the files that it was given")
	return nil
}

// Line is two peers with the target between them.
type Line struct {
	A, B *Peer
	t    *T
}

// Between has two equals meet the target.
func Between(t *T) Line { return line(t, Meet(t, Equal()), Meet(t, Equal())) }

// BetweenOld has two peers of 0.4 meet it.
func BetweenOld(t *T) Line { return line(t, MeetOld(t), MeetOld(t)) }

// line is complete when the target has taken the second handshake, too.
func line(t *T, a, b *Peer) Line {
	b.Control()
	return Line{a, b, t}
}

// Through sends a descriptor on A and waits for it on B: nil if it does not come.
func (l Line) Through(d wire.Descriptor) *Received {
	l.A.Send(d)
	return l.B.AwaitGUID(AnswerWithin, d.Type, d.GUID)
}

// Relays is the control of what is passed on: a query that nobody has sent before
// goes from A to B. It returns how long that took, or ends the case.
func (l Line) Relays() time.Duration {
	began := l.t.Now()
	if l.Through(NewQuery(l.t, word(l.t), 3, 0)) == nil {
		l.t.Inconclusivef("the target does not pass on a query with TTL 3: on the one link %s, on the other %s",
			l.A.Last(), l.B.Last())
	}
	l.t.Earn()
	return l.t.Now() - began
}

// Stops fails the case if a descriptor that is sent on A comes out on B.
func (l Line) Stops(d wire.Descriptor, what string) {
	silent := l.t.Silent(l.Relays, func() { l.A.Send(d) }, func() bool { return l.B.Saw(d.Type, d.GUID) > 0 })
	if !silent {
		l.t.Failf("%s is passed on", what)
	}
}

// Asked sends a query on A that comes out on B, so that hits can come back.
func (l Line) Asked() (q wire.Descriptor) {
	q = NewQuery(l.t, word(l.t), 3, 0)
	if l.Through(q) == nil {
		l.t.Inconclusivef("the target does not pass on a query with TTL 3: on the one link %s, on the other %s",
			l.A.Last(), l.B.Last())
	}
	return q
}

// Back sends a descriptor on B and waits for it on A: nil if it does not come.
func (l Line) Back(d wire.Descriptor) *Received { return Line{l.B, l.A, l.t}.Through(d) }

// Returns is the control of the way back: a hit for a query of A's goes from B to
// A. It returns how long that took, or ends the case.
func (l Line) Returns() time.Duration {
	q := l.Asked()
	began := l.t.Now()
	if l.Back(NewHit(l.B, q.GUID, NewGUID(l.t), 3, 0, "answer.txt")) == nil {
		l.t.Inconclusivef("the target does not pass a hit back: on the one link %s, on the other %s",
			l.A.Last(), l.B.Last())
	}
	l.t.Earn()
	return l.t.Now() - began
}

// met is an equal whose third step the target has taken: it answers a ping.
func met(t *T) *Peer {
	p := Meet(t, Equal())
	p.Control()
	return p
}

func metOld(t *T) *Peer {
	p := MeetOld(t)
	p.Control()
	return p
}
