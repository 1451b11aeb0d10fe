package chord

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// NewNode returns the reference core behind the overlay protocol, as
// `p2pspec serve chord --stdio` runs it. The seed is of its randomness.
func NewNode(seed uint64) stdio.Node { return cluster.NewMember(&tongue{seed: seed}) }

// tongue speaks for one node of the reference core. Its messages between nodes
// are those of the core, named as in wire.go there.
type tongue struct {
	seed  uint64
	place *cluster.Place
	node  *chord.Node
}

func (t *tongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	o := p.Overlay
	period, patience := time.Duration(o.PeriodMS)*time.Millisecond, time.Duration(o.TimeoutMS)*time.Millisecond
	cfg := chord.Config{
		ID: chord.FromUint(o.IDs[p.Name]), IDBits: o.Bits, Successors: o.Successors,
		RoundTrip: patience / 2, RPCTimeout: patience, Stabilize: period, FixFingers: period,
	}
	cfg.Seed = sha256.Sum256(binary.BigEndian.AppendUint64([]byte(p.Name), t.seed))
	node, err := chord.New(cfg, now)
	if err != nil {
		return nil, nil, err
	}
	t.place, t.node = p, node
	return node, []string{"state", "leave"}, nil
}

func (t *tongue) Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	switch body.Type {
	case "join":
		return t.join(op, body)
	case "state":
		return nil, t.state(), nil
	case "lookup", "leave":
	default:
		return nil, nil, stdio.Errorf(stdio.NotSupported, "there is no request %q", body.Type)
	}
	if !t.node.Member() {
		return nil, nil, stdio.Errorf(stdio.Unavailable, "join first")
	}
	if body.Type == "leave" {
		return chord.Leave{Op: op}, nil, nil
	}
	number, failed := t.place.Key(body, "key")
	if failed != nil {
		return nil, nil, failed
	}
	return chord.Lookup{Op: op, Key: chord.FromUint(number)}, nil, nil
}

func (t *tongue) join(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	via, failed := t.place.Via(body)
	switch {
	case failed != nil:
		return nil, nil, failed
	case via == "":
		return chord.Create{Op: op}, nil, nil
	}
	return chord.Join{Op: op, Via: t.peer("", via)}, nil, nil
}

// peer is a node as the core knows it: a message names its sender, from, by its
// identifier alone.
func (t *tongue) peer(from, name string) chord.Peer {
	p := chord.Peer{ID: chord.FromUint(t.place.Overlay.IDs[name])}
	if name != from {
		p.Addr = t.place.Addr(name)
	}
	return p
}

func (t *tongue) state() map[string]any {
	s := map[string]any{"predecessor": nil, "successors": t.names(t.node.Successors()), "keys": []uint64{}}
	if p, ok := t.node.Predecessor(); ok {
		s["predecessor"] = t.name(p)
	}
	fingers := []string{}
	for i := range t.place.Overlay.Bits {
		if f, ok := t.node.Finger(i + 1); ok {
			fingers = append(fingers, t.name(f))
		}
	}
	s["fingers"] = fingers
	return s
}

// name is a peer's; one without an address is the node itself.
func (t *tongue) name(p chord.Peer) string {
	if !p.Addr.IsValid() {
		return t.place.Name
	}
	return t.place.At(p.Addr)
}

func (t *tongue) names(peers []chord.Peer) []string {
	names := make([]string, len(peers))
	for i, p := range peers {
		names[i] = t.name(p)
	}
	return names
}

func (t *tongue) Outcome(_ string, done spec.Done) (map[string]any, *stdio.Error) {
	switch {
	case done.Err == nil:
	case errors.Is(done.Err, chord.ErrMember) && t.node.Member():
		return nil, nil // it has joined already
	case errors.Is(done.Err, chord.ErrNotFound):
		return nil, stdio.Errorf(stdio.KeyDoesNotExist, "%v", done.Err)
	case errors.Is(done.Err, chord.ErrNoQuorum):
		return nil, stdio.Errorf(stdio.Timeout, "%v", done.Err)
	case errors.Is(done.Err, chord.ErrBadID), errors.Is(done.Err, chord.ErrBadPeer),
		errors.Is(done.Err, chord.ErrTooLarge):
		return nil, stdio.Errorf(stdio.MalformedRequest, "%v", done.Err)
	default:
		return nil, stdio.Errorf(stdio.Unavailable, "%v", done.Err)
	}
	if found, ok := done.Result.(chord.Found); ok {
		return map[string]any{"node": t.name(found.Owner), "hops": found.Hops}, nil
	}
	return nil, nil
}

// The types of messages between nodes.
const (
	typePing             = "PING"
	typePong             = "PONG"
	typeGetNeighbors     = "GET_NEIGHBORS"
	typeNeighbors        = "NEIGHBORS"
	typeBusy             = "BUSY"
	typeNotify           = "NOTIFY"
	typeLeaving          = "LEAVING"
	typeClosestPreceding = "CLOSEST_PRECEDING"
	typeStep             = "STEP"
	typeFindSuccessor    = "FIND_SUCCESSOR"
	typeFoundSuccessor   = "FOUND_SUCCESSOR"
)

