package kademlia

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// NewNode returns the reference core behind the overlay protocol, as
// `p2pspec serve kademlia --stdio` runs it. The seed is of its randomness.
func NewNode(seed uint64) stdio.Node { return cluster.NewMember(&tongue{seed: seed}) }

// tongue speaks for one node of the reference core. Between nodes it has the
// requests PING, STORE, FIND_NODE and FIND_VALUE of the paper, each with a
// msg_id, and the answers PING_OK, STORE_OK, NODES and VALUE.
type tongue struct {
	seed   uint64
	bend   func(*kademlia.Config) // of a mutant; nil changes nothing
	place  *cluster.Place
	node   *kademlia.Node
	member bool
	last   int64                 // msg_id of the last request
	sent   map[int64]kademlia.ID // the RPC identifiers of the last requests
}

// sentKept is how many requests of its own a node can still match with an
// answer: more than the core has under way.
const sentKept = 4096

func (t *tongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	o := p.Overlay
	cfg := kademlia.Config{
		ID: kademlia.FromUint(o.IDs[p.Name], o.Bits), IDBits: o.Bits, K: o.K, Alpha: o.Alpha,
		RPCTimeout:    time.Duration(o.TimeoutMS) * time.Millisecond,
		Refresh:       time.Duration(o.PeriodMS) * time.Millisecond,
		MaxValueBytes: kademlia.MaxWireValue,
	}
	if t.bend != nil {
		t.bend(&cfg)
	}
	cfg.Seed = sha256.Sum256(binary.BigEndian.AppendUint64([]byte(p.Name), t.seed))
	node, err := kademlia.New(cfg, now)
	if err != nil {
		return nil, nil, err
	}
	t.place, t.node, t.sent = p, node, map[int64]kademlia.ID{}
	return node, []string{"state", "advance_clock"}, nil
}

func (t *tongue) Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	switch body.Type {
	case "join":
		return t.join(op, body)
	case "state":
		return nil, t.state(), nil
	case "find_node", "find_value", "store":
	default:
		return nil, nil, stdio.Errorf(stdio.NotSupported, "there is no request %q", body.Type)
	}
	if !t.member {
		return nil, nil, stdio.Errorf(stdio.Unavailable, "join first")
	}
	field := "key"
	if body.Type == "find_node" {
		field = "target"
	}
	number, failed := t.place.Key(body, field)
	if failed != nil {
		return nil, nil, failed
	}
	id := kademlia.FromUint(number, t.place.Overlay.Bits)
	switch body.Type {
	case "find_node":
		if t.node.Table().Len() == 0 {
			return nil, t.found(id, nil), nil // it is all there is
		}
		return kademlia.FindNode{Op: op, Target: id}, nil, nil
	case "find_value":
		return kademlia.FindValue{Op: op, Key: id}, nil, nil
	}
	value, failed := t.place.Value(body)
	if failed != nil {
		return nil, nil, failed
	}
	return kademlia.Store{Op: op, Key: id, Value: value}, nil, nil
}

func (t *tongue) join(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	via, failed := t.place.Via(body)
	switch {
	case failed != nil:
		return nil, nil, failed
	case via == "":
		t.member = true
		return nil, nil, nil
	}
	return kademlia.Join{Op: op, Seeds: []kademlia.Contact{t.contact(via)}}, nil, nil
}

func (t *tongue) contact(name string) kademlia.Contact {
	return kademlia.Contact{
		ID: kademlia.FromUint(t.place.Overlay.IDs[name], t.place.Overlay.Bits), Addr: t.place.Addr(name),
	}
}

func (t *tongue) state() map[string]any {
	contacts, keys := []string{}, []uint64{}
	for e := range t.node.Table().All() {
		contacts = append(contacts, t.place.At(e.Contact().Addr))
	}
	slices.Sort(contacts)
	for _, key := range t.node.Keys() {
		keys = append(keys, t.number(key))
	}
	return map[string]any{"contacts": contacts, "keys": keys}
}

