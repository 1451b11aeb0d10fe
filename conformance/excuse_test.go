package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A case that this machine may have spoiled is played again: what it shows when
// nothing spoils it counts, and nothing does when all is spoiled.
func TestExcuses(t *testing.T) {
	for _, spoiled := range []int{0, 1, MaxExcuses, MaxExcuses + 1} {
		runs := 0
		suite := Suite{Name: "toy", Control: func(t *T) { t.Earn() }, Cases: []Case{{
			ID: "toy/area/case", Rev: 1, Level: Must, Run: func(t *T) {
				if runs++; runs <= spoiled {
					t.Excuse("busy for the %d. time", runs)
					t.Failf("too late")
				}
				t.Excuse("busy, but it does not matter")
				t.Earn()
			},
		}}}
		r, err := Run(context.Background(), excusable{}, Options{Suites: []Suite{suite}})
		require.NoError(t, err)
		res := r.Results[0]
		if spoiled > MaxExcuses {
			assert.Equal(t, Inconclusive, res.Verdict)
			assert.Equal(t, EnvironmentFault, res.Failure.Whose)
			assert.Equal(t, "too late", res.Failure.Message)
			continue
		}
		assert.Equal(t, Pass, res.Verdict)
		assert.Equal(t, spoiled+1, runs)
		if spoiled > 0 {
			assert.Contains(t, res.Observed[0], "played again: busy for the")
		}
	}
}

// excusable is a target on virtual time that does nothing.
type excusable struct{}

func (excusable) Identity() Identity        { return Identity{Name: "excusable"} }
func (excusable) Can(Need) (bool, string)   { return true, "" }
func (excusable) PerCase() bool             { return true }
func (excusable) Network() (Network, error) { return NewVirtualNetwork(), nil }
func (excusable) Start(context.Context, Network, StartOptions) (Instance, error) {
	return nil, ErrUnsupported
}
