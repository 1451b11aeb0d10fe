package kademlia

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// dialogue is one node, 0000… of an 8-bit space with k = 3 and alpha = 2, and
// the messages that a test exchanges with it.
type dialogue struct {
	t   *testing.T
	n   *Node
	now time.Duration
}

func begin(t *testing.T, known ...Contact) *dialogue {
	return beginWith(t, Config{}, known...)
}

func beginWith(t *testing.T, cfg Config, known ...Contact) *dialogue {
	cfg.IDBits, cfg.K, cfg.Alpha, cfg.Contacts = 8, 3, 2, known
	n, err := New(cfg, 0)
	require.NoError(t, err)
	return &dialogue{t: t, n: n}
}

// step gives one input and returns what the node sent and what ended.
func (d *dialogue) step(in spec.Input) (sent []spec.Send, done []spec.Done) {
	d.t.Helper()
	for _, e := range d.n.Step(d.now, in, nil) {
		switch e := e.(type) {
		case spec.Send:
			sent = append(sent, e)
		case spec.Done:
			done = append(done, e)
		default:
			require.Failf(d.t, "unexpected effect", "%T%+v", e, e)
		}
	}
	require.NoError(d.t, d.n.Check())
	return sent, done
}

// hear lets c send a message.
func (d *dialogue) hear(c Contact, m spec.Message) ([]spec.Send, []spec.Done) {
	d.t.Helper()
	return d.step(spec.Recv{From: c.Addr, Msg: m})
}

// pass lets time pass up to the next timer, which fires.
func (d *dialogue) pass() ([]spec.Send, []spec.Done) {
	d.t.Helper()
	at, armed := d.n.Deadline()
	require.True(d.t, armed)
	d.now = at
	return d.step(spec.Wake{})
}

// refused requires that the node drops m from c for the given clause, and that
// nothing but the clock differs afterwards.
func (d *dialogue) refused(clause string, from netip.AddrPort, m spec.Message) {
	d.t.Helper()
	before := d.n.AppendState(nil)
	out := d.n.Step(d.now, spec.Recv{From: from, Msg: m}, nil)
	require.Len(d.t, out, 1)
	drop, ok := out[0].(spec.Drop)
	require.True(d.t, ok, "%T%+v", out[0], out[0])
	require.Equal(d.t, clause, drop.Clause)
	require.Equal(d.t, from, drop.From)
	require.Error(d.t, drop.Reason)
	require.Equal(d.t, before, d.n.AppendState(nil), "state unchanged")
}

// rpcOf returns the RPC identifier of a request.
func rpcOf(t *testing.T, s spec.Send) ID {
	switch m := s.Msg.(type) {
	case PingRequest:
		return m.RPC
	case StoreRequest:
		return m.RPC
	case FindNodeRequest:
		return m.RPC
	case FindValueRequest:
		return m.RPC
	}
	require.Failf(t, "not a request", "%T", s.Msg)
	return ID{}
}

// answer replies to the request s as c.
func (d *dialogue) answer(c Contact, s spec.Send, contacts ...Contact) ([]spec.Send, []spec.Done) {
	d.t.Helper()
	require.Equal(d.t, c.Addr, s.To)
	h := Header{rpcOf(d.t, s), c.ID}
	switch s.Msg.(type) {
	case PingRequest:
		return d.hear(c, PingReply{h})
	case StoreRequest:
		return d.hear(c, StoreReply{h})
	}
	return d.hear(c, NodesReply{h, contacts})
}

func from(c Contact) Header { return Header{ID{7}, c.ID} }

// peer is contact v of the dialogues' space.
func peer(v uint64) Contact { return small(v, 8) }

