package gossip

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/epidemic"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// The targets of the epidemic core:
//
//	go test -fuzz FuzzEpidemicParse ./fuzz/gossip
//	go test -fuzz FuzzEpidemicNode ./fuzz/gossip

func epidemicPeers() []netip.AddrPort {
	list := make([]netip.AddrPort, 4)
	for i := range list {
		list[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 4000)
	}
	return list
}

// epidemicSeeds is a message of each type.
func epidemicSeeds() [][]byte {
	value := epidemic.Update{Key: "b", Value: []byte("v"), Stamp: epidemic.Stamp{Counter: 2, Site: 1}}
	dead := epidemic.Update{Key: "c", Stamp: epidemic.Stamp{Counter: 3, Site: 2}, Deleted: true, Age: time.Second}
	verdicts := []epidemic.Verdict{{Stamp: value.Stamp, News: true}, {Stamp: dead.Stamp}}
	rumors := []epidemic.Rumor{{Update: value}, {Update: dead}}
	var encoded [][]byte
	for _, m := range []spec.Message{
		epidemic.Contact{Rumors: rumors},
		epidemic.Contact{Pull: true, Rumors: []epidemic.Rumor{{Update: value, Level: 1}}},
		epidemic.Reply{Rumors: rumors, Verdicts: verdicts},
		epidemic.Feedback{Verdicts: verdicts},
		epidemic.Busy{},
		epidemic.Entries{From: "a", Give: true, Updates: []epidemic.Update{value, dead}},
		epidemic.Ask{From: "a", To: "z", Give: true},
		epidemic.Summary{Ranges: []epidemic.Range{{To: "b", Count: 1, Sum: 7}, {From: "b", Count: 40}}},
		epidemic.Peel{Sum: 9, High: dead.Stamp, Low: value.Stamp, Updates: []epidemic.Update{value}},
		epidemic.Peel{Answer: true, Low: value.Stamp},
	} {
		b, err := epidemic.Codec{}.AppendMessage(nil, m)
		if err != nil {
			panic(err)
		}
		encoded = append(encoded, b)
	}
	return encoded
}

// FuzzEpidemicParse: no input makes the parser panic, and what it accepts has
// that one encoding.
func FuzzEpidemicParse(f *testing.F) {
	for _, b := range epidemicSeeds() {
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := epidemic.Codec{}.ParseMessage(b)
		if err != nil {
			return
		}
		again, err := epidemic.Codec{}.AppendMessage(nil, m)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", m, err)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x\nis written as\n%x", b, again)
		}
	})
}

// FuzzEpidemicNode: no sequence of inputs makes the node panic, break an
// invariant, exceed its bounds, keep a trace of what it refused, or forget a
// command; and all that it sends has an encoding of at most PacketSize.
func FuzzEpidemicNode(f *testing.F) {
	for variant := range byte(24) {
		script := []byte{variant}
		for i, b := range epidemicSeeds() {
			script = append(script, 4, byte(i), 'a'+byte(i), 2, byte(i%4), byte(len(b)))
			script = append(append(script, b...), 1)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &epidemicRunner{check.NewScript(t, script)}
		r.begin(r.Byte())
		r.Play(r.step)
		r.Drain(r.see)
	})
}

// epidemicRunner plays one script.
type epidemicRunner struct{ *check.Script }

func (r *epidemicRunner) begin(variant byte) {
	cfg := epidemic.Config{
		Peers: epidemicPeers(), Self: 3, MaxEntries: 40, MaxRumors: 3, MaxValueBytes: 8, PacketSize: 256,
		Mongering: epidemic.Mongering{
			Exchange: epidemic.Exchange(variant % 3), Interest: epidemic.Interest(variant / 3 % 4),
			Connections: int(variant % 2), Hunt: 1,
		},
		AntiEntropy: epidemic.AntiEntropy{
			Compare: epidemic.Compare(variant / 2 % 4), Exchange: epidemic.Exchange(variant / 8 % 3),
		},
		Deletion: epidemic.Deletion{Tau1: 20 * time.Second, Tau2: time.Minute, Retainers: 2},
	}
	if variant%5 == 4 {
		cfg.Mongering.Exchange, cfg.Mongering.Interest = epidemic.PushPull, epidemic.MedianCounter
	}
	var err error
	if r.MaxEffects, err = cfg.MaxEffects(); err != nil {
		r.Fatal(err)
	}
	if r.Machine, err = epidemic.New(cfg, 0); err != nil {
		r.Fatal(err)
	}
}

func (r *epidemicRunner) step() {
	switch r.Byte() % 5 {
	case 0:
		r.see(r.Wait(time.Duration(r.Byte()) * time.Second))
	case 1:
		r.see(r.Wake())
	case 2, 3:
		from := epidemicPeers()[r.Byte()%4]
		if m, err := (epidemic.Codec{}).ParseMessage(r.Payload(int(r.Byte()))); err == nil {
			r.see(r.Input(spec.Recv{From: from, Msg: m}))
		}
	case 4:
		which, b := r.Byte(), r.Byte()
		r.see(r.Command(func(op spec.OpID) spec.Input { return epidemicCommand(op, which, b) }))
	}
}

func epidemicCommand(op spec.OpID, which, b byte) spec.Input {
	key := string([]byte{b})
	switch which % 6 {
	case 0:
		return epidemic.Delete{Op: op, Key: key}
	case 1:
		return epidemic.Get{Op: op, Key: key}
	case 2:
		return epidemic.Sync{Op: op, With: int32(b%6) - 1}
	}
	return epidemic.Put{Op: op, Key: key, Value: []byte("123456789")[:which%10]}
}

// see checks that what is sent can be sent.
func (r *epidemicRunner) see(effects []spec.Effect) {
	for _, e := range effects {
		if s, ok := e.(spec.Send); ok {
			b, err := epidemic.Codec{}.AppendMessage(nil, s.Msg)
			if err != nil || len(b) > 256 {
				r.Fatalf("%#v takes %d bytes: %v", s.Msg, len(b), err)
			}
		}
	}
}
