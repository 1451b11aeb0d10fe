package mainline

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// bootstrapped is a dialogue with n nodes known and nothing in flight.
func bootstrapped(t *testing.T, n int, cfg Config) (*dialogue, []kademlia.Contact) {
	d := newDialogue(t, cfg)
	contacts := d.befriend(n)
	require.Empty(t, d.sent)
	return d, contacts
}

// answerAll answers every query until none is left, as each node would.
func (d *dialogue) answerAll(answer func(c kademlia.Contact, q *Message) Message) {
	for len(d.sent) > 0 {
		s := d.sent[0]
		d.reply(0, answer(kademlia.Contact{ID: nodeID(s.To), Addr: s.To}, s.Msg.(*Message)))
	}
}

func (d *dialogue) result() spec.Done {
	d.Helper()
	require.Len(d, d.done, 1)
	done := d.done[0]
	d.done = nil
	return done
}

// BEP05-KRPC-003, BEP05-TBL-008: on start the node looks up its own id, and
// asks whom it learns of.
func TestBootstrapLooksUpOwnID(t *testing.T) {
	d := newDialogue(t, Config{})
	d.give(Bootstrap{Op: 1, Nodes: []netip.AddrPort{addr("10.0.0.1:1")}})
	require.Len(t, d.sent, 1)
	m := d.sent[0].Msg.(*Message)
	require.Equal(t, MethodFindNode, m.Method)
	require.Equal(t, d.n.ID(), m.Target)
	require.Equal(t, d.n.ID(), m.ID)
	require.True(t, m.has(HasID|HasTarget))
	d.reply(0, Message{Has: HasNodes, Nodes: []kademlia.Contact{node("10.0.0.2:1"), node("10.0.0.3:1")}})
	d.answerAll(func(kademlia.Contact, *Message) Message { return Message{} })
	require.Equal(t, Bootstrapped{Contacts: 3}, d.result().Result)

	d = newDialogue(t, Config{})
	d.give(Bootstrap{Op: 1, Nodes: []netip.AddrPort{addr("10.0.0.1:1")}})
	d.pass(time.Minute)
	require.ErrorIs(t, d.result().Err, ErrNoNodes)
}

// BEP05-KRPC-010, BEP05-KRPC-011: only the node asked can answer, and whatever
// else comes is met with silence.
func TestStrayResponses(t *testing.T) {
	d := newDialogue(t, Config{})
	d.give(Ping{Op: 1, Addr: addr("10.0.0.1:1")})
	good := Message{
		Kind: Response, T: d.sent[0].Msg.(*Message).T, Has: HasID, ID: nodeID(addr("10.0.0.1:1")),
	}
	for _, c := range []struct {
		from   string
		change func(m *Message)
	}{
		{"10.0.0.1:2", func(*Message) {}},
		{"10.0.0.2:1", func(*Message) {}},
		{"10.0.0.1:1", func(m *Message) { m.T = []byte("none") }},
		{"10.0.0.1:1", func(m *Message) { m.T = nil }},
		{"10.0.0.1:1", func(m *Message) { m.Has = 0 }},
		{"10.0.0.1:2", func(m *Message) { m.Kind = Error }},
		{"10.0.0.1:1", func(m *Message) { m.Kind, m.T = Error, []byte("x") }},
		{"10.0.0.1:1", func(m *Message) { m.Kind = 'x' }},
	} {
		m := good
		c.change(&m)
		require.Nil(t, d.give(spec.Recv{From: addr(c.from), Msg: &m}))
		require.Len(t, d.drops, 1)
		require.Empty(t, d.done)
	}
	d.now += 70 * time.Millisecond
	d.reply(0, Message{})
	require.Equal(t, Ponged{ID: good.ID, RTT: 70 * time.Millisecond}, d.result().Result)
	require.Nil(t, d.give(spec.Recv{From: addr("10.0.0.1:1"), Msg: &good}), "the answer once more")
	require.Equal(t, "BEP05-KRPC-010", d.drops[0].Clause)
}

