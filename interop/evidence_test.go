package interop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/p2pspec/p2pspec/conformance"
)

func TestBytesAreShownAsTheyAre(t *testing.T) {
	assert.Equal(t, "`d1:t3:\\x00\\xe9\\x5c\\x60e`", code("d1:t3:\x00\xe9\\`e", 99))
	assert.Equal(t, "`abc…`", code("abcdef", 3))
}

func TestACrashIsShownByItsCauseAndWhatWasSent(t *testing.T) {
	res := conformance.Result{
		Verdict: conformance.Fail,
		Failure: &conformance.Failure{
			Message: `the target ended; its last words: "noise\npanic: nil map\n\t/home/u/go/pkg/server.go:540 +0x1"`,
		},
		Transcript: []conformance.Entry{
			{Dir: ">", Hex: "64313a713133"}, // d1:q13
			{Dir: "<", Hex: "64313a65"},
			{Dir: ">", Hex: "313a71343a70696e67"}, // 1:q4:ping, the control
		},
	}
	cut(&res)
	assert.NotContains(t, res.Failure.Message, "/home")
	assert.Contains(t, res.Failure.Message, "server.go:540")
	assert.Equal(t, "the target ended: panic: nil map", message(res))
	e, ok := judgedEntry(res)
	assert.True(t, ok)
	assert.Equal(t, "d1:q13", bencoded(e.Hex))
}

func TestTranscriptsAreCutInTheMiddle(t *testing.T) {
	res := conformance.Result{Failure: &conformance.Failure{}}
	for i := range keptFirst + keptLast + 5 {
		res.Transcript = append(res.Transcript, conformance.Entry{Bytes: i, Decoded: "text"})
	}
	cut(&res)
	assert.Len(t, res.Transcript, keptFirst+keptLast)
	assert.Equal(t, 5, res.Omitted)
	assert.Equal(t, keptFirst+5, res.Transcript[keptFirst].Bytes)
	assert.Nil(t, res.Transcript[0].Decoded)
	cut(&res)
	assert.Equal(t, 5, res.Omitted, "to cut again changes nothing")
}
