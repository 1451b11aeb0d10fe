package gnutella_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/conformance/gnutella"
	"github.com/p2pspec/p2pspec/conformance/null"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// No case passes against a target that does nothing of use, not even against one
// that accepts every handshake.
func TestNullTargetsPassNothing(t *testing.T) {
	for _, kind := range null.Stream(welcome) {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}

// welcome accepts a handshake of either version in full, and says no more.
func welcome(got []byte) []byte {
	var m spec.Message
	switch {
	case bytes.HasPrefix(got, []byte("GNUTELLA CONNECT/0.4")):
		m = wire.Status{Old: true}
	case bytes.HasPrefix(got, []byte("GNUTELLA CONNECT/")) && bytes.Contains(got, []byte("\n\r\n")):
		h := wire.Headers(gnutella.Equal().With("X-Query-Routing", "0.1").With("Content-Encoding", "deflate"))
		m = wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: h}
	default:
		return nil
	}
	b, err := wire.Codec{}.AppendMessage(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}