// KAD-RPC-001, KAD-RPC-002, KAD-RPC-003, KAD-RPC-004, KAD-BUCKET-003.
func TestEachRequestIsAnswered(t *testing.T) {
	key := FromUint(9, 8)
	for _, tc := range []struct {
		request, reply spec.Message
	}{
		{PingRequest{from(peer(1))}, PingReply{Header{RPC: ID{7}}}},
		{StoreRequest{from(peer(1)), key, time.Hour, []byte("v")}, StoreReply{Header{RPC: ID{7}}}},
		{FindNodeRequest{from(peer(1)), key}, NodesReply{Header{RPC: ID{7}}, []Contact{}}},
		{FindValueRequest{from(peer(1)), key}, NodesReply{Header{RPC: ID{7}}, []Contact{}}},
	} {
		d := begin(t)
		sent, _ := d.hear(peer(1), tc.request)
		require.Equal(t, []spec.Send{{To: peer(1).Addr, Msg: tc.reply}}, sent)
		_, known := d.n.Table().Get(peer(1).ID)
		require.True(t, known, "the requester is filed")
	}
}

// KAD-RPC-005, KAD-RPC-006.
func TestFindNodeReturnsTheClosest(t *testing.T) {
	d := begin(t, peer(64), peer(128))
	find := func() []Contact {
		sent, _ := d.hear(peer(64), FindNodeRequest{from(peer(64)), FromUint(2, 8)})
		return sent[0].Msg.(NodesReply).Contacts
	}
	require.Equal(t, []Contact{peer(64), peer(128)}, find(), "fewer than k: all")
	for _, v := range []uint64{1, 3, 32} {
		d.hear(peer(v), PingRequest{from(peer(v))})
	}
	require.Equal(t, []Contact{peer(3), peer(1), peer(32)}, find(), "from several buckets")
	for range 5 {
		d.n.table.Failed(peer(3).ID, 0)
	}
	require.Equal(t, []Contact{peer(1), peer(32), peer(64)}, find(), "stale ones are not handed out")
}

// KAD-RPC-007, KAD-RPC-008, KAD-RPC-009, KAD-STORE-003.
func TestStoredValueIsFoundUntilItExpires(t *testing.T) {
	d := begin(t)
	key, data := FromUint(9, 8), []byte("v")
	store := StoreRequest{from(peer(1)), key, 90 * time.Minute, data}
	d.hear(peer(1), store)
	data[0] = 'x' // the sender's buffer
	find := func() spec.Message {
		sent, _ := d.hear(peer(1), FindValueRequest{from(peer(1)), key})
		return sent[len(sent)-1].Msg // after what timers may have sent
	}
	d.now = 30 * time.Minute
	require.Equal(t, ValueReply{Header{RPC: ID{7}}, time.Hour, []byte("v")}, find())
	d.now = 90*time.Minute - 1
	require.IsType(t, ValueReply{}, find())
	d.now = 90 * time.Minute
	require.IsType(t, NodesReply{}, find())

	store.TTL = 1000 * time.Hour
	d.hear(peer(1), store)
	require.Equal(t, 24*time.Hour, find().(ValueReply).TTL, "at most a day")
}

// The copy of the later publication, which lives longer, wins.
func TestLaterPublicationWins(t *testing.T) {
	d := begin(t)
	key := FromUint(9, 8)
	held := func(ttl time.Duration, data string) string {
		d.hear(peer(1), StoreRequest{from(peer(1)), key, ttl, []byte(data)})
		return string(d.n.value(key).data)
	}
	require.Equal(t, "b", held(2*time.Hour, "b"))
	require.Equal(t, "b", held(time.Hour, "a"))
	require.Equal(t, "c", held(3*time.Hour, "c"))
}

