package hyparview

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes and goes, crashes, leaves or is parted in a small overlay: when
// that ends and nothing is under way, neighbours have each other, and the
// application of a node without any has been told.
//
// GO-PX-01, GO-PX-02, GO-PX-03.
func TestViewsSettle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(2, 9).Draw(rt, "nodes")
		o := newOverlay(t, rapid.Uint64().Draw(rt, "seed"), Config{
			Active: rapid.IntRange(2, 4).Draw(rt, "active"), Passive: rapid.IntRange(1, 6).Draw(rt, "passive"),
		})
		for i := range count {
			o.start(i, max(0, i-1))
		}
		node := rapid.IntRange(0, count-1)
		rt.Repeat(map[string]func(*rapid.T){
			"enter": func(rt *rapid.T) {
				o.Input(at(node.Draw(rt, "node")), Enter{Op: 1, Contact: at(node.Draw(rt, "contact"))})
			},
			"leave":   func(rt *rapid.T) { o.Input(at(node.Draw(rt, "node")), Leave{Op: 2}) },
			"crash":   func(rt *rapid.T) { o.Crash(at(node.Draw(rt, "node"))) },
			"restart": func(rt *rapid.T) { o.start(node.Draw(rt, "node"), node.Draw(rt, "contact")) },
			"part":    func(rt *rapid.T) { o.Partition(at(node.Draw(rt, "node"))) },
			"heal":    func(*rapid.T) { o.Heal() },
			"wait": func(rt *rapid.T) {
				o.RunFor(time.Duration(rapid.IntRange(1, 20_000).Draw(rt, "ms")) * time.Millisecond)
			},
		})
		o.Heal()
		o.RunFor(5 * time.Minute)
		if !o.RunIdle(o.Now() + time.Minute) {
			rt.Fatal("there is always something under way")
		}
		for _, n := range o.live() {
			for _, p := range n.Active(nil) {
				other, ok := o.Machine(p).(*Node)
				if !ok || other.neighbor(n.Self()) < 0 {
					rt.Fatalf("%v has the neighbour %v, and not the reverse", n.Self(), p)
				}
			}
			if len(n.Active(nil)) == 0 && !n.isolated {
				rt.Fatalf("%v is alone, and has not said so", n.Self())
			}
		}
	})
}
