package purity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ruleNames lists every rule; each has a bad example of its name.
func ruleNames() []string {
	return []string{
		"chan", "directive", "excuse", "float", "go", "import", "init", "map", "message",
		"pointer", "recover", "select", "sort", "state", "symbol", "union", "variable",
	}
}

// TestEachRuleBites checks the examples under testdata/bad: exactly the lines
// that say "want RULE", or follow "want below RULE", break that rule, and every rule has its example.
func TestEachRuleBites(t *testing.T) {
	c := NewChecker()
	for _, rule := range ruleNames() {
		file := filepath.Join("..", "testdata", "bad", rule+".go")
		findings, err := c.Files([]string{file}, nil)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		var got []string
		for _, f := range findings {
			got = append(got, fmt.Sprintf("%d %s", f.Pos.Line, f.Rule))
		}
		want := wanted(t, file)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s\n%v", file, d, findings)
		}
		if !slices.ContainsFunc(want, func(w string) bool { return strings.HasSuffix(w, " "+rule) }) {
			t.Errorf("%s does not break its own rule", file)
		}
	}
}

// wanted reads the lines that say what they break.
func wanted(t *testing.T, file string) (list []string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`// want (below )?(\w+)$`)
	for i, line := range strings.Split(string(content), "\n") {
		if m := want.FindStringSubmatch(line); m != nil {
			list = append(list, fmt.Sprintf("%d %s", i+1+len(m[1])/len("below "), m[2]))
		}
	}
	return list
}

// TestEveryRuleIsListed holds ruleNames against the rules in the source.
func TestEveryRuleIsListed(t *testing.T) {
	reported := regexp.MustCompile(`p\.(?:report|layout)\([^"\n]*"(\w+)"`)
	for _, file := range []string{"purity.go", "node.go", "layout.go"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reported.FindAllStringSubmatch(string(content), -1) {
			if !slices.Contains(ruleNames(), m[1]) {
				t.Errorf("%s: rule %q has no example", file, m[1])
			}
		}
	}
}

func TestMissingAndBrokenPackagesAreErrors(t *testing.T) {
	c := NewChecker()
	if _, err := c.Dir(t.TempDir(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	broken := filepath.Join(t.TempDir(), "x.go")
	if err := os.WriteFile(broken, []byte("package x\n\nfunc f() { undefined() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Files([]string{broken}, nil); err == nil || !strings.Contains(err.Error(), "undefined") {
		t.Errorf("a package that does not compile: %v", err)
	}
}