// BEP05-KRPC-010: a contact must answer with the id under which it is known.
func TestAnswerOfAnotherID(t *testing.T) {
	d, contacts := bootstrapped(t, 1, Config{})
	d.give(FindNode{Op: 1, Target: answering})
	m := Message{Kind: Response, T: d.sent[0].Msg.(*Message).T, Has: HasID, ID: querying}
	d.give(spec.Recv{From: contacts[0].Addr, Msg: &m})
	require.Len(t, d.drops, 1)
	_, known := d.n.families[0].table.Get(querying)
	require.False(t, known)
	d.pass(5 * time.Second)
	require.ErrorIs(t, d.result().Err, ErrNoNodes)
}

// BEP05-RPC-013: an error is no answer and no timeout.
func TestErrorsEndQueries(t *testing.T) {
	d, contacts := bootstrapped(t, 1, Config{})
	refuse := func() {
		m := Message{Kind: Error, T: d.sent[0].Msg.(*Message).T, Code: 201, Text: "no"}
		d.give(spec.Recv{From: d.sent[0].To, Msg: &m})
		d.sent = nil
	}
	d.give(Ping{Op: 1, Addr: contacts[0].Addr})
	refuse()
	require.Equal(t, &RemoteError{201, "no"}, d.result().Err)
	d.give(FindNode{Op: 2, Target: answering})
	refuse()
	require.ErrorIs(t, d.result().Err, ErrNoNodes)
	e, known := d.n.families[0].table.Get(contacts[0].ID)
	require.True(t, known)
	require.Zero(t, e.Failures)
	require.Empty(t, d.n.queries)
}

// BEP05-RPC-010, BEP05-RPC-012, BEP33-SCRAPE-002, BEP33-SCRAPE-008: announces go to the closest
// nodes that gave a token, with that token, after the lookup.
func TestAnnounceUsesTokens(t *testing.T) {
	d, contacts := bootstrapped(t, 8, Config{})
	d.give(Announce{Op: 1, InfoHash: answering, Port: 7, Seed: true})
	without := map[netip.AddrPort]bool{contacts[2].Addr: true, contacts[5].Addr: true}
	announced := map[netip.AddrPort]bool{}
	d.answerAll(func(c kademlia.Contact, q *Message) Message {
		switch q.Method {
		case MethodGetPeers:
			require.Empty(t, announced, "announced before the lookup was over")
			m := Message{Values: []netip.AddrPort{addr("198.51.100.1:1"), addr("198.51.100.1:0")}}
			switch {
			case c == contacts[5]:
				m.Token = make([]byte, 5000)
			case !without[c.Addr]:
				m.Token = []byte(c.Addr.String())
			}
			return m
		case MethodAnnouncePeer:
			require.Equal(t, c.Addr.String(), string(q.Token))
			require.True(t, q.Seed)
			require.EqualValues(t, 7, q.Port)
			require.Equal(t, answering, q.InfoHash)
			announced[c.Addr] = true
		}
		return Message{}
	})
	require.Len(t, announced, 6)
	require.Equal(t, Announced{
		InfoHash: answering, Nodes: 6, Peers: []netip.AddrPort{addr("198.51.100.1:1")},
	}, d.result().Result)
	d.give(Announce{Op: 2, InfoHash: answering, Port: 7})
	d.answerAll(func(kademlia.Contact, *Message) Message { return Message{} })
	require.ErrorIs(t, d.result().Err, ErrNotStored)
}

