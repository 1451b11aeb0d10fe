package dht

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// MaxInterval is the longest interval of sample_infohashes in seconds (BEP 51).
const MaxInterval = 21600

// bep51 judges sample_infohashes.
var bep51 = []Case{
	{
		ID: "bep51/sample/all-keys", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP51-SAMPLE-001"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "sample_infohashes must be answered with interval from 0 to 21600 seconds, num and " +
			"samples, of 20 bytes each, which may be empty but must be there. Num is the number of " +
			"hashes in store, not fewer than are sent.",
		Causes: []string{"samples is left out when there are none", "interval is in another unit"},
		Kills:  []string{"nodes-as-list", "samples-omitted-when-empty"},
		Run: func(t *T) {
			a := sample(t, randomID(t))
			if n := a.Int("interval"); n < 0 || n > MaxInterval {
				t.Mismatch("r.interval", n, "0 to 21600")
			}
			if n, got := a.Int("num"), a.Samples(); n < int64(len(got)) {
				t.Mismatch("r.num", n, fmt.Sprintf("at least the %d samples that were sent", len(got)))
			}
			a.Nodes()
		},
	},
	{
		ID: "bep51/sample/announced-hash-is-sampled", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP51-SAMPLE-001", "BEP51-SAMPLE-002"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the announce, which is answered",
		Explain: "One info-hash is announced to a target that has no other. num must be 1 and samples " +
			"those 20 bytes.",
		Causes: []string{
			"samples that are not empty cannot be encoded",
			"samples is a list",
			"peers are counted, not hashes",
		},
		Kills: []string{
			"crashes-with-samples", "no-token-for-unknown-hashes", "one-store-for-all-hashes",
		},
		Run: func(t *T) {
			infoHash := randomID(t)
			for range 2 {
				NewPeer(t).Announce(infoHash, nil)
			}
			a := sample(t, randomID(t))
			if n := a.Int("num"); n != 1 {
				t.Mismatch("r.num", n, "1")
			}
			if got := a.Samples(); !slices.Equal(got, []kademlia.ID{infoHash}) {
				t.Mismatch("r.samples", got, infoHash.String()+" alone")
			}
		},
	},
	{
		ID: "bep51/sample/subset-of-many", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP51-SAMPLE-002", "BEP32-DHT6-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the announces, which are answered", Within: minute,
		Explain: "Sixty info-hashes are announced, more than fit into 1024 bytes. num should be 60, " +
			"and samples some of them, each once, in a datagram of at most 1024 bytes.",
		Causes: []string{
			"num is the number of samples that were sent",
			"all hashes are sent",
			"a sample is repeated",
		},
		Kills: []string{
			"crashes-with-samples", "no-token-for-unknown-hashes", "num-is-what-was-sent",
			"one-store-for-all-hashes",
		},
		Run: func(t *T) {
			announced := map[kademlia.ID]bool{}
			for range 60 {
				infoHash, p := randomID(t), NewPeer(t)
				p.Announce(infoHash, nil)
				p.Close()
				announced[infoHash] = true
			}
			a := sample(t, randomID(t))
			if n := a.Int("num"); n != 60 {
				t.Mismatch("r.num", n, "60")
			}
			if len(a.Raw) > MaxPayload {
				t.Mismatch("the answer", fmt.Sprintf("%d bytes", len(a.Raw)), "at most 1024 bytes")
			}
			got := a.Samples()
			if len(got) == 0 {
				t.Mismatch("r.samples", "empty", "some of the 60 info-hashes")
			}
			for i, s := range got {
				if !announced[s] {
					t.Mismatch(fmt.Sprintf("r.samples[%d]", i), s, "an announced info-hash, each once")
				}
				delete(announced, s)
			}
		},
	},
	{
		ID: "bep51/sample/chosen-at-random", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP51-SAMPLE-002"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the announces, which are answered", Within: minute,
		Explain: "Two hundred info-hashes are announced in ascending order. The samples should be a " +
			"random subset, not the first or the last that were announced, nor the lowest or the " +
			"highest: those would hide the rest for good.",
		Causes: []string{"the first hashes of the store are sent, in its order"},
		Kills: []string{
			"crashes-with-samples", "no-token-for-unknown-hashes", "samples-in-order",
		},
		Run: func(t *T) {
			var all []kademlia.ID
			for i := range 200 {
				infoHash := randomID(t)
				infoHash[0], infoHash[1] = byte(i), 0
				p := NewPeer(t)
				p.Announce(infoHash, nil)
				p.Close()
				all = append(all, infoHash)
			}
			got := sample(t, randomID(t)).Samples()
			slices.SortFunc(got, kademlia.ID.Cmp)
			if n := len(got); n == 0 || n == len(all) {
				t.Inconclusivef("%d of %d info-hashes were sent, which is no choice", n, len(all))
			}
			if slices.Equal(got, all[:len(got)]) || slices.Equal(got, all[len(all)-len(got):]) {
				t.Mismatch("r.samples", fmt.Sprintf("the %d at one end of the store", len(got)), "a random subset")
			}
		},
	},
	{
		ID:  "bep51/sample/target-does-not-choose-samples",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP51-SAMPLE-004"},
		Role:         conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the announces, which are answered",
		Explain: "Four info-hashes far apart are announced, and samples asked for with each of them as " +
			"the target. All answers must have all four: target is for the nodes alone.",
		Causes: []string{"the samples are those closest to the target"},
		Kills: []string{
			"crashes-with-samples", "no-token-for-unknown-hashes", "one-store-for-all-hashes",
		},
		Run: func(t *T) {
			var all []kademlia.ID
			for i := range 4 {
				infoHash := randomID(t)
				infoHash[0] = byte(i << 6)
				NewPeer(t).Announce(infoHash, nil)
				all = append(all, infoHash)
			}
			for _, target := range all {
				got := sample(t, target).Samples()
				slices.SortFunc(got, kademlia.ID.Cmp)
				if !slices.Equal(got, all) {
					t.Mismatch("r.samples for the target "+target.String(), got, fmt.Sprint(all))
				}
			}
		},
	},
	{
		ID:  "bep51/sample/closest-nodes-to-the-target",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP51-SAMPLE-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "find_node answers that hand out the scripted nodes", Within: PatientCase,
		Explain: "Scripted nodes are introduced; sample_infohashes with a target beside one of them " +
			"should return the closest nodes that the target knows, as find_node does: an indexer walks " +
			"the DHT by them.",
		Causes: []string{"nodes are left out or chosen without the target"},
		Kills:  []string{"nodes-as-list"},
		Run: func(t *T) {
			sample(t, randomID(t))
			known := Introduce(t, spread(t, 4)...)
			if len(known) == 0 {
				t.Inconclusivef("the target hands out no node that answered it")
			}
			key := known[0].ID.Flip(159)
			judgeClosest(t, key, sample(t, key).Nodes(), known)
		},
	},
	{
		ID: "bep51/sample/missing-target-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP51-SAMPLE-001", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the same query with a target, which is answered",
		Explain: "sample_infohashes without target, and with one of 19 bytes, should be met with " +
			"error 203 or silence.",
		Causes: []string{"a missing target counts as zeros"},
		Kills:  []string{"missing-key-means-zeros"},
		Run: func(t *T) {
			sample(t, randomID(t))
			p := NewPeer(t)
			for _, bad := range []any{nil, p.ID[:19]} {
				a := p.SendMalformed(p.Query("sample_infohashes", Dict{"target": bad}), fmt.Sprintf("target is %v", bad))
				p.PingBehind(a)
				a.Denied(fmt.Sprintf("sample_infohashes with the target %v", bad))
			}
		},
	},
}

// sample asks for samples. A target that does not know the method says so: by
// error 204, or by an answer that it also gives to a method nobody knows.
func sample(t *T, target kademlia.ID) *Answer {
	p := NewPeer(t)
	a := p.Ask("sample_infohashes", Dict{"target": target[:]})
	p.supported(a)
	a.Response()
	if a.Has("samples") || a.Has("num") || a.Has("interval") {
		return a
	}
	if canary := p.Ask("p2pspec_nosuch", Dict{"target": target[:]}); canary.Kind == Response {
		t.Unsupportedf("sample_infohashes is answered like a method that nobody knows")
	}
	return a
}
