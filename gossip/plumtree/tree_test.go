package plumtree

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/hyparview"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/stretchr/testify/require"
)

// fixture is a tree with the neighbours 1 to 4, all eager.
func fixture(t *testing.T, cfg Config) *tree {
	cfg.View = hyparview.Config{Self: at(0)}
	cfg, err := cfg.withDefaults()
	require.NoError(t, err)
	tr := newTree(cfg, 0)
	for i := 1; i <= 4; i++ {
		require.Empty(t, tr.up(at(i), nil))
	}
	return &tr
}

// to lists who is sent what.
func to(out []spec.Effect) map[netip.AddrPort]spec.Message {
	sent := map[netip.AddrPort]spec.Message{}
	for _, e := range out {
		if s, ok := e.(spec.Send); ok {
			sent[s.To] = s.Msg
		}
	}
	return sent
}

// A broadcast goes to eager neighbours with its payload, and to lazy ones in an
// announcement that waits for others; not back.
//
// GO-PX-04.
func TestPush(t *testing.T) {
	tr := fixture(t, Config{})
	tr.receive(at(4), Prune{}, nil)
	a, b := ID{1}, ID{2}
	out := tr.receive(at(1), Gossip{a, 3, []byte("x")}, nil)
	require.Equal(t, spec.Notify{Event: Delivered{a, at(1), 3, []byte("x")}}, out[0])
	forwarded := Gossip{a, 4, []byte("x")}
	require.Equal(t, map[netip.AddrPort]spec.Message{at(2): forwarded, at(3): forwarded}, to(out))
	tr.receive(at(2), Gossip{b, 1, nil}, nil)
	require.Equal(t, 50*time.Millisecond, tr.deadline())
	tr.now = tr.deadline()
	require.Equal(t, map[netip.AddrPort]spec.Message{
		at(4): IHave{[]Announcement{{a, 4}, {b, 2}}},
	}, to(tr.fire(nil)))
}

// A duplicate prunes the link that it came by; a Graft takes it back, with what it
// wants.
//
// GO-PX-04.
func TestPruneAndGraft(t *testing.T) {
	tr := fixture(t, Config{})
	a := ID{1}
	tr.receive(at(1), Gossip{a, 1, []byte("x")}, nil)
	sent := to(tr.receive(at(2), Gossip{a, 2, []byte("x")}, nil))
	require.Equal(t, map[netip.AddrPort]spec.Message{at(2): Prune{}}, sent)
	require.Equal(t, []netip.AddrPort{at(2)}, tr.appendPeers(nil, false))
	sent = to(tr.receive(at(2), Graft{true, a}, nil))
	require.Equal(t, map[netip.AddrPort]spec.Message{at(2): Gossip{a, 2, []byte("x")}}, sent)
	require.Empty(t, tr.appendPeers(nil, false))
	require.Empty(t, tr.receive(at(2), Graft{true, ID{9}}, nil), "nobody has it")
	require.Empty(t, tr.receive(at(2), Graft{}, nil))
}

// What was announced and does not come is asked of the announcers in turn: of the
// first after MissingTimeout, of each next one after GraftTimeout.
//
// GO-PX-04.
func TestGraftTimers(t *testing.T) {
	tr := fixture(t, Config{MissingTimeout: 2 * time.Second, GraftTimeout: time.Second})
	for i := 1; i <= 3; i++ {
		tr.receive(at(i), Prune{}, nil)
	}
	a := ID{1}
	announced := IHave{[]Announcement{{a, 1}}}
	for _, i := range []int{2, 1, 2, 3} { // the repeated one counts once
		require.Empty(t, tr.receive(at(i), announced, nil))
		tr.now += 100 * time.Millisecond
	}
	tr.down(at(1))
	for _, step := range []struct {
		at   time.Duration
		from int
	}{{2 * time.Second, 2}, {3 * time.Second, 3}} {
		require.Equal(t, step.at, tr.deadline())
		tr.now = step.at
		require.Equal(t, map[netip.AddrPort]spec.Message{at(step.from): Graft{true, a}}, to(tr.fire(nil)))
		require.Contains(t, tr.appendPeers(nil, true), at(step.from))
	}
	tr.now = 4 * time.Second
	require.Empty(t, tr.fire(nil), "nobody is left")
	require.Equal(t, never, tr.deadline())
	tr.receive(at(3), announced, nil)
	tr.receive(at(4), Gossip{a, 9, nil}, nil)
	require.Empty(t, tr.missing, "it has come")
}

