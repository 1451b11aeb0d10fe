package chord

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const verification = "../docs/verification.md"

// section replaces, or compares, what stands between two marks in
// docs/verification.md.
func section(t *testing.T, name, want string) {
	t.Helper()
	b, err := os.ReadFile(verification)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- begin %s -->\n", name), fmt.Sprintf("<!-- end %s -->", name)
	before, rest, ok1 := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no marks for %q", verification, name)
	}
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s, %s: write it anew with go test ./chord -update; it should read\n%s", verification, name, want)
		return
	}
	if err := os.WriteFile(verification, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every counterexample is found, repeats in the simulator, and stands in the
// documentation as it was found.
func TestMustFail(t *testing.T) {
	var b strings.Builder
	for _, e := range counterexamples() {
		r, nodes, v, err := e.find()
		if err != nil {
			t.Fatal(err)
		}
		replays(t, nodes, v.Script)
		t.Logf("%s: %v", e.name, r)
		fmt.Fprintf(&b, "\n#### %s\n%s %s: %d steps, found as one of %d states.\n\n```\n%s```\n",
			e.name, e.story, e.where(), len(v.Script), r.States, e.trace(v))
	}
	section(t, "counterexamples", b.String()+"\n")
}

// where names the scope.
func (s *scope) where() string {
	text := fmt.Sprintf("%d identifiers, lists of %d", s.N, s.R)
	if s.flaw != "" {
		text += fmt.Sprintf("; each node %s", s.flaw)
	}
	return text
}
