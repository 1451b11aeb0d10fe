package gnutella

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Bounds of what is sent to a neighbour that does not read. The kernel's buffers
// have some ten megabytes on real sockets.
const (
	clogHits  = 8000
	clogBatch = 16
)

// Pause stops reading; Resume goes on.
func (p *Peer) Pause() { p.Handle = nil }

// Resume reads what has come meanwhile.
func (p *Peer) Resume() {
	p.Handle = func(*conformance.Stream) { p.read() }
	p.read()
}

// clog has A answer queries of B's with more hits than B reads, until queries of
// B's go no further, or the link is gone. Hits are of many servents, and for many
// queries: gtk-gnutella drops what is too much for one. It returns the queries that
// passed, and the one that did not, if one did not.
func clog(l Line) (asked []wire.GUID, dropped *wire.GUID) {
	back := Line{l.B, l.A, l.t}
	asked = append(asked, back.Asked().GUID)
	l.B.Pause()
	for range clogHits / clogBatch {
		for range clogBatch {
			l.A.Send(longHit(l.A, asked[len(asked)-1]))
		}
		probe := NewQuery(l.t, word(l.t), 3, 1)
		l.B.Send(probe)
		passed := l.A.AwaitGUID(AnswerWithin, probe.Type, probe.GUID) != nil
		switch {
		case l.A.Ended():
			l.t.Inconclusivef("the target ended the link that the hits came on: %s", l.A.Last())
		case !passed:
			l.A.Alive() // and not just waiting until B reads
			return asked, &probe.GUID
		case l.B.Ended():
			return asked, nil
		}
		asked = append(asked, probe.GUID)
	}
	l.A.Alive()
	l.B.Resume()
	l.t.Wait(2 * time.Second)
	if came := l.B.Count(isHit); came < clogHits/2 {
		l.t.Inconclusivef("of %d hits the target passed on %d: the neighbour was never slow", clogHits, came)
	}
	l.t.Failf("%d hits of 2 kB have gone to a neighbour that does not read, and its queries are passed on", clogHits)
	return asked, nil
}

func isHit(r *Received) bool { return r.Type == wire.TypeQueryHit }

// clogging are the needs and bounds of cases that fill the kernel's buffers.
func clogging() []conformance.Need { return []conformance.Need{conformance.NeedClock} }

const clogWithin = 4 * time.Minute

// flows judges what the target does with a neighbour that does not read.
var flows = []Case{
	{
		ID: "gnutella06/flow/queries-of-the-slow-are-dropped", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-FC-01"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Needs: clogging(), Within: clogWithin,
		Control: "queries and hits pass before; meanwhile another peer is answered; queries of the slow neighbour pass " +
			"again when it has read all",
		Explain: "A neighbour stops reading while hits for its query come. When half of the target's " +
			"queue for it is full, its queries must be dropped, and not only wait; when it has read what waited, new " +
			"ones must be passed on again.",
		Causes: []string{"the queue has no bound", "queries are dropped for ever", "queries wait"},
		Kills:  []string{"broadcasts-hits", "no-flow-control", "once-slow-always-slow"},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			_, dropped := clog(l)
			l.B.Resume()
			t.Wait(2 * time.Second)
			switch {
			case dropped == nil || l.B.Ended():
				t.Failf("the link to a neighbour that does not read was closed before its queries were dropped")
			case l.A.Saw(wire.TypeQuery, *dropped) > 0:
				t.Failf("a query of a neighbour that does not read waits until it reads, and is passed on then")
			}
			back := Line{l.B, l.A, t}
			if back.Through(NewQuery(t, word(t), 3, 0)) == nil {
				l.A.Control()
				t.Failf("the queries of a neighbour that was slow are dropped after it has read all")
			}
		},
	},
	{
		ID: "gnutella06/flow/hits-before-queries", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-FC-02"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Needs: clogging(), Within: clogWithin,
		Control: "queries and hits pass before",
		Explain: "A neighbour has stopped reading, and is under flow control. Ten queries of another " +
			"come, and then a hit. When it reads again, the hit must come before those queries: of what " +
			"waits, hits go first.",
		Causes: []string{"what waits goes in the order in which it came"},
		Kills:  []string{"broadcasts-hits", "first-in-first-out", "no-flow-control"},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			asked, dropped := clog(l)
			if dropped == nil {
				t.Inconclusivef("the link to a neighbour that does not read was closed before its queries were dropped")
			}
			waiting := map[wire.GUID]bool{}
			for range 10 {
				d := NewQuery(t, word(t), 3, 1)
				waiting[d.GUID] = true
				l.A.Send(d)
			}
			servent := NewGUID(t)
			l.A.Send(NewHit(l.A, asked[0], servent, 3, 0, "answer.txt"))
			t.Wait(time.Second)
			l.B.Resume()
			l.B.Control() // what waited has come
			before, after, hit := 0, 0, false
			for _, r := range l.B.Log {
				switch {
				case r.Type == wire.TypeQueryHit && bytes.HasSuffix(r.Payload, servent[:]):
					hit = true
				case !waiting[r.GUID] || r.Type != wire.TypeQuery:
				case hit:
					after++
				default:
					before++
				}
			}
			switch {
			case !hit:
				t.Inconclusivef("the hit did not come: %s", l.B.Last())
			case before > 0:
				t.Mismatch("what comes first of what waited", fmt.Sprintf("%d queries that came before a hit", before), "the hit")
			case after == 0:
				t.Unsupportedf("the target has dropped the queries that waited: there is no order")
			}
			t.Observef("%d of ten queries that waited came behind the hit", after)
		},
	},
	{
		ID: "gnutella06/flow/no-room-for-hits-is-the-end", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-FC-03", "GN-BY-08"}, Role: conformance.Ultrapeer, Kind: conformance.State,
		Needs: clogging(), Within: clogWithin,
		Control: "queries and hits pass before; another link afterwards",
		Explain: "A neighbour stops reading, and hits for its query go on to come. When there is no room " +
			"for them, the target must end the link. If the neighbour reads then, the last that comes is Bye " +
			"502, where a Bye comes.",
		Causes: []string{"the queue has no bound", "hits are thrown away in silence"},
		Kills: []string{
			"broadcasts-hits", "bye-in-network-order", "first-in-first-out", "forgets-what-it-saw",
			"no-flow-control", "throws-hits-away",
		},
		Run: func(t *T) {
			l := Between(t)
			l.Returns()
			asked, _ := clog(l)
			for i := range 256 {
				l.A.Send(longHit(l.A, asked[i%len(asked)]))
			}
			t.Wait(CloseWithin / 2)
			l.B.Resume()
			dropped := l.B.Dropped(CloseWithin)
			l.A.Alive()
			if !dropped {
				t.Failf("the link to a neighbour that does not read is kept, after half a megabyte more than it had room for")
			}
			for _, r := range l.B.Log {
				if r.Type == wire.TypeBye {
					if y, err := wire.ParseBye(r.Payload); err != nil || y.Code != wire.ByeSendQueueFull {
						t.Mismatch("the code of the Bye", y.Code, "502")
					}
				}
			}
		},
	},
}
