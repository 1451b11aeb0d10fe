package peers

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// What serf hands to go-msgpack, by the names and types of its fields.
type (
	serfQuery struct {
		LTime       uint64
		ID          uint32
		Addr        []byte
		Port        uint16
		SourceNode  string
		Filters     [][]byte
		Flags       uint32
		RelayFactor uint8
		Timeout     time.Duration
		Name        string
		Payload     []byte
	}
	serfPushPull struct {
		LTime        uint64
		StatusLTimes map[string]uint64
		LeftMembers  []string
		EventLTime   uint64
		Events       []*serfEvents
		QueryLTime   uint64
	}
	serfEvents struct {
		LTime  uint64
		Events []serfEvent
	}
	serfEvent struct {
		Name    string
		Payload []byte
	}
)

// TestSerfAgrees writes what serf writes, and reads it, a nil event among others too.
// GO-SF-02
func TestSerfAgrees(t *testing.T) {
	addr := netip.MustParseAddrPort("10.1.2.3:7946")
	for _, c := range []struct {
		theirs any
		ours   wire.SerfMessage
	}{
		{
			&serfQuery{5, 6, addr.Addr().AsSlice(), addr.Port(), "n", [][]byte{{0, 0x90}}, 3, 2, time.Minute,
				"q", []byte("p")},
			wire.SerfQuery{LTime: 5, ID: 6, Source: wire.Source{Addr: addr, Node: "n"}, Filters: [][]byte{{0, 0x90}},
				Flags: wire.SerfAck | wire.SerfNoBroadcast, RelayFactor: 2, Timeout: time.Minute, Name: "q",
				Payload: []byte("p")},
		},
		{&serfQuery{}, wire.SerfQuery{}},
		{
			&serfPushPull{7, map[string]uint64{"n": 1 << 40}, []string{"l"}, 8,
				[]*serfEvents{{3, []serfEvent{{"e", nil}, {"f", []byte("p")}}}}, 9},
			wire.SerfPushPull{LTime: 7, EventLTime: 8, QueryLTime: 9, Left: []string{"l"},
				Status: []wire.SerfStatus{{Node: "n", LTime: 1 << 40}},
				Events: []wire.SerfEvents{{LTime: 3, Events: []wire.SerfUserEvent{
					{Name: "e"}, {Name: "f", Payload: []byte("p")}}}}},
		},
	} {
		b := mlEncode(byte(c.ours.SerfType()), c.theirs).Bytes()
		if ours := wire.AppendSerf(nil, c.ours); !bytes.Equal(ours, b) {
			t.Errorf("serf writes %x\nthis module %x", b, ours)
		}
		got, err := wire.ParseSerf(b)
		addresses := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if diff := cmp.Diff(c.ours, got, addresses); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	sparse := mlEncode(byte(wire.SerfTypePushPull), &serfPushPull{Events: []*serfEvents{nil, nil}}).Bytes()
	if got, err := wire.ParseSerf(sparse); err != nil || got.(wire.SerfPushPull).Events != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