// number is an identifier as the protocol writes it.
func (t *tongue) number(id kademlia.ID) uint64 {
	return binary.BigEndian.Uint64(id[:8]) >> (64 - t.place.Overlay.Bits)
}

func (t *tongue) Outcome(typ string, done spec.Done) (map[string]any, *stdio.Error) {
	switch result := done.Result.(type) {
	case kademlia.Joined:
		t.member = true
		return nil, nil
	case kademlia.Stored:
		return nil, nil
	case kademlia.Value:
		return map[string]any{"value": json.RawMessage(result.Value)}, nil
	case kademlia.Found:
		if typ == "find_node" {
			return t.found(result.Target, result.Contacts), nil
		}
	}
	switch {
	case errors.Is(done.Err, kademlia.ErrNotFound), typ == "find_value":
		return nil, stdio.Errorf(stdio.KeyDoesNotExist, "no node that answered has it")
	case errors.Is(done.Err, kademlia.ErrBadID), errors.Is(done.Err, kademlia.ErrTooLarge):
		return nil, stdio.Errorf(stdio.MalformedRequest, "%v", done.Err)
	default:
		return nil, stdio.Errorf(stdio.Unavailable, "%v", done.Err)
	}
}

// found is the k closest that answered, and the node itself among them.
func (t *tongue) found(target kademlia.ID, contacts []kademlia.Contact) map[string]any {
	all := append(slices.Clone(contacts), t.contact(t.place.Name))
	slices.SortStableFunc(all, func(a, b kademlia.Contact) int { return kademlia.Compare(target, a.ID, b.ID) })
	names := []string{}
	for _, c := range all[:min(len(all), t.place.Overlay.K)] {
		names = append(names, t.place.At(c.Addr))
	}
	return map[string]any{"nodes": names}
}

// The types of messages between nodes.
const (
	typePing      = "PING"
	typePingOK    = "PING_OK"
	typeStore     = "STORE"
	typeStoreOK   = "STORE_OK"
	typeFindNode  = "FIND_NODE"
	typeFindValue = "FIND_VALUE"
	typeNodes     = "NODES"
	typeValue     = "VALUE"
)

