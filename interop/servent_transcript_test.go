package interop_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// descriptor is one of a transcript of servents, as the codec of the core reads it.
type descriptor struct {
	wire.Descriptor
	byUs bool
	peer string // the end of the link that is not the target's
}

// descriptors reads a transcript again from its bytes, also what the target has
// compressed.
func descriptors(t *testing.T, transcript []conformance.Entry) (all []descriptor) {
	t.Helper()
	inflaters := map[string]*deflate.Inflater{}
	for _, e := range transcript {
		b, err := hex.DecodeString(e.Hex)
		if err != nil {
			t.Fatal(err)
		}
		from, to, _ := strings.Cut(e.Via, " → ")
		d := descriptor{byUs: e.Dir == ">", peer: from}
		if !d.byUs {
			d.peer = to
		}
		if !d.byUs && bytes.HasPrefix(b, []byte{0x78, 0x9c}) {
			inflaters[d.peer] = deflate.NewInflater()
			defer inflaters[d.peer].Stop()
		}
		if z := inflaters[d.peer]; z != nil && !d.byUs {
			z.Push(b)
			b, _ = z.Next() // more than it gives at once is in no case
		}
		for len(b) > 0 && !bytes.HasPrefix(b, []byte("GNUTELLA")) {
			m, n, err := wire.ParseDescriptor(b)
			if n == 0 || err != nil {
				break // of what the harness has compressed
			}
			m.Payload = bytes.Clone(m.Payload)
			d.Descriptor = m
			all, b = append(all, d), b[n:]
		}
	}
	return all
}

// passedOn finds a query of the harness's that came out at another of its peers.
func passedOn(all []descriptor, shows func(in, out descriptor) bool) bool {
	for i, in := range all {
		for _, out := range all[i+1:] {
			if in.byUs && !out.byUs && in.Type == wire.TypeQuery && out.Type == in.Type && out.GUID == in.GUID &&
				out.peer != in.peer && shows(in, out) {
				return true
			}
		}
	}
	return false
}

// TestTranscriptsOfServentsAreJudgedAgain holds what servents pass on against the
// bytes that were recorded.
func TestTranscriptsOfServentsAreJudgedAgain(t *testing.T) {
	shown := map[string]func(in, out descriptor) bool{
		"gnutella06/ttl/of-1-ends":           func(in, _ descriptor) bool { return in.TTL == 1 },
		"gnutella06/ttl/above-15-is-dropped": func(in, _ descriptor) bool { return in.TTL > 15 },
		"gnutella06/ultrapeer/leaves-get-one-hop-more": func(in, out descriptor) bool {
			return out.TTL == in.TTL && out.Hops == in.Hops
		},
	}
	judged := map[string]bool{}
	for _, r := range recordings(t) {
		for _, res := range r.Results {
			shows := shown[res.Case]
			if shows == nil || !isUnmet(res.Verdict) {
				continue
			}
			judged[res.Case] = true
			if !passedOn(descriptors(t, res.Transcript), shows) {
				t.Errorf("%s: the transcript of %s does not show what it is judged for", r.Target.Name, res.Case)
			}
		}
	}
	for id := range shown {
		if !judged[id] {
			t.Errorf("%s is met by all: remove its judge", id)
		}
	}
}
