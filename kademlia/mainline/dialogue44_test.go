package mainline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/kademlia"
)

const putter = "192.0.2.7:4242"

// token gets a token for the item's target.
func (d *dialogue) token(it *Item) []byte {
	return d.ask(putter, Message{Method: MethodGet, Has: HasTarget, Target: it.Target()}).Token
}

// putMessage is the query that stores the item.
func (d *dialogue) putMessage(it Item) Message {
	m := Message{Method: MethodPut, Item: it.V, Token: d.token(&it)}
	if it.Mutable {
		m.K, m.Sig, m.Salt, m.Seq, m.Has = it.K[:], it.Sig[:], it.Salt, it.Seq, HasSeq
	}
	return m
}

func (d *dialogue) get(it Item, seq ...int64) *Message {
	m := Message{Method: MethodGet, Has: HasTarget, Target: it.Target()}
	if len(seq) > 0 {
		m.Seq, m.Has = seq[0], m.Has|HasSeq
	}
	return d.ask("192.0.2.9:1", m)
}

// BEP44-ITEM-001, BEP44-ITEM-002, BEP44-ITEM-008, BEP44-ITEM-010,
// BEP44-ITEM-011
func TestPutImmutable(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(3)
	it := Item{V: []byte("12:Hello World!")}
	r := d.get(it)
	require.NotEmpty(t, r.Token)
	require.Len(t, r.Nodes, 3)
	require.Nil(t, r.Item)

	put := d.putMessage(it)
	put.Token = []byte("aoeusnth")
	d.refused(CodeProtocol, "BEP44-ITEM-011", putter, put)
	put = d.putMessage(it)
	put.Item = []byte("12:Hello Mars!!")
	d.refused(CodeProtocol, "BEP44-ITEM-011", putter, put) // a token is for one target
	d.refused(CodeProtocol, "BEP05-KRPC-009", putter, Message{Method: MethodPut})
	big := Item{V: []byte("997:" + strings.Repeat("x", 997))}
	d.refused(CodeValueTooBig, "BEP44-ITEM-008", putter, d.putMessage(big))
	unsorted := Item{V: []byte("d1:b0:1:a0:e")}
	d.refused(CodeProtocol, "BEP44-ITEM-010", putter, d.putMessage(unsorted))
	require.Nil(t, d.get(it).Item)

	require.Equal(t, Response, d.ask(putter, d.putMessage(it)).Kind)
	r = d.get(it)
	require.Equal(t, it.V, r.Item)
	require.Nil(t, r.K)
	require.Len(t, r.Nodes, 3)
	require.False(t, r.has(HasSeq))
	d.pass(2*time.Hour - time.Second)
	require.NotNil(t, d.get(it).Item)
	d.pass(time.Second)
	require.Nil(t, d.get(it).Item)
}

