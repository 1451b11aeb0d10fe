package mainline

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// BEP42-SEC-001: the examples of BEP 42, and an IPv6 one of libtorrent's.
func TestExamplesOfBEP42(t *testing.T) {
	for _, ex := range []struct {
		ip, id string
		random byte
		crc    uint32
	}{
		{"124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401", 1, 0x5fbfbdb2},
		{"21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256", 86, 0x5a3ce9b0},
		{"65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616", 22, 0xa5d4344a},
		{"84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41", 65, 0x1b03217b},
		{"43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a", 90, 0xe56f6972},
		{"2001:b829:2123:be84:e16c:d6ae:5290:49f1",
			"0a8ad123be84e16cd6ae529049f1f1bbe9ebb304", 4, 0x0a8ad1aa},
	} {
		ip, want := netip.MustParseAddr(ex.ip), kademlia.ID(unhex(ex.id))
		require.Equal(t, ex.random, want[19])
		require.Equal(t, ex.crc, addressChecksum(ip, ex.random), ex.ip)
		require.Equal(t, want, SecureID(ip, want), ex.ip)
		require.True(t, IsSecure(want, ip), ex.ip)
		for bit := range 21 {
			require.False(t, IsSecure(want.Flip(bit), ip), "%s with bit %d flipped", ex.ip, bit)
		}
	}
}

// BEP42-SEC-001, BEP42-SEC-006
func TestSecureIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random, ip := drawID(t), drawAddr(t, rapid.SampledFrom([]int{4, 16}).Draw(t, "n")).Addr()
		secure := SecureID(ip, random)
		require.True(t, IsSecure(secure, ip))
		require.Equal(t, secure, SecureID(ip, secure))
		require.Equal(t, random[3:], secure[3:])
	})
	for _, local := range []string{
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.7.7", "169.254.0.1", "127.0.0.1",
		"::1", "fe80::1", "::ffff:10.0.0.1",
	} {
		require.True(t, IsSecure(kademlia.ID{}, netip.MustParseAddr(local)), local)
	}
	for _, global := range []string{"9.255.255.255", "172.32.0.1", "192.169.0.1", "2001:db8::1"} {
		require.False(t, IsSecure(kademlia.ID{}, netip.MustParseAddr(global)), global)
	}
}

const bep33Filter = "F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75" +
	"EE7CCBAEFE5EEDB1FBFAFF67F6ABFF5E43DDBCA3FD9B9FFDF4FFD3E9DFF12D1B" +
	"DF59DB53DBE9FA5B7FF3B8FDFCDE1AFB8BEDD7BE2F3EE71EBBBFE93BCDEEFE14" +
	"8246C2BC5DBFF7E7EFDCF24FD8DC7ADFFD8FFFDFDDFFF7A4BBEEDF5CB95CE81F" +
	"C7FCFF1FF4FFFFDFE5F7FDCBB7FD79B3FA1FC77BFE07FFF905B7B7FFC7FEFEFF" +
	"E0B8370BB0CD3F5B7F2BD93FEB4386CFDD6F7FD5BFAF2E9EBFFFFEECD67ADBF7" +
	"C67F17EFD5D75EBA6FFEBA7FFF47A91EB1BFBB53E8ABFB5762ABE8FF237279BF" +
	"EFBFEEF5FFC5FEBFDFE5ADFFADFEE1FB737FFFFBFD9F6AEFFEEE76B6FD8F72EF"

// BEP33-SCRAPE-004, BEP33-SCRAPE-010: 192.0.2.0 to .255 and 2001:db8::0 to ::3e7.
func TestExampleOfBEP33(t *testing.T) {
	var f Filter
	require.EqualValues(t, EstimateScale/2, f.Estimate())
	for i := range 256 {
		f.Insert(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	require.Equal(t, "24c0004020043000102012743e004800", hex.EncodeToString(f[:16]))
	require.EqualValues(t, 257_8545, f.Estimate()) // 257.85459
	for i := range 0x3e8 {
		f.Insert(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: byte(i >> 8), 15: byte(i)}))
	}
	require.Equal(t, strings.ToLower(bep33Filter), hex.EncodeToString(f[:]))
	require.EqualValues(t, 1224_9308, f.Estimate()) // 1224.93089
	for i := range f {
		f[i] = 0xff
	}
	require.EqualValues(t, 7805_7035, f.Estimate())
}

