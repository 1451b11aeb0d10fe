package swim_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/spec/models/swim"
)

// relation returns each transition between the states that can be reached from
// the initial one, as pan prints it, sorted; and how many states there are.
func relation(m swim.Model) (lines []string, states int) {
	_, states = chord.Search(m.Initial(), m.Next, func(s swim.State) bool {
		before := m.Write(s)
		for e, t := range m.Next(s) {
			lines = append(lines, fmt.Sprintf("%v: %s -> %s\n", e, before, m.Write(t)))
		}
		return false
	})
	slices.Sort(lines)
	return lines, states
}

// TestEdgesAreThoseOfSpin compares the reference's relation with that of the
// model: edges.sum is what spec/models/check has found in the output of pan.
func TestEdgesAreThoseOfSpin(t *testing.T) {
	sums, err := os.ReadFile("edges.sum")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(sums)) {
		var m swim.Model
		if _, err := fmt.Sscanf(line, "-DN=%d -DSUBJECTS=%d -DMAX=%d", &m.N, &m.Subjects, &m.Max); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m.Subjects == m.N && !*long {
			continue
		}
		lines, states := relation(m)
		sum := sha256.Sum256([]byte(strings.Join(lines, "")))
		got := fmt.Sprintf("-DN=%d -DSUBJECTS=%d -DMAX=%d states %d edges %d sha256 %x\n",
			m.N, m.Subjects, m.Max, states, len(lines), sum)
		if got != line {
			t.Errorf("the reference has\n\t%sand the model\n\t%s", got, line)
		}
		compared++
	}
	if compared == 0 {
		t.Error("edges.sum has no small scope")
	}
}
