package epidemic

import (
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// entry is an update in the database, which is ordered by keys.
type entry struct{ Update }

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
	n.clock++
	u.Stamp = Stamp{n.clock, n.cfg.Self}
	u = u.own()
	n.set(at, found, u)
	n.heat(&u)
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

// set puts u, which is the node's own, at a place of the database.
func (n *Node) set(at int, found bool, u Update) {
	u.Age = 0
	if found {
		n.sum -= n.entries[at].digest()
		n.entries[at] = entry{u}
	} else {
		n.entries = slices.Insert(n.entries, at, entry{u})
	}
	n.sum += u.digest()
	n.clock = max(n.clock, u.Stamp.Counter)
}

// outcome is what merging an update came to.
type outcome uint8

const (
	known   outcome = iota // this version, or a later one
	learned                // it is in the database now
	noRoom
)

// merge takes an update of another node into the database if it is later than
// what is there.
//
// GO-EP-01 (Demers et al. 1987, §1.1).
func (n *Node) merge(u *Update) outcome {
	at, found := n.find(u.Key)
	if found && !u.Supersedes(&n.entries[at].Update) {
		return known
	}
	if !found && len(n.entries) >= n.cfg.MaxEntries {
		return noRoom
	}
	n.set(at, found, u.own())
	return learned
}

func fail(op spec.OpID, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Done{Op: op, Err: err})
}

// age is that of a certificate now.
func (n *Node) age(*entry) time.Duration { return 0 }

// outgoing is an entry as it is sent.
func (n *Node) outgoing(e *entry) Update {
	u := e.Update
	u.Age = n.age(e)
	return u
}
