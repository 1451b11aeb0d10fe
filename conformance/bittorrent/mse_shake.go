package bittorrent

import (
	"bytes"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// Shake is the harness's side of an encryption handshake, over one stream.
type Shake struct {
	*conformance.Stream
	// Bend changes what is sent: Ya and PadA are step 1, the answer to the
	// target's key is step 2 or 3, and so on; nil changes nothing.
	Bend func(step int, b []byte) []byte
	// Cut has each byte sent in a segment of its own.
	Cut bool
	// Heard is all that the target has sent in the handshake.
	Heard []byte
	// Plain is set when the target began in plaintext.
	Plain bool
	// Err is what the verified machine found wrong with the target's side.
	Err error
	// Met is the peer of a swarm that goes on behind the handshake; nil before.
	Met *Peer

	t       *T
	content *Content
	machine handshaker
	step    int
	over    func() // called once, when it has succeeded or the target is plain
}

// plainOpening is how a handshake without encryption begins.
const plainOpening = "\x13BitTorrent protocol"

func newShake(t *T, c *Content, s *conformance.Stream, m handshaker) *Shake {
	h := &Shake{Stream: s, t: t, content: c, machine: m}
	s.Handle = func(*conformance.Stream) { h.read() }
	return h
}

// readyEncrypted tries whether a seeder that was just started, and that may refuse
// plaintext, shakes hands.
func readyEncrypted(t *T, s *conformance.Stream) bool {
	c := ContentOf(t)
	private, _ := drawSecrets(t.Rand())
	m, err := mse.NewInitiator(mse.InitiatorConfig{Private: private, SKEY: c.Hash(), Provide: mse.RC4})
	if err != nil {
		t.Harnessf("a handshake of the harness: %v", err)
	}
	h := newShake(t, c, s, m).Begin()
	defer h.Close()
	return t.Until(func() bool { return h.Done() || h.Failed() }, time.Second) && h.Done()
}

// Initiate dials the target, to shake hands as the configuration says: what it
// leaves out of key and info-hash is filled in. Nothing is sent yet.
func Initiate(t *T, cfg mse.InitiatorConfig) *Shake {
	c := ContentOf(t)
	if cfg.Private == ([mse.PrivateSize]byte{}) {
		cfg.Private, _ = drawSecrets(t.Rand())
	}
	if cfg.SKEY == (mse.SKEY{}) {
		cfg.SKEY = c.Hash()
	}
	if cfg.Provide == 0 {
		cfg.Provide = mse.RC4
	}
	m, err := mse.NewInitiator(cfg)
	if err != nil {
		t.Harnessf("a handshake of the harness: %v", err)
	}
	return newShake(t, c, t.Dial(), m)
}

// Begin sends step 1 and returns the shake.
func (h *Shake) Begin() *Shake {
	h.send(h.machine.(*mse.Initiator).Start(nil))
	return h
}

func (h *Shake) send(b []byte) {
	if len(b) == 0 {
		return
	}
	h.step++
	if h.Bend != nil {
		b = h.Bend(h.step, b)
	}
	note := fmt.Sprintf("step %d of our side of the encryption handshake", h.step)
	if !h.Cut {
		h.WriteMalformed(b, note)
		return
	}
	for i := range b {
		h.WriteMalformed(b[i:i+1], note)
	}
}

// read takes what the handshake needs of what has arrived.
func (h *Shake) read() {
	for h.Err == nil && !h.machine.Done() && len(h.Buffered()) > 0 {
		if _, responds := h.machine.(*mse.Responder); responds && len(h.Heard) == 0 {
			n := min(len(h.Buffered()), len(plainOpening))
			if string(h.Buffered()[:n]) == plainOpening[:n] {
				if n == len(plainOpening) {
					h.Plain = true
					h.over()
				}
				return // a key may begin like this, too
			}
		}
		b := bytes.Clone(h.Buffered())
		rest, out, err := h.machine.Receive(b, nil)
		h.Heard = append(h.Heard, b[:len(b)-len(rest)]...)
		h.Discard(len(b) - len(rest))
		h.Err = err
		if err != nil {
			h.t.Notef("the target's encryption handshake is none: %v", err)
		}
		h.send(out)
		if h.Done() && h.over != nil {
			h.over()
		}
	}
}

// Done reports that both sides have agreed.
func (h *Shake) Done() bool { return h.machine.Done() }

// Failed reports that they will not.
func (h *Shake) Failed() bool { return h.Err != nil || h.Ended() && !h.Done() }

// Await waits for the outcome.
func (h *Shake) Await() bool {
	h.t.Until(func() bool { return h.Done() || h.Failed() }, 2*AnswerWithin)
	return h.Done()
}

// Must waits for the handshake to succeed; otherwise the case fails.
func (h *Shake) Must() *Shake {
	if !h.Await() {
		h.t.Failf("the encryption handshake fails: %s", h.standing())
	}
	return h
}

func (h *Shake) standing() string {
	switch {
	case h.Err != nil:
		return h.Err.Error()
	case h.Stream.Err() != nil:
		return "the connection ended: " + h.Stream.Err().Error()
	case h.Ended():
		return fmt.Sprintf("the target closed the connection after %d bytes of its own", len(h.Heard))
	default:
		return fmt.Sprintf("nothing comes after %d bytes of the target", len(h.Heard))
	}
}

// Peer goes on with the peer wire protocol. What the target sent as initial
// payload is read first.
func (h *Shake) Peer() *Peer {
	p := newPeer(h.t, h.content, h.Stream)
	h.settle(p)
	return p
}

// settle lets a peer of the stream go on behind the handshake.
func (h *Shake) settle(p *Peer) {
	if !h.Plain {
		r := h.machine.Result()
		p.Encrypt(
			func(b []byte) { r.Send.XOR(b, b) },
			func(b []byte) { r.Receive.XOR(b, b) },
		)
		p.inject(r.Payload)
	}
	p.read()
}

// inject reads messages that came otherwise than by the stream.
func (p *Peer) inject(b []byte) {
	for len(b) > 0 {
		m, n, err := p.decode(b)
		if err != nil || n == 0 {
			p.t.Inconclusivef("the initial payload does not end with a message: %x", b)
		}
		b = b[n:]
		p.take(own(m))
	}
}

// Control is the well-formed twin: a handshake in RC4 that succeeds, and a
// piece that is served. A target that takes none does not encrypt.
func Control(t *T) {
	h := Initiate(t, mse.InitiatorConfig{}).Begin()
	if !h.Await() {
		t.Unsupportedf("the target takes no encrypted handshake: %s", h.standing())
	}
	p := h.Peer()
	p.Greet(wire.FeatureFast)
	p.Met()
	p.Close()
}

// Refused waits for the target to end the connection.
func (h *Shake) Refused(what string) {
	if !h.t.Until(func() bool { return h.Ended() || h.Done() }, refusedWithin) || h.Done() {
		h.t.Failf("the connection goes on after %s: %s", what, h.standing())
	}
	h.t.Earn()
}

// refusedWithin is how long a target may think about bytes that are wrong. Many
// end a handshake that does not go on only after half a minute; that is no
// refusal.
const refusedWithin = 8 * time.Second
