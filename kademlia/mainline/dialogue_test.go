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

// dialogue is one node and a tester who plays all the others.
type dialogue struct {
	*testing.T
	n     *Node
	now   time.Duration
	drops []spec.Drop
	done  []spec.Done
	notes []spec.Event
	sent  []spec.Send // queries of the node that wait for an answer
}

func newDialogue(t *testing.T, cfg Config) *dialogue {
	n, err := New(cfg, 0)
	require.NoError(t, err)
	return &dialogue{T: t, n: n}
}

// give steps the node and returns its response or error, if it sent one.
func (d *dialogue) give(in spec.Input) *Message {
	d.Helper()
	before := d.n.Clone().(*Node)
	before.Step(d.now, spec.Wake{}, nil)
	d.drops = nil
	var reply *Message
	for _, e := range d.n.Step(d.now, in, nil) {
		switch e := e.(type) {
		case spec.Send:
			b, err := AppendMessage(nil, e.Msg)
			require.NoError(d, err)
			if m := e.Msg.(*Message); m.Kind == Query {
				d.sent = append(d.sent, e)
			} else {
				require.Nil(d, reply, "two replies")
				require.LessOrEqual(d, len(b), MaxPacket)
				require.Equal(d, in.(spec.Recv).From, e.To) // BEP05-KRPC-012
				reply = m
			}
		case spec.Drop:
			d.drops = append(d.drops, e)
		case spec.Done:
			d.done = append(d.done, e)
		case spec.Notify:
			d.notes = append(d.notes, e.Event)
		}
	}
	require.NoError(d, d.n.Check())
	if len(d.drops) > 0 {
		require.Equal(d, before.AppendState(nil), d.n.AppendState(nil), "a refused message left a trace")
	}
	return reply
}

// ask sends a query. It has a transaction id and an id unless it brings them.
func (d *dialogue) ask(from string, m Message) *Message {
	d.Helper()
	m.Kind = Query
	if m.T == nil {
		m.T = []byte("tt")
	}
	if m.ID == (kademlia.ID{}) {
		m.ID, m.Has = querying, m.Has|HasID
	}
	return d.give(spec.Recv{From: addr(from), Msg: &m})
}

// refused is ask with a query that must end in an error with this code, for
// that reason.
func (d *dialogue) refused(code int32, clause, from string, m Message) {
	d.Helper()
	r := d.ask(from, m)
	require.NotNil(d, r)
	require.Equal(d, Error, r.Kind)
	require.Equal(d, code, r.Code)
	require.Len(d, d.drops, 1)
	require.Equal(d, clause, d.drops[0].Clause)
}

// reply answers query i of those that wait, from the address asked.
func (d *dialogue) reply(i int, m Message) {
	d.Helper()
	s := d.sent[i]
	d.sent = append(d.sent[:i:i], d.sent[i+1:]...)
	m.Kind, m.T = Response, s.Msg.(*Message).T
	if m.ID == (kademlia.ID{}) {
		m.ID = nodeID(s.To)
	}
	m.Has |= HasID
	require.Nil(d, d.give(spec.Recv{From: s.To, Msg: &m}))
}

// nodeID is the id of the tester's node at an address.
func nodeID(at netip.AddrPort) kademlia.ID {
	b := at.Addr().As16()
	return SecureID(at.Addr(), kademlia.ID{3: b[15], 4: b[14], 19: b[15]})
}

func node(at string) kademlia.Contact { return kademlia.Contact{ID: nodeID(addr(at)), Addr: addr(at)} }

// befriend puts n nodes at 10.0.0.1 … into the table.
func (d *dialogue) befriend(n int) (contacts []kademlia.Contact) {
	for i := range n {
		c := node(fmt.Sprintf("10.0.0.%d:6881", i+1))
		d.ask(c.Addr.String(), Message{Method: MethodPing, ID: c.ID, Has: HasID})
		d.reply(len(d.sent)-1, Message{})
		contacts = append(contacts, c)
	}
	return contacts
}

// pass lets time go by, firing every timer.
func (d *dialogue) pass(by time.Duration) {
	for until := d.now + by; ; {
		at, ok := d.n.Deadline()
		if !ok || at > until {
			d.now = until
			return
		}
		d.now = at
		d.give(spec.Wake{})
	}
}

