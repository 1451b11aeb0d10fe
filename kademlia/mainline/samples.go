package mainline

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
)

const (
	// maxSamples is the number of info-hashes in one answer: with 8 nodes of
	// each family it fills a packet.
	maxSamples = 20

	// maxInterval is BEP 51's limit. BEP51-SAMPLE-001
	maxInterval = 21600 * time.Second
)

// sample is the random subset of info-hashes that everybody is shown until it
// is taken anew, so that asking more often does not show more.
type sample struct {
	hashes []byte // never nil, never changes
	taken  time.Duration
}

// serveSample implements BEP51-SAMPLE-001, BEP51-SAMPLE-002 and
// BEP51-SAMPLE-004: the target decides about the nodes alone.
func (n *Node) serveSample(r *reply, from netip.AddrPort, m *Message) refusal {
	if !m.has(HasTarget) {
		return protocolError("BEP05-KRPC-009", "target is missing")
	}
	hashes := n.torrents.hashes
	const size = len(kademlia.ID{})
	want := min(len(hashes), maxSamples)
	if n.now-n.sample.taken >= n.cfg.SampleInterval || len(n.sample.hashes) < want*size {
		n.sample = sample{hashes: n.takeSample(want), taken: n.now}
	}
	r.Samples = n.sample.hashes
	r.Num, r.Interval = int64(len(hashes)), int64(n.cfg.SampleInterval/time.Second)
	r.Has |= HasNum | HasInterval
	n.addNodes(r, from, m, m.Target)
	r.trim()
	return refusal{}
}

// takeSample draws info-hashes by Floyd's method: each set of the given size
// is equally likely.
func (n *Node) takeSample(size int) []byte {
	hashes := n.torrents.hashes
	picked := make([]int, 0, size)
	b := make([]byte, 0, size*len(kademlia.ID{}))
	for i := len(hashes) - size; i < len(hashes); i++ {
		pick := int(n.rng.Below(uint64(i + 1)))
		if slices.Contains(picked, pick) {
			pick = i
		}
		picked = append(picked, pick)
		b = append(b, hashes[pick][:]...)
	}
	return b
}

// rest is a node that was sampled and must not be again for a while.
type rest struct {
	addr  netip.AddrPort
	until time.Duration
}

// sampleNode implements the command Sample. BEP51-SAMPLE-003
func (n *step) sampleNode(in Sample) {
	if !n.reachable(in.Addr) || n.table(in.Addr) == nil {
		n.bad(in.Op, "cannot sample %v", in.Addr)
		return
	}
	n.rests = slices.DeleteFunc(n.rests, func(r rest) bool { return r.until <= n.now })
	switch {
	case slices.ContainsFunc(n.rests, func(r rest) bool { return r.addr == in.Addr }),
		slices.ContainsFunc(n.ops, func(o *op) bool { return o.kind == opSample && o.addr == in.Addr }):
		n.done(in.Op, nil, ErrTooSoon)
		return
	case len(n.rests)+len(n.ops) >= maxSampled:
		n.done(in.Op, nil, ErrBusy)
		return
	}
	o := &op{id: in.Op, kind: opSample, addr: in.Addr}
	if n.begin(o) {
		n.ask(query{role: roleSingle, to: in.Addr, op: o.serial},
			Message{Method: MethodSampleInfohashes, Has: HasTarget, Target: in.Target})
	}
}

func (n *step) finishSample(o *op, m *Message) {
	interval := time.Duration(min(max(m.Interval, 0), int64(maxInterval/time.Second))) * time.Second
	if interval > 0 {
		n.rests = append(n.rests, rest{o.addr, n.now + interval})
	}
	s := Sampled{
		Num: m.Num, Interval: interval,
		Nodes:  slices.Clone(m.Nodes[:min(len(m.Nodes), maxNodesTaken)]),
		Nodes6: slices.Clone(m.Nodes6[:min(len(m.Nodes6), maxNodesTaken)]),
	}
	for b := m.Samples; len(b) >= len(kademlia.ID{}); b = b[len(kademlia.ID{}):] {
		s.Samples = append(s.Samples, kademlia.ID(b[:len(kademlia.ID{})]))
	}
	n.finish(o, s, nil)
}
