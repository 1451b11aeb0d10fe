package chord

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
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
	bend  func(*chord.Config) // of a mutant
	place *cluster.Place
	node  *chord.Node
}

func (t *tongue) Start(now time.Duration, p *cluster.Place) (spec.Machine, []string, error) {
	o := p.Overlay
	period, patience := time.Duration(o.PeriodMS)*time.Millisecond, time.Duration(o.TimeoutMS)*time.Millisecond
	cfg := chord.Config{
		ID: chord.FromUint(o.IDs[p.Name]), IDBits: o.Bits, Successors: o.Successors,
		RoundTrip: patience / 2, RPCTimeout: patience, Stabilize: period, FixFingers: period,
		Storage: chord.Quorum, Tries: requestTries,
	}
	cfg.Seed = sha256.Sum256(binary.BigEndian.AppendUint64([]byte(p.Name), t.seed))
	if t.bend != nil {
		t.bend(&cfg)
	}
	node, err := chord.New(cfg, now)
	if err != nil {
		return nil, nil, err
	}
	t.place, t.node = p, node
	return node, []string{"state", "leave", "quorum"}, nil
}

// requestTries rides out the loss of a message or two.
const requestTries = 2

func (t *tongue) Command(op spec.OpID, body stdio.Body) (spec.Input, map[string]any, *stdio.Error) {
	switch body.Type {
	case "join":
		return t.join(op, body)
	case "state":
		return nil, t.state(), nil
	case "lookup", "leave", "put", "get":
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
	key := chord.FromUint(number)
	switch body.Type {
	case "lookup":
		return chord.Lookup{Op: op, Key: key}, nil, nil
	case "get":
		return chord.Get{Op: op, Key: key}, nil, nil
	}
	var what struct{ Value json.RawMessage }
	if err := body.Decode(&what); err != nil || what.Value == nil {
		return nil, nil, stdio.Errorf(stdio.MalformedRequest, "value is missing")
	}
	return chord.Put{Op: op, Key: key, Value: what.Value}, nil, nil
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
	s := map[string]any{"predecessor": nil, "successors": t.names(t.node.Successors()), "keys": t.keys()}
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

// keys are those that the node holds, as owner or replica.
func (t *tongue) keys() []uint64 {
	keys := []uint64{}
	for _, key := range t.node.Keys() {
		keys = append(keys, key.Uint())
	}
	return keys
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
	switch r := done.Result.(type) {
	case chord.Found:
		return map[string]any{"node": t.name(r.Owner), "hops": r.Hops}, nil
	case chord.Value:
		return map[string]any{"value": json.RawMessage(r.Value)}, nil
	}
	return nil, nil
}
