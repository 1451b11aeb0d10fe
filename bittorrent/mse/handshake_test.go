package mse_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
)

// machine is either role.
type machine interface {
	Receive(b, out []byte) (rest, sent []byte, err error)
	Done() bool
	Result() mse.Result
}

// side is a machine with what it was sent and what lies behind the handshake.
type side struct {
	machine
	rest []byte
	err  error
}

// give hands b to the machine in pieces whose lengths cut chooses, from memory
// that changes afterwards.
func (s *side) give(b []byte, cut func(n int) int) (out []byte) {
	for len(b) > 0 {
		n := cut(len(b))
		piece := bytes.Clone(b[:n])
		b = b[n:]
		if s.err != nil {
			continue
		}
		if s.Done() {
			s.rest = append(s.rest, piece...)
			continue
		}
		var rest []byte
		rest, out, s.err = s.Receive(piece, out)
		s.rest = append(s.rest, rest...)
		for i := range piece {
			piece[i] = 0xa5
		}
	}
	return out
}

func whole(n int) int { return n }

// play lets both sides talk until nobody has anything to say.
func play(a, b *side, first []byte, cut func(n int) int) {
	for toB := first; len(toB) > 0; {
		toB = a.give(b.give(toB, cut), cut)
	}
}

var (
	skey  = mse.SKEY{19: 7}
	other = mse.SKEY{19: 8}
)

func initiator(t rapid.TB, cfg mse.InitiatorConfig) (*side, []byte) {
	t.Helper()
	if cfg.Private == ([20]byte{}) {
		cfg.Private = [20]byte{1, 2, 3}
	}
	if cfg.Provide == 0 {
		cfg.Provide = mse.RC4
	}
	if cfg.SKEY == (mse.SKEY{}) {
		cfg.SKEY = skey
	}
	h, err := mse.NewInitiator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &side{machine: h}, h.Start(nil)
}

func responder(t rapid.TB, cfg mse.ResponderConfig) *side {
	t.Helper()
	if cfg.Private == ([20]byte{}) {
		cfg.Private = [20]byte{9, 8, 7}
	}
	if cfg.SKEYs == nil {
		cfg.SKEYs = []mse.SKEY{other, skey}
	}
	h, err := mse.NewResponder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &side{machine: h}
}

// clause is what a side failed with.
func clause(s *side) string {
	var e *mse.Error
	if errors.As(s.err, &e) {
		return e.Clause
	}
	return ""
}

// TestPolicies plays every policy with every other: MSE-HS-008, MSE-HS-014,
// MSE-HS-016.
func TestPolicies(t *testing.T) {
	policies := []mse.Policy{mse.Disabled, mse.Allowed, mse.Preferred, mse.Required}
	const plain = mse.Method(0) // a handshake without encryption
	want := map[[2]mse.Policy]struct {
		method mse.Method
		clause string
	}{
		{mse.Disabled, mse.Disabled}:   {plain, ""},
		{mse.Disabled, mse.Allowed}:    {plain, ""},
		{mse.Disabled, mse.Preferred}:  {plain, ""},
		{mse.Disabled, mse.Required}:   {plain, "MSE-HS-016"},
		{mse.Allowed, mse.Disabled}:    {plain, ""},
		{mse.Allowed, mse.Allowed}:     {plain, ""},
		{mse.Allowed, mse.Preferred}:   {plain, ""},
		{mse.Allowed, mse.Required}:    {plain, "MSE-HS-016"},
		{mse.Preferred, mse.Disabled}:  {plain, "MSE-HS-016"},
		{mse.Preferred, mse.Allowed}:   {mse.Plaintext, ""},
		{mse.Preferred, mse.Preferred}: {mse.RC4, ""},
		{mse.Preferred, mse.Required}:  {mse.RC4, ""},
		{mse.Required, mse.Disabled}:   {plain, "MSE-HS-016"},
		{mse.Required, mse.Allowed}:    {mse.RC4, ""},
		{mse.Required, mse.Preferred}:  {mse.RC4, ""},
		{mse.Required, mse.Required}:   {mse.RC4, ""},
	}
	const hello = "\x13BitTorrent protocol and more"
	for _, out := range policies {
		for _, in := range policies {
			b := responder(t, mse.ResponderConfig{Accept: in.Accept(), Open: in.Open()})
			expect := want[[2]mse.Policy{out, in}]
			if out.Provide() == 0 {
				b.give([]byte(hello), whole)
			} else {
				a, first := initiator(t, mse.InitiatorConfig{Provide: out.Provide(), Initial: []byte(hello)})
				play(a, b, first, whole)
				if a.Done() != (expect.clause == "") || a.Done() && a.Result().Method != expect.method {
					t.Errorf("%d to %d: the initiator: done %v", out, in, a.Done())
				}
			}
			if clause(b) != expect.clause {
				t.Errorf("%d to %d: failed with %q, want %q", out, in, clause(b), expect.clause)
			}
			if b.err == nil {
				r := b.Result()
				if got := string(r.Payload) + string(b.rest); r.Method != expect.method || got != hello {
					t.Errorf("%d to %d: method %d, payload %q", out, in, r.Method, got)
				}
			}
		}
	}
}

