package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
)

func TestSimGossip(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "demers.svg")
	args := []string{"sim", "gossip", "--experiment", "demers-1", "--runs", "2", "--seed", "3"}
	out, errs, code := p2pspec(t, append(args, "-o", plot)...)
	if code != conformance.ExitMet {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"table 1: push, feedback and counter, 1000 nodes, seed 3", "t_last", "0.037"} {
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

func TestSimGossipUsage(t *testing.T) {
	for _, x := range []struct {
		args []string
		want string
	}{
		{nil, "there are demers-1, demers-2, demers-3"},
		{[]string{"--experiment", "nosuch"}, `no experiment "nosuch"; there are`},
		{[]string{"demers-1"}, "named by --experiment"},
		{[]string{"--experiment", "karp", "--nodes", "1"}, "1 nodes, want 2 to"},
		{[]string{"--experiment", "karp", "--runs", "-1"}, "-1 runs, want 1 to"},
	} {
		_, errs, code := p2pspec(t, append([]string{"sim", "gossip"}, x.args...)...)
		if code != conformance.ExitUsage || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit %d, %q; want %q", x.args, code, errs, x.want)
		}
	}
}