// BEP44-ITEM-003, BEP44-ITEM-004, BEP44-ITEM-005, BEP44-ITEM-009,
// BEP44-ITEM-012, BEP44-ITEM-013
func TestPutMutable(t *testing.T) {
	d := newDialogue(t, Config{})
	v := []byte("12:Hello World!")
	sign := func(seq int64, v []byte) Item { return SignItem([32]byte{1}, []byte("foobar"), seq, v) }
	it := sign(5, v)
	bad := d.putMessage(it)
	bad.Sig = bytes.Repeat([]byte{1}, 64)
	d.refused(CodeBadSignature, "BEP44-ITEM-003", putter, bad)
	bad.Sig = bad.Sig[:63]
	d.refused(CodeBadSignature, "BEP44-ITEM-003", putter, bad)
	bad = d.putMessage(it)
	bad.Has = 0
	d.refused(CodeProtocol, "BEP05-KRPC-009", putter, bad)
	salty := SignItem([32]byte{1}, make([]byte, 65), 5, v)
	d.refused(CodeSaltTooBig, "BEP44-ITEM-009", putter, d.putMessage(salty))

	require.Equal(t, Response, d.ask(putter, d.putMessage(it)).Kind)
	r := d.get(it)
	require.Equal(t, it.V, r.Item)
	require.Equal(t, it.K[:], r.K)
	require.Equal(t, it.Sig[:], r.Sig)
	require.EqualValues(t, 5, r.Seq)
	require.Nil(t, r.Salt)
	require.NotNil(t, d.get(it, 4).Item)
	for _, seq := range []int64{5, 6} {
		r = d.get(it, seq)
		require.Nil(t, r.Item)
		require.Nil(t, r.K)
		require.Nil(t, r.Sig)
		require.EqualValues(t, 5, r.Seq)
	}

	d.refused(CodeSeqTooOld, "BEP44-ITEM-005", putter, d.putMessage(sign(4, v)))
	d.refused(CodeSeqTooOld, "BEP44-ITEM-005", putter, d.putMessage(sign(5, []byte("le"))))
	require.Equal(t, it.V, d.get(it).Item)
	d.pass(time.Hour)
	require.Equal(t, Response, d.ask(putter, d.putMessage(it)).Kind, "the same again")
	d.pass(2*time.Hour - time.Second)
	require.NotNil(t, d.get(it).Item, "starts a new life")
	require.Equal(t, Response, d.ask(putter, d.putMessage(sign(6, []byte("le")))).Kind)
	require.EqualValues(t, 6, d.get(it).Seq)
}

// BEP44-ITEM-021
func TestEmptySaltIsNoSalt(t *testing.T) {
	d := newDialogue(t, Config{})
	it := SignItem([32]byte{1}, nil, -3, []byte("le")) // BEP44-ITEM-020: a negative seq is a seq
	put := d.putMessage(it)
	put.Salt = []byte{}
	require.Equal(t, Response, d.ask(putter, put).Kind)
	require.EqualValues(t, -3, d.get(it).Seq)
}

// BEP44-ITEM-006, BEP44-ITEM-007
func TestCompareAndSwap(t *testing.T) {
	d := newDialogue(t, Config{})
	put := func(seq, cas int64) Message {
		m := d.putMessage(SignItem([32]byte{1}, nil, seq, []byte("le")))
		m.CAS, m.Has = cas, m.Has|HasCAS
		return m
	}
	require.Equal(t, Response, d.ask(putter, put(2, 77)).Kind)
	d.refused(CodeCASMismatch, "BEP44-ITEM-006", putter, put(3, 1))
	require.Equal(t, Response, d.ask(putter, put(3, 2)).Kind)
}

// BEP32-DHT6-003, BEP44-ITEM-008: nodes make way for an item. One of 1000
// bytes exceeds the packet all by itself and is sent without nodes.
func TestLargeItem(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(20)
	it := Item{V: []byte("796:" + strings.Repeat("x", 796))}
	require.Equal(t, Response, d.ask(putter, d.putMessage(it)).Kind)
	r := d.get(it)
	require.Equal(t, it.V, r.Item)
	require.Len(t, r.Nodes, 4)
}

// Nothing is handed out after its time, also before it is swept.
func TestExpiryIsExact(t *testing.T) {
	d := newDialogue(t, Config{PeerLife: 90 * time.Second, ItemLife: 90 * time.Second})
	it := Item{V: []byte("le")}
	d.announceFrom(querying, false, "198.51.100.1:1")
	require.Equal(t, Response, d.ask(putter, d.putMessage(it)).Kind)
	get := Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: querying}
	d.pass(90*time.Second - 1)
	require.Len(t, d.ask(putter, get).Values, 1)
	require.NotNil(t, d.get(it).Item)
	d.pass(1)
	require.Empty(t, d.ask(putter, get).Values)
	require.Nil(t, d.get(it).Item)
	require.Len(t, d.n.torrents.hashes, 1, "the sweep is due at 2 minutes")
}