// BEP44-ITEM-014, BEP44-ITEM-015, BEP44-ITEM-016
func TestGetItemTrustsNobody(t *testing.T) {
	d, contacts := bootstrapped(t, 8, Config{})
	item := func(seq int64) Item { return SignItem([32]byte{1}, []byte("s"), seq, []byte("i7e")) }
	lies := map[int]func(m *Message){
		0: func(m *Message) { m.Sig[5] ^= 1 },
		1: func(m *Message) { m.Seq = 99 },
		2: func(m *Message) { m.Item = []byte("i8e") },
		3: func(m *Message) { m.K = make([]byte, 32) },
		4: func(m *Message) { m.K = nil },
		5: func(m *Message) { m.Has &^= HasSeq },
		6: func(m *Message) { // a good item of somebody else
			it := SignItem([32]byte{2}, []byte("s"), 9, []byte("i7e"))
			m.K, m.Sig, m.Seq = it.K[:], it.Sig[:], it.Seq
		},
	}
	first := item(0)
	target := first.Target()
	d.give(GetItem{Op: 1, Target: target, Salt: []byte("s")})
	for len(d.done) == 0 {
		if len(d.sent) == 0 {
			d.pass(5 * time.Second) // liars count as silent
			continue
		}
		to := d.sent[0].To
		i := int(to.Addr().As4()[3]) - 1
		require.Equal(t, contacts[i].Addr, to)
		it := item(int64(i))
		m := Message{Item: it.V, K: it.K[:], Sig: it.Sig[:], Seq: it.Seq, Has: HasSeq}
		lie := lies[i]
		if lie != nil {
			lie(&m)
		}
		d.reply(0, m)
		require.Equal(t, lie != nil, len(d.drops) == 1, "node %d", i)
	}
	require.Equal(t, ItemFound{Target: target, Item: item(7)}, d.result().Result)

	d.give(GetItem{Op: 2, Target: (&Item{V: []byte("i7e")}).Target()})
	d.reply(0, Message{Item: []byte("i8e")})
	require.Equal(t, "BEP44-ITEM-015", d.drops[0].Clause)
}

// BEP51-SAMPLE-003
func TestSampleLeavesNodesAlone(t *testing.T) {
	d := newDialogue(t, Config{})
	at := addr("10.0.0.1:1")
	d.give(Sample{Op: 1, Addr: at, Target: answering})
	d.give(Sample{Op: 2, Addr: at, Target: answering})
	require.ErrorIs(t, d.result().Err, ErrTooSoon)
	d.reply(0, Message{
		Samples: append(querying[:], answering[:]...), Num: 9, Interval: 600, Has: HasNum | HasInterval,
	})
	require.Equal(t, Sampled{
		Samples: []kademlia.ID{querying, answering}, Num: 9, Interval: 10 * time.Minute,
	}, d.result().Result)
	d.pass(10*time.Minute - 1)
	d.give(Sample{Op: 3, Addr: at, Target: answering})
	require.ErrorIs(t, d.result().Err, ErrTooSoon)
	d.pass(1)
	d.sent = nil
	d.give(Sample{Op: 4, Addr: at, Target: answering})
	require.Empty(t, d.done)
	require.Len(t, d.sent, 1)
}

// BEP42-SEC-003: one liar moves nothing; enough that agree do.
func TestIDFollowsAddress(t *testing.T) {
	d := newDialogue(t, Config{})
	vote := func(i int, claim string) {
		d.give(Ping{Op: spec.OpID(i), Addr: addr(fmt.Sprintf("10.0.0.%d:1", i))})
		d.reply(len(d.sent)-1, Message{IP: addr(claim)})
	}
	old := d.n.ID()
	for i := range 20 {
		vote(1, fmt.Sprintf("203.0.113.%d:1", i)) // one voter, whatever it says
	}
	for i := 2; i < 9; i++ {
		vote(i, "203.0.113.99:1")
	}
	for i := 9; i < 17; i++ {
		vote(i, "198.51.100.1:1")
	}
	require.Equal(t, old, d.n.ID(), "8 agree, but as many contradict")
	d.now += time.Minute
	for i := 17; i < 25; i++ {
		vote(i, "198.51.100.1:1")
	}
	require.NotEmpty(t, d.sent)
	require.Equal(t, d.n.ID(), d.sent[0].Msg.(*Message).Target, "it looks for its new neighbours")
	ip := netip.MustParseAddr("198.51.100.1")
	require.True(t, IsSecure(d.n.ID(), ip))
	require.Equal(t, []spec.Event{IDChanged{Old: old, New: d.n.ID(), ExternalIP: ip}}, d.notes)
	require.Greater(t, d.n.families[0].table.Len(), 8)
	for e := range d.n.families[0].table.All() {
		require.Equal(t, e.Contact().Addr.Addr().As4()[3] < 17, e.LastReply == 0, "standings are kept")
	}
	require.Equal(t, d.n.ID(), d.ask("192.0.2.7:1", Message{Method: MethodPing}).ID)
	secure := d.n.ID()
	for i := 25; i < 40; i++ {
		vote(i, "198.51.100.1:1")
	}
	require.Equal(t, secure, d.n.ID())
}

