package main

import (
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/broadcast"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

// A reference node of an overlay answers line by line until its input ends.
func TestServeOverlay(t *testing.T) {
	const in = `{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"],` +
		`"overlay":{"bits":6,"ids":{"n0":8},"period_ms":1000,"timeout_ms":200,"successors":3,"k":2,"alpha":2}}}
{"src":"c0","dest":"n0","body":{"type":"join","msg_id":2}}
not json
{"src":"c0","dest":"n0","body":{"type":"dance","msg_id":3}}
`
	for _, family := range []string{"chord", "kademlia"} {
		var out, failed strings.Builder
		a := &app{in: strings.NewReader(in), out: &out, err: &failed, suites: suites.All()}
		code := a.run(t.Context(), []string{"serve", family, "--stdio"})
		if code != conformance.ExitMet {
			t.Errorf("%s: exit %d: %s", family, code, failed.String())
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 {
			t.Fatalf("%s: %d lines: %s", family, len(lines), out.String())
		}
		for i, part := range []string{`"type":"init_ok","in_reply_to":1`, `"type":"join_ok","in_reply_to":2`, `"code":10`} {
			if !strings.Contains(lines[i], part) {
				t.Errorf("%s: line %d is %s", family, i, lines[i])
			}
		}
		if code := a.run(t.Context(), []string{"serve", family}); code != conformance.ExitUsage {
			t.Errorf("%s without --stdio: exit %d", family, code)
		}
	}
}

// The reference nodes of Maelstrom's workloads answer init without an overlay.
func TestServeWorkload(t *testing.T) {
	const in = `{"id":0,"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}
{"id":1,"src":"c0","dest":"n0","body":{"type":"dance","msg_id":2}}
`
	for _, w := range broadcast.Workloads() {
		var out, failed strings.Builder
		a := &app{in: strings.NewReader(in), out: &out, err: &failed, suites: suites.All()}
		if code := a.run(t.Context(), []string{"serve", w.Name, "--stdio"}); code != conformance.ExitMet {
			t.Errorf("%s: exit %d: %s", w.Name, code, failed.String())
		}
		for _, part := range []string{`"type":"init_ok","in_reply_to":1`, `"code":10`} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s: no %s in %s", w.Name, part, out.String())
			}
		}
	}
}
