package mainline

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/kademlia"
)

var compareMessages = []cmp.Option{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func id(s string) kademlia.ID { return kademlia.ID([]byte(s)) }

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var (
	querying  = id("abcdefghij0123456789")
	answering = id("mnopqrstuvwxyz123456")
)

// bep5Examples are the packets printed in BEP 5. Its "nodes" is a placeholder
// of 9 bytes, so the messages with it have a fault.
var bep5Examples = []struct {
	name, packet string
	want         Message
}{
	{
		"error", "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
		Message{Kind: Error, T: []byte("aa"), Code: 201, Text: "A Generic Error Ocurred"},
	},
	{
		"ping", "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
		Message{Kind: Query, T: []byte("aa"), Method: MethodPing, Has: HasID, ID: querying},
	},
	{
		"pong", "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
		Message{Kind: Response, T: []byte("aa"), Has: HasID, ID: answering},
	},
	{
		"find_node",
		"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e" +
			"1:q9:find_node1:t2:aa1:y1:qe",
		Message{
			Kind: Query, T: []byte("aa"), Method: MethodFindNode,
			Has: HasID | HasTarget, ID: querying, Target: answering,
		},
	},
	{
		"get_peers",
		"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e" +
			"1:q9:get_peers1:t2:aa1:y1:qe",
		Message{
			Kind: Query, T: []byte("aa"), Method: MethodGetPeers,
			Has: HasID | HasInfoHash, ID: querying, InfoHash: answering,
		},
	},
	{
		"peers",
		"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee" +
			"1:t2:aa1:y1:re",
		Message{
			Kind: Response, T: []byte("aa"), Has: HasID | HasValues, ID: querying,
			Token:  []byte("aoeusnth"),
			Values: []netip.AddrPort{addr("97.120.106.101:11893"), addr("105.100.104.116:28269")},
		},
	},
	{
		"announce_peer",
		"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456" +
			"4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
		Message{
			Kind: Query, T: []byte("aa"), Method: MethodAnnouncePeer,
			Has: HasID | HasInfoHash | HasPort, ID: querying, InfoHash: answering,
			ImpliedPort: true, Port: 6881, Token: []byte("aoeusnth"),
		},
	},
}

// BEP05-KRPC-001, BEP05-KRPC-003, BEP05-KRPC-004, BEP05-KRPC-005,
// BEP05-KRPC-013, BEP05-RPC-004
func TestExamplesOfBEP5(t *testing.T) {
	for _, ex := range bep5Examples {
		t.Run(ex.name, func(t *testing.T) {
			var m Message
			require.NoError(t, m.Parse([]byte(ex.packet)))
			require.Empty(t, cmp.Diff(ex.want, m, compareMessages...))
			b, err := AppendMessage(nil, &m)
			require.NoError(t, err)
			require.Equal(t, ex.packet, string(b))
		})
	}
}

// BEP05-KRPC-007: unknown keys everywhere. BEP05-KRPC-002: T is binary.
func TestParseIgnoresUnknownKeys(t *testing.T) {
	var m Message
	require.NoError(t, m.Parse([]byte("d1:ad2:id20:abcdefghij01234567893:xyzd1:ali1eeee"+
		"1:q4:ping1:t3:\x00a\xff1:xi-5e1:y1:q1:zlee")))
	require.Equal(t, Fault{}, m.Fault)
	require.Equal(t, querying, m.ID)
	require.Equal(t, "\x00a\xff", string(m.T))
}

// BEP05-KRPC-009: what makes a datagram no message at all.
func TestParseRefuses(t *testing.T) {
	const args = "1:ad2:id20:abcdefghij0123456789e"
	for name, packet := range map[string]string{
		"nothing":           "",
		"not bencoding":     "hello",
		"a list":            "le",
		"no t":              "d" + args + "1:q4:ping1:y1:qe",
		"t is an integer":   "d" + args + "1:q4:ping1:ti1e1:y1:qe",
		"t of 65 bytes":     "d" + args + "1:q4:ping1:t65:" + strings.Repeat("t", 65) + "1:y1:qe",
		"no y":              "d" + args + "1:q4:ping1:t1:ae",
		"y is x":            "d" + args + "1:q4:ping1:t1:a1:y1:xe",
		"no q":              "d" + args + "1:t1:a1:y1:qe",
		"q is an integer":   "d" + args + "1:qi1e1:t1:a1:y1:qe",
		"a repeated key":    "d" + args + "1:q4:ping1:q4:ping1:t1:a1:y1:qe",
		"unsorted reply":    "d1:t1:a1:rd2:id20:abcdefghij0123456789e1:y1:re",
		"too long":          "d" + args + "1:q4:ping1:t1:a1:v4096:" + strings.Repeat("v", 4096) + "1:y1:qe",
		"nested too deep":   "d1:a" + strings.Repeat("l", 80) + strings.Repeat("e", 80) + "1:y1:qe",
		"cut in the middle": "d" + args + "1:q4:pi",
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ParseMessage([]byte(packet))
			require.Error(t, err)
			require.Nil(t, m)
		})
	}
}

