package explore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// A blinker switches its light at each tick, or just on; a watcher asks at each
// tick whether it is on, until it once was.
type blinker struct {
	watches, on, steady bool
	now                 time.Duration
}

func (m *blinker) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	m.now = now
	switch in := in.(type) {
	case spec.Wake:
		if m.watches {
			return append(out, spec.Send{To: client, Msg: probe{}})
		}
		m.on = m.steady || !m.on
	case spec.Recv:
		switch in.Msg.(type) {
		case probe:
			if m.on {
				out = append(out, spec.Send{To: in.From, Msg: answer{}})
			}
		case answer:
			m.on = true
		}
	}
	return out
}

func (m *blinker) Deadline() (time.Duration, bool) { return m.now + time.Second, !m.watches || !m.on }
func (m *blinker) Clone() spec.Machine             { c := *m; return &c }
func (m *blinker) AppendState(b []byte) []byte     { return fmt.Appendf(b, "%v", m.on) }
func (m *blinker) Check() error                    { return nil }

// The schedules all show the light to the watcher. A fair run need not, if the
// light is off whenever the watcher's question comes.
func TestFairRuns(t *testing.T) {
	for _, steady := range []bool{true, false} {
		c := Config{
			Nodes: []Start{
				{Addr: client, Machine: &blinker{steady: steady}},
				{Addr: server, Machine: &blinker{watches: true}},
			},
			May:     func(w *World, a Action) bool { return a.Kind != Timeout || a.Node == 0 || len(w.Flight) == 0 },
			Endless: true,
			LeadsTo: []LeadsTo{{
				Name: "the light is seen", Period: time.Second, Rounds: 2, Fair: true,
				Goal: func(w *World) error {
					if !w.Nodes[1].Machine.(*blinker).on {
						return errors.New("never seen")
					}
					return nil
				},
			}},
		}
		_, err := Run(c)
		if steady && err != nil {
			t.Error(err)
		}
		if steady {
			continue
		}
		var v *Violation
		if !errors.As(err, &v) || !strings.Contains(err.Error(), "a fair run can come back to where it was") {
			t.Fatalf("got %v", err)
		}
		happens := make(map[string]bool)
		for _, s := range v.Script {
			if happens[fmt.Sprint(s.Kind, s.Node)] = true; s.Packet != nil {
				if _, seen := s.Packet.Msg.(answer); seen {
					t.Errorf("the light is seen:\n%v", v.Script)
				}
			}
		}
		if len(happens) < 3 {
			t.Errorf("the run is not fair:\n%v", v.Script)
		}
		if _, err := v.Script.Replay(c.Nodes); err != nil {
			t.Error(err)
		}
	}
}
