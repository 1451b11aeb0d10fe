package broadcast

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// replica is the reference node of sets and counters: a state-based CRDT whose
// changes go to the peers at once and again until they are acknowledged.
//
// Its state is entries under keys. Of a set, a key is an element and the counts
// are zero; of a counter, a key is a life of a node and the counts are what it has
// added and taken away. Two versions of an entry merge to the larger counts.
// Changes are numbered in the order in which the replica learned them, and a peer
// needs those above the number that it has acknowledged.
type replica struct {
	life    uint64        // tells this life of the node from its former ones
	wait    time.Duration // for an acknowledgement
	entries []entry       // in the order of their numbers
	last    int64         // number of the last change
	peers   []peer
	now     time.Duration
}

// entry is the newest version of what is under one key.
type entry struct {
	Key     string
	Up      int64
	Down    int64
	number  int64
	learned netip.AddrPort // from whom; it need not be told
}

// peer is a node to which changes go.
type peer struct {
	addr     netip.AddrPort
	has      int64         // the last change that it has acknowledged
	sent     int64         // the last one that was sent
	again    time.Duration // when to send it again, or never
	owed     int64         // the last of its changes that it was not told of yet
	answerAt time.Duration // when to tell it, or never
	greeted  bool          // it has answered our hello
	welcome  bool          // it has said hello, and wants an answer even if there is no news
	epoch    uint64        // of our numbers: another one whenever the peer or we have forgotten
	theirs   uint64        // that of its numbers
}

// How long a replica waits: for an acknowledgement, beyond a round trip on slow
// networks, and for more to acknowledge at once.
const (
	patience  = 500 * time.Millisecond
	ackDelay  = 150 * time.Millisecond
	maxReport = 1024 // entries in a message: it stays well below a line's limit
)

type (
	// beside says who the peers are, from now on.
	beside struct {
		op    spec.OpID
		peers []netip.AddrPort
	}
	// change is a client's: it merges an entry.
	change struct {
		op    spec.OpID
		entry entry
	}

	// hello asks for all that the peer knows: whoever says it knows nothing.
	hello struct{}
	// news are changes of the sender, after one number and up to the other.
	news struct {
		epoch   uint64
		after   int64
		upTo    int64
		entries []entry
	}
	// heard acknowledges changes of the receiver, up to the number.
	heard struct {
		epoch uint64
		upTo  int64
	}
)

func (beside) IsInput()  {}
func (change) IsInput()  {}
func (hello) IsMessage() {}
func (news) IsMessage()  {}
func (heard) IsMessage() {}

func (r *replica) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	r.now = max(r.now, now)
	switch in := in.(type) {
	case spec.Wake:
	case beside:
		out = append(out, spec.Done{Op: in.op})
		r.meet(in.peers)
	case change:
		r.merge(in.entry)
		out = append(out, spec.Done{Op: in.op})
	case spec.Recv:
		r.receive(in)
	}
	for i := range r.peers {
		out = r.report(&r.peers[i], out)
	}
	return out
}

// meet makes others the peers, of whom nothing is known.
func (r *replica) meet(others []netip.AddrPort) {
	r.peers = nil
	for _, addr := range others {
		r.peer(addr)
	}
}

// peer is the one with the address: whoever speaks to us is one.
func (r *replica) peer(addr netip.AddrPort) *peer {
	i := slices.IndexFunc(r.peers, func(p peer) bool { return p.addr == addr })
	if i < 0 {
		i = len(r.peers)
		r.peers = append(r.peers, peer{addr: addr, again: r.now, answerAt: never, epoch: r.life})
	}
	return &r.peers[i]
}

func (r *replica) receive(in spec.Recv) {
	p := r.peer(in.From)
	switch m := in.Msg.(type) {
	case news:
		for _, e := range m.entries {
			e.learned = in.From
			r.merge(e)
		}
		if p.theirs != m.epoch {
			p.theirs, p.owed = m.epoch, 0
		}
		if m.after <= p.owed { // else something before it is still under way, or lost
			p.owed = max(p.owed, m.upTo)
		}
		p.greeted = true
		if p.answerAt == never {
			p.answerAt = r.now + ackDelay
		}
	case heard:
		if p.epoch == m.epoch {
			p.has = max(p.has, min(m.upTo, r.last))
		}
	case hello:
		for j := range r.entries {
			if e := &r.entries[j]; e.learned == in.From {
				e.learned = netip.AddrPort{} // it has forgotten
			}
		}
		p.has, p.sent, p.welcome = 0, 0, true
		p.epoch++
	}
}

