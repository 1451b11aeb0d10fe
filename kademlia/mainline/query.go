package mainline

import (
	"crypto/ed25519"
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// reply is a response under construction, with room for what it points to.
type reply struct {
	Message
	buf [maxTransaction + maxVersion + tokenSize]byte
}

// refusal is why a query is not served. Code 0 means no refusal.
type refusal struct {
	code int32
	Fault
}

func protocolError(clause, text string) refusal {
	return refusal{CodeProtocol, Fault{clause, text}}
}

var errReadOnly = errors.New("a read-only node answers nothing")

// answer serves a query: with a response to the address it came from, or with
// an error, after which everything is as before. BEP05-KRPC-002,
// BEP05-KRPC-012, BEP05-KRPC-015, BEP42-SEC-004, BEP43-RO-002, BEP43-RO-003
func (n *step) answer(from netip.AddrPort, m *Message) {
	if n.cfg.ReadOnly {
		n.drop(from, "BEP43-RO-002", errReadOnly)
		return
	}
	if len(m.T) > maxTransaction {
		n.drop(from, "BEP05-KRPC-001", errTransaction)
		return
	}
	r := n.newReply(from, m)
	if refused := n.serve(r, from, m); refused.code != 0 {
		r = n.newReply(from, m)
		r.Kind, r.Code, r.Text, r.Has = Error, refused.code, refused.Text, 0
		r.ID = kademlia.ID{}
		n.emit(spec.Send{To: from, Msg: &r.Message})
		n.drop(from, refused.Clause, errors.New(refused.Text))
		return
	}
	n.emit(spec.Send{To: from, Msg: &r.Message})
	if !m.ReadOnly {
		n.queried(kademlia.Contact{ID: m.ID, Addr: from})
	}
}

// newReply returns a response that says who answers whom. BEP05-KRPC-004,
// BEP05-KRPC-006, BEP42-SEC-002
func (n *Node) newReply(from netip.AddrPort, m *Message) *reply {
	r := &reply{Message: Message{Kind: Response, IP: from, Has: HasID, ID: n.id}}
	t := len(m.T)
	r.T = append(r.buf[:0:t], m.T...)
	v := t + len(n.cfg.Version)
	r.V = append(r.buf[t:t:v], n.cfg.Version...)
	return r
}

// serve fills in the response to m.
func (n *Node) serve(r *reply, from netip.AddrPort, m *Message) refusal {
	switch {
	case m.Fault.Clause != "":
		return refusal{CodeProtocol, m.Fault}
	case !m.has(HasID):
		return protocolError("BEP05-KRPC-003", "id is missing")
	}
	switch m.Method {
	case MethodPing:
		return refusal{}
	case MethodFindNode:
		return n.serveFindNode(r, from, m)
	case MethodGetPeers:
		return n.serveGetPeers(r, from, m)
	case MethodAnnouncePeer:
		return n.serveAnnouncePeer(from, m)
	case MethodGet:
		return n.serveGet(r, from, m)
	case MethodPut:
		return n.servePut(from, m)
	case MethodSampleInfohashes:
		return n.serveSample(r, from, m)
	default:
		return n.serveUnknown(r, from, m)
	}
}

// serveFindNode implements BEP05-RPC-002.
func (n *Node) serveFindNode(r *reply, from netip.AddrPort, m *Message) refusal {
	if !m.has(HasTarget) {
		return protocolError("BEP05-KRPC-009", "target is missing")
	}
	n.addNodes(r, from, m, m.Target)
	return refusal{}
}

// serveGetPeers implements BEP05-RPC-003: always a token and nodes, and values
// if there are any. BEP32-DHT6-005, BEP32-DHT6-008, BEP33-SCRAPE-003
func (n *Node) serveGetPeers(r *reply, from netip.AddrPort, m *Message) refusal {
	if !m.has(HasInfoHash) {
		return protocolError("BEP05-KRPC-009", "info_hash is missing")
	}
	n.addToken(r, from, m.InfoHash)
	n.addNodes(r, from, m, m.InfoHash)
	peers := n.torrents.get(m.InfoHash)
	if m.Scrape && len(peers) > 0 {
		seeds, downloaders := filters(peers, n.now)
		r.BFsd, r.BFpe = seeds[:], downloaders[:]
	}
	size := r.trim()
	if len(peers) > 0 {
		n.addValues(r, peers, familyOf(from), MaxPacket-size, m.NoSeed)
	}
	return refusal{}
}

// serveAnnouncePeer implements BEP05-RPC-005, BEP05-RPC-007, BEP05-RPC-008,
// BEP05-RPC-009, BEP32-DHT6-014 and BEP33-SCRAPE-001.
func (n *Node) serveAnnouncePeer(from netip.AddrPort, m *Message) refusal {
	switch {
	case !m.has(HasInfoHash):
		return protocolError("BEP05-KRPC-009", "info_hash is missing")
	case !n.tokens.valid(m.Token, n.now, from.Addr(), m.InfoHash):
		return protocolError("BEP05-RPC-005", "bad token")
	case !m.ImpliedPort && m.Port == 0: // a port that is absent or out of range is 0
		return protocolError("BEP05-RPC-009", "port is missing or out of range")
	}
	p := peer{addr: from, expires: n.now + n.cfg.PeerLife, seed: m.Seed}
	if !m.ImpliedPort {
		p.addr = netip.AddrPortFrom(from.Addr(), m.Port)
	}
	if !n.torrents.add(m.InfoHash, p, n.id, n.cfg.MaxTorrents, n.cfg.MaxPeers) {
		return errFull()
	}
	n.stored()
	return refusal{}
}

func errFull() refusal {
	return refusal{CodeServer, Fault{"BEP05-KRPC-005", "storage is full"}}
}

// serveGet implements BEP44-ITEM-001, BEP44-ITEM-012 and BEP44-ITEM-013.
func (n *Node) serveGet(r *reply, from netip.AddrPort, m *Message) refusal {
	if !m.has(HasTarget) {
		return protocolError("BEP05-KRPC-009", "target is missing")
	}
	n.addToken(r, from, m.Target)
	n.addNodes(r, from, m, m.Target)
	if it := n.items.get(m.Target, n.now); it != nil {
		if it.mutable {
			r.Seq, r.Has = it.seq, r.Has|HasSeq
		}
		if !it.mutable || !m.has(HasSeq) || it.seq > m.Seq {
			r.Item = it.v
		}
		if it.mutable && r.Item != nil {
			signed := *it // what replaces the item must not show in r
			r.K, r.Sig = signed.k[:], signed.sig[:]
		}
	}
	r.trim()
	return refusal{}
}

// servePut implements BEP44-ITEM-002 to BEP44-ITEM-011, among them the
// comparison of cas, BEP44-ITEM-006 and BEP44-ITEM-007.
func (n *Node) servePut(from netip.AddrPort, m *Message) refusal {
	if m.Item == nil {
		return protocolError("BEP05-KRPC-009", "v is missing")
	}
	it := Item{V: m.Item, Salt: m.Salt, Seq: m.Seq}
	if it.Mutable = m.K != nil || m.Sig != nil || m.has(HasSeq); it.Mutable {
		if len(m.K) != ed25519.PublicKeySize || !m.has(HasSeq) {
			return protocolError("BEP05-KRPC-009", "k or seq is missing or of a wrong size")
		}
		if len(m.Sig) != ed25519.SignatureSize {
			return refusal{CodeBadSignature, Fault{"BEP44-ITEM-003", "sig is not 64 bytes"}}
		}
		copy(it.K[:], m.K)
		copy(it.Sig[:], m.Sig)
	}
	target := it.Target()
	if !n.tokens.valid(m.Token, n.now, from.Addr(), target) {
		return protocolError("BEP44-ITEM-011", "bad token")
	}
	if code, fault := it.Fault(); code != 0 {
		return refusal{code, fault}
	}
	if old := n.items.get(target, n.now); old != nil && it.Mutable {
		switch {
		case m.has(HasCAS) && m.CAS != old.seq:
			return refusal{CodeCASMismatch, Fault{"BEP44-ITEM-006", "cas does not match the stored seq"}}
		case it.Seq < old.seq, it.Seq == old.seq && string(it.V) != string(old.v):
			return refusal{CodeSeqTooOld, Fault{"BEP44-ITEM-005", "seq is not newer than the stored one"}}
		}
	}
	if !n.items.add(target, &it, n.now+n.cfg.ItemLife, n.id, n.cfg.MaxItems) {
		return errFull()
	}
	n.stored()
	return refusal{}
}

// serveUnknown answers a method of some later extension as far as it can be
// understood. BEP05-KRPC-008
func (n *Node) serveUnknown(r *reply, from netip.AddrPort, m *Message) refusal {
	switch {
	case m.has(HasTarget):
		n.addNodes(r, from, m, m.Target)
	case m.has(HasInfoHash):
		n.addNodes(r, from, m, m.InfoHash)
	default:
		return refusal{CodeMethodUnknown, Fault{"BEP05-KRPC-008", "method unknown"}}
	}
	return refusal{}
}

// addNodes adds the closest nodes of the families that the querier wants, of
// the one that carries the query if it says nothing that we know.
// BEP32-DHT6-001, BEP32-DHT6-006, BEP32-DHT6-007
func (n *Node) addNodes(r *reply, from netip.AddrPort, m *Message, target kademlia.ID) {
	want := m.Want
	if want == 0 {
		want = IPv4 << familyOf(from)
	}
	if f := &n.families[0]; f.on && want&IPv4 != 0 {
		r.Nodes, r.Has = n.closest(f, target), r.Has|HasNodes
	}
	if f := &n.families[1]; f.on && want&IPv6 != 0 {
		r.Nodes6, r.Has = n.closest(f, target), r.Has|HasNodes6
	}
}

// addToken adds the token that an announce or put to key must carry.
func (n *Node) addToken(r *reply, from netip.AddrPort, key kademlia.ID) {
	at := len(r.T) + len(r.V)
	r.Token = n.tokens.issue(r.buf[at:at], n.now, from.Addr(), key)
}

// trim drops nodes, the farthest first, until the encoded reply fits a packet,
// and returns its size. An item of BEP 44 may be as large as a packet: it is
// sent even if it exceeds one all by itself. BEP32-DHT6-003, BEP33-SCRAPE-007
func (r *reply) trim() int {
	var buf [2 * MaxPacket]byte
	b, err := r.appendTo(buf[:0])
	if err != nil {
		panic("mainline: own reply: " + err.Error())
	}
	size := len(b)
	for size > MaxPacket && len(r.Nodes)+len(r.Nodes6) > 0 {
		if len(r.Nodes6) >= len(r.Nodes) {
			r.Nodes6 = r.Nodes6[:len(r.Nodes6)-1]
			size -= len(kademlia.ID{}) + compact6
		} else {
			r.Nodes = r.Nodes[:len(r.Nodes)-1]
			size -= len(kademlia.ID{}) + compact4
		}
	}
	return size
}