// BEP05-RPC-001, BEP05-KRPC-002, BEP05-KRPC-004, BEP05-KRPC-006,
// BEP05-KRPC-012, BEP05-KRPC-015, BEP42-SEC-002
func TestPing(t *testing.T) {
	d := newDialogue(t, Config{ID: answering})
	for _, tx := range []string{"", "a", "aa", "a\x00b", "01234567890123456789"} {
		r := d.ask("192.0.2.7:4242", Message{Method: MethodPing, T: []byte(tx)})
		require.Equal(t, Response, r.Kind)
		require.Equal(t, tx, string(r.T))
		require.Equal(t, answering, r.ID)
		require.Equal(t, addr("192.0.2.7:4242"), r.IP)
		require.Equal(t, "PS\x00\x01", string(r.V))
	}
	b, err := AppendMessage(nil, d.ask("192.0.2.7:4242", Message{Method: MethodPing}))
	require.NoError(t, err)
	require.Equal(t, "d2:ip6:\xc0\x00\x02\x07\x10\x921:rd2:id20:mnopqrstuvwxyz123456e"+
		"1:t2:tt1:v4:PS\x00\x011:y1:re", string(b))
}

// BEP05-RPC-002, BEP05-TBL-001, BEP05-TBL-002: the K closest of those that
// have answered, and nobody else.
func TestFindNode(t *testing.T) {
	d := newDialogue(t, Config{ID: answering})
	r := d.ask("192.0.2.7:4242", Message{Method: MethodFindNode, Has: HasTarget})
	require.True(t, r.has(HasNodes))
	require.Empty(t, r.Nodes, "the querier has not answered yet")
	require.False(t, r.has(HasNodes6))
	contacts := d.befriend(30)
	target := contacts[3].ID
	r = d.ask("192.0.2.7:4242", Message{Method: MethodFindNode, Has: HasTarget, Target: target})
	require.Len(t, r.Nodes, 8)
	require.Equal(t, contacts[3], r.Nodes[0])
	var inTable []kademlia.ID
	for e := range d.n.families[0].table.All() {
		inTable = append(inTable, e.ID)
	}
	for i, c := range r.Nodes {
		nearer := 0
		for _, id := range inTable {
			if kademlia.Closer(target, id, c.ID) {
				nearer++
			}
		}
		require.Equal(t, i, nearer)
	}
	d.refused(CodeProtocol, "BEP05-KRPC-009", "192.0.2.7:4242", Message{Method: MethodFindNode})
}

// BEP05-KRPC-005, BEP05-KRPC-008
func TestUnknownMethod(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(3)
	for _, arg := range []Fields{HasTarget, HasInfoHash} {
		r := d.ask("192.0.2.7:4242", Message{Method: "vote", Has: arg})
		require.Equal(t, Response, r.Kind)
		require.Len(t, r.Nodes, 3)
	}
	d.refused(CodeMethodUnknown, "BEP05-KRPC-008", "192.0.2.7:4242", Message{Method: "vote"})
}

// BEP05-KRPC-009
func TestMalformedQueries(t *testing.T) {
	d := newDialogue(t, Config{})
	for _, method := range []string{MethodGetPeers, MethodAnnouncePeer, MethodGet, MethodSampleInfohashes} {
		d.refused(CodeProtocol, "BEP05-KRPC-009", "192.0.2.7:4242", Message{Method: method})
	}
	d.refused(CodeProtocol, "BEP05-KRPC-003", "192.0.2.7:4242", Message{Method: MethodPing, ID: querying})
	d.refused(CodeProtocol, "BEP51-SAMPLE-001", "192.0.2.7:4242",
		Message{Method: MethodPing, Fault: Fault{"BEP51-SAMPLE-001", "some"}})
	require.Empty(t, d.sent, "a querier that was refused is not worth a ping")
	require.Nil(t, d.ask("192.0.2.7:0", Message{Method: MethodPing}), "nobody can receive at port 0")
	require.Nil(t, d.ask("192.0.2.7:1", Message{Method: MethodPing, T: make([]byte, 65)}))
}

