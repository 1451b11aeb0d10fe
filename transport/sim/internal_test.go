package sim

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"pgregory.net/rapid"
)

// TestQueueSorts checks the heap against a sort by (time, seq), with pops
// between the pushes.
func TestQueueSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []event
		times := rapid.SliceOf(rapid.IntRange(-1, 20)).Draw(t, "times, -1 to pop")
		for i, at := range times {
			if at >= 0 {
				e := event{at: time.Duration(at), seq: uint64(i)}
				q.push(e)
				model = append(model, e)
				slices.SortFunc(model, func(a, b event) int {
					return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
				})
				continue
			}
			e, ok := q.pop()
			if ok != (len(model) > 0) || ok && e != model[0] {
				t.Fatalf("popped %v, %v; want the first of %v", e, ok, model)
			}
			model = model[min(1, len(model)):]
		}
		for _, want := range model {
			if e, ok := q.pop(); !ok || e != want {
				t.Fatalf("popped %v, %v; want %v", e, ok, want)
			}
		}
	})
}

// TestClockInverse checks that global is the first moment at which local reads
// at least as much, for any drift.
func TestClockInverse(t *testing.T) {
	const century = int64(100 * 365 * 24 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		c := Clock{
			Offset: time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "offset")),
			Drift:  rapid.Int64Range(minDrift, maxDrift).Draw(t, "drift"),
		}
		at := c.Offset + time.Duration(rapid.Int64Range(0, century).Draw(t, "at"))
		g := c.global(at)
		if c.local(g) < at || c.local(g-1) >= at {
			t.Fatalf("%+v: global(%d) = %d, local there %d and before %d", c, at, g, c.local(g), c.local(g-1))
		}
	})
}

func TestClockRates(t *testing.T) {
	hour := time.Hour
	for _, x := range []struct {
		c    Clock
		want time.Duration
	}{
		{Clock{}, hour},
		{Clock{Offset: time.Minute}, hour + time.Minute},
		{Clock{Drift: 100}, hour + 360*time.Millisecond},
		{Clock{Drift: -100}, hour - 360*time.Millisecond},
	} {
		if got := x.c.local(hour); got != x.want {
			t.Errorf("%+v reads %v after an hour, want %v", x.c, got, x.want)
		}
	}
}

// TestLogNormalTable recomputes the table with floats, which the simulation
// itself does without.
func TestLogNormalTable(t *testing.T) {
	for i, got := range logNormalTable {
		p := min(max(float64(i)/64, 0.001), 0.999)
		z := math.Sqrt2 * math.Erfinv(2*p-1)
		if want := math.Round(math.Exp(z/2) * 4096); math.Abs(want-float64(got)) > 1 {
			t.Errorf("quantile %d is %d, want %v", i, got, want)
		}
	}
}

func TestNegLog2(t *testing.T) {
	for _, u := range []uint64{0, 1, 2, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1, 0x123456789abcdef} {
		want := 64 - math.Log2(float64(u)+1)
		if got := float64(negLog2(u)) / one; math.Abs(got-want) > 1e-6 {
			t.Errorf("negLog2(%#x) = %v, want %v", u, got, want)
		}
	}
}

// TestDistributions compares the mean and the median of many draws with what
// the distribution promises.
func TestDistributions(t *testing.T) {
	for _, x := range []struct {
		name         string
		d            Dist
		mean, median float64 // in milliseconds
	}{
		{"zero", Dist{}, 0, 0},
		{"constant", Constant(time.Second), 1000, 1000},
		{"uniform", Uniform(time.Second, 3*time.Second), 2000, 2000},
		{"exponential", Exponential(time.Second), 1000, 1000 * math.Ln2},
		{"half-life", HalfLife(time.Second), 1000 / math.Ln2, 1000},
		{"log-normal", LogNormal(time.Second), 1000 * math.Exp(0.125), 1000},
	} {
		r := spec.NewRand([32]byte{})
		const n = 100_000
		draws, sum := make([]float64, n), 0.0
		for i := range draws {
			draws[i] = float64(x.d.Draw(&r)) / 1e6
			sum += draws[i]
		}
		slices.Sort(draws)
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > want*0.02 {
				t.Errorf("%s: %s %.1f ms, want %.1f", x.name, what, got, want)
			}
		}
		near("mean", sum/n, x.mean)
		near("median", draws[n/2], x.median)
	}
}
