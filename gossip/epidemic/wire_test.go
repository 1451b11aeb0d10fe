package epidemic

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// Encodings written down by hand from the comment of Codec.
func TestEncodings(t *testing.T) {
	stamp := Stamp{0x0102, 3}
	value := Update{Key: "k", Value: []byte("v"), Stamp: stamp}
	dead := Update{Key: "k", Stamp: stamp, Deleted: true, Age: 5}
	const stampHex = "000000000000010200000003"
	const valueHex, deadHex = stampHex + "00016b" + "000176", stampHex + "01016b" + "0000000000000005"
	for _, c := range []struct {
		msg spec.Message
		hex string
	}{
		{Contact{Pull: true}, "45010100"},
		{Contact{Rumors: []Rumor{{value, 7}, {dead, Cooling}}}, "450100" + "02" + "07" + valueHex + "ff" + deadHex},
		{Reply{Verdicts: []Verdict{{stamp, true}}}, "4502" + "00" + "01" + stampHex + "01"},
		{Feedback{[]Verdict{{stamp, false}}}, "4503" + "01" + stampHex + "00"},
		{Busy{}, "4504"},
		{Entries{From: "a", To: "", Give: true, Updates: []Update{value}}, "4505" + "0161" + "00" + "01" + "01" + valueHex},
		{Ask{From: "", To: "b"}, "4506" + "00" + "0162" + "00"},
		{
			Summary{[]Range{{From: "a", To: "b", Count: 4, Sum: 9}}},
			"4507" + "01" + "0161" + "0162" + "00000004" + "0000000000000009",
		},
		{
			Peel{Answer: true, Sum: 1, Low: stamp, Updates: []Update{dead}},
			"4508" + "01" + "0000000000000001" + "000000000000000000000000" + stampHex + "01" + deadHex,
		},
	} {
		b, err := Codec{}.AppendMessage(nil, c.msg)
		require.NoError(t, err)
		require.Equal(t, c.hex, hex.EncodeToString(b), "%#v", c.msg)
		m, err := Codec{}.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, c.msg, m)
		for i := range b {
			_, err := Codec{}.ParseMessage(b[:i])
			require.ErrorIs(t, err, ErrEncoding, "%x", b[:i])
		}
		_, err = Codec{}.ParseMessage(append(b, 0))
		require.ErrorContains(t, err, "1 bytes too many")
	}
}

func TestBadEncodings(t *testing.T) {
	for bad, want := range map[string]string{
		"44":       "magic 0x44",
		"4563":     "unknown type 99",
		"45010200": "offset 2: pull 2",
		"4503" + "01" + "000000000000010200000003" + "02": "news 2",
		"4506" + "41": "65 bytes of a key, at most 64",
	} {
		b, err := hex.DecodeString(bad)
		require.NoError(t, err)
		_, err = Codec{}.ParseMessage(b)
		require.ErrorContains(t, err, want)
	}
	for _, m := range []spec.Message{
		nil,
		Contact{Rumors: make([]Rumor, maxBatch+1)},
		Entries{From: string(make([]byte, MaxKeyBytes+1))},
		Entries{Updates: []Update{{Key: "k", Value: make([]byte, 1<<16)}}},
		Entries{Updates: []Update{{Key: "k", Age: 1}}},
		Entries{Updates: []Update{{Key: "k", Deleted: true, Value: []byte{1}}}},
	} {
		_, err := Codec{}.AppendMessage(nil, m)
		require.ErrorIs(t, err, ErrEncoding, "%T", m)
	}
}

// size is never less than the encoding takes: messages keep to PacketSize by it.
func TestSizesBoundEncodings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := Update{Key: rapid.StringN(0, -1, MaxKeyBytes).Draw(t, "key"), Deleted: rapid.Bool().Draw(t, "deleted")}
		if !u.Deleted {
			u.Value = rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "value")
		}
		r := Range{From: u.Key, To: rapid.StringN(0, -1, MaxKeyBytes).Draw(t, "to")}
		for _, c := range []struct {
			empty, full spec.Message
			size        int
		}{
			{Entries{}, Entries{Updates: []Update{u}}, u.size()},
			{Contact{}, Contact{Rumors: []Rumor{{Update: u}}}, u.size() + 1},
			{Feedback{}, Feedback{make([]Verdict, 1)}, verdictBytes},
			{Summary{}, Summary{[]Range{r}}, r.size()},
		} {
			empty, err := Codec{}.AppendMessage(nil, c.empty)
			require.NoError(t, err)
			full, err := Codec{}.AppendMessage(nil, c.full)
			require.NoError(t, err)
			require.LessOrEqual(t, len(full)-len(empty), c.size)
		}
	})
}
