package epidemic

import (
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// entry is an update in the database, which is ordered by keys.
type entry struct {
	Update
	since   time.Duration // when a certificate was issued or awakened; 0 of a value
	dormant bool          // a certificate that is not told, and not counted, until it is needed
}

func (n *Node) find(key string) (int, bool) {
	return slices.BinarySearchFunc(n.entries, key, func(e entry, key string) int {
		return strings.Compare(e.Key, key)
	})
}

// put executes Put.
func (n *Node) put(in Put, out []spec.Effect) []spec.Effect {
	if len(in.Value) > n.cfg.MaxValueBytes {
		return fail(in.Op, ErrTooLarge, out)
	}
	return n.write(in.Op, Update{Key: in.Key, Value: in.Value}, out)
}

// delete executes Delete.
//
// GO-EP-03 (Demers et al. 1987, §2).
func (n *Node) delete(in Delete, out []spec.Effect) []spec.Effect {
	return n.write(in.Op, Update{Key: in.Key, Deleted: true}, out)
}

// write makes a new version and a rumor of it.
func (n *Node) write(op spec.OpID, u Update, out []spec.Effect) []spec.Effect {
	at, found := n.find(u.Key)
	switch {
	case u.Key == "" || len(u.Key) > MaxKeyBytes:
		return fail(op, ErrKey, out)
	case !found && len(n.entries) >= n.cfg.MaxEntries:
		return fail(op, ErrFull, out)
	case n.clock >= MaxCounter:
		return fail(op, ErrClock, out)
	}
	u.Stamp = Stamp{n.clock + 1, n.self}
	n.set(at, found, u.own())
	n.heat(&n.entries[at].Update)
	return append(out, spec.Done{Op: op, Result: Stored{u.Stamp}})
}

// get executes Get.
func (n *Node) get(in Get, out []spec.Effect) []spec.Effect {
	u, found := n.Lookup(in.Key)
	if !found || u.Deleted {
		return fail(in.Op, ErrNotFound, out)
	}
	return append(out, spec.Done{Op: in.Op, Result: Value{u}})
}

// set puts u, of which nothing is borrowed, at a place of the database.
func (n *Node) set(at int, found bool, u Update) {
	e := entry{Update: u}
	if u.Deleted {
		e.since = n.now - u.Age
		e.Age = 0
		n.expireAt = min(n.expireAt, e.since+n.cfg.Deletion.Tau1)
	}
	if found {
		n.sum -= n.entries[at].weight()
		n.entries[at] = e
	} else {
		n.entries = slices.Insert(n.entries, at, e)
	}
	n.sum += e.weight()
	n.clock = max(n.clock, u.Stamp.Counter)
}

// weight is what an entry adds to sums.
func (e *entry) weight() uint64 {
	if e.dormant {
		return 0
	}
	return e.digest()
}

// outgoing is an entry as it is sent.
func (n *Node) outgoing(e *entry) Update {
	u := e.Update
	if u.Deleted {
		u.Age = n.now - e.since
	}
	return u
}

// outcome is what merging an update came to.
type outcome uint8

const (
	known    outcome = iota // this version, or a later one
	learned                 // it is in the database now
	awakened                // it is obsolete, as a certificate that was dormant says
	noRoom
)

// merge takes an update of another node into the database if it is later than
// what is there.
//
// GO-EP-01 (Demers et al. 1987, §1.1).
func (n *Node) merge(u *Update) outcome {
	at, found := n.find(u.Key)
	switch {
	case found && n.entries[at].dormant && !u.Supersedes(&n.entries[at].Update):
		return n.disturb(at, u)
	case found && !u.Supersedes(&n.entries[at].Update):
		return known
	case !found && u.Deleted && u.Age >= n.cfg.Deletion.Tau1:
		return known // and forgotten already
	case !found && len(n.entries) >= n.cfg.MaxEntries:
		return noRoom
	}
	n.set(at, found, u.own())
	return learned
}

func fail(op spec.OpID, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Done{Op: op, Err: err})
}
