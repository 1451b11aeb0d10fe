package election

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// strong has three times what the standard wants.
func strong() Self {
	return Self{Reachable: true, Quantities: Quantities{
		Sockets: 216, Memory: 24 << 20, Up: 30 << 10, Down: 45 << 10, Uptime: 3 * time.Hour, Average: 9 * time.Hour,
	}}
}

// Each rule alone makes a leaf of a servent that everything else speaks for.
func TestRules(t *testing.T) {
	p := Standard(30, 32)
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	long := Standing{Leaf, time.Hour}
	for _, c := range []struct {
		want Rule
		bend func(s *Self, n *Need, at *Standing)
	}{
		{Unreachable, func(s *Self, _ *Need, _ *Standing) { s.Reachable = false }},
		{FewSockets, func(s *Self, _ *Need, _ *Standing) { s.Sockets = 71 }},
		{LittleMemory, func(s *Self, _ *Need, _ *Standing) { s.Memory = 30<<18 - 1 }},
		{SlowUp, func(s *Self, _ *Need, _ *Standing) { s.Up = 10<<10 - 1 }},
		{SlowDown, func(s *Self, _ *Need, _ *Standing) { s.Down = 15<<10 - 1 }},
		{ShortUptime, func(s *Self, _ *Need, _ *Standing) { s.Uptime = time.Hour - time.Second }},
		{ShortAverage, func(s *Self, _ *Need, _ *Standing) { s.Average = 3*time.Hour - time.Second }},
		{NotNeeded, func(_ *Self, n *Need, _ *Standing) { *n = Need{2, 3} }},
		{Settling, func(_ *Self, _ *Need, at *Standing) { at.For = 30*time.Minute - 1 }},
	} {
		s, n, at := strong(), Need{}, long
		if d := p.Decide(at, s, n); d.Role != Ultrapeer || d.Rule != Capable {
			t.Fatalf("a strong servent is %v", d)
		}
		c.bend(&s, &n, &at)
		if d := p.Decide(at, s, n); d.Role != Leaf || d.Rule != c.want {
			t.Errorf("want a leaf by %v, got %v", c.want, d)
		}
	}
	if d := p.Decide(Standing{Ultrapeer, time.Hour}, strong(), Need{0, 1}); d.Rule != NotNeeded {
		t.Errorf("without leaves, and not needed: %v (GN-HS-32)", d)
	}
	loaded := strong()
	loaded.Leaves = 1
	if d := p.Decide(Standing{Ultrapeer, time.Hour}, loaded, Need{0, 9}); d.Role != Ultrapeer {
		t.Errorf("with a leaf: %v (GN-HS-32)", d)
	}
}

// drawSelf and drawNeed stay near the thresholds, where decisions turn.
func drawSelf(t *rapid.T, p Policy) Self {
	near := func(name string, least int64) int64 {
		return least * int64(rapid.IntRange(0, 8).Draw(t, name)) / 4
	}
	l := p.Least
	return Self{
		Reachable: rapid.IntRange(0, 9).Draw(t, "reachable") > 0,
		Leaves:    rapid.Int32Range(0, 2).Draw(t, "leaves"),
		Quantities: Quantities{
			Sockets: near("sockets", l.Sockets), Memory: near("memory", l.Memory),
			Up: near("up", l.Up), Down: near("down", l.Down),
			Uptime: time.Duration(near("uptime", int64(l.Uptime))), Average: time.Duration(near("average", int64(l.Average))),
		},
	}
}

func drawNeed(t *rapid.T) Need {
	return Need{rapid.Int32Range(0, 5).Draw(t, "needed"), rapid.Int32Range(0, 5).Draw(t, "not needed")}
}

func drawStanding(t *rapid.T) Standing {
	const quarter = 15 * time.Minute
	since := time.Duration(rapid.IntRange(0, 4).Draw(t, "for"))
	return Standing{Role(rapid.IntRange(0, 1).Draw(t, "role")), since * quarter}
}

