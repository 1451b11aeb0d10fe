package plumtree

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawID(t *rapid.T) ID { return ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ID")) }

func drawMessage(t *rapid.T) spec.Message {
	round := rapid.Uint16().Draw(t, "round")
	list := []Announcement{}
	for range rapid.IntRange(1, 4).Draw(t, "announcements") {
		list = append(list, Announcement{drawID(t), round})
	}
	return rapid.SampledFrom([]spec.Message{
		Gossip{drawID(t), round, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload")},
		IHave{list}, Graft{}, Graft{true, drawID(t)}, Prune{}, hyparview.NeighborReply{Accepted: true},
		hyparview.Join{Peer: netip.MustParseAddrPort("192.0.2.1:4000")},
	}).Draw(t, "message")
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := StreamCodec().AppendMessage(nil, m)
		require.NoError(t, err)
		for cut := range b {
			_, n, err := StreamCodec().Decoder().Decode(b[:cut])
			require.NoError(t, err)
			require.Zero(t, n)
		}
		got, n, err := StreamCodec().Decoder().Decode(append(b, 1))
		require.NoError(t, err)
		require.Equal(t, len(b), n)
		require.Equal(t, m, got)
		_, err = Codec{}.ParseMessage(b[4 : len(b)-1])
		require.Error(t, err)
	})
}

// One encoding of each shape, written out: other implementations can compare.
func TestWireBytes(t *testing.T) {
	id := ID{0: 0xaa, 15: 0x01}
	hexID := "aa" + strings.Repeat("00", 14) + "01"
	for want, m := range map[string]spec.Message{
		"10" + hexID + "0003" + "0002" + "6869":       Gossip{id, 3, []byte("hi")},
		"11" + "02" + hexID + "0001" + hexID + "0102": IHave{[]Announcement{{id, 1}, {id, 0x102}}},
		"1200":         Graft{},
		"1201" + hexID: Graft{true, id},
		"13":           Prune{},
		"05":           hyparview.Disconnect{},
	} {
		b, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(b), "%T", m)
		got, err := Codec{}.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

func TestWireRefuses(t *testing.T) {
	id := strings.Repeat("00", 16)
	for encoded, want := range map[string]string{
		"":                            "offset 0: type needs 1 bytes, 0 are left",
		"14":                          "offset 0: unknown type 20",
		"1100":                        "offset 1: no announcements",
		"1181":                        "offset 1: 129 announcements, at most 128 fit",
		"1101" + id + "00":            "offset 18: round needs 2 bytes, 1 are left",
		"1202":                        "offset 1: wants is 2, want 0 or 1",
		"10" + id + "0001" + "0002aa": "offset 21: payload needs 2 bytes, 1 are left",
		"1300":                        "offset 1: 1 bytes too many",
	} {
		b, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		m, err := Codec{}.ParseMessage(b)
		require.ErrorIs(t, err, ErrEncoding, encoded)
		require.ErrorContains(t, err, want)
		require.Nil(t, m)
	}
	for _, m := range []spec.Message{IHave{}, IHave{make([]Announcement, 129)}, Gossip{Payload: make([]byte, 1<<16)}} {
		b, err := Codec{}.AppendMessage([]byte("as it was"), m)
		require.ErrorIs(t, err, ErrEncoding, "%T", m)
		require.Equal(t, "as it was", string(b))
	}
	_, err := Codec{}.AppendMessage(nil, nil)
	require.ErrorIs(t, err, hyparview.ErrEncoding)
}