// KAD-RPC-003, KAD-METRIC-001, KAD-BUCKET-001, KAD-BUCKET-017: state unchanged.
func TestRefusedMessages(t *testing.T) {
	d := beginWith(t, Config{MaxValues: 1, MaxValueBytes: 4}, peer(1), peer(2), peer(3))
	sent, _ := d.step(FindValue{Op: 1, Key: FromUint(1, 8)})
	h := Header{rpcOf(t, sent[0]), peer(1).ID}
	outside := ID{19: 1}
	self := Header{Sender: d.n.ID()}
	big := []byte("12345")
	d.hear(peer(2), StoreRequest{from(peer(2)), FromUint(5, 8), time.Hour, nil})

	a := peer(1).Addr
	for _, tc := range []struct {
		clause string
		from   netip.AddrPort
		m      spec.Message
	}{
		{"KAD-RPC-002", a, nil},
		{"KAD-BUCKET-017", a, PingRequest{self}},
		{"KAD-METRIC-001", a, PingRequest{Header{Sender: outside}}},
		{"KAD-METRIC-001", a, FindNodeRequest{from(peer(1)), outside}},
		{"KAD-METRIC-001", a, FindValueRequest{from(peer(1)), outside}},
		{"KAD-METRIC-001", a, StoreRequest{from(peer(1)), outside, 1, nil}},
		{"KAD-BUCKET-001", netip.AddrPort{}, PingRequest{from(peer(1))}},
		{"KAD-BUCKET-001", netip.AddrPortFrom(a.Addr(), 0), PingRequest{from(peer(1))}},
		{"KAD-RPC-009", a, StoreRequest{from(peer(1)), peer(5).ID, 1, big}},
		{"KAD-RPC-009", a, StoreRequest{from(peer(1)), peer(6).ID, 1, nil}}, // one is held already
		{"KAD-STORE-003", a, StoreRequest{from(peer(1)), peer(5).ID, 0, nil}},
		{"KAD-RPC-003", a, NodesReply{Header{ID{1}, peer(1).ID}, nil}},           // not awaited
		{"KAD-RPC-003", peer(2).Addr, NodesReply{h, nil}},                        // elsewhere
		{"KAD-RPC-003", a, NodesReply{Header{h.RPC, peer(2).ID}, nil}},           // somebody else
		{"KAD-RPC-003", a, StoreReply{h}},                                        // another kind
		{"KAD-RPC-005", a, NodesReply{h, []Contact{{}, {}, {}, {}}}},             // over k
		{"KAD-METRIC-001", a, NodesReply{h, []Contact{{outside, peer(9).Addr}}}}, // outside
		{"KAD-RPC-007", a, ValueReply{h, time.Hour, big}},                        // too large
	} {
		d.refused(tc.clause, tc.from, tc.m)
	}
	_, done := d.hear(peer(1), ValueReply{h, time.Hour, []byte("v")})
	require.Len(t, done, 1, "the true reply still counts")
}

// A ping to a bare address learns who is there.
func TestPingCommand(t *testing.T) {
	d := begin(t)
	sent, _ := d.step(Ping{Op: 1, To: peer(1).Addr})
	_, done := d.answer(peer(1), sent[0])
	require.Equal(t, []spec.Done{{Op: 1, Result: Ponged{peer(1)}}}, done)
	require.Equal(t, 1, d.n.Table().Len())

	d.step(Ping{Op: 2, To: peer(2).Addr})
	_, done = d.pass()
	require.Equal(t, 2*time.Second, d.now)
	require.Equal(t, []spec.Done{{Op: 2, Err: ErrNoAnswer}}, done)
}

func TestCommandsRefused(t *testing.T) {
	outside := ID{19: 1}
	empty := begin(t)
	limits := Config{MaxLookups: 1, MaxPings: 1, MaxPublished: 1, MaxValueBytes: 4}
	full := beginWith(t, limits, peer(1))
	full.step(Store{Op: 1, Key: peer(1).ID})
	full.step(Ping{Op: 2, To: peer(1).Addr})
	for _, tc := range []struct {
		d   *dialogue
		in  spec.Input
		err error
	}{
		{empty, Join{Op: 9}, ErrNoContacts},
		{empty, Join{Op: 9, Seeds: []Contact{{ID: outside}, {}, contact(empty.n.ID())}}, ErrNoContacts},
		{empty, FindNode{Op: 9}, ErrNoContacts},
		{empty, FindValue{Op: 9}, ErrNoContacts},
		{empty, FindNode{Op: 9, Target: outside}, ErrBadID},
		{empty, FindValue{Op: 9, Key: outside}, ErrBadID},
		{empty, Store{Op: 9, Key: outside}, ErrBadID},
		{empty, Ping{Op: 9}, ErrBadAddress},
		{empty, Withdraw{Op: 9}, ErrNotFound},
		{full, Join{Op: 9, Seeds: []Contact{peer(1)}}, ErrBusy},
		{full, FindNode{Op: 9}, ErrBusy},
		{full, FindValue{Op: 9}, ErrBusy},
		{full, Ping{Op: 9, To: peer(1).Addr}, ErrBusy},
		{full, Store{Op: 9, Key: peer(1).ID}, ErrBusy},
		{full, Store{Op: 9, Key: peer(2).ID}, ErrFull},
		{full, Store{Op: 9, Value: []byte("12345")}, ErrTooLarge},
	} {
		before := tc.d.n.AppendState(nil)
		sent, done := tc.d.step(tc.in)
		require.Empty(t, sent)
		require.Equal(t, []spec.Done{{Op: 9, Err: tc.err}}, done, "%T%+v", tc.in, tc.in)
		require.Equal(t, before, tc.d.n.AppendState(nil))
	}
}