// TestAnySplit: however the streams are cut, both sides agree on the same, and
// what follows the handshake arrives as it was sent. MSE-HS-001, MSE-HS-002,
// MSE-HS-007, MSE-HS-013, MSE-HS-014.
func TestAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pad := rapid.SliceOfN(rapid.Byte(), 0, mse.MaxPad)
		private := rapid.Custom(func(t *rapid.T) (x [20]byte) {
			copy(x[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "bytes"))
			x[0] |= 1
			return x
		})
		initial := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "initial")
		provide := rapid.SampledFrom([]mse.Method{1, 2, 3, 0xfffffffe}).Draw(t, "provide")
		accept := rapid.SampledFrom([][]mse.Method{{1, 2}, {2, 1}}).Draw(t, "accept")
		a, first := initiator(t, mse.InitiatorConfig{
			Private: private.Draw(t, "a"), Pad: pad.Draw(t, "PadA"), Initial: initial, Provide: provide,
			PadC: rapid.Uint16Range(0, mse.MaxPad).Draw(t, "PadC"),
		})
		b := responder(t, mse.ResponderConfig{
			Private: private.Draw(t, "b"), Pad: pad.Draw(t, "PadB"), Accept: accept,
			PadD: rapid.Uint16Range(0, mse.MaxPad).Draw(t, "PadD"),
		})
		cut := func(n int) int {
			return rapid.OneOf(rapid.Just(n), rapid.Just(1), rapid.IntRange(1, n)).Draw(t, "cut")
		}
		play(a, b, first, cut)
		if a.err != nil || b.err != nil || !a.Done() || !b.Done() {
			t.Fatalf("%v, %v", a.err, b.err)
		}
		want := accept[0]
		if provide&want == 0 {
			want = accept[1]
		}
		ra, rb := a.Result(), b.Result()
		if ra.Method != want || rb.Method != want || ra.SKEY != skey || rb.SKEY != skey {
			t.Fatalf("%d and %d, want %d", ra.Method, rb.Method, want)
		}
		if !bytes.Equal(rb.Payload, initial) || len(a.rest)+len(b.rest) > 0 {
			t.Fatalf("payload %x, want %x", rb.Payload, initial)
		}
		for _, way := range [][2]*mse.Cipher{{&ra.Send, &rb.Receive}, {&rb.Send, &ra.Receive}} {
			text := []byte("the payload stream")
			sent, got := make([]byte, len(text)), make([]byte, len(text))
			way[0].XOR(sent, text)
			way[1].XOR(got, sent)
			if string(text) != "the payload stream" || !bytes.Equal(got, text) {
				t.Fatalf("%q became %q", text, got)
			}
			if plain := bytes.Equal(sent, text); plain != (want == mse.Plaintext) {
				t.Fatalf("method %d sent %q", want, sent)
			}
		}
	})
}

// TestPadLimits: MSE-HS-009, MSE-HS-010, MSE-HS-013.
func TestPadLimits(t *testing.T) {
	for _, n := range []int{0, 1, mse.MaxPad, mse.MaxPad + 1} {
		pad := bytes.Repeat([]byte{0x13}, n)
		a, first := initiator(t, mse.InitiatorConfig{})
		b := responder(t, mse.ResponderConfig{Accept: mse.Required.Accept()})
		play(a, b, append(first, pad...), whole)
		if want := map[bool]string{true: "MSE-HS-009"}[n > mse.MaxPad]; clause(b) != want {
			t.Errorf("PadA of %d bytes: %q", n, clause(b))
		}

		a, first = initiator(t, mse.InitiatorConfig{})
		b = responder(t, mse.ResponderConfig{Accept: mse.Required.Accept()})
		third := a.give(append(b.give(first, whole), pad...), whole)
		a.give(b.give(third, whole), whole)
		if want := map[bool]string{true: "MSE-HS-010"}[n > mse.MaxPad]; clause(a) != want {
			t.Errorf("PadB of %d bytes: %q", n, clause(a))
		}
	}
	for _, b := range []func() error{
		func() error {
			_, err := mse.NewInitiator(mse.InitiatorConfig{Private: [20]byte{1}, PadC: 513, Provide: 1})
			return err
		},
		func() error {
			_, err := mse.NewResponder(mse.ResponderConfig{Private: [20]byte{1}, Pad: make([]byte, 513)})
			return err
		},
	} {
		if err := b(); err == nil || !strings.Contains(err.Error(), "513") {
			t.Errorf("a pad of 513 bytes: %v", err)
		}
	}
}

// TestDegenerateKeys: both sides refuse them, MSE-HS-003.
func TestDegenerateKeys(t *testing.T) {
	one := append(make([]byte, 95), 1)
	high := bytes.Repeat([]byte{0xff}, 96)
	for _, y := range [][]byte{make([]byte, 96), one, high} {
		a, _ := initiator(t, mse.InitiatorConfig{})
		b := responder(t, mse.ResponderConfig{Accept: mse.Required.Accept()})
		for _, s := range []*side{a, b} {
			out := s.give(y, whole)
			if clause(s) != "MSE-HS-003" || len(out) > 0 {
				t.Errorf("%.4x…: %T failed with %q", y, s.machine, clause(s))
			}
		}
	}
}

