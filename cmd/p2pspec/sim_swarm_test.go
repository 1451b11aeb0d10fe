package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
)

func TestSimSwarm(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "swarm.svg")
	args := []string{"sim", "swarm", "kraken", "--hosts", "5", "--seed", "3"}
	out, errs, code := p2pspec(t, append(args, "-o", plot)...)
	if code != conformance.ExitMet {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"3 GB to 5 hosts, seed 3", "p99.9", "Kraken, as published", "messages"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if !strings.HasPrefix(errs, "ran for ") {
		t.Errorf("on the standard error: %q", errs)
	}
	if svg, err := os.ReadFile(plot); err != nil || !strings.Contains(string(svg), "</svg>") {
		t.Errorf("no plot: %v", err)
	}
	if again, _, _ := p2pspec(t, args...); again != out {
		t.Error("a second run printed something else")
	}
	if inOrder, _, _ := p2pspec(t, append(args, "--pieces", "in-order")...); inOrder == out {
		t.Error("another order of pieces changed nothing")
	}
}

func TestSimSwarmUsage(t *testing.T) {
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"nosuch"}, "there are kraken, broadcast, blobs, homes"},
		{[]string{"kraken", "homes"}, "name one"},
		{[]string{"--hosts", "2"}, "2 hosts, want 4 to"},
		{[]string{"--pieces", "best-first"}, "rarest-first, random, in-order"},
		{[]string{"--nosuch"}, "sim swarm --help"},
	} {
		_, errs, code := p2pspec(t, append([]string{"sim", "swarm"}, x.args...)...)
		if code != conformance.ExitUsage || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit %d, %q; want %q", x.args, code, errs, x.want)
		}
	}
}
