package wire

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func anySerf() *rapid.Generator[SerfMessage] {
	return rapid.Custom(func(t *rapid.T) SerfMessage {
		now, node, payload := rapid.Uint64().Draw(t, "time"), anyName().Draw(t, "node"), anyBytes(40).Draw(t, "payload")
		flags := rapid.Uint32().Draw(t, "flags")
		events := make([]SerfUserEvent, rapid.IntRange(1, 20).Draw(t, "events"))
		for i := range events {
			events[i].Payload = payload
		}
		return rapid.SampledFrom([]SerfMessage{
			SerfJoin{now, node}, SerfLeave{now, node, flags&1 == 0}, SerfUserEvent{now, node, payload, flags&1 == 0},
			SerfQuery{now, flags, Source{anyAddr().Draw(t, "source"), node}, [][]byte{payload}, flags, byte(flags),
				time.Duration(rapid.Int64Min(0).Draw(t, "timeout")), node, payload},
			SerfQueryResponse{now, flags, node, flags, payload},
			SerfPushPull{now, now / 2, now / 3, []SerfStatus{{node, now}}, []string{node}, []SerfEvents{{now, events}}},
			SerfPushPull{},
		}).Draw(t, "message")
	})
}

// GO-SF-01, GO-SF-02
func TestSerfRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anySerf().Draw(t, "message")
		b := AppendSerf(nil, m)
		got, err := ParseSerf(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
		for range 3 {
			cut := b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]
			_, err = ParseSerf(cut)
			require.Error(t, err, "%x", cut)
		}
	})
}

// The bodies as the fields of serf's source name them. GO-SF-02, GO-SF-03
func TestSerfBytes(t *testing.T) {
	for _, c := range []struct {
		bytes string
		m     SerfMessage
	}{
		{"00 83 a54c54696d65 05 a44e6f6465 a16e a55072756e65 c3", SerfLeave{5, "n", true}},
		{"01 82 a54c54696d65 cd0100 a44e6f6465 a16e", SerfJoin{256, "n"}},
		{"03 84 a24343 c2 a54c54696d65 05 a44e616d65 a165 a75061796c6f6164 c0", SerfUserEvent{5, "e", nil, false}},
		{"05 85 a5466c616773 01 a446726f6d a16e a24944 07 a54c54696d65 05 a75061796c6f6164 a178",
			SerfQueryResponse{5, 7, "n", SerfAck, []byte("x")}},
	} {
		require.Equal(t, unhex(t, c.bytes), AppendSerf(nil, c.m))
		m, err := ParseSerf(unhex(t, c.bytes))
		require.NoError(t, err)
		require.Equal(t, c.m, m)
	}
	query := AppendSerf(nil, SerfQuery{Flags: SerfAck | SerfNoBroadcast, Timeout: math.MinInt64})
	m, err := ParseSerf(query)
	require.NoError(t, err)
	require.Equal(t, SerfQuery{Flags: 3}, m, "a timeout is never below zero")
}

func TestSerfFaults(t *testing.T) {
	for bytes, clause := range map[string]string{
		"":                              "GO-SF-01",
		"63 80":                         "GO-SF-01",
		"01":                            "GO-SF-02",
		"01 81 a54c54696d65 ff":         "GO-SF-02",
		"02 81 a64576656e7473 05":       "GO-SF-02",
		"02 81 a64576656e7473 ddffffff": "GO-SF-02",
		"04 81 a746696c74657273 91 05":  "GO-SF-02",
		"04 81 a44164647 2 a3010203":    "GO-SF-02",
	} {
		_, err := ParseSerf(unhex(t, bytes))
		var fault *Fault
		require.ErrorAs(t, err, &fault, bytes)
		require.Equal(t, clause, fault.Clause, bytes)
	}
}
