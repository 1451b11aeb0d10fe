package chord

import (
	"math/bits"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// operation is a Put or a Get under way: the owner is looked up, the replicas
// are asked for the latest stamp, and the value is written to them. A Put
// writes its own under a later stamp; a Get, in mode Quorum, writes what it has
// found.
type operation struct {
	serial uint64 // also that of the Put's stamp
	op     spec.OpID
	put    bool
	key    ID
	hops   int32 // of the lookup

	phase    operationPhase
	group    []Peer // the replicas, the owner first; set once
	rpc      uint32 // of the phase's requests: who answers is told by the sender
	deadline time.Duration
	tries    int32  // of the phase; reading in mode BestEffort: replicas asked
	answers  uint64 // the bit 1<<i is set when group[i] has answered in this phase
	holders  uint64 // reading: those whose answer was stamp

	stamp Stamp  // the largest found, then that of the write
	value []byte // what belongs to it, then what is written; replaced
}

type operationPhase uint8

const (
	lookingUp operationPhase = iota
	reading
	writing
)

// maxTries is how often a replica is asked in one phase: with one message in
// ten lost, one replica in 150 is taken for dead that is not.
const maxTries = 3

// put executes Put.
func (n *Node) put(in Put, out []spec.Effect) []spec.Effect {
	if err := n.refuseOperation(in.Key); err != nil {
		return fail(in.Op, err, out)
	}
	if len(in.Value) > n.cfg.MaxValueBytes {
		return fail(in.Op, ErrTooLarge, out)
	}
	return n.startOperation(operation{op: in.Op, put: true, key: in.Key, value: slices.Clone(in.Value)}, out)
}

// get executes Get.
func (n *Node) get(in Get, out []spec.Effect) []spec.Effect {
	if err := n.refuseOperation(in.Key); err != nil {
		return fail(in.Op, err, out)
	}
	return n.startOperation(operation{op: in.Op, key: in.Key}, out)
}

func (n *Node) refuseOperation(key ID) error {
	switch {
	case !n.member || n.leaving:
		return ErrNotMember
	case !key.Fits(n.cfg.IDBits):
		return ErrBadID
	case len(n.store.operations) >= n.cfg.MaxOperations:
		return ErrBusy
	}
	return nil
}

func (n *Node) startOperation(o operation, out []spec.Effect) []spec.Effect {
	s := &n.store
	o.serial, o.deadline = s.nextSerial(), never
	s.operations = append(s.operations, o)
	return n.locate(o.serial, o.key, out)
}

// located takes the result of a lookup that an operation or a transfer has
// begun: the nodes from the owner of the key on, nearest first.
func (n *Node) located(
	serial uint64, nodes []Peer, hops int32, err error, out []spec.Effect,
) []spec.Effect {
	s := &n.store
	if i := slices.IndexFunc(s.transfers, func(t transfer) bool { return t.serial == serial }); i >= 0 {
		return n.ownerLocated(i, nodes, err, out)
	}
	i := slices.IndexFunc(s.operations, func(o operation) bool { return o.serial == serial })
	if i < 0 { // its purpose is gone
		return out
	}
	o := &s.operations[i]
	o.hops = hops
	o.group = n.fillGroup(make([]Peer, 0, n.cfg.Replicas), nodes)
	switch {
	case err != nil:
		return n.endOperation(i, nil, err, out)
	case len(o.group) == 0:
		return n.endOperation(i, nil, ErrNoAnswer, out)
	}
	return n.enterPhase(i, reading, 0, out)
}

// enterPhase begins a phase, in which some replicas need not be asked.
func (n *Node) enterPhase(i int, ph operationPhase, answers uint64, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	o.phase, o.tries, o.answers, o.rpc = ph, 0, answers, n.store.nextRPC()
	if n.enough(o) {
		return n.phaseDone(i, out)
	}
	return n.askReplicas(i, out)
}

// askReplicas sends the request of the phase to all replicas that have not
// answered it; in mode BestEffort a Get asks one after another.
//
// CHORD-QUORUM-001, CHORD-QUORUM-002, CHORD-STORE-011.
func (n *Node) askReplicas(i int, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	o.tries++
	o.deadline = n.now + n.cfg.RPCTimeout
	here := -1
	for k, p := range o.group {
		switch {
		case o.answers&(1<<k) != 0, n.oneByOne(o) && k != int(o.tries)-1:
		case p.ID == n.cfg.ID:
			here = k
		case o.phase == reading:
			out = append(out, spec.Send{To: p.Addr, Msg: n.readRequest(o)})
		default:
			out = append(out, spec.Send{To: p.Addr, Msg: n.writeRequest(o)})
		}
	}
	switch {
	case here < 0:
		return out
	case o.phase == reading:
		return n.replicaRead(i, here, n.readHere(n.readRequest(o)), out)
	}
	return n.replicaWrote(i, here, n.writeHere(n.writeRequest(o)), out)
}

// oneByOne reports whether the phase is content with one replica, the owner if
// that answers.
func (n *Node) oneByOne(o *operation) bool {
	return o.phase == reading && !o.put && n.cfg.Storage == BestEffort
}

func (n *Node) readRequest(o *operation) Read { return Read{Header{o.rpc, n.cfg.ID}, o.key} }

func (n *Node) writeRequest(o *operation) Write {
	return Write{Header{o.rpc, n.cfg.ID}, o.key, o.stamp, o.value}
}

// replicaRead counts what group[k] holds.
func (n *Node) replicaRead(i, k int, m ReadAck, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	if m.Leaving {
		return out
	}
	o.answers |= 1 << k
	switch c := m.Stamp.Cmp(o.stamp); {
	case c > 0:
		o.stamp, o.holders = m.Stamp, 1<<k
		if !o.put {
			o.value = slices.Clone(m.Value)
		}
	case c == 0:
		o.holders |= 1 << k
	}
	switch {
	case n.enough(o):
		return n.phaseDone(i, out)
	case n.oneByOne(o):
		return n.askReplicas(i, out)
	}
	return out
}

// replicaWrote counts that group[k] holds the value or a later one.
func (n *Node) replicaWrote(i, k int, m WriteAck, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	if m.Leaving || m.Stamp.Cmp(o.stamp) < 0 {
		return out
	}
	o.answers |= 1 << k
	if n.enough(o) {
		return n.phaseDone(i, out)
	}
	return out
}

// enough reports whether the phase has the answers that it needs. In mode
// Quorum that is a majority of the group, so that any two phases of a key share
// a replica. In mode BestEffort a Get needs one answer, with a value if any
// replica has one, and a Put all there are: its stamp must be later than any,
// and a new owner may not have heard of the key yet.
//
// CHORD-QUORUM-001, CHORD-QUORUM-002, CHORD-STORE-011.
func (n *Node) enough(o *operation) bool {
	count := bits.OnesCount64(o.answers)
	switch {
	case n.cfg.Storage == Quorum:
		return count >= len(o.group)/2+1
	case n.oneByOne(o):
		return count > 0 && (!o.stamp.IsZero() || int(o.tries) == len(o.group))
	}
	return count == len(o.group)
}

// phaseDone goes on after a phase with enough answers.
//
// CHORD-QUORUM-003, CHORD-QUORUM-005.
func (n *Node) phaseDone(i int, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	switch {
	case o.phase == writing && o.put:
		copies := int32(bits.OnesCount64(o.answers))
		return n.endOperation(i, Stored{Key: o.key, Copies: copies, Hops: o.hops}, nil, out)
	case o.phase == writing:
		return n.endOperation(i, Value{Key: o.key, Value: o.value, Hops: o.hops}, nil, out)
	case o.put:
		o.stamp = Stamp{o.stamp.Counter + 1, n.cfg.ID, o.serial}
		return n.enterPhase(i, writing, 0, out)
	case o.stamp.IsZero():
		return n.endOperation(i, nil, ErrNotFound, out)
	case n.cfg.Storage == BestEffort:
		return n.endOperation(i, Value{Key: o.key, Value: o.value, Hops: o.hops}, nil, out)
	}
	return n.enterPhase(i, writing, o.holders, out)
}

// operationTimedOut asks those again that have not answered, or the next
// replica. A Put in mode BestEffort is content with one answer then.
//
// CHORD-FAIL-003, CHORD-QUORUM-006, CHORD-STORE-011.
func (n *Node) operationTimedOut(i int, out []spec.Effect) []spec.Effect {
	o := &n.store.operations[i]
	switch {
	case n.cfg.Storage == Quorum && o.tries < maxTries, n.oneByOne(o) && int(o.tries) < len(o.group):
		return n.askReplicas(i, out)
	case n.cfg.Storage == Quorum:
		return n.endOperation(i, nil, ErrNoQuorum, out)
	case o.answers != 0:
		return n.phaseDone(i, out)
	case o.put && o.tries < maxTries:
		return n.askReplicas(i, out)
	}
	return n.endOperation(i, nil, ErrNoAnswer, out)
}

func (n *Node) endOperation(i int, result spec.Event, err error, out []spec.Effect) []spec.Effect {
	op := n.store.operations[i].op
	n.store.operations = slices.Delete(n.store.operations, i, i+1)
	return append(out, spec.Done{Op: op, Result: result, Err: err})
}
