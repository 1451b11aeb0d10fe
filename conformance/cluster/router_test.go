package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

// relay has a node ask another one, and reports how it went.
func relay(c *cluster.Cluster, from, to string) *cluster.Call {
	call := c.Go(from, "relay", map[string]any{"to": to})
	c.Wait(time.Second, call)
	return call
}

func TestFaultsHitWhatTheyAreMeantFor(t *testing.T) {
	res := judge(t, toys(""), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 4})
		want := func(what string, f *cluster.Fault, hits int, from, to string, ok bool) {
			if call := relay(c, from, to); call.OK() != ok {
				t.Failf("%s: %s to %s: %v", what, from, to, call.OK())
			}
			if f.Hits() != hits {
				t.Failf("%s: %d hits, want %d", what, f.Hits(), hits)
			}
		}
		f := c.Partition("n0", "n1")
		want("partition, inside", f, 0, "n0", "n1", true)
		want("partition, across", f, 1, "n0", "n2", false)
		want("partition, back", f, 2, "n3", "n1", false)
		c.Heal(f)
		want("healed", f, 2, "n0", "n2", true)

		f = c.Cut([]string{"n0"}, []string{"n1"})
		want("cut, elsewhere", f, 0, "n0", "n2", true)
		want("cut, of the request", f, 1, "n0", "n1", false)
		want("cut, of the answer", f, 2, "n1", "n0", false)
		c.Heal(f)

		f = c.Lose(1)
		want("loss", f, 1, "n0", "n1", false)
		c.Heal(f)
		f = c.Duplicate(1)
		call := c.Go("n0", "relay", map[string]any{"to": "n1"})
		if c.Wait(time.Second, call); !call.OK() {
			t.Failf("doubled: no answer")
		}
		c.Pass(time.Second)
	})
	// The second answer makes the toy answer its client twice: the router saw it.
	assert.Equal(t, conformance.Fail, res.Verdict)
	assert.Contains(t, res.Failure.Message, "answers a request twice")
}

func TestAFaultThatHitNothingShowsNothing(t *testing.T) {
	res := judge(t, toys(""), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 2})
		f := c.Partition("n0")
		c.Ask("n0", "echo", nil)
		c.Heal(f)
		c.Touched(f)
		t.Earn()
	})
	assert.Equal(t, conformance.Inconclusive, res.Verdict)
}

// A message to nobody is answered with error 1, as the protocol has it.
func TestUnknownDestination(t *testing.T) {
	res := judge(t, toys(""), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 2})
		if e := relay(c, "n0", "n9").Err(); e == nil || e.Code != 1 {
			t.Failf("got %v", e)
		}
		t.Earn()
	})
	assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
}

// What peers send to a node that has not answered init waits for it, so that
// nobody is judged by a race between the two.
func TestPeersWaitForInit(t *testing.T) {
	res := judge(t, toys("early-and-slow"), func(t *conformance.T) {
		c := cluster.New(t, cluster.Options{Nodes: 3})
		c.Pass(100 * time.Millisecond)
		hellos := 0
		for _, p := range c.Log() {
			if p.Msg.Body.Type == "hello_ok" && p.Msg.Src == "n0" {
				hellos++
			}
		}
		if hellos != 2 {
			t.Failf("n0 has heard %d of 2 peers", hellos)
		}
		c.Ask("n0", "echo", nil)
		t.Earn()
	})
	assert.Equal(t, conformance.Pass, res.Verdict, "%v", res.Failure)
}

// Messages take as long as was asked for, there and back.
func TestLatency(t *testing.T) {
	for _, l := range []struct {
		name      string
		latency   cluster.Latency
		low, high time.Duration // of a round trip
		mean      time.Duration
	}{
		{"constant", cluster.Constant(5 * time.Millisecond), 10 * time.Millisecond, 10 * time.Millisecond,
			10 * time.Millisecond},
		{"uniform", cluster.Uniform(2*time.Millisecond, 8*time.Millisecond), 4 * time.Millisecond, 16 * time.Millisecond,
			10 * time.Millisecond},
		{"exponential", cluster.Exponential(5 * time.Millisecond), 0, 80 * time.Millisecond, 10 * time.Millisecond},
	} {
		var took []time.Duration
		res := judge(t, toys(""), func(t *conformance.T) {
			c := cluster.New(t, cluster.Options{Nodes: 2, Latency: l.latency})
			for range 1000 {
				call := relay(c, "n0", "n1")
				took = append(took, call.Answered-call.Sent)
			}
			t.Earn()
		})
		assert.Equal(t, conformance.Pass, res.Verdict, l.name)
		var sum time.Duration
		for _, d := range took {
			assert.True(t, l.low <= d && d <= l.high, "%s: %v", l.name, d)
			sum += d
		}
		assert.InDelta(t, l.mean.Seconds(), sum.Seconds()/float64(len(took)), 0.0005, l.name)
	}
}

// On virtual time a run repeats exactly from its seed.
func TestRunsRepeat(t *testing.T) {
	run := func() (entries []conformance.Entry) {
		return judge(t, toys(""), func(t *conformance.T) {
			c := cluster.New(t, cluster.Options{Nodes: 3})
			c.Lose(0.2)
			for range 20 {
				relay(c, "n0", "n1")
				relay(c, "n2", "n0")
			}
			t.Earn()
		}).Transcript
	}
	assert.Equal(t, run(), run())
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opt := range []cluster.Options{
		{Nodes: cluster.MaxNodes + 1},
		{Bits: 33},
		{Nodes: 2, IDs: []uint64{1}},
		{Timeout: 10 * time.Millisecond},
	} {
		res := judge(t, toys(""), func(t *conformance.T) { cluster.New(t, opt) })
		assert.Equal(t, conformance.Error, res.Verdict, "%+v", opt)
	}
}