// fields are what the bodies carry beside the reserved keys.
type fields struct {
	Type        string   `json:"type"`
	MsgID       uint32   `json:"msg_id,omitempty"`
	InReplyTo   *uint32  `json:"in_reply_to,omitempty"`
	Predecessor string   `json:"predecessor,omitempty"`
	Successors  []string `json:"successors,omitempty"`
	Key         *uint64  `json:"key,omitempty"`
	Preceding   []string `json:"preceding,omitempty"`
	Owners      []string `json:"owners,omitempty"`
	Origin      string   `json:"origin,omitempty"`
	Owner       string   `json:"owner,omitempty"`
	Hops        uint16   `json:"hops,omitempty"`
}

func request(typ string, h chord.Header) fields { return fields{Type: typ, MsgID: h.RPC} }

func answer(typ string, h chord.Header) fields { return fields{Type: typ, InReplyTo: &h.RPC} }

func (t *tongue) Encode(m spec.Message) any {
	switch m := m.(type) {
	case chord.Ping:
		return request(typePing, m.Header)
	case chord.Pong:
		return answer(typePong, m.Header)
	case chord.GetNeighbors:
		return request(typeGetNeighbors, m.Header)
	case chord.Neighbors:
		f := answer(typeNeighbors, m.Header)
		f.Predecessor, f.Successors = t.known(m.Predecessor), t.names(m.Successors)
		return f
	case chord.Busy:
		return answer(typeBusy, m.Header)
	case chord.Notify:
		return request(typeNotify, m.Header)
	case chord.Leaving:
		f := request(typeLeaving, m.Header)
		f.Predecessor = t.known(m.Predecessor)
		return f
	case chord.ClosestPreceding:
		f := request(typeClosestPreceding, m.Header)
		f.Key = number(m.Key)
		return f
	case chord.Step:
		f := answer(typeStep, m.Header)
		f.Preceding, f.Owners = t.names(m.Preceding), t.names(m.Owners)
		return f
	case chord.FindSuccessor:
		f := request(typeFindSuccessor, m.Header)
		f.Origin, f.Key, f.Hops = t.name(m.Origin), number(m.Key), m.Hops
		return f
	case chord.FoundSuccessor:
		f := answer(typeFoundSuccessor, m.Header)
		f.Owner, f.Hops = t.name(m.Owner), m.Hops
		return f
	}
	panic(fmt.Sprintf("chord: message of type %T", m))
}

// known is the name of a peer that there may not be.
func (t *tongue) known(p chord.Peer) string {
	if p == (chord.Peer{}) {
		return ""
	}
	return t.name(p)
}

func number(id chord.ID) *uint64 {
	v := id.Uint()
	return &v
}

var errBody = errors.New("chord: body")

func (t *tongue) Decode(from string, body stdio.Body) (spec.Message, error) {
	var f fields
	if err := body.Decode(&f); err != nil {
		return nil, err
	}
	if err := t.checkNames(f); err != nil {
		return nil, err
	}
	h := chord.Header{RPC: f.MsgID, Sender: t.peer("", from).ID}
	if f.InReplyTo != nil {
		h.RPC = *f.InReplyTo
	}
	var key chord.ID
	if f.Key != nil {
		key = chord.FromUint(*f.Key)
	}
	switch f.Type {
	case typePing:
		return chord.Ping{Header: h}, nil
	case typePong:
		return chord.Pong{Header: h}, nil
	case typeGetNeighbors:
		return chord.GetNeighbors{Header: h}, nil
	case typeNeighbors:
		return chord.Neighbors{
			Header: h, Predecessor: t.maybe(from, f.Predecessor), Successors: t.peers(from, f.Successors),
		}, nil
	case typeBusy:
		return chord.Busy{Header: h}, nil
	case typeNotify:
		return chord.Notify{Header: h}, nil
	case typeLeaving:
		return chord.Leaving{Header: h, Predecessor: t.maybe(from, f.Predecessor)}, nil
	case typeClosestPreceding:
		return chord.ClosestPreceding{Header: h, Key: key}, nil
	case typeStep:
		return chord.Step{Header: h, Preceding: t.peers(from, f.Preceding), Owners: t.peers(from, f.Owners)}, nil
	case typeFindSuccessor:
		return chord.FindSuccessor{Header: h, Origin: t.peer(from, f.Origin), Key: key, Hops: f.Hops}, nil
	case typeFoundSuccessor:
		return chord.FoundSuccessor{Header: h, Owner: t.peer(from, f.Owner), Hops: f.Hops}, nil
	}
	return nil, fmt.Errorf("%w: there is no message %q", errBody, f.Type)
}

// checkNames wants that all names in a body are those of nodes.
func (t *tongue) checkNames(f fields) error {
	names := slices.Concat(f.Successors, f.Preceding, f.Owners)
	for _, name := range []string{f.Predecessor, f.Origin, f.Owner} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !t.place.Addr(name).IsValid() {
			return fmt.Errorf("%w: there is no node %q", errBody, name)
		}
	}
	return nil
}

func (t *tongue) peers(from string, names []string) []chord.Peer {
	var peers []chord.Peer
	for _, name := range names {
		peers = append(peers, t.peer(from, name))
	}
	return peers
}

func (t *tongue) maybe(from, name string) chord.Peer {
	if name == "" {
		return chord.Peer{}
	}
	return t.peer(from, name)
}
