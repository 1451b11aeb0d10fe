package swim

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// The table, for a view with incarnation 5 and claims of 4, 5 and 6: adopted,
// confirmed, stale, repeated or rebutted.
//
// GO-FD-08, GO-FD-12, GO-FD-13, GO-FD-14, GO-FD-17, GO-SW-02.
func TestHear(t *testing.T) {
	const table = `
		             alive    suspect  dead     left
		alive        stale    stale    stale    stale
		             repeated adopted  adopted  adopted
		             adopted  adopted  adopted  adopted
		suspect      stale    stale    stale    stale
		             repeated confirm  adopted  adopted
		             adopted  confirm  adopted  adopted
		dead         stale    stale    stale    stale
		             repeated repeated repeated repeated
		             adopted  repeated repeated repeated
		left         stale    stale    stale    stale
		             repeated repeated repeated repeated
		             adopted  repeated repeated repeated
		self         stale    stale    stale    stale
		             repeated rebutted rebutted rebutted
		             rebutted rebutted rebutted rebutted
		self-left    repeated repeated repeated repeated
		             repeated repeated repeated repeated
		             repeated repeated repeated repeated
	`
	names := map[Outcome]string{
		Stale: "stale", Repeated: "repeated", Confirmed: "confirm", Adopted: "adopted", Rebutted: "rebutted",
	}
	rows := [...]wire.State{0, 1, 2, 3, wire.StateAlive, wire.StateLeft}
	lines := strings.Split(strings.TrimSpace(table), "\n")[1:]
	for i, line := range lines {
		cells := strings.Fields(line)
		for s, want := range cells[len(cells)-4:] {
			view, self := View{rows[i/3], 5}, i/3 >= 4
			claim := Claim{State: wire.State(s), Incarnation: uint32(4 + i%3)}
			t.Run(fmt.Sprint(view, claim, self), func(t *testing.T) {
				after, outcome := Hear(view, claim, self)
				if names[outcome] != want {
					t.Fatalf("%s, want %s", names[outcome], want)
				}
				wantAfter := view
				switch outcome {
				case Adopted:
					wantAfter = View{claim.State, claim.Incarnation}
				case Rebutted:
					wantAfter = View{wire.StateAlive, claim.Incarnation + 1}
				}
				if after != wantAfter {
					t.Errorf("the view is %v, want %v", after, wantAfter)
				}
			})
		}
	}
}

func TestHearOfOneself(t *testing.T) {
	same := Claim{State: wire.StateAlive, Incarnation: 5, Differs: true}
	if v, o := Hear(View{wire.StateAlive, 5}, same, true); o != Rebutted || v.Incarnation != 6 {
		t.Errorf("other metadata at the own incarnation: %v %v", v, o)
	}
	highest := Claim{State: wire.StateSuspect, Incarnation: math.MaxUint32}
	if v, o := Hear(View{wire.StateAlive, 5}, highest, true); o != Irrefutable || v.Incarnation != 5 {
		t.Errorf("an incarnation that none exceeds: %v %v", v, o)
	}
	moved := Claim{State: wire.StateAlive, Incarnation: 2, Replaces: true}
	if v, o := Hear(View{wire.StateLeft, 5}, moved, false); o != Adopted || v != (View{wire.StateAlive, 2}) {
		t.Errorf("a name that is taken over: %v %v", v, o)
	}
}
