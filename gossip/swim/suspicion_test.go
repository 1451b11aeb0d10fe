package swim

import (
	"math"
	"slices"
	"testing"
	"time"
)

// What memberlist computes, in milliseconds: the timeout of a suspicion by its
// confirmations.
//
// GO-FD-09, GO-FD-10.
func TestSuspicionTimeoutsAreMemberlists(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cfg   Config
		nodes []int
		want  []int64
	}{
		{"LAN", LAN(), []int{2, 3}, []int64{4000}},
		{"LAN", LAN(), []int{4, 5, 10}, []int64{24000, 11381, 4000}},
		{"LAN", LAN(), []int{100}, []int64{48000, 22762, 8000}},
		{"LAN", LAN(), []int{1000}, []int64{72000, 34144, 12000}},
		{"WAN", WAN(), []int{10}, []int64{180000, 115398, 77609, 50797, 30000}},
		{"WAN", WAN(), []int{100}, []int64{360000, 230797, 155218, 101594, 60000}},
		{"Local", Local(), []int{2}, []int64{3000}},
		{"Local", Local(), []int{3, 7, 10}, []int64{18000, 3000}},
	} {
		for _, nodes := range tt.nodes {
			n := &Node{cfg: &tt.cfg, nodes: make([]*Member, nodes)}
			d := n.suspicion("b", "a")
			var got []int64
			for c := range d.wanted + 1 {
				got = append(got, d.timeout(c).Milliseconds())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s with %d nodes: %v ms, want %v", tt.name, nodes, got, tt.want)
			}
		}
	}
	for nodes, want := range map[int]int64{31: 5964, 32: 6020, 33: 6072, 64: 7224, 99: 7980, 999: 11996} {
		if got := suspicionTimeout(4, nodes, time.Second).Milliseconds(); got != want {
			t.Errorf("%d nodes: %d ms, want %d", nodes, got, want)
		}
	}
}

// Integers give what floating point gives, for every size of a cluster.
func TestLogarithmsAreThoseOfFloats(t *testing.T) {
	for x := uint64(1); x < 300_000; x++ {
		if got, want := milliLog10(x), int64(math.Log10(float64(x))*1000); got != want {
			t.Fatalf("log10(%d) is %d thousandths, want %d", x, got, want)
		}
	}
	for k := int32(1); k <= 62; k++ {
		for nodes := int(k) + 2; nodes < 3000; nodes += 1 + nodes/7 {
			shortest := suspicionTimeout(int(k)+2, nodes, time.Second)
			d := doubt{wanted: k, shortest: shortest, longest: 6 * shortest}
			for c := range k + 1 {
				share := math.Log(float64(c)+1) / math.Log(float64(k)+1)
				raw := d.longest.Seconds() - share*(d.longest.Seconds()-shortest.Seconds())
				want := max(shortest, time.Duration(math.Floor(1000*raw))*time.Millisecond)
				if got := d.timeout(c); got != want && got != want+time.Millisecond { // floats may fall short of a whole one
					t.Fatalf("%d of %d confirmations among %d: %v, want %v", c, k, nodes, got, want)
				}
			}
		}
	}
}

// GO-GS-02, GO-AE-01.
func TestLimitsThatGrowWithTheCluster(t *testing.T) {
	for nodes, want := range map[int]int{1: 4, 9: 4, 10: 8, 99: 8, 100: 12, 999: 12, 1000: 16, 9999: 16, 10000: 20} {
		if got := retransmitLimit(4, nodes); got != want {
			t.Errorf("%d nodes: a rumor is told %d times, want %d", nodes, got, want)
		}
	}
	for nodes, want := range map[int]time.Duration{
		1: 1, 32: 1, 33: 2, 64: 2, 65: 3, 128: 3, 999: 6, 10000: 10, 99999: 13,
	} {
		if got := pushPullScale(nodes); got != want {
			t.Errorf("%d nodes: %d intervals between exchanges, want %d", nodes, got, want)
		}
	}
}
