package wire

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"testing"
)

func TestQuick(t *testing.T) {
	ap := netip.MustParseAddrPort
	for _, c := range []struct {
		hex string
		p   Packet
	}{
		{"0082a44e6f6465a6746172676574a55365714e6f2a", Packet{Parts: []Message{Ping{SeqNo: 42, Node: "target"}}}},
		{"07020012003e0282a75061796c6f6164c0a55365714e6f2a0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e6f6465a6746172676574a4506f7274cd1f0aa356736ea6010502000000",
			Packet{Parts: []Message{Ack{SeqNo: 42}, Alive{1, "target", ap("127.0.0.1:7946"), nil, Versions{1, 5, 2, 0, 0, 0}}}}},
		{"0085a44e6f6465a6746172676574a55365714e6f2baa536f7572636541646472a47f000001aa536f757263654e6f6465a6746573746572aa536f75726365506f7274cd2329",
			Packet{Parts: []Message{Ping{43, "target", Source{ap("127.0.0.1:9001"), "tester"}}}}},
		{"0383a446726f6da6746573746572ab496e6361726e6174696f6e01a44e6f6465a6746172676574", Packet{Parts: []Message{Suspect{1, "target", "tester"}}}},
		{"0185a44e61636bc3a44e6f6465a567686f7374a4506f7274cd270fa55365714e6f4da6546172676574a47f000001", Packet{Parts: []Message{IndirectPing{SeqNo: 77, Target: ap("127.0.0.1:9999"), Node: "ghost", Nack: true}}}},
		{"0b81a55365714e6f4d", Packet{Parts: []Message{Nack{77}}}},
	} {
		var f Format
		b, err := f.AppendMessage(nil, c.p)
		if err != nil || hex.EncodeToString(b) != c.hex {
			t.Errorf("%x %v\n%s", b, err, c.hex)
		}
		m, err := f.ParseMessage(b)
		if err != nil || !reflect.DeepEqual(m, c.p) {
			t.Errorf("%+v %v", m, err)
		}
		g := Format{Label: "abc", Keys: [][]byte{make([]byte, 16)}, Compress: true, Version: 0}
		c.p.CRC, c.p.Nonce = true, Nonce{1, 2, 3}
		b, err = g.AppendMessage(nil, c.p)
		if err != nil {
			t.Error(err)
		}
		m, err = g.ParseMessage(b)
		if err != nil || !reflect.DeepEqual(m, c.p) {
			t.Errorf("%+v %v", m, err)
		}
	}
	const push = "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e0087a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a6746573746572a4506f7274cd2329a5537461746500a356736ea6010502000000"
	fr := Frame{Msg: PushPull{Join: true, Nodes: []NodeState{{"tester", ap("127.0.0.1:9001"), nil, 1, StateAlive, Versions{1, 5, 2, 0, 0, 0}}}}, Opens: true}
	var f Format
	b, err := f.Stream().AppendMessage(nil, fr)
	if err != nil || hex.EncodeToString(b) != push {
		t.Errorf("%x %v", b, err)
	}
	for _, f := range []Format{{}, {Label: "abc", Keys: [][]byte{make([]byte, 16)}, Compress: true}, {Compress: true, Label: "x"}, {Keys: [][]byte{make([]byte, 32)}, Version: 1}} {
		for _, m := range []Message{fr.Msg, Ping{SeqNo: 7, Node: "a"}, Ack{SeqNo: 1000}, Error{"x"}, User{Payload: []byte("hello")}, PushPull{User: []byte("state")}} {
			fr := Frame{Msg: m, Opens: true}
			b, err := f.Stream().AppendMessage(nil, fr)
			if err != nil {
				t.Fatal(err)
			}
			d := f.Stream().Decoder()
			for i := range b {
				if m, n, err := d.Decode(b[:i]); m != nil || n != 0 || err != nil {
					t.Fatalf("%d %v %v %v", i, m, n, err)
				}
			}
			got, n, err := d.Decode(b)
			if err != nil || n != len(b) || !reflect.DeepEqual(got, fr) {
				t.Errorf("%+v %d %v\n%+v", got, n, err, fr)
			}
		}
	}
}
