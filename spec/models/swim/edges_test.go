package swim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/spec/models/search"
	"github.com/p2pspec/p2pspec/spec/models/swim"
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
		var m swim.Model
		if _, err := fmt.Sscanf(line, "-DN=%d -DSUBJECTS=%d -DMAX=%d", &m.N, &m.Subjects, &m.Max); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m.Subjects == m.N && !*long {
			continue
		}
		relation := search.All(m.Initial(), m.Next, m.Write)
		got := fmt.Sprintf("-DN=%d -DSUBJECTS=%d -DMAX=%d %v\n", m.N, m.Subjects, m.Max, relation)
		if got != line {
			t.Errorf("the reference has\n\t%sand the model\n\t%s", got, line)
		}
		compared++
	}
	if compared == 0 {
		t.Error("edges.sum has no small scope")
	}
}
