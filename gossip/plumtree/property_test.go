package plumtree

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"pgregory.net/rapid"
)

// Whatever comes and goes, crashes or is parted in a small overlay while nodes
// broadcast: when that ends, nodes that are connected have the same broadcasts,
// and a few more leave a tree among them. Nothing is delivered twice.
//
// GO-PX-04, GO-PX-05.
func TestBroadcastsReachAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(2, 9).Draw(rt, "nodes")
		o := newOverlay(t, rapid.Uint64().Draw(rt, "seed"), Config{
			View:        hyparview.Config{Active: rapid.IntRange(2, 4).Draw(rt, "active"), Passive: 5},
			Threshold:   rapid.SampledFrom([]int{-1, 1, 2, 7}).Draw(rt, "threshold"),
			KeepPayload: 24 * time.Hour, KeepID: 24 * time.Hour,
		}, usual())
		for i := range count {
			o.start(i, max(0, i-1))
		}
		node := rapid.IntRange(0, count-1)
		broadcast := func(i int) { o.Input(at(i), Broadcast{Op: 3, Payload: []byte("payload")}) }
		rt.Repeat(map[string]func(*rapid.T){
			"enter": func(rt *rapid.T) {
				o.Input(at(node.Draw(rt, "node")), hyparview.Enter{Op: 1, Contact: at(node.Draw(rt, "contact"))})
			},
			"crash":     func(rt *rapid.T) { o.Crash(at(node.Draw(rt, "node"))) },
			"restart":   func(rt *rapid.T) { o.start(node.Draw(rt, "node"), node.Draw(rt, "contact")) },
			"part":      func(rt *rapid.T) { o.Partition(at(node.Draw(rt, "node"))) },
			"heal":      func(*rapid.T) { o.Heal() },
			"broadcast": func(rt *rapid.T) { broadcast(node.Draw(rt, "node")) },
			"wait": func(rt *rapid.T) {
				o.RunFor(time.Duration(rapid.IntRange(1, 5_000).Draw(rt, "ms")) * time.Millisecond)
			},
		})
		o.Heal()
		o.RunFor(5 * time.Minute)
		for _, n := range o.live() {
			for range 3 { // ends that disagree, Graft and Prune having crossed, come to agree
				broadcast(int(n.view.Self().Addr().As4()[3]))
				o.RunFor(20 * time.Second)
			}
			o.RunIdle(o.Now() + time.Minute)
			o.judge(rt, n.view.Self())
		}
	})
}

// judge compares all who are connected with the node at a, and counts their links.
func (o *overlay) judge(rt *rapid.T, a netip.AddrPort) {
	var component []netip.AddrPort
	ends := 0
	for queue := []netip.AddrPort{a}; len(queue) > 0; queue = queue[1:] {
		if slices.Contains(component, queue[0]) {
			continue
		}
		component = append(component, queue[0])
		n := o.Machine(queue[0]).(*Node)
		queue = n.view.Active(queue)
		ends += len(n.Eager(nil))
	}
	want := o.delivered[a]
	for _, b := range component {
		for id, times := range o.delivered[b] {
			if times != 1 {
				rt.Fatalf("%v delivered %x %d times", b, id, times)
			}
		}
		if !maps.Equal(o.delivered[b], want) {
			rt.Fatalf("%v has %d broadcasts, %v has %d", a, len(want), b, len(o.delivered[b]))
		}
	}
	if ends != 2*(len(component)-1) {
		rt.Fatalf("%d nodes have %d ends of eager links", len(component), ends)
	}
}
