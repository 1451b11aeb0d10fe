// Package mse holds the fuzz target of the encryption handshake:
//
//	go test -fuzz FuzzHandshake ./fuzz/mse
//
// Without -fuzz, go test runs the seeds: dialogues of the machines themselves.
package mse

import (
	"bytes"
	"errors"
	"testing"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
)

// machine is either role.
type machine interface {
	Receive(b, out []byte) (rest, sent []byte, err error)
	Done() bool
	Result() mse.Result
}

// roles are a fresh machine of each kind.
func roles(t testing.TB) []machine {
	a, err := mse.NewInitiator(mse.InitiatorConfig{
		Private: [20]byte{1}, Provide: mse.Plaintext | mse.RC4, Initial: []byte("initial"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := mse.NewResponder(mse.ResponderConfig{
		Private: [20]byte{2}, SKEYs: make([]mse.SKEY, 1), Accept: mse.Preferred.Accept(), Open: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return []machine{a, b}
}

// outcome is all that a role shows of a stream.
type outcome struct {
	sent, rest, payload string
	done                bool
	method              mse.Method
	clause              string
}

// receive gives a stream to a role, in pieces of n bytes.
func receive(t *testing.T, m machine, stream []byte, n int) (o outcome) {
	var sent []byte
	for len(stream) > 0 {
		piece := bytes.Clone(stream[:min(n, len(stream))])
		rest, out, err := m.Receive(piece, sent)
		if !bytes.Equal(piece, stream[:len(piece)]) {
			t.Fatal("the machine wrote to what it was given")
		}
		sent, stream = out, stream[len(piece)-len(rest):]
		var refused *mse.Error
		if errors.As(err, &refused) {
			o.clause = refused.Clause
		}
		if err != nil || m.Done() {
			break
		}
	}
	if o.sent, o.rest, o.done = string(sent), string(stream), m.Done(); o.done {
		o.payload, o.method = string(m.Result().Payload), m.Result().Method
	}
	return o
}

// FuzzHandshake: no stream makes a machine panic or keep what lies behind the
// handshake, and how it is cut makes no difference.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x13BitTorrent protocol"), uint16(1))
	pair := roles(f)
	a, b := pair[0], pair[1]
	first := a.(*mse.Initiator).Start(nil)
	_, second, err := b.Receive(first, nil)
	if err != nil {
		f.Fatal(err)
	}
	_, third, err := a.Receive(second, nil)
	if err != nil {
		f.Fatal(err)
	}
	_, fourth, err := b.Receive(third, nil)
	if err != nil || !b.Done() {
		f.Fatal(err)
	}
	f.Add(append(append([]byte{}, first...), third...), uint16(7))
	f.Add(append(append([]byte{}, second...), fourth...), uint16(100))
	f.Add(append(append(append([]byte{}, second...), make([]byte, 512)...), fourth...), uint16(3))
	f.Fuzz(func(t *testing.T, stream []byte, n uint16) {
		once, cut := roles(t), roles(t)
		for i := range once {
			want := receive(t, once[i], stream, len(stream))
			if got := receive(t, cut[i], stream, int(n)+1); got != want {
				t.Fatalf("cut into %d bytes:\n%+v, whole:\n%+v", int(n)+1, got, want)
			}
			if want.done && want.clause != "" {
				t.Fatalf("done, and failed with %s", want.clause)
			}
		}
	})
}
