package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

var update = flag.Bool("update", false, "rewrite the output that the README shows")

const readme = "../../README.md"

var (
	// shownRun is a block that begins with a command and holds its output.
	shownRun = regexp.MustCompile("(?s)```\n\\$ p2pspec ([^\n]*)\n(.*?)```\n")
	// took is a time with the blanks that align it.
	took = regexp.MustCompile(` +\d+(\.\d+)? (ms|s)\b`)
)

// The output in the README is that of the command, but for the times.
func TestReadmeOutputIsReal(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	shown := shownRun.ReplaceAllStringFunc(string(text), func(block string) string {
		runs++
		m := shownRun.FindStringSubmatch(block)
		out, errs, _ := p2pspec(t, strings.Fields(m[1])...)
		diff := cmp.Diff(took.ReplaceAllString(m[2], " T"), took.ReplaceAllString(out, " T"))
		if diff == "" {
			return block
		}
		if !*update {
			t.Errorf("%s: run go test ./cmd/p2pspec -update (-README +now):\n%s%s", m[1], diff, errs)
		}
		return "```\n$ p2pspec " + m[1] + "\n" + out + "```\n"
	})
	if runs == 0 {
		t.Error("the README shows no run")
	}
	if *update {
		if err := os.WriteFile(readme, []byte(shown), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The baseline in the documents is one: its cases exist, in those revisions.
func TestDocumentedBaseline(t *testing.T) {
	text, err := os.ReadFile("../../docs/baseline.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```\n")
	example, _, found := strings.Cut(rest, "```\n")
	if !found || strings.Count(example, "rev=") < 3 {
		t.Fatalf("no example of a baseline: %q", example)
	}
	path := filepath.Join(t.TempDir(), "baseline.txt")
	if err := os.WriteFile(path, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := conformance.LoadBaseline(path)
	if err == nil {
		err = b.Check(suites.All())
	}
	if err != nil {
		t.Error(err)
	}
}

// Every command line in the documents has flags and names that exist.
func TestDocumentedCommandLines(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("(?m)(?:^(?:\\$ )?|`)(p2pspec [^`\n]*)")
	seen := 0
	for _, file := range append(files, readme, "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commands.FindAllStringSubmatch(string(text), -1) {
			if strings.ContainsAny(m[1], "…|") || strings.Contains(m[1], " ID") {
				continue // a form, not a command
			}
			seen++
			checkLine(t, file, m[1])
		}
	}
	if seen < 10 {
		t.Errorf("only %d command lines were found", seen)
	}
}

func checkLine(t *testing.T, file, line string) {
	t.Helper()
	words, err := splitWords(line)
	if err != nil {
		t.Errorf("%s: %s: %v", file, line, err)
		return
	}
	a := &app{suites: suites.All()}
	cmd, rest, err := a.root().Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
		if err != nil && strings.HasPrefix(err.Error(), "flag needs an argument") {
			err = nil // a sentence that names the flag, which exists
		}
	}
	if err == nil && (cmd.Name() == "check" || cmd.Name() == "list") {
		_, err = conformance.Select(a.suites, cmd.Flags().Args(), "")
	}
	if err != nil {
		t.Errorf("%s: %s: %v", file, line, err)
	}
}
