package kademlia

import (
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// FuzzNode reads its input as a script for one node: commands, time, answers to
// what the node asked, and raw datagrams. Whatever it says, nothing panics, the
// invariants hold, and each Step stays within its bound.
func FuzzNode(f *testing.F) {
	f.Add([]byte{0, 1, 2, 9, 3, 9, 6, 0, 6, 1, 5, 200, 7, 3, 6, 0})
	ping, _ := Codec{}.AppendMessage(nil, PingRequest{from(peer(5))})
	f.Add(append([]byte{8, 5, byte(len(ping))}, ping...))
	m := StoreRequest{from(peer(5)), peer(6).ID, time.Hour, []byte("v")}
	store, _ := Codec{}.AppendMessage(nil, m)
	f.Add(append([]byte{8, 5, byte(len(store))}, store...))
	f.Fuzz(func(t *testing.T, script []byte) {
		cfg := Config{
			ID: FromUint(9, 8), IDBits: 8, K: 2, Alpha: 2, Spare: 1, MaxLookups: 2, MaxPings: 2,
			MaxValues: 2, MaxPublished: 2, Contacts: []Contact{peer(1), peer(0x81)},
		}
		bound, err := cfg.MaxEffects()
		require.NoError(t, err)
		n, err := New(cfg, 0)
		require.NoError(t, err)
		play := fuzzPlay{script: script}
		for op := spec.OpID(1); len(play.script) > 0; op++ {
			in := play.next(op)
			out := n.Step(play.now, in, nil)
			require.NoError(t, n.Check(), "after %T%+v", in, in)
			require.LessOrEqual(t, len(out), bound)
			for _, e := range out {
				if s, ok := e.(spec.Send); ok {
					play.sent = append(play.sent, s)
				}
			}
		}
	})
}

// fuzzPlay turns a script into inputs.
type fuzzPlay struct {
	script []byte
	now    time.Duration
	sent   []spec.Send
}

func (p *fuzzPlay) byte() byte {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return b
}

func (p *fuzzPlay) peer() Contact { return peer(uint64(p.byte())) }

func (p *fuzzPlay) next(op spec.OpID) spec.Input {
	switch p.byte() % 9 {
	case 0:
		return Join{Op: op, Seeds: []Contact{p.peer(), p.peer()}}
	case 1:
		return Ping{Op: op, To: p.peer().Addr}
	case 2:
		return FindNode{Op: op, Target: p.peer().ID}
	case 3:
		return FindValue{Op: op, Key: p.peer().ID}
	case 4:
		return Store{Op: op, Key: p.peer().ID, Value: []byte{p.byte()}}
	case 5:
		p.now += time.Duration(p.byte()) * 20 * time.Second
	case 6:
		if len(p.sent) > 0 {
			return p.answer(p.sent[len(p.sent)-1-int(p.byte())%len(p.sent)])
		}
	case 7:
		return Withdraw{Op: op, Key: p.peer().ID}
	case 8:
		c := p.peer()
		n := min(int(p.byte()), len(p.script))
		raw := p.script[:n]
		p.script = p.script[n:]
		if m, err := (Codec{}).ParseMessage(raw); err == nil {
			return spec.Recv{From: c.Addr, Msg: m}
		}
	}
	return spec.Wake{}
}

// answer replies to s as its receiver, with contacts or a value from the script.
func (p *fuzzPlay) answer(s spec.Send) spec.Input {
	sender := peerAt[s.To]
	var reply spec.Message
	switch m := s.Msg.(type) {
	case PingRequest:
		reply = PingReply{Header{m.RPC, sender}}
	case StoreRequest:
		reply = StoreReply{Header{m.RPC, sender}}
	case FindNodeRequest:
		reply = NodesReply{Header{m.RPC, sender}, []Contact{p.peer(), p.peer()}}
	case FindValueRequest:
		if reply = (NodesReply{Header{m.RPC, sender}, []Contact{p.peer()}}); p.byte()%4 == 0 {
			reply = ValueReply{Header{m.RPC, sender}, time.Duration(p.byte()) * time.Minute, nil}
		}
	default:
		reply = s.Msg
	}
	return spec.Recv{From: s.To, Msg: reply}
}
