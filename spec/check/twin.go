package check

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("check.update", false, "write the golden trace hashes of check.Run")

// digests returns the hash of each seed's trace, a line each.
func (s *Subject) digests() (string, error) {
	var b strings.Builder
	for seed := range uint64(s.Seeds) {
		_, outcomes, err := s.record(seed)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%d %d %s\n", seed, s.Steps, digest(outcomes))
	}
	return b.String(), nil
}

// golden: the traces are those that were committed, whatever the architecture
// and toolchain. It is the one rule that a wanted change of behaviour breaks.
func golden(s *Subject) error {
	if s.Golden == "" {
		return errors.New("Subject.Golden is missing: it proves traces equal across architectures")
	}
	got, err := s.digests()
	if err != nil {
		return err
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(s.Golden), 0o755); err != nil {
			return err
		}
		return os.WriteFile(s.Golden, []byte(got), 0o644)
	}
	want, err := os.ReadFile(s.Golden)
	if err != nil {
		return fmt.Errorf("%w (write it with -check.update)", err)
	}
	if got != string(want) {
		return fmt.Errorf("%s: the traces have changed; "+
			"if that is wanted, run with -check.update\nwas:\n%sis:\n%s", s.Golden, want, got)
	}
	return nil
}

// childVariable tells a process that it is the twin of another.
const childVariable = "P2PSPEC_CHECK_CHILD"

func isChild() bool { return os.Getenv(childVariable) != "" }

// marker precedes each line of the twin's answer among the test's output.
const marker = "\ncheck-digest "

func answerParent(s *Subject) {
	answer, err := s.digests()
	if err != nil {
		answer = err.Error()
	}
	fmt.Print(marker + strings.ReplaceAll(strings.TrimSpace(answer), "\n", marker) + "\n")
}

// process: a run in a fresh process, with other hash seeds and addresses, does
// the same.
func process(s *Subject, t *testing.T) error {
	want, err := s.digests()
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	test, _, _ := strings.Cut(t.Name(), "/process")
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(test), "/", "$/^") + "$"
	cmd := exec.Command(binary, "-test.run", pattern, "-test.count=1")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the twin process: %w\n%s", err, output)
	}
	var got strings.Builder
	for line := range bytes.Lines(output) {
		if rest, ok := strings.CutPrefix(string(line), marker[1:]); ok {
			got.WriteString(rest)
		}
	}
	if got.String() != want {
		return fmt.Errorf("a fresh process made other traces\nhere:\n%sthere:\n%s", want, got.String())
	}
	return nil
}
