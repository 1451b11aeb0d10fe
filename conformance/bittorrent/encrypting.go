package bittorrent

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// handshaker is either role of package mse.
type handshaker interface {
	Receive(b, out []byte) (rest, sent []byte, err error)
	Done() bool
	Result() mse.Result
}

// Shaking is how a mutant shakes hands: nil changes nothing.
type Shaking struct {
	Responder func(*mse.ResponderConfig)
	Initiator func(*mse.InitiatorConfig)
	Wrap      func(h handshaker, outbound bool) handshaker
	Retry     func(allowed bool) bool // whether plaintext is tried
}

// encryptingHost is the peer on virtual time behind the layer that
// transport/torrent puts around its streams on real sockets. The machine learns
// of a stream when its handshake is over.
type encryptingHost struct {
	*conformance.MachineHost
	policy  mse.Policy
	skey    mse.SKEY
	shaking Shaking
	rng     spec.Rand
	streams map[spec.Conn]*encryptedStream
}

type encryptedStream struct {
	to       netip.AddrPort // that was dialled; the zero value when we were
	shake    handshaker     // nil once it is over, and without encryption
	opening  conformance.StreamEvent
	plain    bool // the retry
	in, out  mse.Cipher
	outbound bool
}

func newEncryptingHost(r *running, s Shaking) *encryptingHost {
	return &encryptingHost{
		MachineHost: &conformance.MachineHost{
			Machine: r.machine, Streams: r.codec, Storage: r.storage, OnEffect: r.observe,
		},
		policy: r.policy, skey: r.node.InfoHash(), shaking: s, rng: spec.NewRand(r.seed),
		streams: map[spec.Conn]*encryptedStream{},
	}
}

// Apply steps the machine.
func (h *encryptingHost) Apply(now time.Duration, in spec.Input, out []conformance.Outgoing) []conformance.Outgoing {
	return h.seal(out, h.MachineHost.Apply(now, in, nil))
}

// Wake lets the machine's timers fire.
func (h *encryptingHost) Wake(now time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	return h.seal(out, h.MachineHost.Wake(now, nil))
}

// seal enciphers what the machine writes.
func (h *encryptingHost) seal(out, of []conformance.Outgoing) []conformance.Outgoing {
	for _, o := range of {
		s := h.streams[o.Conn]
		switch {
		case o.Op == conformance.DialStream:
			h.streams[o.Conn] = &encryptedStream{to: o.To, outbound: true}
		case o.Op == conformance.WriteStream && s != nil && s.out.Active():
			b := make([]byte, len(o.Payload))
			s.out.XOR(b, o.Payload)
			o.Payload = b
		case o.Op == conformance.CloseStream || o.Op == conformance.AbortStream:
			delete(h.streams, o.Conn)
		}
		out = append(out, o)
	}
	return out
}

// Stream shakes hands, deciphers, and hands the machine the rest.
func (h *encryptingHost) Stream(
	now time.Duration, e conformance.StreamEvent, out []conformance.Outgoing,
) []conformance.Outgoing {
	s := h.streams[e.Conn]
	switch {
	case e.Kind == conformance.StreamAccepted:
		s = &encryptedStream{}
		h.streams[e.Conn] = s
		if h.policy != mse.Disabled {
			return h.begin(e, s, out)
		}
	case e.Kind == conformance.StreamOpened && s != nil && !s.plain && h.policy.Provide() != 0:
		return h.begin(e, s, out)
	case s != nil && s.shake != nil:
		return h.proceed(now, e, s, out)
	case e.Kind == conformance.StreamData && s != nil:
		s.in.XOR(e.Data, e.Data)
	}
	return h.seal(out, h.MachineHost.Stream(now, e, nil))
}

// begin starts the handshake of a new stream.
func (h *encryptingHost) begin(
	e conformance.StreamEvent, s *encryptedStream, out []conformance.Outgoing,
) []conformance.Outgoing {
	s.opening = e
	private, pad := drawSecrets(&h.rng)
	if !s.outbound {
		cfg := mse.ResponderConfig{
			Private: private, Pad: pad, SKEYs: []mse.SKEY{h.skey}, Accept: h.policy.Accept(), Open: h.policy.Open(),
		}
		if h.shaking.Responder != nil {
			h.shaking.Responder(&cfg)
		}
		r, err := mse.NewResponder(cfg)
		s.shake = h.wrapped(r, err, false)
		return out
	}
	cfg := mse.InitiatorConfig{Private: private, Pad: pad, SKEY: h.skey, Provide: h.policy.Provide()}
	if h.shaking.Initiator != nil {
		h.shaking.Initiator(&cfg)
	}
	i, err := mse.NewInitiator(cfg)
	s.shake = h.wrapped(i, err, true)
	return append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: e.Conn, Payload: i.Start(nil)})
}

func (h *encryptingHost) wrapped(s handshaker, err error, outbound bool) handshaker {
	if err != nil {
		panic("conformance: a handshake of encryption: " + err.Error())
	}
	if h.shaking.Wrap != nil {
		return h.shaking.Wrap(s, outbound)
	}
	return s
}

// drawSecrets is a private key, never zero, and a pad.
func drawSecrets(r *spec.Rand) (private [mse.PrivateSize]byte, pad []byte) {
	r.Fill(private[:])
	private[0] |= 0x80
	pad = make([]byte, r.Below(mse.MaxPad+1))
	r.Fill(pad)
	return private, pad
}

var errShake = errors.New("the stream ended during the handshake")

// proceed goes on with a handshake.
func (h *encryptingHost) proceed(
	now time.Duration, e conformance.StreamEvent, s *encryptedStream, out []conformance.Outgoing,
) []conformance.Outgoing {
	var rest, sent []byte
	var err error
	switch e.Kind {
	case conformance.StreamData:
		rest, sent, err = s.shake.Receive(e.Data, nil)
	case conformance.StreamEnded, conformance.StreamBroken:
		err = errShake
	default:
		return out
	}
	if len(sent) > 0 {
		out = append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: e.Conn, Payload: sent})
	}
	if err != nil {
		return h.failed(now, e, s, err, out)
	}
	if !s.shake.Done() {
		return out
	}
	r := s.shake.Result()
	s.shake, s.in, s.out = nil, r.Receive, r.Send
	s.in.XOR(rest, rest)
	out = h.seal(out, h.MachineHost.Stream(now, s.opening, nil))
	if e.Data = append(r.Payload, rest...); len(e.Data) > 0 {
		out = h.seal(out, h.MachineHost.Stream(now, e, nil))
	}
	return out
}

// failed ends a stream, or dials it again for a try in plaintext. MSE-HS-015
func (h *encryptingHost) failed(
	now time.Duration, e conformance.StreamEvent, s *encryptedStream, err error, out []conformance.Outgoing,
) []conformance.Outgoing {
	out = append(out, conformance.Outgoing{Op: conformance.CloseStream, Conn: e.Conn})
	retry := h.policy.Retry()
	if h.shaking.Retry != nil {
		retry = h.shaking.Retry(retry)
	}
	if s.outbound && retry {
		h.streams[e.Conn] = &encryptedStream{to: s.to, outbound: true, plain: true}
		return append(out, conformance.Outgoing{Op: conformance.DialStream, Conn: e.Conn, To: s.to})
	}
	delete(h.streams, e.Conn)
	if !s.outbound {
		return out // the machine has never known it
	}
	e.Kind, e.Err = conformance.StreamBroken, fmt.Errorf("no encryption: %w", err)
	return h.seal(out, h.MachineHost.Stream(now, e, nil))
}
