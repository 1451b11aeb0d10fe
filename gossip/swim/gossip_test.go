package swim

import (
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Each rumor goes out so many times and no more, to members at random.
//
// GO-GS-01, GO-GS-02, GO-WF-12.
func TestRumorIsToldLimitedTimes(t *testing.T) {
	for others, want := range map[int]int{1: 4, 5: 4, 12: 8} {
		d := quiet(t, others)
		d.hear(suspect(1, 1, 5))
		at, last := 0, time.Duration(0)
		d.pass(3*time.Second, func(e spec.Effect) {
			s, ok := e.(spec.Send)
			if !ok {
				t.Errorf("%v", e)
				return
			}
			if d.now != last {
				if last > 0 && d.now-last != 200*time.Millisecond {
					t.Errorf("%v between two rounds", d.now-last)
				}
				at, last = 0, d.now
			}
			if at++; at > 3 || !s.Msg.(wire.Packet).CRC || s.To == contractAddr(0) {
				t.Errorf("%d in one round, %v", at, s)
			}
		})
		if got := len(sent[wire.Suspect](d.since(0))); got != want {
			t.Errorf("%d others: told %d times, want %d", others, got, want)
		}
		if _, armed := d.Deadline(); armed != (len(d.doubts) > 0) || d.Queued() > 0 {
			t.Errorf("%d rumors left", d.Queued())
		}
	}
}

// GO-GS-03.
func TestNewsReplaceOlderNewsOfTheSame(t *testing.T) {
	d := quiet(t, 3)
	d.hear(suspect(1, 1, 5))
	d.hear(alive(1, 2))
	d.pass(3*time.Second, nil)
	if n := len(sent[wire.Suspect](d.since(0))); n > 0 {
		t.Errorf("an ended suspicion is told %d times", n)
	}
	if n := len(sent[wire.Alive](d.since(0))); n != 4 {
		t.Errorf("its end is told %d times", n)
	}
}

// GO-GS-03.
func TestQueuePrefersFewSendsThenLongThenNew(t *testing.T) {
	var q queue
	add := func(node string) { q.add(&rumor{kind: wire.TypeSuspect, node: node, from: "f"}) }
	take := func(room int32) string {
		told, _ := q.take(room, 2, 255, 3)
		var names []string
		for _, r := range told {
			names = append(names, r.node)
		}
		return strings.Join(names, " ")
	}
	short := int32(wire.BodySize(wire.Suspect{Node: "a1", From: "f"}))
	add("a1")
	add("long")
	add("a2")
	for i, want := range []string{"long", "a2", "a1", "long", "a2", "a1", "long", "a2", "a1", ""} {
		room := short + 2
		if want == "long" {
			room += 2
		}
		if got := take(room); got != want {
			t.Fatalf("take %d: %q, want %q", i, got, want)
		}
		if err := q.check(); err != nil {
			t.Fatal(err)
		}
	}
	add("a1")
	add("long")
	if got := take(1000); got != "long a1" {
		t.Errorf("all that fits: %q", got)
	}
	add("new")
	if got := take(1000); got != "new long a1" {
		t.Errorf("the one that was told less comes first: %q", got)
	}
}

// GO-GS-04.
func TestRumorsRideOnAnswers(t *testing.T) {
	longest := 0
	for spare := range 40 {
		d := sit(t, 60, func(c *Config) { c.NoProbe, c.GossipInterval, c.PacketSize = true, 0, 1024+spare })
		for i := range 40 {
			d.hear(suspect(1+i, 1, 50))
		}
		out := d.hear(wire.Ping{SeqNo: 1, Node: "m00"})
		parts := partsOf(out[0].(spec.Send))
		if _, ok := parts[0].(wire.Ack); !ok || len(parts) < 10 {
			t.Fatalf("%d parts, the first is %v", len(parts), parts[0])
		}
		b, err := (&wire.Format{}).AppendMessage(nil, out[0].(spec.Send).Msg)
		if err != nil || len(b) > 1024+spare {
			t.Errorf("%d bytes of %d, %v", len(b), 1024+spare, err)
		}
		longest = max(longest, len(b)-spare)
	}
	if longest != 1024 {
		t.Errorf("the fullest packet has room for %d more bytes", 1024-longest)
	}
}

// Broadcasts of users have what room the rumors leave.
func TestBroadcast(t *testing.T) {
	d := quiet(t, 3)
	d.hear(suspect(1, 1, 5))
	if out := d.input(Broadcast{Op: 1, Payload: []byte("news")}); len(out) != 1 || out[0] != (spec.Done{Op: 1}) {
		t.Fatalf("%v", out)
	}
	out := d.hear(wire.Ping{SeqNo: 1})
	if parts := partsOf(out[0].(spec.Send)); len(parts) != 3 || parts[2].Type() != wire.TypeUser {
		t.Errorf("%v", parts)
	}
	d.pass(3*time.Second, nil)
	if n := len(sent[wire.User](d.since(0))); n != 4 {
		t.Errorf("told %d times", n)
	}
	if out := d.input(Broadcast{Op: 2, Payload: make([]byte, 1396)}); out[0].(spec.Done).Err != ErrTooLarge {
		t.Errorf("%v", out)
	}
	for i := range 1025 {
		out = d.input(Broadcast{Op: spec.OpID(3 + i)})
	}
	if out[0].(spec.Done).Err != ErrBusy {
		t.Errorf("%v", out)
	}
}