// BEP42-SEC-001, BEP42-SEC-004, BEP42-SEC-005
func TestEnforceBEP42(t *testing.T) {
	d := newDialogue(t, Config{EnforceBEP42: true, ExternalIP: netip.MustParseAddr("198.51.100.1")})
	require.True(t, IsSecure(d.n.ID(), netip.MustParseAddr("198.51.100.1")))
	require.Equal(t, Response, d.ask("192.0.2.7:4242", Message{Method: MethodPing}).Kind)
	require.Empty(t, d.sent, "served, but not wanted")
	d.give(Bootstrap{Op: 1, Nodes: []netip.AddrPort{addr("203.0.113.1:1")}})
	honest, liar := node("203.0.113.2:1"), kademlia.Contact{ID: querying, Addr: addr("203.0.113.3:1")}
	d.reply(0, Message{ID: answering, Has: HasNodes, Nodes: []kademlia.Contact{honest, liar}})
	require.Len(t, d.sent, 1)
	require.Equal(t, honest.Addr, d.sent[0].To)
	d.reply(0, Message{})
	require.Equal(t, Bootstrapped{Contacts: 1}, d.result().Result)
}

// BEP05-TBL-004, BEP05-TBL-006: a full bucket's least recently seen contact is
// pinged once it is questionable, again if silent, and then replaced.
func TestEviction(t *testing.T) {
	d := newDialogue(t, Config{ID: kademlia.ID{0xff}, K: 2, RefreshAfter: 24 * time.Hour})
	contact := func(i byte) kademlia.Contact {
		c := kademlia.Contact{ID: kademlia.ID{i}, Addr: addr(fmt.Sprintf("10.0.0.%d:1", i))}
		d.ask(c.Addr.String(), Message{Method: MethodPing, ID: c.ID, Has: HasID})
		d.reply(0, Message{ID: c.ID})
		return c
	}
	contact(1)
	d.now += time.Second
	contact(2)
	contact(3)
	require.Empty(t, d.sent, "both are good: the newcomer waits")
	d.pass(15 * time.Minute)
	contact(4)
	require.Len(t, d.sent, 1)
	require.Equal(t, addr("10.0.0.1:1"), d.sent[0].To)
	require.Equal(t, MethodPing, d.sent[0].Msg.(*Message).Method)
	d.pass(5 * time.Second)
	require.Len(t, d.sent, 2, "one retry")
	require.Equal(t, addr("10.0.0.1:1"), d.sent[1].To)
	d.pass(5 * time.Second)
	table := &d.n.families[0].table
	_, known := table.Get(kademlia.ID{1})
	require.False(t, known)
	_, known = table.Get(kademlia.ID{4})
	require.True(t, known)
}

// Strangers and newcomers cannot make the node ping without end.
func TestPingsAreBounded(t *testing.T) {
	d := newDialogue(t, Config{ID: kademlia.ID{0xff}, K: 1, RefreshAfter: 24 * time.Hour})
	known := kademlia.Contact{ID: kademlia.ID{1}, Addr: addr("10.0.0.1:1")}
	d.ask(known.Addr.String(), Message{Method: MethodPing, ID: known.ID, Has: HasID})
	d.reply(0, Message{ID: known.ID})
	d.pass(15 * time.Minute) // it is questionable now
	d.give(Ping{Op: 1, Addr: addr("10.0.0.2:1")})
	for i := range maxPings + 4 {
		d.ask(fmt.Sprintf("10.0.1.%d:1", i), Message{Method: MethodPing, ID: querying, Has: HasID})
		d.ask(fmt.Sprintf("10.0.1.%d:1", i), Message{Method: MethodPing, ID: querying, Has: HasID})
	}
	require.Len(t, d.sent, 1+maxPings)
	d.reply(0, Message{ID: kademlia.ID{2}})
	require.Len(t, d.sent, maxPings, "no room for a ping to the questionable contact")
	d.pass(5 * time.Second)
	d.sent = nil
	d.give(Ping{Op: 2, Addr: addr("10.0.0.3:1")})
	d.reply(0, Message{ID: kademlia.ID{3}})
	require.Len(t, d.sent, 1, "now there is")
	require.Equal(t, known.Addr, d.sent[0].To)
}