// BEP51-SAMPLE-001, BEP51-SAMPLE-002, BEP51-SAMPLE-004
func TestServeSamples(t *testing.T) {
	d := newDialogue(t, Config{})
	d.befriend(9)
	sample := Message{Method: MethodSampleInfohashes, Has: HasTarget}
	r := d.ask(putter, sample)
	require.NotNil(t, r.Samples)
	require.Empty(t, r.Samples)
	require.EqualValues(t, 0, r.Num)
	require.EqualValues(t, 21600, r.Interval)
	require.Len(t, r.Nodes, 8)
	known := map[kademlia.ID]bool{}
	for i := range 100 {
		infoHash := kademlia.ID{byte(i), 1}
		known[infoHash] = true
		d.announceFrom(infoHash, false, "198.51.100.1:1")
	}
	counts := map[kademlia.ID]int{}
	for range 50 {
		r = d.ask(putter, sample)
		require.EqualValues(t, 100, r.Num)
		require.Len(t, r.Samples, maxSamples*20)
		again := d.ask(putter, Message{
			Method: MethodSampleInfohashes, Has: HasTarget, Target: kademlia.ID{0x80},
		})
		require.Equal(t, r.Samples, again.Samples, "no more within the interval")
		inOne := map[kademlia.ID]bool{}
		for b := r.Samples; len(b) > 0; b = b[20:] {
			infoHash := kademlia.ID(b[:20])
			require.True(t, known[infoHash])
			require.False(t, inOne[infoHash])
			inOne[infoHash] = true
			counts[infoHash]++
		}
		d.now += 6 * time.Hour // no timer fires in between: the torrents stay
		d.n.torrents.refreshAll(d.now + time.Hour)
	}
	require.Greater(t, len(counts), 95, "every info-hash has its turn")
}

// refreshAll lets every announce live until a given time.
func (t *torrents) refreshAll(until time.Duration) {
	for _, peers := range t.peers {
		for i := range peers {
			peers[i].expires = until + 24*time.Hour
		}
	}
}

// A full store keeps what is near the own id; of too many peers the oldest
// goes.
func TestFullStores(t *testing.T) {
	d := newDialogue(t, Config{ID: kademlia.ID{0xff}, MaxTorrents: 3, MaxPeers: 2, MaxItems: 1})
	for _, first := range []byte{0x10, 0x80, 0x40, 0xf0} {
		d.announceFrom(kademlia.ID{first}, false, "198.51.100.1:1")
	}
	require.Equal(t, keys{{0x40}, {0x80}, {0xf0}}, d.n.torrents.hashes)
	get := Message{Method: MethodGetPeers, Has: HasInfoHash, InfoHash: kademlia.ID{0x20}}
	announce := Message{
		Method: MethodAnnouncePeer, Has: HasInfoHash, InfoHash: get.InfoHash, ImpliedPort: true,
		Token: d.ask(putter, get).Token,
	}
	d.refused(CodeServer, "BEP05-KRPC-005", putter, announce)
	for i := range 4 {
		d.now += time.Second
		d.announceFrom(kademlia.ID{0x80}, false, fmt.Sprintf("198.51.100.%d:1", 5-i))
	}
	peers := d.n.torrents.get(kademlia.ID{0x80})
	require.Len(t, peers, 2)
	require.Equal(t, addr("198.51.100.2:1"), peers[0].addr)
	require.Equal(t, addr("198.51.100.3:1"), peers[1].addr)

	near, far := Item{V: []byte("i1e")}, Item{V: []byte("i2e")}
	if kademlia.Closer(d.n.ID(), far.Target(), near.Target()) {
		near, far = far, near
	}
	require.Equal(t, Response, d.ask(putter, d.putMessage(far)).Kind)
	require.Equal(t, Response, d.ask(putter, d.putMessage(near)).Kind)
	d.refused(CodeServer, "BEP05-KRPC-005", putter, d.putMessage(far))
	require.Equal(t, keys{near.Target()}, d.n.items.targets)
}
