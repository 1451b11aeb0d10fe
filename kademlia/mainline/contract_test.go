package mainline

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		Families: IPv4 | IPv6, K: 4, MaxTorrents: 6, MaxPeers: 5, MaxItems: 4,
		MaxPending: 128, VotesNeeded: 3, ExternalIP: netip.MustParseAddr("198.51.100.1"),
		Contacts: []kademlia.Contact{{ID: kademlia.ID{1}, Addr: addr("203.0.113.9:9")}},
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	cfg.EnforceBEP42 = seed%8 == 5
	cfg.ReadOnly = seed%8 == 6
	if seed%8 < 4 {
		cfg.PeerLife, cfg.ItemLife = 24*time.Hour, 24*time.Hour // else they expire
		cfg.QueryTimeout, cfg.TokenRotation = 20*time.Minute, time.Hour
	}
	return cfg
}

func TestContract(t *testing.T) {
	check.Run(t, check.Subject{
		New:        check.Seeded(New, contractConfig),
		Input:      contractInput,
		MaxEffects: func(spec.Input) int { return contractConfig(0).MaxEffects() },
		Codec:      Codec{},
		Seeds:      8,
		Steps:      600,
		MaxGap:     10 * time.Minute,
		Golden:     "testdata/contract.golden",
		NotState: map[string]string{
			"cfg":             "never changes after New",
			"families[].on":   "follows from cfg",
			"tokens.rotation": "follows from cfg",
		},
		Shared: map[string]string{
			"sample.hashes":                "replaced, never changed",
			"items.items[].v":              "replaced, never changed",
			"ops[].item.V":                 "replaced, never changed",
			"ops[].item.Salt":              "set once",
			"ops[].walks[].grants[].token": "set once",
		},
	})
}

// peersOf the contract's network: few, so that they meet again.
func contractAddr(g *check.Gen) netip.AddrPort {
	i := byte(g.Below(24))
	if g.Below(3) == 0 {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: i}), 6881)
	}
	if g.Below(50) == 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), uint16(g.Below(2)))
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), 6881)
}

func contractID(g *check.Gen) (id kademlia.ID) {
	id[0], id[1], id[19] = byte(g.Below(8))<<5, byte(g.Below(4)), byte(g.Below(4))
	return id
}

func contractInput(g *check.Gen) spec.Input {
	switch n := g.Below(20); {
	case n == 0:
		return spec.Wake{}
	case n == 1:
		return contractCommand(g)
	case n < 8:
		return contractQuery(g)
	default:
		return contractReply(g)
	}
}

func contractCommand(g *check.Gen) spec.Input {
	target := contractID(g)
	var seed [32]byte
	seed[0] = byte(g.Below(2))
	switch g.Below(10) {
	case 0:
		return Bootstrap{Op: g.Op, Nodes: []netip.AddrPort{contractAddr(g), contractAddr(g)}}
	case 1:
		return Ping{Op: g.Op, Addr: contractAddr(g)}
	case 2:
		return FindNode{Op: g.Op, Target: target}
	case 3, 4:
		return GetPeers{Op: g.Op, InfoHash: target, Scrape: g.Below(4) > 0, NoSeed: g.Below(2) == 0}
	case 5:
		return Announce{
			Op: g.Op, InfoHash: target, Port: uint16(g.Below(3)), ImpliedPort: g.Below(2) == 0,
			Seed: g.Below(2) == 0,
		}
	case 6:
		it := contractItems[g.Below(13)]
		return GetItem{Op: g.Op, Target: it.Target(), Salt: it.Salt}
	case 7:
		return PutImmutable{Op: g.Op, V: []byte("5:hello")}
	case 8:
		cas := int64(g.Below(4))
		return PutMutable{Op: g.Op, Item: SignItem(seed, []byte("salt"), cas+1, []byte("le")), CAS: &cas}
	default:
		return Sample{Op: g.Op, Addr: contractAddr(g), Target: target}
	}
}

// contractItems are what the contract's nodes put.
var contractItems = func() []Item {
	items := []Item{{V: []byte("5:hello")}}
	for i := range 12 {
		items = append(items, SignItem([32]byte{byte(i / 3)}, []byte("salt"), int64(i%3), []byte("le")))
	}
	return items
}()