// BEP05-KRPC-009: defects inside the envelope leave the rest readable, so that
// error 203 can name the transaction.
func TestParseRecordsFaults(t *testing.T) {
	id20 := "2:id20:abcdefghij0123456789"
	for name, c := range map[string]struct{ body, clause string }{
		"no arguments":     {"", "BEP05-KRPC-009"},
		"arguments a list": {"1:ale", "BEP05-KRPC-009"},
		"short id":         {"1:ad2:id19:abcdefghij012345678e", "BEP05-KRPC-009"},
		"id an integer":    {"1:ad2:idi1ee", "BEP05-KRPC-009"},
		"short target":     {"1:ad" + id20 + "6:target2:xxe", "BEP05-KRPC-009"},
		"token an integer": {"1:ad" + id20 + "5:tokeni1ee", "BEP05-KRPC-009"},
		"seq too large":    {"1:ad" + id20 + "3:seqi9223372036854775808ee", "BEP05-KRPC-009"},
		"nodes of 25":      {"1:ad" + id20 + "5:nodes25:" + strings.Repeat("n", 25) + "e", "BEP05-KRPC-014"},
		"values a string":  {"1:ad" + id20 + "6:values6:abcdefe", "BEP05-RPC-004"},
		"value of 5":       {"1:ad" + id20 + "6:valuesl5:abcdeee", "BEP05-RPC-004"},
		"want a string":    {"1:ad" + id20 + "4:want2:n4e", "BEP32-DHT6-006"},
		"samples of 21":    {"1:ad" + id20 + "7:samples21:" + strings.Repeat("s", 21) + "e", "BEP51-SAMPLE-001"},
		"filter of 3":      {"1:ad4:BFsd3:abc" + id20 + "e", "BEP33-SCRAPE-003"},
		"unsorted":         {"1:ad6:target20:mnopqrstuvwxyz123456" + id20 + "e", "BEP05-KRPC-009"},
		"unsorted v":       {"1:ad" + id20 + "1:vd1:b0:1:a0:ee", "BEP44-ITEM-010"},
	} {
		t.Run(name, func(t *testing.T) {
			var m Message
			require.NoError(t, m.Parse([]byte("d"+c.body+"1:q4:ping1:t2:aa1:y1:qe")))
			require.Equal(t, "aa", string(m.T))
			require.Equal(t, c.clause, m.Fault.Clause, m.Fault.Text)
		})
	}
}

// BEP32-DHT6-004, BEP32-DHT6-006, BEP05-RPC-009
func TestParseKeepsWhatIsGood(t *testing.T) {
	var m Message
	require.NoError(t, m.Parse([]byte("d1:ad4:porti70000e6:valuesl6:\x01\x02\x03\x04\x00\x05"+
		"18:\x20\x01\x0d\xb8456789012345\x00\x063:bade4:wantl2:zz2:n6i1eee1:q3:foo1:t0:1:y1:qe")))
	require.Equal(t, HasValues|HasWant, m.Has)
	require.Equal(t, IPv6, m.Want)
	require.Equal(t, []netip.AddrPort{
		addr("1.2.3.4:5"), addr("[2001:db8:3435:3637:3839:3031:3233:3435]:6"),
	}, m.Values)
	require.NotNil(t, m.T)
}

// BEP05-RPC-008, BEP33-SCRAPE-009: a seed says 1, an implied port anything but
// 0.
func TestParseFlags(t *testing.T) {
	for n, want := range []bool{false, true, false} {
		var m Message
		require.NoError(t, m.Parse([]byte(fmt.Sprintf(
			"d1:ad2:id20:abcdefghij012345678912:implied_porti%de4:seedi%dee1:q1:x1:t0:1:y1:qe", n, n))))
		require.Equal(t, want, m.Seed)
		require.Equal(t, n != 0, m.ImpliedPort)
	}
}

// BEP05-RPC-013
func TestParseMalformedErrors(t *testing.T) {
	for _, e := range []string{"", "1:ele", "1:eli201ee", "1:el3:abci201ee", "1:e3:abc", "1:eli0e0:e"} {
		var m Message
		require.NoError(t, m.Parse([]byte("d"+e+"1:t2:aa1:y1:ee")))
		require.Equal(t, "BEP05-KRPC-005", m.Fault.Clause, e)
	}
}

func TestAppendRefuses(t *testing.T) {
	v4, v6 := kademlia.Contact{Addr: addr("1.2.3.4:5")}, kademlia.Contact{Addr: addr("[2001:db8::1]:5")}
	for name, m := range map[string]*Message{
		"no kind":      {},
		"v6 in nodes":  {Kind: Response, Has: HasNodes, Nodes: []kademlia.Contact{v6}},
		"v4 in nodes6": {Kind: Response, Has: HasNodes6, Nodes6: []kademlia.Contact{v4}},
		"no address":   {Kind: Response, Has: HasValues, Values: []netip.AddrPort{{}}},
	} {
		b, err := AppendMessage([]byte("kept"), m)
		require.Error(t, err, name)
		require.Equal(t, "kept", string(b), name)
	}
}

