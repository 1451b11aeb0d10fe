package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
)

func TestSimGnutella(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "reach.svg")
	args := []string{"sim", "gnutella", "--experiment", "reach", "--nodes", "300", "--runs", "2", "--seed", "3"}
	out, errs, code := p2pspec(t, append(args, "-o", plot)...)
	if code != conformance.ExitMet {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"a query reaches, 300 of them, seed 3", "4,372", "duplicates"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if svg, err := os.ReadFile(plot); err != nil || !strings.Contains(string(svg), "</svg>") {
		t.Errorf("no plot: %v", err)
	}
	if again, _, _ := p2pspec(t, args...); again != out {
		t.Error("a second run printed something else")
	}
}

func TestSimGnutellaUsage(t *testing.T) {
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"--experiment", "nosuch"}, `no experiment "nosuch"; there are`},
		{[]string{"reach"}, "sim gnutella: the experiment is named by --experiment"},
		{[]string{"--experiment", "reach", "--nodes", "1"}, "1 nodes, want"},
	} {
		_, errs, code := p2pspec(t, append([]string{"sim", "gnutella"}, x.args...)...)
		if code != conformance.ExitUsage || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit %d, %q; want %q", x.args, code, errs, x.want)
		}
	}
}