// KAD-JOIN-001, KAD-JOIN-002, KAD-JOIN-003: own identifier first, then each
// bucket farther than the closest neighbour, nearest first.
func TestJoinDialogue(t *testing.T) {
	d := begin(t)
	sent, _ := d.step(Join{Op: 1, Seeds: []Contact{peer(0x10)}})
	_, known := d.n.Table().Get(peer(0x10).ID)
	require.True(t, known, "filed before any answer")
	require.Equal(t, d.n.ID(), sent[0].Msg.(FindNodeRequest).Target)
	for shared := 2; shared >= 0; shared-- { // 0x10 shares three bits
		sent, _ = d.answer(peer(0x10), sent[0])
		require.Len(t, sent, 1)
		target := sent[0].Msg.(FindNodeRequest).Target
		require.Equal(t, shared, CommonPrefixLen(target, d.n.ID()))
	}
	_, done := d.answer(peer(0x10), sent[0])
	require.Equal(t, []spec.Done{{Op: 1, Result: Joined{[]Contact{peer(0x10)}}}}, done)
}

// No seed answers: the join fails, and can be tried again at once.
func TestJoinFails(t *testing.T) {
	d := begin(t)
	for op := range spec.OpID(2) {
		sent, _ := d.step(Join{Op: op, Seeds: []Contact{peer(1), peer(2)}})
		require.Len(t, sent, 2)
		_, done := d.pass()
		require.Equal(t, []spec.Done{{Op: op, Err: ErrNoAnswer}}, done)
	}
}

// KAD-LOOKUP-009, KAD-LOOKUP-010: the lookup stops at the value and caches it at
// the closest node that answered without.
func TestValueLookupDialogue(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82))
	key := FromUint(0xff, 8)
	sent, _ := d.step(FindValue{Op: 1, Key: key})
	require.Len(t, sent, 2)
	require.Equal(t, key, sent[0].Msg.(FindValueRequest).Key)
	more, _ := d.answer(peer(0x82), sent[0], peer(0xf0)) // 0x82 is closer to 0xff than 0x81
	require.Len(t, more, 1)
	d.answer(peer(0x81), sent[1])
	reply := ValueReply{Header{rpcOf(t, more[0]), peer(0xf0).ID}, time.Hour, []byte("v")}
	cache, done := d.hear(peer(0xf0), reply)
	require.Equal(t, []spec.Done{{Op: 1, Result: Value{
		Key: key, Value: []byte("v"), TTL: time.Hour, Hops: 2, Asked: 3,
	}}}, done)
	require.Len(t, cache, 1)
	require.Equal(t, peer(0x82).Addr, cache[0].To)
	m := cache[0].Msg.(StoreRequest)
	require.Equal(t, StoreRequest{m.Header, key, time.Hour, []byte("v")}, m)
}

// KAD-LOOKUP-005, KAD-RPC-011, KAD-BUCKET-016: a silent node is left out, asked
// once, and left alone by the next lookup.
func TestSilentNodeIsLeftAlone(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82))
	target := FromUint(0x81, 8)
	sent, _ := d.step(FindNode{Op: 1, Target: target})
	require.Len(t, sent, 2)
	d.answer(peer(0x82), sent[1])
	again, done := d.pass()
	require.Empty(t, again, "no retransmission")
	require.Equal(t, []spec.Done{{Op: 1, Result: Found{
		Target: target, Contacts: []Contact{peer(0x82)}, Hops: 1, Asked: 2, Failed: 1,
	}}}, done)
	sent, _ = d.step(FindNode{Op: 2, Target: target})
	require.Len(t, sent, 1)
	require.Equal(t, peer(0x82).Addr, sent[0].To)
	more, done := d.answer(peer(0x82), sent[0], peer(0x81))
	require.Empty(t, more, "not even when another names it")
	require.Len(t, done, 1)
	d.now += backOff
	sent, _ = d.step(FindNode{Op: 3, Target: target})
	require.Len(t, sent, 2)
}

