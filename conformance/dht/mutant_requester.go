package dht

import (
	"crypto/sha1"
	"errors"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
)

// requesterMutants are wrong in which items and samples they believe.
func requesterMutants() []Mutant {
	return []Mutant{
		{Name: "immutable-value-not-hashed", What: "believes the first immutable value that it is sent",
			bend: chooses(func(_ *bent, best, next Dict) bool { return best == nil && next["k"] == nil })},
		{Name: "immutable-check-inverted",
			What: "believes immutable values that do not fit the target, and no others",
			bend: told("get", func(_ *bent, q *question, r Dict) {
				if r["v"] != nil && r["k"] == nil && sha1.Sum(bencode.MustAppend(nil, r["v"])) == soughtBy(q.m) {
					delete(r, "v")
				}
			})},
		{Name: "items-not-verified", What: "believes the item with the highest seq, signed or not",
			bend: chooses(func(_ *bent, best, next Dict) bool {
				return next["k"] != nil && (best == nil || seqOf(next) > seqOf(best))
			})},
		{Name: "foreign-keys-believed", What: "believes an item that is signed by any key",
			bend: chooses(func(_ *bent, best, next Dict) bool {
				return signed(next) && (best == nil || seqOf(next) > seqOf(best))
			})},
		{Name: "first-seq-wins", What: "returns the first item that it is sent",
			bend: chooses(func(_ *bent, best, next Dict) bool { return best == nil && signed(next) })},
		{Name: "last-seq-wins", What: "returns the last item that it is sent",
			bend: chooses(func(_ *bent, _, next Dict) bool { return signed(next) })},
		{Name: "salt-expected-in-answers", What: "takes the salt of an answer for that of the item",
			bend: told("get", func(_ *bent, q *question, r Dict) {
				k, ok := r["k"].(string)
				salt, _ := r["salt"].(string)
				if ok && sha1.Sum([]byte(k+salt)) != soughtBy(q.m) {
					delete(r, "v")
				}
			})},
		{Name: "reads-one-sample", What: "reads the first sample alone",
			bend: told("sample_infohashes", func(_ *bent, _ *question, r Dict) {
				if s, ok := r["samples"].(string); ok && len(s) > K20 {
					r["samples"] = s[:K20]
				}
			})},
		{Name: "empty-samples-are-an-error", What: "takes empty samples for absent ones",
			bend: func(b *bent) {
				b.done = func(d spec.Done) spec.Done {
					if s, ok := d.Result.(mainline.Sampled); ok && len(s.Samples) == 0 {
						return spec.Done{Op: d.Op, Err: errNoSamples}
					}
					return d
				}
			}},
		{Name: "interval-ignored", What: "samples a node again within its interval",
			bend: told("sample_infohashes", func(_ *bent, _ *question, r Dict) { r["interval"] = 0 })},
		{Name: "samples-once", What: "samples a node once and not again for hours",
			bend: told("sample_infohashes", func(_ *bent, _ *question, r Dict) { r["interval"] = MaxInterval })},
	}
}

var errNoSamples = errors.New("the answer has no samples")

// chooses replaces the item that the node found by the one that the rule
// prefers among all that were sent.
func chooses(prefer func(b *bent, best, next Dict) bool) func(*bent) {
	return func(b *bent) {
		best := map[kademlia.ID]Dict{}
		told("get", func(b *bent, q *question, r Dict) {
			if key := soughtBy(q.m); r["v"] != nil && prefer(b, best[key], r) {
				best[key] = merge(r, nil)
			}
		})(b)
		b.done = func(d spec.Done) spec.Done {
			found, ok := d.Result.(mainline.ItemFound)
			if !ok || best[found.Target] == nil {
				return d
			}
			found.Item.V = bencode.MustAppend(nil, best[found.Target]["v"])
			d.Result = found
			return d
		}
	}
}

func seqOf(r Dict) int64 {
	seq, _ := r["seq"].(int64)
	return seq
}

// signed reports whether the item is signed by the key that it states.
func signed(r Dict) bool {
	k, _ := r["k"].(string)
	sig, _ := r["sig"].(string)
	if len(k) != 32 || len(sig) != 64 {
		return false
	}
	it := mainline.Item{Mutable: true, V: bencode.MustAppend(nil, r["v"]), Seq: seqOf(r)}
	copy(it.K[:], k)
	copy(it.Sig[:], sig)
	code, _ := it.Fault()
	return code == 0
}