// BEP05-RPC-003, BEP05-RPC-004, BEP05-RPC-005, BEP05-RPC-007, BEP05-RPC-008,
// BEP05-RPC-009, BEP32-DHT6-008
func TestAnnouncePeer(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(3)
	const a, b = "192.0.2.7:4242", "192.0.2.8:4242"
	get := func(from string, infoHash kademlia.ID) *Message {
		return d.ask(from, Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: infoHash})
	}
	r := get(a, querying)
	require.NotEmpty(t, r.Token)
	require.Len(t, r.Nodes, 3)
	require.False(t, r.has(HasValues))
	announce := Message{
		Method: MethodAnnouncePeer, Has: HasInfoHash | HasPort, InfoHash: querying,
		Port: 999, Token: r.Token,
	}
	other := announce
	other.InfoHash = answering
	d.refused(CodeProtocol, "BEP05-RPC-005", a, other) // a token is for one info-hash
	d.refused(CodeProtocol, "BEP05-RPC-005", b, announce)
	other = announce
	other.Token = nil
	d.refused(CodeProtocol, "BEP05-RPC-005", a, other)
	other.Token = []byte("aoeusnth")
	d.refused(CodeProtocol, "BEP05-RPC-005", a, other)
	other = announce
	other.Port = 0
	d.refused(CodeProtocol, "BEP05-RPC-009", a, other)
	other.Has = HasInfoHash
	d.refused(CodeProtocol, "BEP05-RPC-009", a, other)
	require.False(t, get(b, querying).has(HasValues))

	require.Equal(t, Response, d.ask(a, announce).Kind)
	r = get(b, querying)
	require.Equal(t, []netip.AddrPort{addr("192.0.2.7:999")}, r.Values)
	require.Len(t, r.Nodes, 3)
	// implied_port: the source port counts, also of another socket at the address.
	announce.ImpliedPort = true
	require.Equal(t, Response, d.ask("192.0.2.7:5353", announce).Kind)
	require.Equal(t, []netip.AddrPort{addr("192.0.2.7:5353")}, get(b, querying).Values)
}

// BEP05-RPC-006
func TestTokensAge(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		good bool
	}{
		{0, true}, {time.Minute, true}, {5 * time.Minute, true}, {9 * time.Minute, true},
		{10 * time.Minute, true}, {15*time.Minute + 1, false}, {20 * time.Minute, false},
	} {
		for issued := range 5 {
			d := newDialogue(t, Config{})
			d.now = time.Duration(issued) * 71 * time.Second
			get := Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: querying}
			token := d.ask("192.0.2.7:4242", get).Token
			d.pass(c.age)
			announce := Message{
				Method: MethodAnnouncePeer, Has: HasInfoHash | HasPort, InfoHash: querying, Port: 1,
				Token: token,
			}
			require.Equal(t, c.good, d.ask("192.0.2.7:4242", announce).Kind == Response, "%v", c.age)
		}
	}
}

// announceFrom announces a peer at each address.
func (d *dialogue) announceFrom(infoHash kademlia.ID, seed bool, from ...string) {
	d.Helper()
	for _, a := range from {
		r := d.ask(a, Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: infoHash})
		r = d.ask(a, Message{
			Method: MethodAnnouncePeer, Has: HasInfoHash, InfoHash: infoHash, ImpliedPort: true,
			Token: r.Token, Seed: seed,
		})
		require.Equal(d, Response, r.Kind)
	}
}

// BEP32-DHT6-003, BEP33-SCRAPE-007: 500 peers do not make a packet too long,
// see give; everything has a turn.
func TestManyPeers(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(20)
	for i := range 500 {
		d.announceFrom(querying, i%5 == 0, fmt.Sprintf("198.51.%d.%d:%d", i/200, i%200, 1000+i))
	}
	seen := map[netip.AddrPort]bool{}
	get := Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: querying}
	for range 200 {
		r := d.ask("192.0.2.7:4242", get)
		require.Len(t, r.Nodes, 8)
		require.Greater(t, len(r.Values), 50)
		for _, v := range r.Values {
			seen[v] = true
		}
	}
	require.Len(t, seen, 500)
	get.Scrape, get.Has, get.Want = true, get.Has|HasWant, IPv4|IPv6
	get.T = make([]byte, maxTransaction)
	r := d.ask("192.0.2.7:4242", get)
	require.Len(t, r.BFsd, FilterSize)
	require.Greater(t, len(r.Nodes), 0)
}