func bep44Item(salt, sig string) Item {
	it := Item{Mutable: true, V: []byte("12:Hello World!"), Salt: []byte(salt), Seq: 1}
	copy(it.K[:], unhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"))
	copy(it.Sig[:], unhex(sig))
	return it
}

// BEP44-ITEM-002, BEP44-ITEM-003, BEP44-ITEM-004, BEP44-ITEM-017
func TestExamplesOfBEP44(t *testing.T) {
	for _, ex := range []struct {
		item           Item
		signed, target string
	}{
		{
			bep44Item("", "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"+
				"1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"),
			"3:seqi1e1:v12:Hello World!", "4a533d47ec9c7d95b1ad75f576cffc641853b750",
		},
		{
			bep44Item("foobar", "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"+
				"df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"),
			"4:salt6:foobar3:seqi1e1:v12:Hello World!", "411eba73b6f087ca51a3795d9c8c938d365e32c1",
		},
	} {
		require.Equal(t, ex.signed, string(ex.item.AppendSigned(nil)))
		require.Equal(t, ex.target, ex.item.Target().String())
		code, _ := ex.item.Fault()
		require.Zero(t, code)
		ex.item.Sig[3] ^= 1
		code, fault := ex.item.Fault()
		require.EqualValues(t, CodeBadSignature, code)
		require.Equal(t, "BEP44-ITEM-003", fault.Clause)
	}
	immutable := Item{V: []byte("12:Hello World!")}
	require.Equal(t, "e5f96f6f38320f0f33959cb4d3d656452117aadb", immutable.Target().String())
}

// BEP44-ITEM-008, BEP44-ITEM-009, BEP44-ITEM-010
func TestItemLimits(t *testing.T) {
	var seed [ed25519.SeedSize]byte
	value := func(n int) []byte { return []byte("996:" + strings.Repeat("x", n-4)) }
	for _, c := range []struct {
		item Item
		code int32
	}{
		{SignItem(seed, nil, -3, value(MaxItem)), 0},
		{SignItem(seed, make([]byte, MaxSalt), 3, []byte("le")), 0},
		{SignItem(seed, make([]byte, MaxSalt+1), 3, []byte("le")), CodeSaltTooBig},
		{SignItem(seed, make([]byte, 1200), 3, []byte("le")), CodeSaltTooBig},
		{Item{V: append(value(MaxItem), 'x')}, CodeValueTooBig},
		{Item{V: []byte("d1:b0:1:a0:e")}, CodeProtocol},
		{Item{V: []byte("i1ei2e")}, CodeProtocol},
		{Item{}, CodeProtocol},
	} {
		code, _ := c.item.Fault()
		require.Equal(t, c.code, code)
	}
}

// load returns the vectors of one operation.
func load(t *testing.T, protocol, operation string) []vectors.Vector {
	file, err := vectors.Load(protocol)
	require.NoError(t, err)
	list := file.Select(operation)
	require.NotEmpty(t, list)
	return list
}

// unknownKeys names the vectors with keys that are lost in encoding.
var unknownKeys = []string{"ping/query-version-and-unknown-keys"}

// The packets that the project publishes: what is valid is read, and written
// again as it was.
func TestPacketVectors(t *testing.T) {
	for _, v := range slices.Concat(load(t, "krpc", "parse"), load(t, "bep44", "parse")) {
		t.Run(v.Name, func(t *testing.T) {
			packet := v.Input.Bytes("packet")
			var m Message
			err := m.Parse(packet)
			// Nodes of a wrong length are ignored: BEP 5's own examples have them.
			cut := m.Fault.Clause == "BEP05-KRPC-014"
			if v.Expect.Has("valid") && !v.Expect.Bool("valid") {
				require.True(t, err != nil || m.Fault.Clause != "")
				return
			}
			require.NoError(t, err)
			require.True(t, cut || m.Fault == Fault{}, m.Fault.Text)
			if v.Expect.Has("type") {
				require.Equal(t, v.Expect.Text("type"), string(m.Kind))
				require.Equal(t, v.Expect.Bytes("transaction"), m.T)
				require.Equal(t, v.Expect.Text("method"), m.Method)
			}
			if !cut && !slices.Contains(unknownKeys, v.Name) {
				b, err := AppendMessage(nil, &m)
				require.NoError(t, err)
				require.Equal(t, string(packet), string(b))
			}
		})
	}
}

func TestItemVectors(t *testing.T) {
	for _, v := range load(t, "bep44", "mutable") {
		it := Item{Mutable: true, V: v.Input.Bytes("v"), Salt: v.Input.Bytes("salt"), Seq: v.Input.Int("seq")}
		copy(it.K[:], v.Input.Bytes("k"))
		copy(it.Sig[:], v.Input.Bytes("sig"))
		require.Equal(t, string(v.Expect.Bytes("signed")), string(it.AppendSigned(nil)), v.Name)
		require.Equal(t, kademlia.ID(v.Expect.Bytes("target")), it.Target(), v.Name)
		code, _ := it.Fault()
		require.Equal(t, v.Expect.Bool("valid"), code == 0, v.Name)
	}
	for _, v := range load(t, "bep44", "immutable") {
		it := Item{V: v.Input.Bytes("v")}
		require.Equal(t, kademlia.ID(v.Expect.Bytes("target")), it.Target(), v.Name)
	}
}

func TestIDVectors(t *testing.T) {
	ip := func(v vectors.Vector) netip.Addr {
		ip, ok := netip.AddrFromSlice(v.Input.Bytes("address"))
		require.True(t, ok)
		return ip
	}
	for _, v := range load(t, "bep42", "hash") {
		crc := addressChecksum(ip(v), byte(v.Input.Int("random")))
		require.Equal(t, binary.BigEndian.Uint32(v.Expect.Bytes("crc32c")), crc, v.Name)
	}
	for _, v := range load(t, "bep42", "verify") {
		secure := IsSecure(kademlia.ID(v.Input.Bytes("id")), ip(v))
		require.Equal(t, v.Expect.Bool("valid"), secure, v.Name)
	}
}

func TestFilterVectors(t *testing.T) {
	for _, v := range load(t, "bep33", "insert") {
		var f Filter
		for i, b := range v.Input.List("first") {
			ip, _ := netip.AddrFromSlice(b)
			last, _ := netip.AddrFromSlice(v.Input.List("last")[i])
			for ; ip.Compare(last) <= 0; ip = ip.Next() {
				f.Insert(ip)
			}
		}
		require.Equal(t, v.Expect.Bytes("filter"), f[:], v.Name)
		require.InDelta(t, v.Expect.Number("estimate"), float64(f.Estimate())/EstimateScale, 0.0002, v.Name)
	}
	for _, v := range load(t, "bep33", "union") {
		var f *Filter
		for _, b := range v.Input.List("filters") {
			f = union(f, b)
		}
		require.Equal(t, v.Expect.Bytes("filter"), f[:], v.Name)
	}
}
