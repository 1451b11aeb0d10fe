package cluster

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Null is a kind of node that is of no use. A suite that lets one pass anything
// gives points for nothing.
type Null struct {
	Name  string
	write func(m stdio.Message) []string // the bodies of its answers, or lines where they are none
	ended error
}

// Nulls are all kinds.
func Nulls() []Null {
	ok := func(m stdio.Message) string { return `{"type":"` + m.Body.Type + `_ok"}` }
	unknown := func(m stdio.Message) bool { return strings.HasPrefix(m.Body.Type, "canary") }
	const no = `{"type":"error","code":10,"text":"no"}`
	return []Null{
		{Name: "silent", write: func(stdio.Message) []string { return nil }},
		{Name: "exits-at-once", ended: errors.New("exit status 1")},
		{Name: "echoes", write: func(m stdio.Message) []string { return []string{string(m.Body.Raw)} }},
		{Name: "prints-garbage", write: func(stdio.Message) []string { return []string{"hello", "\x00\xff{", "]"} }},
		{Name: "answers-everything-ok", write: func(m stdio.Message) []string { return []string{ok(m)} }},
		{Name: "answers-init-alone", write: func(m stdio.Message) []string {
			if m.Body.Type != "init" {
				return nil
			}
			return []string{ok(m)}
		}},
		{Name: "refuses-all-but-init", write: func(m stdio.Message) []string {
			if m.Body.Type != "init" {
				return []string{no}
			}
			return []string{ok(m)}
		}},
		{Name: "answers-what-exists-ok", write: func(m stdio.Message) []string {
			if unknown(m) {
				return []string{no}
			}
			return []string{ok(m)}
		}},
		{Name: "answers-always-the-same", write: func(m stdio.Message) []string {
			if unknown(m) {
				return []string{no}
			}
			return []string{`{"type":"` + m.Body.Type + `_ok","capabilities":["state","leave","advance_clock","quorum"],` +
				`"nodes":["n0"],"node":"n0","hops":1,"value":1,` +
				`"contacts":[],"predecessor":"n1","successors":["n1"],"fingers":[],"keys":[]}`}
		}},
		{Name: "has-nothing", write: func(m stdio.Message) []string {
			switch m.Body.Type {
			case "init", "join", "store", "put", "leave":
				return []string{ok(m)}
			case "get", "find_value":
				return []string{`{"type":"error","code":20,"text":"none"}`}
			}
			return []string{no}
		}},
	}
}

// Target is nodes of this kind on virtual time.
func (n Null) Target() conformance.Target {
	return Machines{Name: n.Name, New: func(string) stdio.Node { return n }}
}

// Line answers, or does not.
func (n Null) Line(_ time.Duration, line []byte, out [][]byte) [][]byte {
	m, err := stdio.Parse(line)
	if err != nil || n.write == nil {
		return out
	}
	for _, text := range n.write(m) {
		var body map[string]any
		if json.Unmarshal([]byte(text), &body) != nil {
			out = append(out, []byte(text))
			continue
		}
		if m.Body.MsgID != nil {
			body["in_reply_to"] = *m.Body.MsgID
		}
		out = append(out, stdio.Append(nil, m.Dest, m.Src, body))
	}
	return out
}

// Wake does nothing.
func (Null) Wake(_ time.Duration, out [][]byte) [][]byte { return out }

// Deadline is never.
func (Null) Deadline() (time.Duration, bool) { return 0, false }

// Ended is the way in which one ends that does not even run.
func (n Null) Ended() error { return n.ended }
