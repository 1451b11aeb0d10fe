package chord_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/spec/models/search"
)

// TestEdgesAreThoseOfSpin compares the reference's relation with that of the
// model: edges.sum is what spec/models/check has found in the output of pan.
func TestEdgesAreThoseOfSpin(t *testing.T) {
	sums, err := os.ReadFile("edges.sum")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(sums)) {
		var m chord.Model
		if _, err := fmt.Sscanf(line, "-DN=%d -DR=%d", &m.N, &m.R); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m.N > 4 && !*long {
			continue
		}
		relation := search.All(m.Initial(), m.Next, func(s chord.State) string { return s.String() })
		got := fmt.Sprintf("-DN=%d -DR=%d %v\n", m.N, m.R, relation)
		if got != line {
			t.Errorf("the reference has\n\t%sand the model\n\t%s", got, line)
		}
		compared++
	}
	if compared == 0 {
		t.Error("edges.sum has no small scope")
	}
}