// contractQuery writes with the tokens that it was given: its transaction id
// says what for.
func contractQuery(g *check.Gen) spec.Input {
	items := contractItems
	from, what := contractAddr(g), byte(g.Below(uint64(len(items))))
	m := &Message{
		Kind: Query, Has: HasID | HasTarget | HasInfoHash | HasPort,
		ID: contractIDOf(from), Target: items[what].Target(), InfoHash: kademlia.ID{what << 4},
		Token: []byte("a token?"), Port: uint16(g.Below(4)),
		Seed: g.Below(2) == 0, ReadOnly: g.Below(8) == 0,
		Scrape: g.Below(3) == 0, NoSeed: g.Below(3) == 0, Want: Families(g.Below(4)),
	}
	m.Method = []string{
		MethodPing, MethodFindNode, MethodGetPeers, MethodAnnouncePeer, MethodGet, MethodPut,
		MethodSampleInfohashes, "vote",
	}[g.Below(8)]
	for _, s := range g.Sent[:int(g.Below(2)*g.Below(uint64(len(g.Sent)+1)))] {
		if r := s.Msg.(*Message); r.Kind == Response && r.Token != nil {
			from, what, m.Token = s.To, r.T[0], r.Token
			m.Method, m.Target = MethodPut, items[what].Target()
			if m.InfoHash = (kademlia.ID{what << 4}); r.T[1] == 'g' {
				m.Method = MethodAnnouncePeer
			}
		}
	}
	m.T = []byte{what, m.Method[0], m.Method[min(3, len(m.Method)-1)]}
	if m.Method == MethodGetPeers {
		m.T[1] = 'g'
	} else if m.Method == MethodGet {
		m.T[1] = 'i'
	}
	if m.Method == MethodPut {
		contractItem(g, m, items[what])
	}
	switch g.Below(16) {
	case 0:
		m.Has = 0
	case 1:
		m.Has = HasID
	case 2:
		m.Fault = Fault{"BEP05-KRPC-009", "id is not 20 bytes"}
	case 3:
		m.Kind = Error
	}
	return spec.Recv{From: from, Msg: m}
}

func contractItem(g *check.Gen, m *Message, it Item) {
	m.Item, m.K, m.Sig = it.V, nil, nil
	if it.Mutable {
		it := it // its arrays are the message's own
		m.K, m.Sig, m.Salt, m.Seq, m.Has = it.K[:], it.Sig[:], it.Salt, it.Seq, m.Has|HasSeq
	}
	if g.Below(8) == 0 && it.Mutable {
		m.Sig[0] ^= 1
	}
	if g.Below(4) == 0 {
		m.Has, m.CAS = m.Has|HasCAS, int64(g.Below(4))
	}
}

// contractReply answers what the node sent, mostly as it should be.
func contractReply(g *check.Gen) spec.Input {
	var asked []spec.Send
	for _, s := range g.Sent {
		if m := s.Msg.(*Message); m.Kind == Query {
			asked = append(asked, s)
		}
	}
	if len(asked) == 0 {
		return spec.Wake{}
	}
	asked = asked[max(0, len(asked)-12):]
	s := asked[g.Below(uint64(len(asked)))]
	m := &Message{
		Kind: Response, T: s.Msg.(*Message).T, Has: HasID | HasNodes | HasNodes6 | HasValues,
		IP:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(g.Op / 300)}), 1),
		Values: []netip.AddrPort{contractAddr(g), contractAddr(g)},
		Token:  []byte{'t', byte(g.Below(256))}, Num: 3, Interval: int64(g.Below(9000)),
	}
	// An address has one id, so that the answers pass the check of the id.
	m.ID = contractIDOf(s.To)
	for range g.Below(4) {
		at := contractAddr(g)
		c := kademlia.Contact{ID: contractIDOf(at), Addr: at}
		if at.Addr().Is4() {
			m.Nodes = append(m.Nodes, c)
		} else {
			m.Nodes6 = append(m.Nodes6, c)
		}
	}
	switch g.Below(12) {
	case 0:
		m.Kind, m.Code, m.Text = Error, 201, "no"
	case 1:
		m.ID = contractID(g)
	case 2:
		m.Token = nil
	case 3:
		s.To = contractAddr(g)
	case 4, 5, 6:
		m.Samples = make([]byte, 40)
	}
	switch asked := s.Msg.(*Message); {
	case asked.Method == MethodGetPeers && g.Below(2) == 0:
		m.BFsd, m.BFpe = make([]byte, FilterSize), make([]byte, FilterSize)
	case asked.Method == MethodGet && g.Below(2) == 0:
		contractItem(g, m, contractItems[g.Below(13)])
	}
	return spec.Recv{From: s.To, Msg: m}
}

func contractIDOf(a netip.AddrPort) (id kademlia.ID) {
	b := a.Addr().As16()
	id[0], id[1], id[19] = b[15]<<3, b[15], byte(a.Port())
	return SecureID(a.Addr(), id)
}
