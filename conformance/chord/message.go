package chord

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

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
	typeRead             = "READ"
	typeReadAck          = "READ_ACK"
	typeWrite            = "WRITE"
	typeWriteAck         = "WRITE_ACK"
	typeOffer            = "OFFER"
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

	Stamp   *stamp          `json:"stamp,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Leaving bool            `json:"leaving,omitempty"`
	Owned   bool            `json:"owned,omitempty"`
	Replica bool            `json:"replica,omitempty"`
}

// stamp tells the writes of one key apart.
type stamp struct {
	Counter uint64 `json:"counter"`
	Writer  uint64 `json:"writer"`
	Serial  uint64 `json:"serial"`
}

func appendStamp(s chord.Stamp) *stamp { return &stamp{s.Counter, s.Writer.Uint(), s.Serial} }

// read is the core's stamp; without one, that of a key without a value.
func (s *stamp) read() chord.Stamp {
	if s == nil || *s == (stamp{}) {
		return chord.Stamp{}
	}
	return chord.Stamp{Counter: s.Counter, Writer: chord.FromUint(s.Writer), Serial: s.Serial}
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
	return encodeStorage(m)
}

func encodeStorage(m spec.Message) any {
	switch m := m.(type) {
	case chord.Read:
		f := request(typeRead, m.Header)
		f.Key = number(m.Key)
		return f
	case chord.ReadAck:
		f := answer(typeReadAck, m.Header)
		f.Key, f.Leaving, f.Stamp, f.Value = number(m.Key), m.Leaving, appendStamp(m.Stamp), m.Value
		return f
	case chord.Write:
		f := request(typeWrite, m.Header)
		f.Key, f.Stamp, f.Value = number(m.Key), appendStamp(m.Stamp), m.Value
		return f
	case chord.WriteAck:
		f := answer(typeWriteAck, m.Header)
		f.Key, f.Leaving, f.Stamp = number(m.Key), m.Leaving, appendStamp(m.Stamp)
		f.Owned, f.Replica = m.Owner, m.Replica
		return f
	case chord.Offer:
		f := request(typeOffer, m.Header)
		f.Key, f.Stamp = number(m.Key), appendStamp(m.Stamp)
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
	return decodeStorage(h, key, f)
}

func decodeStorage(h chord.Header, key chord.ID, f fields) (spec.Message, error) {
	switch f.Type {
	case typeRead:
		return chord.Read{Header: h, Key: key}, nil
	case typeReadAck:
		return chord.ReadAck{Header: h, Key: key, Leaving: f.Leaving, Stamp: f.Stamp.read(), Value: f.Value}, nil
	case typeWrite:
		return chord.Write{Header: h, Key: key, Stamp: f.Stamp.read(), Value: f.Value}, nil
	case typeWriteAck:
		return chord.WriteAck{
			Header: h, Key: key, Leaving: f.Leaving, Stamp: f.Stamp.read(), Owner: f.Owned, Replica: f.Replica,
		}, nil
	case typeOffer:
		return chord.Offer{Header: h, Key: key, Stamp: f.Stamp.read()}, nil
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
