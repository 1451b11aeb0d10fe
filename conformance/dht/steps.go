package dht

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// The cases of this package are written in these short names.
type (
	T    = conformance.T
	Case = conformance.Case
)

// randomID draws a key or an id that no other case uses.
func randomID(t *T) kademlia.ID { return kademlia.RandomID(t.Fresh(), kademlia.MaxBits) }

// randomBytes draws n bytes.
func randomBytes(t *T, n int) []byte {
	b := make([]byte, n)
	t.Fresh().Fill(b)
	return b
}

// WriteToken asks for the token that announces to the info-hash need.
func (p *Peer) WriteToken(infoHash kademlia.ID) []byte {
	return p.Expect("get_peers", Dict{"info_hash": infoHash[:]}).Token()
}

// Announce stores the peer under the info-hash as BEP 5 asks: get_peers for a
// token, then announce_peer with it and the peer's own port. The keys of args
// replace or join the arguments. Anything but a response ends the case.
func (p *Peer) Announce(infoHash kademlia.ID, args Dict) *Answer {
	return p.Expect("announce_peer", p.announcement(infoHash, p.WriteToken(infoHash), args))
}

func (p *Peer) announcement(infoHash kademlia.ID, token []byte, args Dict) Dict {
	return merge(Dict{"info_hash": infoHash[:], "port": int(p.Addr().Port()), "token": token}, args)
}

// Attempt sends an announce that the target ought to refuse and waits until it
// has dealt with it, which an answered ping behind it shows. It ends the case
// only if the path fails: a refusal may be an error or silence.
func (p *Peer) Attempt(note string, infoHash kademlia.ID, token []byte, args Dict) {
	p.SendMalformed(p.Query("announce_peer", p.announcement(infoHash, token, args)), note)
	p.Ping()
}

// StoredWithin is the time between the answer to an announce and the entry in
// the store: some targets answer first.
const StoredWithin = 50 * time.Millisecond

// PeersOf are the peers that the target hands out for the info-hash, asked
// from a new address; none if the answer has no "values".
func PeersOf(t *T, infoHash kademlia.ID, args Dict) []netip.AddrPort {
	t.Wait(StoredWithin)
	a := NewPeer(t).Expect("get_peers", merge(Dict{"info_hash": infoHash[:]}, args))
	if !a.Has("values") {
		return nil
	}
	return a.Values()
}

// mustHold ends the case unless the target hands out exactly the given peer
// for the info-hash, besides others it may know.
func mustHold(t *T, infoHash kademlia.ID, want netip.AddrPort) {
	if got := PeersOf(t, infoHash, nil); !slices.Contains(got, want) {
		t.Mismatch("r.values", show(got), want.String()+" among them")
	}
}

// refuses judges that an announce is not stored. A twin that is as it should
// be is stored first; afterwards the target must hand out the twin alone.
func refuses(t *T, attempt func(p *Peer, infoHash kademlia.ID)) {
	infoHash := randomID(t)
	twin := NewPeer(t)
	twin.Announce(infoHash, nil)
	attempt(NewPeer(t), infoHash)
	got := PeersOf(t, infoHash, nil)
	if !slices.Contains(got, twin.Addr()) {
		t.Inconclusivef("the target does not hand out the well-formed announce either, but %s", show(got))
	}
	if len(got) > 1 {
		t.Mismatch("r.values", show(got), twin.Addr().String()+" alone")
	}
	t.Observef("the well-formed twin at %v was stored", twin.Addr())
}

// show lists peers.
func show(peers []netip.AddrPort) string {
	if len(peers) == 0 {
		return "no values"
	}
	return fmt.Sprint(peers)
}
