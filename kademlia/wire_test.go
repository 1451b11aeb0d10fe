package kademlia

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawMessage(t *rapid.T) spec.Message {
	h := Header{drawFull(t, "rpc"), drawFull(t, "sender")}
	id := drawFull(t, "id")
	ttl := time.Duration(rapid.Int64Min(0).Draw(t, "ttl"))
	value := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
	return rapid.SampledFrom([]spec.Message{
		PingRequest{h}, PingReply{h}, StoreReply{h},
		StoreRequest{h, id, ttl, value}, FindNodeRequest{h, id}, FindValueRequest{h, id},
		ValueReply{h, ttl, value}, NodesReply{h, drawContacts(t)},
	}).Draw(t, "message")
}

func drawContacts(t *rapid.T) []Contact {
	list := []Contact{}
	for range rapid.IntRange(0, 5).Draw(t, "contacts") {
		n := rapid.SampledFrom([]int{4, 16}).Draw(t, "family")
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
		port := rapid.Uint16().Draw(t, "port")
		list = append(list, Contact{drawFull(t, "contact"), netip.AddrPortFrom(a, port)})
	}
	return list
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := Codec{}.AppendMessage([]byte("prefix"), m)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(b, []byte("prefix")))
		got, err := Codec{}.ParseMessage(b[6:])
		require.NoError(t, err)
		require.Equal(t, m, got)
	})
}

// One encoding of each shape, written out: other implementations can compare.
//
// KAD-RPC-001, KAD-RPC-002, KAD-RPC-003.
func TestWireBytes(t *testing.T) {
	h := Header{RPC: ID{0: 0xaa, 19: 0x01}, Sender: ID{0: 0xbb, 19: 0x02}}
	head := "aa" + strings.Repeat("00", 18) + "01" + "bb" + strings.Repeat("00", 18) + "02"
	key := "cc" + strings.Repeat("00", 18) + "03"
	id := ID{0: 0xcc, 19: 0x03}
	for want, m := range map[string]spec.Message{
		"4b01" + head: PingRequest{h},
		"4b81" + head: PingReply{h},
		"4b82" + head: StoreReply{h},
		"4b02" + head + key + "000000003b9aca00" + "0002" + "6869": StoreRequest{
			h, id, time.Second, []byte("hi")},
		"4b03" + head + key:                         FindNodeRequest{h, id},
		"4b04" + head + key:                         FindValueRequest{h, id},
		"4b84" + head + "000000003b9aca00" + "0000": ValueReply{h, time.Second, []byte{}},
		"4b83" + head + "02" + key + "04" + "7f000001" + "1f90" +
			key + "06" + strings.Repeat("00", 15) + "01" + "1f91": NodesReply{h, []Contact{
			{id, netip.MustParseAddrPort("127.0.0.1:8080")},
			{id, netip.MustParseAddrPort("[::1]:8081")},
		}},
	} {
		b, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), "%T", m)
		got, err := Codec{}.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

// Every prefix and every extension of a message is refused.
func TestWireRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := Codec{}.AppendMessage(nil, drawMessage(t))
		require.NoError(t, err)
		n := rapid.IntRange(0, len(b)-1).Draw(t, "length")
		_, err = Codec{}.ParseMessage(b[:n])
		require.ErrorIs(t, err, ErrEncoding)
		_, err = Codec{}.ParseMessage(append(b, 0))
		require.ErrorIs(t, err, ErrEncoding)
	})
	head := string(make([]byte, 40))
	for want, b := range map[string]string{
		"offset 0: magic 0x58":                 "X\x01" + head,
		"offset 1: unknown type 9":             "K\x09" + head,
		"offset 63: contact: address family 5": "K\x83" + head + "\x01" + string(make([]byte, 20)) + "\x05",
		"TTL over 292 years":                   "K\x84" + head + "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00",
		"offset 42: target needs 20 byte":      "K\x03" + head,
	} {
		_, err := Codec{}.ParseMessage([]byte(b))
		require.ErrorContains(t, err, want)
	}
	for want, m := range map[string]spec.Message{
		"message type":  nil,
		"255 fit":       NodesReply{Contacts: make([]Contact, 256)},
		"contact 0":     NodesReply{Contacts: make([]Contact, 1)},
		"negative":      StoreRequest{TTL: -1},
		"value of 6543": ValueReply{Value: make([]byte, MaxWireValue+1)},
	} {
		_, err := Codec{}.AppendMessage(nil, m)
		require.ErrorIs(t, err, ErrEncoding)
		require.ErrorContains(t, err, want)
	}
}

// Whatever parses has one encoding only.
func FuzzWire(f *testing.F) {
	f.Add([]byte("K\x01"))
	f.Add(append([]byte("K\x83"), make([]byte, 41)...))
	f.Add(append([]byte("K\x02"), make([]byte, 70)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Codec{}.ParseMessage(b)
		if err != nil {
			require.ErrorIs(t, err, ErrEncoding)
			return
		}
		again, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}
