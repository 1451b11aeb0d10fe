package swim

import (
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// GO-FD-01, GO-FD-02.
func TestPingIsAnswered(t *testing.T) {
	d := sit(t, 2, nil)
	for _, name := range []string{"", "m00"} {
		out := d.hear(wire.Ping{SeqNo: 7, Node: name})
		if acks := sent[wire.Ack](out); len(acks) != 1 || acks[0].SeqNo != 7 || out[0].(spec.Send).To != contractAddr(9) {
			t.Errorf("ping for %q: %v", name, out)
		}
	}
	out := d.hear(wire.Ping{SeqNo: 8, Source: wire.Source{Addr: contractAddr(5), Node: "m05"}})
	if out[0].(spec.Send).To != contractAddr(5) {
		t.Errorf("the ack does not go to the source that the ping names: %v", out)
	}
	d.refused("GO-FD-01", d.hear(wire.Ping{SeqNo: 9, Node: "m01"}))
}

// GO-FD-03, GO-FD-04.
func TestEachRoundProbesEachMemberOnce(t *testing.T) {
	d := sit(t, 11, nil)
	d.hear(dead(10, 1, 10), dead(11, 1, 5)) // who is gone has no turn
	var rounds [][]string
	var last time.Duration
	d.pass(9*6*time.Second, func(e spec.Effect) {
		for _, p := range sent[wire.Ping]([]spec.Effect{e}) {
			if len(rounds) == 0 || len(rounds[len(rounds)-1]) == 9 {
				rounds = append(rounds, nil)
			}
			rounds[len(rounds)-1] = append(rounds[len(rounds)-1], p.Node)
			if gap := d.now - last; last > 0 && gap != time.Second {
				t.Errorf("%v between two probes", gap)
			}
			last = d.now
		}
		d.answering()(e)
	})
	different := false
	for _, r := range rounds[:5] {
		different = different || !slices.Equal(r, rounds[0])
		if r = slices.Clone(r); len(slices.Compact(slices.Sorted(slices.Values(r)))) != 9 {
			t.Errorf("a round of %v", r)
		}
	}
	if !different {
		t.Error("five rounds in one order")
	}
}

// The long way of a probe without an answer.
//
// GO-FD-05, GO-FD-07, GO-WF-19.
func TestSilentMemberIsAskedForThreeTimes(t *testing.T) {
	d := sit(t, 6, func(c *Config) {
		c.Known[5].Versions.ProtocolMax, c.Known[6].Versions.ProtocolMax = 3, 3
		c.IndirectChecks = 5
	})
	var started time.Duration
	var target string
	helpers, nacks, wanted := 0, 0, 0
	d.pass(1900*time.Millisecond, func(e spec.Effect) {
		switch e := e.(type) {
		case spec.Send:
			for _, p := range partsOf(e) {
				switch m := p.(type) {
				case wire.Ping:
					started, target = d.now, m.Node
				case wire.IndirectPing:
					helpers++
					if m.Nack {
						nacks++
					}
					if e.To != contractAddr(5) && e.To != contractAddr(6) { // which know no nacks
						wanted++
					}
					if m.Node != target || d.now != started+500*time.Millisecond || e.To == m.Target {
						t.Errorf("%v after the ping: %v to %v", d.now-started, m, e.To)
					}
				}
			}
		case spec.Dial:
			if d.now != started+500*time.Millisecond {
				t.Errorf("a stream %v after the ping", d.now-started)
			}
			out := d.input(spec.Opened{Conn: e.Conn, Remote: e.To})
			if p, ok := out[0].(spec.Write).Msg.(wire.Frame).Msg.(wire.Ping); !ok || p.Node != target {
				t.Errorf("over the stream: %v", out)
			}
		case spec.Notify:
			if s := e.Event.(Suspected); s.Member.Name != target || d.now != started+time.Second {
				t.Errorf("%v after the ping: %v", d.now-started, s)
			}
		}
	})
	if helpers != 5 || nacks != wanted || len(told[Suspected](d.since(0))) != 1 {
		t.Errorf("%d asked to ping, %d of them to tell of silence, want %d; %d suspects",
			helpers, nacks, wanted, len(told[Suspected](d.since(0))))
	}
}

// An answer over the stream is as good as one by datagram.
//
// GO-FD-05, GO-AE-05.
func TestAnswerOverStreamSavesFromSuspicion(t *testing.T) {
	d := sit(t, 1, nil)
	d.pass(1900*time.Millisecond, func(e spec.Effect) {
		if dial, ok := e.(spec.Dial); ok {
			out := d.input(spec.Opened{Conn: dial.Conn, Remote: dial.To})
			ping := out[0].(spec.Write).Msg.(wire.Frame).Msg.(wire.Ping)
			d.input(spec.Got{Conn: dial.Conn, Msg: wire.Frame{Msg: wire.Ack{SeqNo: ping.SeqNo}}})
		}
	})
	d.wantState(1, wire.StateAlive, 1)
}

// GO-FD-06, GO-LH-03.
func TestPingForAnother(t *testing.T) {
	d := sit(t, 3, func(c *Config) { c.NoProbe, c.MaxRelays = true, 2 })
	ask := wire.IndirectPing{SeqNo: 70, Target: contractAddr(2), Node: "m02", Nack: true}
	out := d.hear(ask)
	if out[0].(spec.Send).To != contractAddr(2) || len(sent[wire.Ping](out)) != 1 {
		t.Fatalf("no ping to the target: %v", out)
	}
	sequence := sent[wire.Ping](out)[0].SeqNo
	d.now += 300 * time.Millisecond
	out = d.hear(wire.Ack{SeqNo: sequence})
	if acks := sent[wire.Ack](out); len(acks) != 1 || acks[0].SeqNo != 70 || out[0].(spec.Send).To != contractAddr(9) {
		t.Fatalf("the ack is not passed on: %v", out)
	}
	d.hear(ask)
	ask.Nack = false
	d.hear(ask)
	d.refused("GO-FD-06", d.hear(ask))
	asked := d.now
	d.pass(time.Second, func(e spec.Effect) {
		nacks := sent[wire.Nack]([]spec.Effect{e})
		if len(nacks) != 1 || nacks[0].SeqNo != 70 || d.now-asked != 500*time.Millisecond {
			t.Errorf("%v after the request: %v", d.now-asked, e)
		}
	})
	if n := len(sent[wire.Nack](d.since(asked))); n != 1 {
		t.Errorf("%d nacks, want 1", n)
	}
	d.refused("GO-WF-05", d.hear(wire.Ack{SeqNo: sequence}))
}

// GO-FD-19, GO-WF-12.
func TestSuspectHearsOfItWithThePing(t *testing.T) {
	for _, plain := range []bool{false, true} {
		d := sit(t, 1, func(c *Config) { c.NoBuddy = plain })
		d.hear(suspect(1, 1, 5))
		d.pass(time.Second, nil)
		if len(sent[wire.Ping](d.since(0))) == 0 {
			t.Error("a suspect is not pinged")
		}
		for _, e := range d.since(0) {
			s, ok := e.(spec.Send)
			if !ok || len(sent[wire.Ping]([]spec.Effect{e})) == 0 {
				continue
			}
			p := s.Msg.(wire.Packet)
			if !plain && (len(p.Parts) != 2 || !p.CRC || p.Parts[1] != suspect(1, 1, 0)) {
				t.Errorf("a suspect is pinged with %v", p)
			}
			if plain && p.CRC {
				t.Errorf("without buddies a suspect is pinged with %v", p)
			}
		}
	}
}

// The score moves with probes, and makes those that fail last longer.
//
// GO-LH-01, GO-LH-02.
func TestLocalHealth(t *testing.T) {
	d := sit(t, 1, func(c *Config) { c.TCPPing, c.SuspicionMult = false, 64 })
	var pings []time.Duration
	d.pass(12*time.Second, func(e spec.Effect) {
		if len(sent[wire.Ping]([]spec.Effect{e})) > 0 {
			pings = append(pings, d.now)
		}
	})
	for i, want := range []time.Duration{1, 2, 3} { // nobody can nack: one more each time
		if gap := pings[i+1] - pings[i]; gap != want*time.Second {
			t.Errorf("probe %d lasts %v, want %d s", i, gap, want)
		}
	}
	if d.Health() < 3 {
		t.Errorf("health %d", d.Health())
	}
	before := d.Health()
	d.pass(10*time.Second, d.answering())
	if after := d.Health(); after >= before {
		t.Errorf("answered probes left health at %d of %d", after, before)
	}
	d = sit(t, 1, func(c *Config) { c.TCPPing, c.AwarenessMax, c.SuspicionMult = false, 1, 64 })
	d.pass(9*time.Second, nil)
	if d.Health() != 0 {
		t.Errorf("health %d though there is none", d.Health())
	}
}

// Nacks that come show that the silence is not ours.
//
// GO-LH-01.
func TestNacksSaveHealth(t *testing.T) {
	for nacks := range 4 {
		d := sit(t, 4, func(c *Config) { c.TCPPing = false })
		left := nacks
		d.pass(1900*time.Millisecond, func(e spec.Effect) {
			for _, p := range sent[wire.IndirectPing]([]spec.Effect{e}) {
				if left--; left >= 0 {
					d.hear(wire.Nack{SeqNo: p.SeqNo})
				}
			}
		})
		if d.Health() != 3-nacks {
			t.Errorf("health %d after %d nacks of three", d.Health(), nacks)
		}
	}
}

// The switches to the plain protocol.
//
// GO-SW-01.
func TestPlainSwimDeclaresDeathAtOnce(t *testing.T) {
	d := sit(t, 3, func(c *Config) { c.NoSuspicion, c.RandomTarget, c.TCPPing = true, true, false })
	d.pass(10*time.Second, d.answering(2))
	failed := told[Failed](d.since(0))
	if len(failed) != 1 || failed[0].Member.Name != "m02" || len(told[Suspected](d.since(0))) != 0 {
		t.Errorf("%v", failed)
	}
}