// TestOpening: a key may begin as a handshake does, MSE-HS-011.
func TestOpening(t *testing.T) {
	const hello = "\x13BitTorrent protocol"
	for n := range len(hello) {
		y := append([]byte(hello[:n]), bytes.Repeat([]byte{0x42}, mse.KeySize-n)...)
		b := responder(t, mse.ResponderConfig{Accept: mse.Preferred.Accept(), Open: true})
		if out := b.give(y, whole); b.err != nil || len(out) != mse.KeySize {
			t.Errorf("a key with %d bytes of the handshake: %d bytes, %v", n, len(out), b.err)
		}
	}
	b := responder(t, mse.ResponderConfig{Accept: mse.Preferred.Accept(), Open: true})
	if out := b.give([]byte(hello+"rest"), whole); !b.Done() || out != nil || string(b.rest) != "rest" {
		t.Errorf("done %v, sent %x, rest %q", b.Done(), out, b.rest)
	}
}

// TestRefusals: what a responder does not find or take. MSE-HS-005, MSE-HS-008,
// MSE-HS-012.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		want string
		skey mse.SKEY
		ask  mse.Method
	}{
		{"MSE-HS-012", mse.SKEY{5}, mse.RC4},
		{"MSE-HS-008", skey, mse.Plaintext},
		{"MSE-HS-008", skey, mse.Plaintext | 4},
		{"", skey, 0xffffffff},
	} {
		a, first := initiator(t, mse.InitiatorConfig{SKEY: c.skey, Provide: c.ask})
		b := responder(t, mse.ResponderConfig{Accept: mse.Required.Accept()})
		play(a, b, first, whole)
		if clause(b) != c.want {
			t.Errorf("%x provides %x: %q, want %q", c.skey[:1], c.ask, clause(b), c.want)
		}
	}
	a, first := initiator(t, mse.InitiatorConfig{})
	b := responder(t, mse.ResponderConfig{Accept: mse.Required.Accept()})
	third := a.give(b.give(first, whole), whole)
	third[40] ^= 1 // the first byte of VC
	b.give(third, whole)
	if clause(b) != "MSE-HS-005" {
		t.Errorf("a wrong VC: %q", clause(b))
	}
	if _, _, err := b.Receive([]byte("more"), nil); !errors.Is(err, b.err) {
		t.Errorf("after the failure: %v", err)
	}
}

// TestSelection: an initiator takes exactly one method that it provided,
// whatever it would have preferred. MSE-HS-008, MSE-HS-013.
func TestSelection(t *testing.T) {
	for _, c := range []struct {
		provide mse.Method
		reply   [6]byte // crypto_select, len(PadD)
		want    string
	}{
		{mse.Plaintext | mse.RC4, [6]byte{3: 1}, ""},
		{mse.Plaintext | mse.RC4, [6]byte{3: 2}, ""},
		{mse.RC4, [6]byte{0: 0x80, 3: 2}, ""},
		{mse.RC4, [6]byte{3: 1}, "MSE-HS-008"},
		{mse.Plaintext | mse.RC4, [6]byte{3: 3}, "MSE-HS-008"},
		{mse.Plaintext | mse.RC4, [6]byte{}, "MSE-HS-008"},
		{mse.RC4, [6]byte{3: 2, 4: 2, 5: 1}, "MSE-HS-013"},
	} {
		a, first := initiator(t, mse.InitiatorConfig{Provide: c.provide})
		b := responder(t, mse.ResponderConfig{Accept: []mse.Method{mse.Plaintext, mse.RC4}})
		reply := b.give(a.give(b.give(first, whole), whole), whole)
		ours := [6]byte{3: byte(b.Result().Method)}
		for i := range c.reply {
			reply[8+i] ^= ours[i] ^ c.reply[i] // under the key stream
		}
		a.give(reply, whole)
		if clause(a) != c.want || a.Done() != (c.want == "") {
			t.Errorf("%d provided, %x answered: %q, want %q", c.provide, c.reply, clause(a), c.want)
		}
	}
}

// TestRetryIsClean: a plain handshake after a failed one is known at once by a
// fresh responder, with nothing of the first. MSE-HS-015.
func TestRetryIsClean(t *testing.T) {
	if got := []bool{
		mse.Disabled.Retry(), mse.Allowed.Retry(), mse.Preferred.Retry(), mse.Required.Retry(),
	}; !slices.Equal(got, []bool{false, false, true, false}) {
		t.Errorf("the policies retry: %v", got)
	}
	refusing := mse.ResponderConfig{Open: true}
	_, first := initiator(t, mse.InitiatorConfig{})
	b := responder(t, refusing)
	if b.give(first, whole); clause(b) != "MSE-HS-016" {
		t.Fatalf("encryption where there is none: %v", b.err)
	}
	b = responder(t, refusing)
	if b.give([]byte("\x13BitTorrent protocol"), whole); !b.Done() || b.Result().Method != 0 {
		t.Errorf("the retry: %v", b.err)
	}
}
