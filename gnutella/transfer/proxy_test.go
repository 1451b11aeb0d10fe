package transfer

import (
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A request to pass a push on is answered when the application knows: 202 or 410. One
// that names nobody, or nowhere to dial, is refused with 400 and the clause.
//
// GN-VE-08.
func TestPushProxy(t *testing.T) {
	const id = "AEBAGBAFAYDQQCIKBMGA2DQPCA" // of 01 02 … 10
	for _, c := range []struct {
		query, node string
		index       uint32
		bad         bool
	}{
		{"ServerId=" + id, "203.0.113.7:6346", 0, false},
		{"serverid=" + strings.ToLower(id) + "======&file=17", "203.0.113.7:6346", 17, false},
		{"ServerId=" + id[1:], "203.0.113.7:6346", 0, true},
		{"ServerId=" + id + "&file=x", "203.0.113.7:6346", 0, true},
		{"file=3", "203.0.113.7:6346", 0, true},
		{"ServerId=" + id, "203.0.113.7", 0, true},
		{"ServerId=" + id, "[::1]:6346", 0, true},
		{"ServerId=" + id, "203.0.113.7:0", 0, true},
		{"ServerId=" + id, "0.0.0.0:6346", 0, true},
		{"ServerId=" + id, "224.0.0.1:6346", 0, true},
	} {
		d := newDesk(t, Config{})
		answer, conn := d.get("GET /gnutella/push-proxy?"+c.query+" HTTP/1.1", "X-Node: "+c.node)
		if c.bad {
			if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || len(d.drops) != 1 || len(d.events) > 0 {
				t.Errorf("%s, %s: %q, drops %v, events %v", c.query, c.node, answer, d.drops, d.events)
			}
			continue
		}
		servent := wire.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
		want := RelayWanted{conn, servent, c.index, addr(7)}
		if answer != "" || len(d.events) != 1 || d.events[0] != spec.Event(want) {
			t.Fatalf("%s: %q, events %v, want %v", c.query, answer, d.events, want)
		}
		d.say(conn, head("HEAD /get/8/empty HTTP/1.1")) // waits for its turn
		before := d.lines[conn].wrote.Len()
		d.step(Relayed{Conn: conn, OK: c.index == 0})
		d.step(Relayed{Conn: conn, OK: true}) // once only
		code := map[bool]string{true: "HTTP/1.1 202 Accepted", false: "HTTP/1.1 410 Gone"}[c.index == 0]
		got := d.lines[conn].wrote.String()
		if before != 0 || !strings.HasPrefix(got, code) || strings.Count(got, "HTTP/1.1 ") != 2 || !d.lines[conn].closed {
			t.Errorf("%s: answered %q, want %s and the answer to HEAD", c.query, got, code)
		}
	}
	d := newDesk(t, Config{})
	_, c := d.get("GET /gnutella/push-proxy?ServerId="+id+" HTTP/1.1", "X-Node: 203.0.113.7:6346")
	if d.wait(30 * time.Second); !d.lines[c].closed {
		t.Error("a request that nobody decides on is there for ever")
	}
}
