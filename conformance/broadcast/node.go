package broadcast

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// replicaTongue speaks for a [replica]. Between nodes it has the messages hello,
// news and heard.
type replicaTongue struct {
	place *cluster.Place
	node  *replica
	life  uint64 // tells this life of the node from its former ones
}

// recovers is the capability of a node that learns again from the others what it
// had told them before it was killed.
const recovers = "recovers"

func (t *replicaTongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	t.life ^= uint64(now)
	t.place, t.node = p, &replica{now: now, life: t.life, wait: patience}
	t.node.meet(t.addrs(p.Names))
	return t.node, []string{recovers}, nil
}

// addrs are those of all others among the names.
func (t *replicaTongue) addrs(names []string) []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, name := range names {
		if addr := t.place.Addr(name); name != t.place.Name && addr.IsValid() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

func (*replicaTongue) Outcome(string, spec.Done) (args, *stdio.Error) { return nil, nil }

// fields are what bodies between nodes carry.
type fields struct {
	Type    string  `json:"type"`
	After   int64   `json:"after,omitempty"`
	UpTo    int64   `json:"upto,omitempty"`
	Epoch   uint64  `json:"epoch,omitempty"`
	Entries []entry `json:"entries,omitempty"`
}

func (t *replicaTongue) Encode(m spec.Message) any {
	switch m := m.(type) {
	case news:
		return fields{"news", m.after, m.upTo, m.epoch, m.entries}
	case heard:
		return fields{Type: "heard", UpTo: m.upTo, Epoch: m.epoch}
	default:
		return fields{Type: "hello"}
	}
}

func (t *replicaTongue) Decode(_ string, body stdio.Body) (spec.Message, error) {
	var f fields
	if err := body.Decode(&f); err != nil {
		return nil, err
	}
	switch f.Type {
	case "news":
		return news{f.Epoch, f.After, f.UpTo, f.Entries}, nil
	case "heard":
		return heard{f.Epoch, f.UpTo}, nil
	case "hello":
		return hello{}, nil
	}
	return nil, fmt.Errorf("broadcast: there is no message %q", f.Type)
}

// setTongue is of broadcast and g-set, which differ in words alone.
type setTongue struct {
	replicaTongue
	dialect
}

func newSetNode(d dialect) func(seed uint64) stdio.Node {
	return func(seed uint64) stdio.Node {
		return cluster.NewMember(&setTongue{replicaTongue{life: seed}, d})
	}
}

func (s *setTongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	m, able, err := s.replicaTongue.Start(now, p)
	if s.suite == "broadcast" {
		s.node.peers = nil // until the topology tells
	}
	return m, able, err
}

func (s *setTongue) Command(op spec.OpID, body stdio.Body) (spec.Input, args, *stdio.Error) {
	switch {
	case body.Type == "read":
		list := []json.RawMessage{}
		for _, e := range s.node.entries {
			list = append(list, json.RawMessage(e.Key))
		}
		return nil, args{s.reads: list}, nil
	case body.Type == s.add:
		var fields map[string]json.RawMessage
		_ = body.Decode(&fields) // it is an object
		key := cluster.Canonical(fields[s.field])
		if key == "" {
			return nil, nil, stdio.Errorf(stdio.MalformedRequest, "%s is missing", s.field)
		}
		return change{op, entry{Key: key}}, nil, nil
	case body.Type == "topology" && s.suite == "broadcast":
		var told struct{ Topology map[string][]string }
		if err := body.Decode(&told); err != nil {
			return nil, nil, stdio.Errorf(stdio.MalformedRequest, "topology: %v", err)
		}
		return beside{op, s.addrs(told.Topology[s.place.Name])}, nil, nil
	}
	return nil, nil, noRequest(body)
}

// counterTongue is of g-counter and pn-counter.
type counterTongue struct{ replicaTongue }

func newCounterNode(seed uint64) stdio.Node {
	return cluster.NewMember(&counterTongue{replicaTongue{life: seed}})
}

func (c *counterTongue) Command(op spec.OpID, body stdio.Body) (spec.Input, args, *stdio.Error) {
	switch body.Type {
	case "read":
		var sum int64
		for _, e := range c.node.entries {
			sum += e.Up - e.Down
		}
		return nil, args{"value": sum}, nil
	case "add":
		var told struct{ Delta *int64 }
		if err := body.Decode(&told); err != nil || told.Delta == nil || *told.Delta == math.MinInt64 {
			return nil, nil, stdio.Errorf(stdio.MalformedRequest, "delta: want a whole number")
		}
		return change{op, c.raised(*told.Delta)}, nil, nil
	}
	return nil, nil, noRequest(body)
}

// raised is the entry of this life of the node with a number added.
func (c *counterTongue) raised(delta int64) entry {
	mine := entry{Key: fmt.Sprintf("%s-%x", c.place.Name, c.life)}
	for _, e := range c.node.entries {
		if e.Key == mine.Key {
			mine.Up, mine.Down = e.Up, e.Down
		}
	}
	mine.Up, mine.Down = mine.Up+max(delta, 0), mine.Down+max(-delta, 0)
	return mine
}