// BEP05-TBL-007
func TestQuietBucketIsRefreshed(t *testing.T) {
	d, _ := bootstrapped(t, 1, Config{})
	d.pass(15*time.Minute - time.Second)
	require.Empty(t, d.sent)
	d.pass(time.Second)
	require.Len(t, d.sent, 1)
	m := d.sent[0].Msg.(*Message)
	require.Equal(t, MethodFindNode, m.Method)
	require.NotEqual(t, d.n.ID(), m.Target)

	d, contacts := bootstrapped(t, 1, Config{})
	d.pass(10 * time.Minute)
	d.give(Ping{Op: 1, Addr: contacts[0].Addr})
	d.reply(0, Message{})
	d.pass(15*time.Minute - time.Second)
	require.Empty(t, d.sent, "an answer keeps the bucket fresh")
	d.pass(time.Second)
	require.Len(t, d.sent, 1)
}

// BEP05-RPC-010, BEP32-DHT6-001: each family has its own closest nodes.
func TestAnnounceInBothFamilies(t *testing.T) {
	d, _ := bootstrapped(t, 8, Config{Families: IPv4 | IPv6})
	for i := range 8 {
		c := node(fmt.Sprintf("[fd00::%d]:1", i+1))
		d.ask(c.Addr.String(), Message{Method: MethodPing, ID: c.ID, Has: HasID})
		d.reply(0, Message{})
	}
	d.give(Announce{Op: 1, InfoHash: answering, Port: 7})
	d.answerAll(func(kademlia.Contact, *Message) Message { return Message{Token: []byte("t")} })
	require.EqualValues(t, 16, d.result().Result.(Announced).Nodes)
}

// BEP05-RPC-002, BEP05-TBL-003: after a quiet quarter of an hour nobody is
// good, but whoever did not fail is better than nobody.
func TestQuestionableNodesFillTheList(t *testing.T) {
	d, contacts := bootstrapped(t, 3, Config{RefreshAfter: 24 * time.Hour})
	find := Message{Method: MethodFindNode, Has: HasTarget}
	d.pass(20 * time.Minute)
	require.Len(t, d.ask(putter, find).Nodes, 3)
	d.give(FindNode{Op: 1, Target: contacts[0].ID})
	d.pass(5 * time.Second)
	require.Empty(t, d.ask(putter, find).Nodes)
	d.ask(contacts[1].Addr.String(), Message{Method: MethodPing, ID: contacts[1].ID, Has: HasID})
	require.Equal(t, contacts[1:2], d.ask(putter, find).Nodes, "it has answered once and asks now")
}

// BEP43-RO-001, BEP32-DHT6-006, BEP32-DHT6-012, BEP32-DHT6-013
func TestQueriesSayWhatTheNodeIs(t *testing.T) {
	d := newDialogue(t, Config{ReadOnly: true, Families: IPv4 | IPv6})
	d.give(Bootstrap{Op: 1, Nodes: []netip.AddrPort{addr("10.0.0.1:1"), addr("[fd00::1]:1")}})
	require.Len(t, d.sent, 2)
	for _, s := range d.sent {
		m := s.Msg.(*Message)
		require.True(t, m.ReadOnly)
		require.Equal(t, IPv4|IPv6, m.Want)
	}
	d.reply(0, Message{
		Has: HasNodes | HasNodes6, Nodes: []kademlia.Contact{node("10.0.0.2:1")},
		Nodes6: []kademlia.Contact{node("[fd00::2]:1")},
	})
	to := map[netip.AddrPort]bool{}
	for _, s := range d.sent {
		to[s.To] = true
	}
	require.True(t, to[addr("10.0.0.2:1")] && to[addr("[fd00::2]:1")], "both lookups learn")
	d.answerAll(func(kademlia.Contact, *Message) Message { return Message{} })
	d.give(FindNode{Op: 2, Target: answering})
	for _, s := range d.sent {
		require.False(t, s.Msg.(*Message).has(HasWant), "each DHT looks after itself")
	}
}