// More of anything that speaks for an ultrapeer never makes a leaf.
func TestMonotone(t *testing.T) {
	p := Standard(30, 32)
	rapid.Check(t, func(t *rapid.T) {
		at, less, need := drawStanding(t), drawSelf(t, p), drawNeed(t)
		if rapid.IntRange(0, 3).Draw(t, "mostly strong") > 0 { // so that one quantity alone decides
			less.Reachable, less.Quantities = true, strong().Quantities
			at.For = time.Hour
		}
		more, wanted := less, need
		extra := int64(rapid.IntRange(1, 1<<30).Draw(t, "extra"))
		which := rapid.IntRange(0, 9).Draw(t, "which")
		switch which {
		case 0:
			more.Reachable = true
		case 1:
			more.Sockets += extra
		case 2:
			more.Memory += extra
		case 3:
			more.Up += extra
		case 4:
			more.Down += extra
		case 5:
			more.Uptime += time.Duration(extra) * 1000
		case 6:
			more.Average += time.Duration(extra) * 1000
		case 7:
			more.Leaves++
		case 8:
			wanted.Needed++
		case 9:
			wanted.NotNeeded = max(0, wanted.NotNeeded-1)
		}
		if a, b := p.Decide(at, less, need), p.Decide(at, more, wanted); a.Role > b.Role {
			t.Fatalf("%v, and with more of %d %v", a, which, b)
		}
	})
}

// Who cannot be reached is a leaf, whatever else it has.
func TestNeverUnreachable(t *testing.T) {
	p := Standard(30, 32)
	rapid.Check(t, func(t *rapid.T) {
		s := drawSelf(t, p)
		s.Reachable = false
		if d := p.Decide(drawStanding(t), s, drawNeed(t)); d.Role != Leaf || d.Rule != Unreachable {
			t.Fatalf("%+v is %v", s, d)
		}
	})
}

// live lets time pass in steps, with what step says of each, and returns the instants
// of the changes.
func live(p Policy, steps int, step func(i int) (Self, Need)) (changes []time.Duration) {
	const tick = time.Minute
	var at Standing
	for i := range steps {
		s, n := step(i)
		d := p.Decide(at, s, n)
		if d.Role != at.Role {
			at = Standing{Role: d.Role}
			changes = append(changes, time.Duration(i)*tick)
		}
		at.For += tick
	}
	return changes
}

// Quantities that move by less than the slack change the role at most once; whatever
// moves, two changes are Settle apart.
func TestNoFlapping(t *testing.T) {
	p := Standard(30, 32)
	rapid.Check(t, func(t *rapid.T) {
		within := func(name string, least int64) int64 { // from Keep on, both sides of Least
			return least * int64(rapid.IntRange(75, 150).Draw(t, name)) / 100
		}
		l := p.Least
		changes := live(p, 300, func(int) (Self, Need) {
			return Self{Reachable: true, Quantities: Quantities{
				within("sockets", l.Sockets), within("memory", l.Memory), within("up", l.Up), within("down", l.Down),
				time.Duration(within("uptime", int64(l.Uptime))), time.Duration(within("average", int64(l.Average))),
			}}, Need{}
		})
		if len(changes) > 1 {
			t.Fatalf("within the slack it changed at %v", changes)
		}
		changes = live(p, 300, func(int) (Self, Need) {
			s := drawSelf(t, p)
			s.Reachable = true
			if rapid.Bool().Draw(t, "strong") {
				s = strong()
			}
			return s, drawNeed(t)
		})
		for i := 1; i < len(changes); i++ {
			if changes[i]-changes[i-1] < p.Settle {
				t.Fatalf("it changed at %v", changes)
			}
		}
	})
}

func TestCheck(t *testing.T) {
	for _, p := range []Policy{{Slack: -1}, {Slack: 101}, {Settle: -1}, {Least: Quantities{Up: -1}}} {
		if p.Check() == nil {
			t.Errorf("%+v: no error", p)
		}
	}
	if n := portion(1<<62, 25); n != 1<<60 {
		t.Errorf("a quarter of a large number is %d", n)
	}
}

func Example() {
	p := Standard(30, 32)
	servent := Self{Reachable: true, Quantities: Quantities{
		Sockets: 1024, Memory: 1 << 30, Up: 8 << 10, Down: 128 << 10, Uptime: 5 * time.Hour, Average: 4 * time.Hour,
	}}
	fmt.Println(p.Decide(Standing{Role: Leaf, For: time.Hour}, servent, Need{}))
	fmt.Println(p.Decide(Standing{Role: Ultrapeer, For: time.Hour}, servent, Need{}))
	servent.Up = 64 << 10
	fmt.Println(p.Decide(Standing{Role: Leaf, For: time.Hour}, servent, Need{NotNeeded: 1}))
	fmt.Println(p.Decide(Standing{Role: Leaf, For: time.Hour}, servent, Need{Needed: 1}))
	// Output:
	// leaf: bytes a second upstream: 8192, want 10240
	// ultrapeer: capable and needed
	// leaf: ultrapeers are not needed
	// ultrapeer: capable and needed
}