func drawBytes(t *rapid.T, label string, sizes ...int) []byte {
	n := rapid.SampledFrom(append(sizes, -1)).Draw(t, label+" length")
	if n < 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, label)
}

func drawAddr(t *rapid.T, n int) netip.AddrPort {
	a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "ip"))
	return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
}

func drawNodes(t *rapid.T, n int) []kademlia.Contact {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kademlia.Contact {
		return kademlia.Contact{ID: drawID(t), Addr: drawAddr(t, n)}
	}), 0, 8).Draw(t, "nodes")
}

func drawID(t *rapid.T) kademlia.ID {
	return kademlia.ID(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "id"))
}

// drawMessage draws any message that has an encoding.
func drawMessage(t *rapid.T) *Message {
	m := &Message{
		Kind: rapid.SampledFrom([]Kind{Query, Response, Error}).Draw(t, "kind"),
		T:    rapid.SliceOfN(rapid.Byte(), 0, maxTransaction).Draw(t, "t"),
		V:    drawBytes(t, "v", 0, 4), ReadOnly: rapid.Bool().Draw(t, "ro"),
	}
	if rapid.Bool().Draw(t, "has ip") {
		m.IP = drawAddr(t, rapid.SampledFrom([]int{4, 16}).Draw(t, "family"))
	}
	if m.Kind == Error {
		m.Code, m.Text = rapid.Int32Min(1).Draw(t, "code"), rapid.String().Draw(t, "text")
		return m
	}
	if m.Kind == Query {
		m.Method = rapid.SampledFrom([]string{
			MethodPing, MethodFindNode, MethodGetPeers, MethodAnnouncePeer,
			MethodGet, MethodPut, MethodSampleInfohashes, "foo",
		}).Draw(t, "method")
	}
	m.Has = Fields(rapid.Uint16Max(uint16(HasInterval<<1)-1).Draw(t, "has"))
	for i, into := range []*kademlia.ID{&m.ID, &m.Target, &m.InfoHash} {
		if m.has([]Fields{HasID, HasTarget, HasInfoHash}[i]) {
			*into = drawID(t)
		}
	}
	for i, into := range []*int64{&m.Seq, &m.CAS, &m.Num, &m.Interval} {
		if m.has([]Fields{HasSeq, HasCAS, HasNum, HasInterval}[i]) {
			*into = rapid.Int64().Draw(t, "integer")
		}
	}
	if m.has(HasPort) {
		m.Port = rapid.Uint16().Draw(t, "port")
	}
	if m.has(HasWant) {
		m.Want = Families(rapid.ByteMax(3).Draw(t, "want"))
	}
	if m.has(HasNodes) {
		m.Nodes = drawNodes(t, 4)
	}
	if m.has(HasNodes6) {
		m.Nodes6 = drawNodes(t, 16)
	}
	if m.has(HasValues) {
		m.Values = append(m.Values, drawAddr(t, 4), drawAddr(t, 16))
	}
	m.ImpliedPort, m.Seed = rapid.Bool().Draw(t, "implied"), rapid.Bool().Draw(t, "seed")
	m.NoSeed, m.Scrape = rapid.Bool().Draw(t, "noseed"), rapid.Bool().Draw(t, "scrape")
	m.Token, m.Salt = drawBytes(t, "token", 0, 8), drawBytes(t, "salt", 0, 64)
	m.K, m.Sig = drawBytes(t, "k", 32), drawBytes(t, "sig", 64)
	m.BFsd, m.BFpe = drawBytes(t, "BFsd", 256), drawBytes(t, "BFpe", 256)
	m.Samples = drawBytes(t, "samples", 0, 20, 40)
	if rapid.Bool().Draw(t, "has item") {
		m.Item = []byte(rapid.SampledFrom([]string{"i1e", "0:", "le", "d1:ali-2eee"}).Draw(t, "item"))
	}
	return m
}

func TestWireRoundTrip(t *testing.T) {
	var reused Message // what an earlier message left must never show
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := AppendMessage(nil, m)
		require.NoError(t, err)
		require.NoError(t, reused.Parse(b))
		if m.Kind != Error && !m.has(HasID) {
			require.Equal(t, "id is missing", reused.Fault.Text)
			reused.Fault = Fault{}
		}
		if diff := cmp.Diff(*m, reused, compareMessages...); diff != "" {
			t.Fatalf("%q\n%s", b, diff)
		}
		again, err := AppendMessage(nil, &reused)
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}

func TestParseDoesNotAllocate(t *testing.T) {
	reply, err := AppendMessage(nil, &Message{
		Kind: Response, T: []byte("aa"), Has: HasID | HasNodes, ID: answering,
		Nodes: []kademlia.Contact{{ID: querying, Addr: addr("1.2.3.4:5")}},
	})
	require.NoError(t, err)
	var m Message
	for name, packet := range map[string][]byte{
		"ping": []byte(bep5Examples[1].packet), "find_node": []byte(bep5Examples[3].packet), "reply": reply,
	} {
		require.NoError(t, m.Parse(packet))
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = m.Parse(packet) }), name)
	}
}