// BEP44-ITEM-019
func TestCASGoesToHoldersOnly(t *testing.T) {
	d, contacts := bootstrapped(t, 4, Config{})
	old, next := SignItem([32]byte{1}, nil, 1, []byte("le")), SignItem([32]byte{1}, nil, 2, []byte("le"))
	cas := int64(1)
	d.give(PutMutable{Op: 1, Item: next, CAS: &cas})
	puts := 0
	d.answerAll(func(c kademlia.Contact, q *Message) Message {
		holds := c == contacts[1]
		m := Message{Token: []byte("t")}
		switch {
		case q.Method == MethodPut:
			require.Equal(t, holds, q.has(HasCAS))
			require.Equal(t, holds, q.CAS == 1)
			puts++
		case holds:
			m.Item, m.K, m.Sig, m.Seq, m.Has = old.V, old.K[:], old.Sig[:], old.Seq, HasSeq
		}
		return m
	})
	require.Equal(t, 4, puts)
	require.EqualValues(t, 4, d.result().Result.(ItemStored).Nodes)
}

// BEP05-PEER-002: a peer's PORT message names a node, the driver pings it, and
// it enters the table when it answers.
func TestPingedNodeEntersTheTable(t *testing.T) {
	d := newDialogue(t, Config{})
	d.give(Ping{Op: 1, Addr: addr("10.0.0.1:1")})
	require.Empty(t, d.n.Contacts())
	d.reply(0, Message{})
	require.Equal(t, []kademlia.Contact{node("10.0.0.1:1")}, d.n.Contacts())
}

// BEP05-TBL-005: of many nodes far away a bucket keeps K, however good they
// are.
func TestFarBucketDoesNotSplit(t *testing.T) {
	d := newDialogue(t, Config{ID: kademlia.ID{0xff}})
	for i := range 100 {
		c := kademlia.Contact{ID: kademlia.ID{0, byte(i)}, Addr: addr(fmt.Sprintf("10.0.0.%d:1", i))}
		d.ask(c.Addr.String(), Message{Method: MethodPing, ID: c.ID, Has: HasID})
		d.reply(0, Message{ID: c.ID})
	}
	require.Len(t, d.n.Contacts(), 8)
}

// Commands that make no sense, or one too many, end at once.
func TestBadCommands(t *testing.T) {
	d := newDialogue(t, Config{MaxPending: 64})
	for _, in := range []spec.Input{
		Ping{Op: 1, Addr: addr("10.0.0.1:0")},
		Ping{Op: 1, Addr: addr("[fd00::1]:1")},
		Ping{Op: 1},
		Bootstrap{Op: 1, Nodes: make([]netip.AddrPort, MaxBootstrap+1)},
		Bootstrap{Op: 1, Nodes: make([]netip.AddrPort, 1)},
		Announce{Op: 1},
		GetItem{Op: 1, Salt: make([]byte, 65)},
		PutImmutable{Op: 1, V: []byte("x")},
		PutMutable{Op: 1, Item: Item{Mutable: true, V: []byte("le")}},
		Sample{Op: 1, Addr: addr("0.0.0.0:1")},
	} {
		before := d.n.AppendState(nil)
		d.give(in)
		require.ErrorIs(t, d.result().Err, ErrCommand, "%T", in)
		require.Equal(t, before, d.n.AppendState(nil), "%T", in)
	}
	for i := range 5 {
		d.give(Ping{Op: spec.OpID(i), Addr: addr("10.0.0.1:1")})
	}
	require.Len(t, d.done, 3)
	require.ErrorIs(t, d.done[0].Err, ErrBusy)
	require.Panics(t, func() { d.n.Step(0, nil, nil) })
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"K": {K: 17}, "Alpha": {Alpha: -1}, "IDBits": {IDBits: 2}, "MaxPending": {MaxPending: 1},
		"QueryTimeout": {QueryTimeout: -1}, "SampleInterval": {SampleInterval: 7 * time.Hour},
		"Families": {Families: 4}, "Version": {Version: "a very long version"},
		"ID": {IDBits: 8, ID: kademlia.ID{0, 1}},
	} {
		_, err := New(cfg, 0)
		require.ErrorContains(t, err, name)
	}
	n, err := New(Config{IDBits: 5}, 0)
	require.NoError(t, err)
	require.True(t, n.ID().Fits(5))
}
