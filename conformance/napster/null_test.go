package napster_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance/null"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

// No case passes against a target that does nothing of use, not even against one
// that acknowledges every login and ends every search.
func TestNullTargetsPassNothing(t *testing.T) {
	first := func(got []byte) []byte {
		m, n, err := core.Codec{}.Decoder().Decode(got)
		if err != nil || n == 0 {
			return nil
		}
		answer := core.Message{Type: core.TypeLoginAck, Text: "anon@nowhere"}
		if m.(core.Message).Type == core.TypeSearch {
			answer = core.Message{Type: core.TypeResultEnd}
		}
		b, err := core.Codec{}.AppendMessage(nil, answer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, kind := range null.Stream(first) {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}