// A link that was announced to be shorter by the threshold takes the place of the
// one by which the broadcast came.
//
// GO-PX-05.
func TestOptimisation(t *testing.T) {
	swapped := map[netip.AddrPort]spec.Message{at(2): Graft{}, at(3): Prune{}}
	for _, c := range []struct {
		name      string
		threshold int
		round     uint16
		want      map[netip.AddrPort]spec.Message
	}{
		{"by seven", 0, 9, swapped},
		{"by six", 0, 8, map[netip.AddrPort]spec.Message{}},
		{"by three of three", 3, 5, swapped},
		{"never", -1, 99, map[netip.AddrPort]spec.Message{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fixture(t, Config{Threshold: c.threshold})
			tr.down(at(1))
			tr.down(at(4))
			tr.receive(at(2), Prune{}, nil)
			tr.receive(at(2), IHave{[]Announcement{{ID{1}, 2}}}, nil)
			require.Equal(t, c.want, to(tr.receive(at(3), Gossip{ID{1}, c.round, nil}, nil)))
			if len(c.want) > 0 {
				require.Equal(t, []netip.AddrPort{at(2)}, tr.appendPeers(nil, true))
			}
			require.Empty(t, tr.missing)
		})
	}
}

// Everything that is kept has a limit and an end: payloads first, then identifiers.
//
// GO-PX-04.
func TestLimits(t *testing.T) {
	tr := fixture(t, Config{MaxMessages: 2, MaxMissing: 2, MaxPayload: 1})
	refused := func(m spec.Message) {
		t.Helper()
		before := tr.appendState(nil)
		drop, ok := tr.receive(at(1), m, nil)[0].(spec.Drop)
		require.True(t, ok, "%v", m)
		require.Equal(t, "GO-PX-04", drop.Clause)
		require.Equal(t, before, tr.appendState(nil))
	}
	refused(Gossip{ID{1}, 1, []byte("xx")})
	refused(Gossip{ID{1}, 0, nil})
	refused(Gossip{ID{1}, 65535, nil})
	refused(IHave{[]Announcement{{ID{1}, 1}, {ID{2}, 1}, {ID{3}, 1}}})
	out := tr.broadcast(Broadcast{1, []byte("xx")}, nil)
	require.Equal(t, []spec.Effect{spec.Done{Op: 1, Err: ErrTooLarge}}, out)
	tr.receive(at(1), Gossip{ID{1}, 1, []byte("x")}, nil)
	tr.receive(at(1), Gossip{ID{2}, 1, []byte("x")}, nil)
	refused(Gossip{ID{3}, 1, nil})
	require.Equal(t, []spec.Effect{spec.Done{Op: 1, Err: ErrFull}}, tr.broadcast(Broadcast{Op: 1}, nil))

	require.Equal(t, map[netip.AddrPort]spec.Message{at(5): IHave{[]Announcement{{ID{1}, 2}, {ID{2}, 2}}}},
		to(tr.up(at(5), nil)))
	tr.now = 30 * time.Second
	require.Equal(t, tr.now, tr.deadline())
	tr.fire(nil)
	require.Empty(t, to(tr.receive(at(2), Graft{true, ID{1}}, nil)), "the payload is gone")
	require.Equal(t, Prune{}, to(tr.receive(at(2), Gossip{ID{1}, 1, nil}, nil))[at(2)], "and known")
	require.Empty(t, tr.up(at(6), nil))
	tr.now = 90 * time.Second
	tr.fire(nil)
	require.Empty(t, tr.store.list)
	require.Empty(t, tr.store.index)
	require.Equal(t, never, tr.deadline())
}

// GO-PX-04.
func TestConfigRefuses(t *testing.T) {
	view := hyparview.Config{Self: at(0)}
	for want, cfg := range map[string]Config{
		"Config.Self is invalid AddrPort":            {},
		"Config.Threshold is 65536, want 1 to 65535": {View: view, Threshold: 65536},
		"Config.MaxPayload is 65536, want 1 to":      {View: view, MaxPayload: 1 << 16},
		"Config.MaxMessages is -1":                   {View: view, MaxMessages: -1},
		"Config.GraftTimeout is 1ns":                 {View: view, GraftTimeout: 1},
		"Config.KeepID is 1m30s, want at least":      {View: view, KeepPayload: time.Hour},
	} {
		_, err := New(cfg, 0)
		require.ErrorContains(t, err, want)
		_, err = cfg.MaxEffects()
		require.Error(t, err)
	}
}
