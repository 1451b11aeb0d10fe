package dht_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/dht"
	"github.com/p2pspec/p2pspec/conformance/null"
)

// No case passes against a target that does nothing of use.
func TestNullTargetsPassNothing(t *testing.T) {
	for _, kind := range null.Datagram() {
		t.Run(kind.Name, func(t *testing.T) {
			suites().NoPasses(t, null.Target{Kind: kind}, runtime.GOMAXPROCS(0))
		})
	}
}

// A run against a null target on a real socket ends soon, with a report and
// the exit code of an unreachable target. The one that answers once is left
// out: it is given half a minute to recover.
func TestNullTargetsEndARunSoon(t *testing.T) {
	var all sync.WaitGroup
	began := time.Now()
	for _, kind := range null.Datagram() {
		if kind.Name == "one-pong" {
			continue
		}
		all.Go(func() {
			at, stop, err := null.Listen(kind)
			if !assert.NoError(t, err, kind.Name) {
				return
			}
			target := conformance.NewLiveTarget(at, conformance.LoopbackSources())
			r, err := conformance.Run(t.Context(), target, conformance.Options{Suites: dht.Suites()})
			stop()
			if assert.NoError(t, err, kind.Name) {
				assert.Zero(t, r.Summary[conformance.Pass], kind.Name)
				assert.Equal(t, conformance.ExitUnreachable, r.Exit, kind.Name)
			}
		})
	}
	all.Wait()
	assert.Less(t, time.Since(began), 15*time.Second)
}
