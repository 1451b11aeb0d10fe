package swim

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A rumor is a message to be told several times. It never changes.
type rumor struct {
	kind        wire.Type
	incarnation uint32
	node, from  string // of a User neither
	addr        netip.AddrPort
	versions    wire.Versions
	bytes       []byte    // metadata or payload
	op          spec.OpID // of the command that waits for its end, if awaited
	awaited     bool
}

func (r *rumor) message() wire.Message {
	switch r.kind {
	case wire.TypeAlive:
		return wire.Alive{
			Incarnation: r.incarnation, Node: r.node, Addr: r.addr, Meta: r.bytes, Versions: r.versions,
		}
	case wire.TypeSuspect:
		return wire.Suspect{Incarnation: r.incarnation, Node: r.node, From: r.from}
	case wire.TypeDead:
		return wire.Dead{Incarnation: r.incarnation, Node: r.node, From: r.from}
	}
	return wire.User{Payload: r.bytes}
}

// rank orders rumors: those told least often first, of these the longer, of these
// the newer.
//
// GO-GS-03 (memberlist queue).
type rank struct {
	sends, size int32
	id          int64 // counts up
}

func (a rank) compare(b rank) int {
	return cmp.Or(cmp.Compare(a.sends, b.sends), cmp.Compare(b.size, a.size), cmp.Compare(b.id, a.id))
}

type queued struct {
	rank
	rumor *rumor
}

// queue is a TransmitLimitedQueue.
type queue struct {
	list   []queued        // in their order
	byNode map[string]rank // where the rumor about a node is
	lastID int64
}

// add queues r in the place of an older rumor about the same node, which it
// returns.
func (q *queue) add(r *rumor) (replaced *rumor) {
	if old, ok := q.byNode[r.node]; ok {
		replaced = q.remove(q.find(old)).rumor
	}
	q.lastID++
	q.insert(queued{rank{0, int32(wire.BodySize(r.message())), q.lastID}, r})
	return replaced
}

// take returns what fits into room bytes, each rumor with overhead more, at most
// count of them, and forgets those that have been told limit times now.
//
// GO-GS-02, GO-GS-03 (memberlist GetBroadcasts).
func (q *queue) take(room, overhead int32, count, limit int) (told, finished []*rumor) {
	var again []queued
	for i := 0; i < len(q.list) && len(told) < count; {
		first := rank{q.list[i].sends, room - overhead, math.MaxInt64} // of this tier, what fits
		skip, _ := slices.BinarySearchFunc(q.list[i:], first, func(e queued, r rank) int { return e.compare(r) })
		if i += skip; skip > 0 {
			continue // this may be another tier
		}
		e := q.remove(i)
		room -= overhead + e.size
		told = append(told, e.rumor)
		if e.sends++; int(e.sends) < limit {
			again = append(again, e)
		} else {
			finished = append(finished, e.rumor)
		}
	}
	for _, e := range again {
		q.insert(e)
	}
	if len(q.list) == 0 {
		q.lastID = 0
	}
	return told, finished
}

func (q *queue) find(r rank) int {
	i, _ := slices.BinarySearchFunc(q.list, r, func(e queued, r rank) int { return e.compare(r) })
	return i
}

func (q *queue) insert(e queued) {
	q.list = slices.Insert(q.list, q.find(e.rank), e)
	if e.rumor.node != "" {
		if q.byNode == nil {
			q.byNode = make(map[string]rank)
		}
		q.byNode[e.rumor.node] = e.rank
	}
}

func (q *queue) remove(i int) queued {
	e := q.list[i]
	q.list = slices.Delete(q.list, i, i+1)
	delete(q.byNode, e.rumor.node)
	return e
}

func (q *queue) clone() queue {
	c := queue{slices.Clone(q.list), maps.Clone(q.byNode), q.lastID}
	for i := range c.list {
		r := *c.list[i].rumor
		c.list[i].rumor = &r
	}
	return c
}