// BEP33-SCRAPE-001, BEP33-SCRAPE-003, BEP33-SCRAPE-005
func TestScrape(t *testing.T) {
	d := newDialogue(t, Config{})
	scrape := Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: querying, Scrape: true}
	require.Nil(t, d.ask("192.0.2.7:4242", scrape).BFsd, "no entries, no filters")
	d.announceFrom(querying, true, "198.51.100.1:1", "198.51.100.2:2")
	d.announceFrom(querying, false, "198.51.100.3:3", "198.51.100.3:33")
	r := d.ask("192.0.2.7:4242", scrape)
	var seeds, downloaders Filter
	seeds.Insert(netip.MustParseAddr("198.51.100.1"))
	seeds.Insert(netip.MustParseAddr("198.51.100.2"))
	downloaders.Insert(netip.MustParseAddr("198.51.100.3"))
	require.Equal(t, seeds[:], r.BFsd)
	require.Equal(t, downloaders[:], r.BFpe)
	require.Len(t, r.Values, 3, "one entry for each address")
	scrape.Scrape, scrape.NoSeed = false, true
	r = d.ask("192.0.2.7:4242", scrape)
	require.Nil(t, r.BFsd)
	require.Equal(t, addr("198.51.100.3:33"), r.Values[0])
	require.Len(t, r.Values, 3)
}

// BEP32-DHT6-001, BEP32-DHT6-002, BEP32-DHT6-005, BEP32-DHT6-006,
// BEP32-DHT6-007, BEP32-DHT6-009, BEP32-DHT6-011, BEP32-DHT6-014
func TestWant(t *testing.T) {
	d := newDialogue(t, Config{Families: IPv4 | IPv6})
	d.befriend(2)
	const v4, v6 = "192.0.2.7:4242", "[2001:db8::7]:4242"
	d.ask("[2001:db8::1]:1", Message{Method: MethodPing, ID: nodeID(addr("[2001:db8::1]:1")), Has: HasID})
	d.reply(0, Message{})
	d.announceFrom(querying, false, v4, v6)
	for _, c := range []struct {
		from       string
		has        Fields
		want       Families
		nodes, six int
		value      string
	}{
		{v4, 0, 0, 2, -1, v4},
		{v6, 0, 0, -1, 1, v6},
		{v4, HasWant, IPv6, -1, 1, v4},
		{v6, HasWant, IPv4, 2, -1, v6},
		{v4, HasWant, IPv4 | IPv6, 2, 1, v4},
		{v4, HasWant, 0, 2, -1, v4}, // nothing but strings not known
	} {
		r := d.ask(c.from, Message{
			Method: MethodGetPeers, Has: HasInfoHash | c.has, InfoHash: querying, Want: c.want,
		})
		require.Equal(t, c.nodes >= 0, r.has(HasNodes))
		require.Equal(t, max(c.nodes, 0), len(r.Nodes))
		require.Equal(t, c.six >= 0, r.has(HasNodes6))
		require.Equal(t, max(c.six, 0), len(r.Nodes6))
		require.Equal(t, []netip.AddrPort{addr(c.value)}, r.Values)
	}
	d = newDialogue(t, Config{Families: IPv6})
	require.Nil(t, d.ask(v4, Message{Method: MethodPing}))
}

// BEP43-RO-002, BEP43-RO-003
func TestReadOnly(t *testing.T) {
	d := newDialogue(t, Config{ReadOnly: true})
	require.Nil(t, d.ask("192.0.2.7:4242", Message{Method: MethodPing}))
	require.Equal(t, "BEP43-RO-002", d.drops[0].Clause)
	d = newDialogue(t, Config{})
	require.NotNil(t, d.ask("192.0.2.7:4242", Message{Method: MethodPing, ReadOnly: true}))
	require.Empty(t, d.sent, "a read-only querier is not pinged, for it will not answer")
	require.NotNil(t, d.ask("192.0.2.7:4242", Message{Method: MethodPing}))
	require.Len(t, d.sent, 1)
}