// KAD-BUCKET-006, KAD-BUCKET-007; with DelayProbes KAD-BUCKET-011.
func TestNewcomerCostsAPing(t *testing.T) {
	known := []Contact{peer(0x81), peer(0x82), peer(0x83)}
	for _, delay := range []bool{false, true} {
		d := beginWith(t, Config{DelayProbes: delay}, known...)
		for v := range uint64(3) { // splits, and fills the own half
			d.hear(peer(v+1), PingRequest{from(peer(v + 1))})
		}
		sent, _ := d.hear(peer(0x90), PingRequest{from(peer(0x90))})
		if delay {
			require.Len(t, sent, 1, "the reply alone")
			continue
		}
		require.Len(t, sent, 2)
		require.Equal(t, peer(0x81).Addr, sent[1].To)
		require.IsType(t, PingRequest{}, sent[1].Msg)
		d.pass()
		_, old := d.n.Table().Get(peer(0x81).ID)
		_, young := d.n.Table().Get(peer(0x90).ID)
		require.True(t, !old && young)
	}
}

// KAD-REFRESH-001, KAD-REFRESH-002, KAD-REFRESH-003.
func TestRefreshDialogue(t *testing.T) {
	d := begin(t, peer(0x81), peer(0x82), peer(0x83), peer(1)) // two buckets
	d.now = 30 * time.Minute
	d.step(FindNode{Op: 1, Target: peer(0x83).ID})
	for range 2 { // nobody answers
		d.pass()
	}
	d.now = time.Hour
	sent, _ := d.step(spec.Wake{})
	require.NotEmpty(t, sent)
	near := sent[0].Msg.(FindNodeRequest).Target
	require.Equal(t, 0, near.Bit(0), "only the bucket that saw no lookup")
	d.now = 89 * time.Minute
	d.step(spec.Wake{})
	d.now = 90 * time.Minute
	sent, _ = d.step(spec.Wake{})
	require.NotEmpty(t, sent)
	require.Equal(t, 1, sent[0].Msg.(FindNodeRequest).Target.Bit(0))
}

// Requests that a lookup leaves behind take the place of pings, and are forgotten
// when there is none.
func TestLeftoverRequestsAreBounded(t *testing.T) {
	known := []Contact{peer(0x81), peer(0x82), peer(0x83)}
	d := beginWith(t, Config{MaxPings: 1}, known...)
	for op := range spec.OpID(2) {
		sent, _ := d.step(FindValue{Op: op, Key: FromUint(0x81, 8)})
		require.Len(t, sent, 2)
		reply := ValueReply{Header{rpcOf(t, sent[0]), peer(0x81).ID}, time.Hour, nil}
		_, done := d.hear(peer(0x81), reply)
		require.Len(t, done, 1)
		require.Len(t, d.n.rpcs, 1)
	}
}

func TestConfigRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"IDBits":        {IDBits: 161},
		"K":             {K: 65},
		"Alpha":         {Alpha: 33},
		"MaxLookups":    {MaxLookups: -1},
		"MaxPings":      {MaxPings: 1025},
		"MaxValues":     {MaxValues: 1 << 17},
		"MaxPublished":  {MaxPublished: -1},
		"MaxValueBytes": {MaxValueBytes: MaxWireValue + 1},
		"RPCTimeout":    {RPCTimeout: time.Microsecond},
		"Refresh":       {Refresh: -1},
		"Replicate":     {Replicate: 2 * maxPeriod},
		"Republish":     {Republish: 1},
		"Expire":        {Expire: 1},
		"own ID":        {IDBits: 3, ID: ID{19: 1}},
	} {
		_, err := New(cfg, 0)
		require.ErrorContains(t, err, name)
	}
	require.PanicsWithValue(t, "kademlia: unknown input <nil>", func() { begin(t).step(nil) })
}
