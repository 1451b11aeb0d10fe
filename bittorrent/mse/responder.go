package mse

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// plainOpening is how a handshake without encryption begins (BEP 3).
const plainOpening = "\x13BitTorrent protocol"

// Responder is B, the side that was connected to.
type Responder struct {
	exchange
	cfg ResponderConfig
}

// NewResponder checks the configuration, whose slices it keeps.
func NewResponder(cfg ResponderConfig) (*Responder, error) {
	if err := checkConfig(cfg.Private, len(cfg.Pad), int(cfg.PadD)); err != nil {
		return nil, err
	}
	for _, m := range cfg.Accept {
		if m != Plaintext && m != RC4 {
			return nil, fmt.Errorf("mse: method %d is none", m)
		}
	}
	h := &Responder{cfg: cfg}
	h.await(opening, len(plainOpening))
	return h, nil
}

// Receive takes bytes from the stream and appends what is to be sent to out.
// rest is what of b lies behind the handshake. The error is an [*Error], and
// stays.
func (h *Responder) Receive(b, out []byte) (rest, _ []byte, err error) {
	return h.receive(b, out, h.advance)
}

func (h *Responder) advance(out []byte) []byte {
	switch h.state {
	case opening:
		h.opening()
	case key:
		return h.reply(out)
	case sync:
		mark := hash("req1", h.secret[:])
		if h.found(mark[:], responderSync-KeySize, "MSE-HS-009") { // MSE-HS-009
			h.await(torrent, hashSize)
		}
	case torrent:
		h.torrent()
	case provide:
		h.provide()
	case padding:
		h.open()
		h.await(payload, int(binary.BigEndian.Uint16(h.buf[len(h.buf)-2:])))
	case payload:
		return h.selected(out)
	default:
		panic("mse: a responder in an initiator's state")
	}
	return out
}

// opening tells a plain handshake by all of its first 20 bytes: a key may
// begin with any of them.
func (h *Responder) opening() { // MSE-HS-011
	switch plain := string(h.buf) == plainOpening; {
	case plain && !h.cfg.Open:
		h.fail("MSE-HS-016", "a handshake without encryption is refused") // MSE-HS-016
	case plain:
		h.result.Payload = h.buf
		h.finish()
	case len(h.cfg.Accept) == 0:
		h.fail("MSE-HS-016", "encryption is refused")
	default:
		h.state, h.need = key, KeySize // they are the first of Ya
	}
}

// reply appends step 2: Yb and PadB.
func (h *Responder) reply(out []byte) []byte { // MSE-HS-002
	if !h.agree(h.cfg.Private) {
		return out
	}
	h.await(sync, hashSize)
	y := PublicKey(h.cfg.Private)
	return append(append(out, y[:]...), h.cfg.Pad...)
}

// torrent finds out which stream is meant.
func (h *Responder) torrent() { // MSE-HS-012
	at := slices.IndexFunc(h.cfg.SKEYs, func(k SKEY) bool {
		return torrentHash(h.secret[:], k) == [hashSize]byte(h.buf)
	})
	if at < 0 {
		h.fail("MSE-HS-012", "the torrent is unknown")
		return
	}
	h.result.SKEY = h.cfg.SKEYs[at]
	h.result.Receive, h.result.Send = ciphers(h.secret[:], h.result.SKEY)
	h.await(provide, vcSize+4+2)
}

// provide reads VC, crypto_provide and len(PadC).
func (h *Responder) provide() {
	h.open()
	provided := Method(binary.BigEndian.Uint32(h.buf[vcSize:]))
	pad := binary.BigEndian.Uint16(h.buf[vcSize+4:])
	at := slices.IndexFunc(h.cfg.Accept, func(m Method) bool { return m&provided != 0 })
	switch {
	case [vcSize]byte(h.buf) != [vcSize]byte{}:
		h.fail("MSE-HS-005", "VC is wrong")
	case at < 0:
		h.fail("MSE-HS-008", fmt.Sprintf("no method is acceptable of %#x", uint32(provided)))
	case pad > MaxPad:
		h.fail("MSE-HS-013", fmt.Sprintf("PadC has %d bytes, at most %d", pad, MaxPad))
	default:
		h.result.Method = h.cfg.Accept[at] // MSE-HS-008
		h.await(padding, int(pad)+2)
	}
}

// selected takes the initial payload and appends step 4.
func (h *Responder) selected(out []byte) []byte { // MSE-HS-006 MSE-HS-013
	h.open()
	h.result.Payload = h.buf
	plain := make([]byte, vcSize, vcSize+4+2+int(h.cfg.PadD))
	plain = binary.BigEndian.AppendUint32(plain, uint32(h.result.Method))
	out = h.seal(out, appendPad(plain, h.cfg.PadD))
	h.settle(h.result.Method)
	return out
}
