package dht

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
)

// arguments are those of every adapter verb; byte strings are hexadecimal.
type arguments struct {
	Addr        netip.AddrPort `json:"addr"`
	InfoHash    string         `json:"info_hash"`
	Port        uint16         `json:"port"`
	ImpliedPort bool           `json:"implied_port"`
	Seed        bool           `json:"seed"`
	Target      string         `json:"target"`
	Salt        string         `json:"salt"`
	V           string         `json:"v"`
	Secret      string         `json:"secret"`
	Seq         int64          `json:"seq"`
	CAS         *int64         `json:"cas"`
}

// verbs are those that the built-in node knows.
func verbs() []string {
	return []string{"bootstrap", "get_peers", "announce", "get", "put", "put_mutable", "sample"}
}

// command translates an adapter verb for the reference node.
func command(op spec.OpID, c conformance.Command) (spec.Input, error) {
	text, err := json.Marshal(c.Args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Verb, err)
	}
	var a arguments
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Verb, err)
	}
	hexes := reader{}
	var in spec.Input
	switch c.Verb {
	case "bootstrap":
		in = mainline.Bootstrap{Op: op, Nodes: []netip.AddrPort{a.Addr}}
	case "get_peers":
		in = mainline.GetPeers{Op: op, InfoHash: hexes.id(a.InfoHash)}
	case "announce":
		in = mainline.Announce{
			Op: op, InfoHash: hexes.id(a.InfoHash), Port: a.Port, ImpliedPort: a.ImpliedPort, Seed: a.Seed,
		}
	case "get":
		in = mainline.GetItem{Op: op, Target: hexes.id(a.Target), Salt: hexes.bytes(a.Salt)}
	case "put":
		in = mainline.PutImmutable{Op: op, V: hexes.bytes(a.V)}
	case "put_mutable":
		var seed [ed25519.SeedSize]byte
		hexes.fill(seed[:], a.Secret)
		item := mainline.SignItem(seed, hexes.bytes(a.Salt), a.Seq, hexes.bytes(a.V))
		in = mainline.PutMutable{Op: op, Item: item, CAS: a.CAS}
	case "sample":
		in = mainline.Sample{Op: op, Addr: a.Addr, Target: hexes.optionalID(a.Target)}
	default:
		return nil, conformance.ErrUnsupported
	}
	if hexes.err != nil {
		return nil, fmt.Errorf("%s: %w", c.Verb, hexes.err)
	}
	return in, nil
}

// reader reads hexadecimal arguments and keeps the first error.
type reader struct{ err error }

func (r *reader) bytes(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil && r.err == nil {
		r.err = err
	}
	return b
}

func (r *reader) fill(dst []byte, s string) {
	if b := r.bytes(s); len(b) == len(dst) {
		copy(dst, b)
	} else if r.err == nil {
		r.err = fmt.Errorf("%q is not %d bytes", s, len(dst))
	}
}

func (r *reader) id(s string) (id kademlia.ID) {
	r.fill(id[:], s)
	return id
}

func (r *reader) optionalID(s string) (id kademlia.ID) {
	if s != "" {
		r.fill(id[:], s)
	}
	return id
}

// reply words the result of a command as adapters do.
func reply(e spec.Event) map[string]any {
	switch e := e.(type) {
	case mainline.PeersFound:
		return map[string]any{"peers": texts(e.Peers)}
	case mainline.ItemFound:
		r := map[string]any{"v": hex.EncodeToString(e.Item.V)}
		if e.Item.Mutable {
			r["seq"], r["sig"] = e.Item.Seq, hex.EncodeToString(e.Item.Sig[:])
		}
		return r
	case mainline.ItemStored:
		return map[string]any{"target": e.Target.String()}
	case mainline.Sampled:
		return map[string]any{
			"samples": texts(e.Samples), "num": e.Num, "interval": int64(e.Interval.Seconds()),
		}
	default:
		return map[string]any{}
	}
}

func texts[E fmt.Stringer](list []E) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e.String()
	}
	return out
}