// merge takes an entry, and numbers it if it is a change.
func (r *replica) merge(e entry) {
	i := slices.IndexFunc(r.entries, func(old entry) bool { return old.Key == e.Key })
	if i >= 0 {
		old := r.entries[i]
		if e.Up <= old.Up && e.Down <= old.Down {
			return
		}
		e.Up, e.Down = max(e.Up, old.Up), max(e.Down, old.Down)
		r.entries = slices.Delete(r.entries, i, i+1)
	}
	r.last++
	e.number = r.last
	r.entries = append(r.entries, e)
}

// report sends a peer what is due: a hello until it is answered, changes that it
// was not sent or has not acknowledged in time, and our acknowledgement.
func (r *replica) report(p *peer, out []spec.Effect) []spec.Effect {
	late := p.again != never && p.again <= r.now
	if !p.greeted && late {
		out = append(out, spec.Send{To: p.addr, Msg: hello{}})
		p.again = r.now + r.wait
	}
	from := p.sent
	if late {
		from = p.has
	}
	fresh := r.since(from, p.addr)
	switch {
	case len(fresh) > 0 || p.welcome:
		p.welcome = false
		if p.sent = r.last; len(fresh) == maxReport {
			p.sent = fresh[maxReport-1].number
		}
		out = append(out, spec.Send{To: p.addr, Msg: news{p.epoch, from, p.sent, fresh}})
		p.again = r.now + r.wait
	case p.greeted && len(r.since(p.has, p.addr)) == 0:
		p.again = never
	}
	if p.answerAt != never && p.answerAt <= r.now {
		out = append(out, spec.Send{To: p.addr, Msg: heard{p.theirs, p.owed}})
		p.answerAt = never
	}
	return out
}

// since are the changes after a number that a peer did not tell us itself.
func (r *replica) since(number int64, to netip.AddrPort) []entry {
	if number >= r.last {
		return nil
	}
	i, _ := slices.BinarySearchFunc(r.entries, number+1, func(e entry, n int64) int { return int(e.number - n) })
	var fresh []entry
	for _, e := range r.entries[i:] {
		if e.learned != to && len(fresh) < maxReport {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

func (r *replica) Deadline() (at time.Duration, ok bool) {
	for _, p := range r.peers {
		for _, due := range []time.Duration{p.again, p.answerAt} {
			if due != never && (!ok || due < at) {
				at, ok = due, true
			}
		}
	}
	return at, ok
}

func (r *replica) Clone() spec.Machine {
	c := *r
	c.entries, c.peers = slices.Clone(r.entries), slices.Clone(r.peers)
	return &c
}

func (r *replica) AppendState(b []byte) []byte {
	for _, e := range r.entries {
		b = fmt.Appendf(b, "%q %d %d %d %v\n", e.Key, e.Up, e.Down, e.number, e.learned)
	}
	for _, p := range r.peers {
		b = fmt.Appendf(b, "%v %d %d %d %v %v ", p.addr, p.has, p.sent, p.owed, p.again-r.now, p.answerAt-r.now)
		b = fmt.Appendf(b, "%v %v %x %x\n", p.greeted, p.welcome, p.epoch, p.theirs)
	}
	return binary.BigEndian.AppendUint64(b, uint64(r.last))
}

// Check wants the entries in the order of their numbers, each key once.
func (r *replica) Check() error {
	keys := map[string]bool{}
	for i, e := range r.entries {
		if keys[e.Key] || i > 0 && r.entries[i-1].number >= e.number || e.number > r.last {
			return fmt.Errorf("broadcast: entry %q is there twice or out of order", e.Key)
		}
		keys[e.Key] = true
	}
	return nil
}
