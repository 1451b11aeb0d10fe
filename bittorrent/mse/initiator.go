package mse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Initiator is A, the side that opened the connection.
type Initiator struct {
	exchange
	cfg InitiatorConfig
}

// NewInitiator checks the configuration, whose slices it keeps.
func NewInitiator(cfg InitiatorConfig) (*Initiator, error) {
	if err := checkConfig(cfg.Private, len(cfg.Pad), int(cfg.PadC)); err != nil {
		return nil, err
	}
	switch {
	case cfg.Provide&knownMethods == 0:
		return nil, errors.New("mse: nothing is provided")
	case len(cfg.Initial) > MaxInitial:
		return nil, fmt.Errorf("mse: an initial payload of %d bytes, at most %d", len(cfg.Initial), MaxInitial)
	}
	h := &Initiator{cfg: cfg}
	h.await(key, KeySize)
	return h, nil
}

// Start appends step 1 to out: Ya and PadA. The driver sends it first.
func (h *Initiator) Start(out []byte) []byte { // MSE-HS-001
	y := PublicKey(h.cfg.Private)
	return append(append(out, y[:]...), h.cfg.Pad...)
}

// Receive takes bytes from the stream and appends what is to be sent to out.
// rest is what of b lies behind the handshake. The error is an [*Error], and
// stays.
func (h *Initiator) Receive(b, out []byte) (rest, _ []byte, err error) {
	return h.receive(b, out, h.advance)
}

func (h *Initiator) advance(out []byte) []byte {
	switch h.state {
	case key:
		return h.request(out)
	case verification:
		h.verify()
	case choice:
		h.choice()
	case padding:
		h.open() // the cipher has to pass over it
		h.settle(h.result.Method)
	default:
		panic("mse: an initiator in a responder's state")
	}
	return out
}

// request appends step 3.
func (h *Initiator) request(out []byte) []byte { // MSE-HS-005
	if !h.agree(h.cfg.Private) {
		return out
	}
	h.result.SKEY = h.cfg.SKEY
	h.result.Send, h.result.Receive = ciphers(h.secret[:], h.cfg.SKEY)

	sum := hash("req1", h.secret[:])
	out = append(out, sum[:]...)
	sum = torrentHash(h.secret[:], h.cfg.SKEY)
	out = append(out, sum[:]...)

	plain := make([]byte, vcSize, vcSize+4+2+int(h.cfg.PadC)+2+len(h.cfg.Initial))
	plain = binary.BigEndian.AppendUint32(plain, uint32(h.cfg.Provide))
	plain = appendPad(plain, h.cfg.PadC)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(h.cfg.Initial)))
	out = h.seal(out, append(plain, h.cfg.Initial...)) // MSE-HS-013

	h.await(verification, vcSize)
	return out
}

// verify looks for the encrypted VC.
func (h *Initiator) verify() { // MSE-HS-010
	var mark [vcSize]byte
	cipher := h.result.Receive
	cipher.XOR(mark[:], mark[:])
	if h.found(mark[:], initiatorSync-KeySize, "MSE-HS-010") {
		h.result.Receive = cipher
		h.await(choice, 4+2)
	}
}

// choice reads crypto_select and len(PadD).
func (h *Initiator) choice() {
	h.open()
	selected := Method(binary.BigEndian.Uint32(h.buf)) & knownMethods // MSE-HS-008
	pad := binary.BigEndian.Uint16(h.buf[4:])
	switch {
	case selected != Plaintext && selected != RC4, selected&h.cfg.Provide == 0:
		h.fail("MSE-HS-008", fmt.Sprintf("method %d was selected of %d", selected, h.cfg.Provide))
	case pad > MaxPad:
		h.fail("MSE-HS-013", fmt.Sprintf("PadD has %d bytes, at most %d", pad, MaxPad))
	default:
		h.result.Method = selected
		h.await(padding, int(pad))
	}
}

// appendPad appends the length of a pad and its zero bytes.
func appendPad(b []byte, n uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, n)
	return append(b, slices.Repeat([]byte{0}, int(n))...)
}
