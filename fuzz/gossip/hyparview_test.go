package gossip

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// overlayPeer is one of 16 nodes; 5 is the one that is fuzzed.
func overlayPeer(b byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b % 16}), 4000)
}

// hyparviewSeeds is a message of each type.
func hyparviewSeeds() []spec.Message {
	list := []netip.AddrPort{overlayPeer(3), netip.MustParseAddrPort("[2001:db8::1]:4000")}
	return []spec.Message{
		hyparview.Join{Peer: overlayPeer(1)}, hyparview.ForwardJoin{Peer: overlayPeer(2), TTL: 3},
		hyparview.Neighbor{Peer: overlayPeer(4), High: true}, hyparview.NeighborReply{Accepted: true},
		hyparview.Disconnect{}, hyparview.Shuffle{Origin: overlayPeer(6), TTL: 2, Peers: list},
		hyparview.ShuffleReply{Peers: list},
	}
}

// FuzzHyParViewStream: whatever arrives on a stream, the decoder takes what it
// returns, and what it accepts has that one encoding.
func FuzzHyParViewStream(f *testing.F) {
	codec := hyparview.Stream{Codec: hyparview.Codec{}, Max: hyparview.MaxMessage}
	for _, m := range hyparviewSeeds() {
		f.Add(encodeStream(f, codec, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) { decodeStream(t, codec, b) })
}

// FuzzHyParViewNode: no sequence of inputs makes the node panic, break an
// invariant, exceed its bounds, keep a trace of what it refused, or forget a
// command.
func FuzzHyParViewNode(f *testing.F) {
	cfg := hyparview.Config{Self: overlayPeer(5), Active: 3, Passive: 4, MaxPending: 5, ShufflePeriod: 20 * time.Second}
	codec := hyparview.Stream{Codec: hyparview.Codec{}, Max: hyparview.MaxMessage}
	seedOverlay(f, codec, hyparviewSeeds())
	f.Fuzz(func(t *testing.T, script []byte) {
		n, err := hyparview.New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := cfg.MaxEffects()
		if err != nil {
			t.Fatal(err)
		}
		r := &overlayRunner{Script: check.NewScript(t, script), codec: codec}
		r.Machine, r.MaxEffects = n, bound
		r.run()
	})
}
