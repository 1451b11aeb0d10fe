package bittorrent_test

import (
	"runtime"
	"testing"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance/bittorrent"
	"github.com/p2pspec/p2pspec/conformance/null"
)

// No case passes against a target that does nothing of use, not even against
// one that answers every connection with a good handshake for the torrent.
func TestNullTargetsPassNothing(t *testing.T) {
	h := &wire.Handshake{InfoHash: bittorrent.Standard.Make("").Hash()}
	copy(h.PeerID[:], "-NU0000-nothing else")
	hello, err := wire.Codec{}.AppendMessage(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	first := func(got []byte) []byte {
		if len(got) < wire.HandshakeLen {
			return nil
		}
		return hello
	}
	for _, kind := range null.Stream(first) {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}