// fields are what bodies between nodes carry beside their type.
type fields struct {
	Type      string          `json:"type"`
	MsgID     int64           `json:"msg_id,omitempty"`
	InReplyTo uint64          `json:"in_reply_to,omitempty"`
	Key       *uint64         `json:"key,omitempty"`
	Target    *uint64         `json:"target,omitempty"`
	Nodes     *[]string       `json:"nodes,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
	TTLMS     int64           `json:"ttl_ms,omitempty"`
}

func (f fields) ttl() time.Duration { return time.Duration(f.TTLMS) * time.Millisecond }

func (t *tongue) Encode(m spec.Message) any {
	switch m := m.(type) {
	case kademlia.PingRequest:
		return t.request(typePing, m.Header)
	case kademlia.StoreRequest:
		f := t.request(typeStore, m.Header)
		f.Key, f.Value, f.TTLMS = t.pointer(m.Key), m.Value, milliseconds(m.TTL)
		return f
	case kademlia.FindNodeRequest:
		f := t.request(typeFindNode, m.Header)
		f.Target = t.pointer(m.Target)
		return f
	case kademlia.FindValueRequest:
		f := t.request(typeFindValue, m.Header)
		f.Key = t.pointer(m.Key)
		return f
	case kademlia.PingReply:
		return answer(typePingOK, m.Header)
	case kademlia.StoreReply:
		return answer(typeStoreOK, m.Header)
	case kademlia.NodesReply:
		names := make([]string, len(m.Contacts))
		for i, c := range m.Contacts {
			names[i] = t.place.At(c.Addr)
		}
		f := answer(typeNodes, m.Header)
		f.Nodes = &names
		return f
	case kademlia.ValueReply:
		f := answer(typeValue, m.Header)
		f.Value, f.TTLMS = m.Value, milliseconds(m.TTL)
		return f
	}
	panic(fmt.Sprintf("kademlia: message of type %T", m))
}

// milliseconds rounds up: what is left of a life is not nothing.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func (t *tongue) pointer(id kademlia.ID) *uint64 {
	v := t.number(id)
	return &v
}

// request numbers a request of ours: the paper's identifiers of 160 random bits
// do not fit into a msg_id.
func (t *tongue) request(typ string, h kademlia.Header) fields {
	t.last++
	t.sent[t.last] = h.RPC
	delete(t.sent, t.last-sentKept)
	return fields{Type: typ, MsgID: t.last}
}

// answer carries the msg_id of the request back, which Decode made the RPC
// identifier of.
func answer(typ string, h kademlia.Header) fields {
	return fields{Type: typ, InReplyTo: binary.BigEndian.Uint64(h.RPC[:8])}
}

var errBody = errors.New("kademlia: body")

func (t *tongue) Decode(from string, body stdio.Body) (spec.Message, error) {
	h := kademlia.Header{Sender: t.contact(from).ID}
	switch {
	case body.MsgID != nil:
		h.RPC = kademlia.FromUint(uint64(*body.MsgID), 64)
		return t.decodeRequest(h, body)
	case body.InReplyTo != nil:
		rpc, ok := t.sent[*body.InReplyTo]
		if !ok {
			return nil, fmt.Errorf("%w: in_reply_to %d is of no request", errBody, *body.InReplyTo)
		}
		delete(t.sent, *body.InReplyTo)
		h.RPC = rpc
		return t.decodeAnswer(h, body)
	}
	return nil, fmt.Errorf("%w: %s has neither msg_id nor in_reply_to", errBody, body.Type)
}

func (t *tongue) decodeRequest(h kademlia.Header, body stdio.Body) (spec.Message, error) {
	var f fields
	if err := body.Decode(&f); err != nil {
		return nil, err
	}
	if body.Type == typePing {
		return kademlia.PingRequest{Header: h}, nil
	}
	number := cmp.Or(f.Key, f.Target)
	if number == nil || *number>>t.place.Overlay.Bits > 0 {
		return nil, fmt.Errorf("%w: %s without an identifier below 2^%d", errBody, body.Type, t.place.Overlay.Bits)
	}
	id := kademlia.FromUint(*number, t.place.Overlay.Bits)
	switch body.Type {
	case typeStore:
		return kademlia.StoreRequest{Header: h, Key: id, TTL: f.ttl(), Value: f.Value}, nil
	case typeFindNode:
		return kademlia.FindNodeRequest{Header: h, Target: id}, nil
	case typeFindValue:
		return kademlia.FindValueRequest{Header: h, Key: id}, nil
	}
	return nil, fmt.Errorf("%w: there is no request %q", errBody, body.Type)
}

func (t *tongue) decodeAnswer(h kademlia.Header, body stdio.Body) (spec.Message, error) {
	var f fields
	if err := body.Decode(&f); err != nil {
		return nil, err
	}
	switch body.Type {
	case typePingOK:
		return kademlia.PingReply{Header: h}, nil
	case typeStoreOK:
		return kademlia.StoreReply{Header: h}, nil
	case typeNodes:
		var contacts []kademlia.Contact
		if f.Nodes == nil {
			return nil, fmt.Errorf("%w: %s without nodes", errBody, body.Type)
		}
		for _, name := range *f.Nodes {
			if !t.place.Addr(name).IsValid() {
				return nil, fmt.Errorf("%w: there is no node %q", errBody, name)
			}
			contacts = append(contacts, t.contact(name))
		}
		return kademlia.NodesReply{Header: h, Contacts: contacts}, nil
	case typeValue:
		return kademlia.ValueReply{Header: h, TTL: f.ttl(), Value: f.Value}, nil
	}
	return nil, fmt.Errorf("%w: there is no answer %q", errBody, body.Type)
}
