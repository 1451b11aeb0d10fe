package annotate

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// swimExample is a message in hexadecimal, with what the field at a path says.
type swimExample struct{ message, path, value, clause, problem string }

func swimExamples() []swimExample {
	ping := "0082a44e6f6465a6746172676574a55365714e6f2a"
	state := "87a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a6746573746572a4506f7274cd2329" +
		"a5537461746500a356736ea6010502000000"
	push := "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e02" + state + "6869"
	sealed := "01" + strings.Repeat("ab", 12) + strings.Repeat("cd", 20)
	packed := wire.AppendCompressed(nil, []byte("\x0b\x81\xa5SeqNo\x05"))
	return []swimExample{
		{ping, "ping", "0", "GO-WF-03", ""},
		{ping, "ping.body", "map of 2", "GO-WF-02", ""},
		{ping, "ping.Node", `"target"`, "GO-WF-03", ""},
		{ping, "ping.SeqNo", "42", "GO-WF-03", ""},
		{"f403726564" + ping, "label", `"red"`, "GO-WF-15", ""},
		{"f400", "label", `f400`, "GO-WF-15", ""},
		{"0c00000000" + ping, "checksum", "00000000", "GO-WF-12", "something else"},
		{"0cb53e8eb4" + ping, "checksum", "b53e8eb4", "GO-WF-12", ""},
		{"07020015000a" + ping + "0b81a55365714e6f05", "compound", "2", "GO-WF-10", "the last 1 are truncated"},
		{"07020015000a" + ping + "0b81a55365714e6f05", "compound.lengths", "21 10", "GO-WF-10", ""},
		{"07020015000a" + ping + "0b81a55365714e6f05", "compound[0].ping.SeqNo", "42", "GO-WF-03", ""},
		{"07020015000a" + ping + "0b81a55365714e6f05", "compound.truncated", "0b81a55365714e6f05", "GO-WF-10", ""},
		{"0702", "compound", "02", "GO-WF-10", "truncated"},
		{push, "push_pull.Join", "true", "GO-WF-07", ""},
		{push, "push_pull.Nodes", "1", "GO-WF-07", ""},
		{push, "push_pull.nodes[0].Addr", "127.0.0.1", "GO-WF-06", ""},
		{push, "push_pull.nodes[0].Meta", "nil", "GO-WF-06", ""},
		{push, "push_pull.nodes[0].State", "0 alive", "GO-WF-06", ""},
		{push, "push_pull.nodes[0].Vsn", "protocol 1 to 5, speaks 2; application 0 to 0, speaks 0", "GO-WF-06", ""},
		{push, "push_pull.user", `"hi"`, "GO-WF-07", ""},
		{"086869", "user_message.payload", `"hi"`, "GO-WF-08", ""},
		{"0881aa557365724d73674c656e026869", "user_message.UserMsgLen", "2", "GO-WF-08", ""},
		{"0881aa557365724d73674c656e026869", "user_message.payload", `"hi"`, "GO-WF-08", ""},
		{"0d81a54572726f72a26e6f", "error.Error", `"no"`, "GO-WF-05", ""},
		{"63", "type_99", "99", "GO-WF-01", "no such type"},
		{"0ba0", "nack.body", "a0", "GO-WF-02", "no map"},
		{"0b82a17893010203a55365714e6f05", "nack.x", "93010203", "GO-WF-02", ""},
		{"0b81a55365714e6f05ff", "trailing", "ff", "GO-WF-02", ""},
		{sealed, "version", "1", "GO-WF-13", ""},
		{sealed, "nonce", strings.Repeat("ab", 12), "GO-WF-13", ""},
		{sealed, "ciphertext", "4 bytes", "GO-WF-13", ""},
		{"0a00000021" + sealed, "encryption", "33 bytes", "GO-WF-14", ""},
		{"0a00000021" + sealed, "tag", strings.Repeat("cd", 16), "GO-WF-13", ""},
		{hex.EncodeToString(packed), "compression.Buf", "13 bytes, which inflate to 9: nack", "GO-WF-09", ""},
	}
}

func TestSwimFields(t *testing.T) {
	for _, e := range swimExamples() {
		b, err := hex.DecodeString(e.message)
		require.NoError(t, err)
		fields, _ := Swim(b)
		covers(t, b, fields)
		found := false
		for _, f := range fields {
			if f.Path != e.path {
				continue
			}
			found = true
			require.Equal(t, e.value, f.Value, e.path)
			require.Equal(t, e.clause, f.Clause, e.path)
			require.Contains(t, f.Problem, e.problem, e.path)
			require.Equal(t, e.problem == "", f.Problem == "", "%s: %s", e.path, f.Problem)
			_, known := catalogue.Lookup(f.Clause)
			require.True(t, known, f.Clause)
		}
		require.True(t, found, "%s: no field at %s in %v", e.message, e.path, fields)
	}
}

// covers wants the fields to be the message, in order and without a gap.
func covers(t require.TestingT, message []byte, fields []Field) {
	var all []byte
	for _, f := range fields {
		require.Equal(t, len(all), f.Offset)
		all = append(all, f.Bytes...)
	}
	require.Equal(t, message, all)
}

// What a reader of the format refuses is called wrong, and nothing else is.
func TestSwimIsJudged(t *testing.T) {
	for _, c := range []struct{ message, clause string }{
		{"0082a44e6f6465a6746172676574a55365714e6f2a", ""},
		{"f4037265640b80", ""},
		{"0683a44a6f696ec3a54e6f64657300ac5573657253746174654c656e00", ""},
		{"0a0000", ""},
		{"63", "GO-WF-01"},
		{"0ba0", "GO-WF-05"},
		{"0700", "GO-WF-10"},
	} {
		b, err := hex.DecodeString(c.message)
		require.NoError(t, err)
		_, err = Swim(b)
		if c.clause == "" {
			require.NoError(t, err, c.message)
			continue
		}
		var fault *wire.Fault
		require.True(t, errors.As(err, &fault), c.message)
		require.Equal(t, c.clause, fault.Clause)
	}
	_, err := Swim(nil)
	require.Error(t, err)
}

// Whatever the bytes are, the fields are them; of a message they are without fault.
func TestSwimCoversEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		format := &wire.Format{Label: rapid.SampledFrom([]string{"", "red"}).Draw(t, "label"),
			Compress: rapid.Bool().Draw(t, "compress")}
		nacks := make([]wire.Message, rapid.IntRange(1, 9).Draw(t, "parts"))
		for i := range nacks {
			nacks[i] = wire.IndirectPing{SeqNo: rapid.Uint32().Draw(t, "number"), Node: "n",
				Target: netip.MustParseAddrPort("127.0.0.1:7946")}
		}
		b, err := format.AppendMessage(nil, wire.Packet{Parts: nacks, CRC: rapid.Bool().Draw(t, "crc")})
		require.NoError(t, err)
		fields, err := Swim(b)
		require.NoError(t, err)
		covers(t, b, fields)
		for _, f := range fields {
			require.Empty(t, f.Problem, f.Path)
		}
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		b = b[:rapid.IntRange(1, len(b)).Draw(t, "length")]
		fields, _ = Swim(b)
		covers(t, b, fields)
	})
}
