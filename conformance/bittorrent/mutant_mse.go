package bittorrent

import (
	"bytes"
	"errors"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
)

// bentShake is a handshake behind rules for its bytes.
type bentShake struct {
	handshaker
	// hear changes or refuses a segment that has come, say what is sent, and end
	// the result. Segments and what is sent are counted from 1.
	hear func(n int, b []byte) ([]byte, error)
	say  func(n int, b []byte) []byte
	end  func(mse.Result) mse.Result
	// deaf stays on the line whatever is wrong.
	deaf bool

	heard, said int
}

func (s *bentShake) Receive(b, out []byte) (rest, sent []byte, err error) {
	if s.heard++; s.hear != nil {
		if b, err = s.hear(s.heard, b); err != nil {
			return nil, out, err
		}
	}
	rest, sent, err = s.handshaker.Receive(b, out)
	if len(sent) > 0 && s.say != nil {
		s.said++
		sent = s.say(s.said, sent)
	}
	if s.deaf {
		err = nil
	}
	return rest, sent, err
}

func (s *bentShake) Result() mse.Result {
	r := s.handshaker.Result()
	if s.end != nil {
		r = s.end(r)
	}
	return r
}

// shakes bends the handshakes of one direction.
func shakes(outbound bool, bend func(*bentShake)) func(*bent) {
	return func(b *bent) {
		b.shaking.Wrap = func(h handshaker, out bool) handshaker {
			s := &bentShake{handshaker: h}
			if out == outbound {
				bend(s)
			}
			return s
		}
	}
}

var errMutant = errors.New("the mutant does not like it")

// unkeyed is a result with ciphers that nobody else has.
func unkeyed(r mse.Result) mse.Result {
	a, err := mse.NewInitiator(mse.InitiatorConfig{Private: [20]byte{1}, Provide: mse.RC4})
	if err != nil {
		panic(err)
	}
	b, err := mse.NewResponder(mse.ResponderConfig{
		Private: [20]byte{2}, SKEYs: []mse.SKEY{{}}, Accept: []mse.Method{mse.RC4},
	})
	if err != nil {
		panic(err)
	}
	for toB := a.Start(nil); !b.Done(); {
		_, toA, errB := b.Receive(toB, nil)
		_, next, errA := a.Receive(toA, nil)
		if toB = next; errA != nil || errB != nil {
			panic("conformance: a handshake of a mutant with itself")
		}
	}
	r.Send, r.Receive = b.Result().Send, b.Result().Receive
	return r
}

// encryptionMutants shake hands in a wrong way.
func encryptionMutants() []Mutant {
	return slices.Concat(mseHearingMutants(), mseAnsweringMutants(), mseInitiatorMutants())
}

// refusing is a responder that hangs up at a segment for which the function
// holds.
func refusing(when func(n int, b []byte) bool) func(*bent) {
	return shakes(false, func(s *bentShake) {
		s.hear = func(n int, b []byte) ([]byte, error) {
			if when(n, b) {
				return nil, errMutant
			}
			return b, nil
		}
	})
}

func mseHearingMutants() []Mutant {
	return []Mutant{
		{
			Name: "mse-pad-of-255", What: "a PadA of more than 255 bytes is too long",
			bend: refusing(func(n int, b []byte) bool { return n == 1 && len(b) > mse.KeySize+255 }),
		},
		{
			Name: "mse-pad-of-any-length", What: "PadA is passed over however long it is",
			bend: shakes(false, func(s *bentShake) {
				s.hear = func(n int, b []byte) ([]byte, error) {
					if n == 1 && len(b) > mse.KeySize+mse.MaxPad {
						b = b[:mse.KeySize+mse.MaxPad]
					}
					return b, nil
				}
			}),
		},
		{
			Name: "mse-plain-by-anything", What: "a plain handshake is looked for in the pad, too",
			bend: refusing(func(n int, b []byte) bool { return bytes.Contains(b[1:], []byte(plainOpening)) }),
		},
		{
			Name: "mse-plain-by-its-first-byte", What: "what begins with 19 is a plain handshake",
			bend: refusing(func(n int, b []byte) bool {
				return n == 1 && len(b) > 20 && b[0] == 19 && !bytes.HasPrefix(b, []byte(plainOpening))
			}),
		},
		{
			Name: "mse-key-without-leading-zeros", What: "a key that begins with 0 is taken for a number of 95 bytes",
			bend: refusing(func(n int, b []byte) bool { return n == 1 && b[0] == 0 }),
		},
		{
			Name: "mse-pad-c-unexpected", What: "a pad behind the offer is not passed over",
			bend: refusing(func(n int, b []byte) bool { return n == 2 && len(b) > 300 }),
		},
		{
			Name: "mse-in-whole-segments", What: "a step has to come in one segment",
			bend: refusing(func(n int, b []byte) bool { return n == 1 && len(b) < mse.KeySize && b[0] != 19 }),
		},
	}
}

func mseAnsweringMutants() []Mutant {
	return []Mutant{
		{
			Name: "mse-never-hangs-up", What: "after a handshake that fails the connection stays",
			bend: shakes(false, func(s *bentShake) { s.deaf = true }),
		},
		{
			Name: "mse-selects-both", What: "from the second connection on plaintext is selected beside RC4",
			bend: func(b *bent) {
				connections := 0
				shakes(false, func(s *bentShake) {
					connections++
					s.say = func(n int, b []byte) []byte {
						if n == 2 && connections > 1 {
							b[8+3] ^= byte(mse.Plaintext)
						}
						return b
					}
				})(b)
			},
		},
		{
			Name: "mse-initial-payload-lost", What: "the initial payload is not read",
			bend: shakes(false, func(s *bentShake) {
				s.end = func(r mse.Result) mse.Result {
					if r.Method != 0 {
						r.Payload = nil
					}
					return r
				}
			}),
		},
		{
			Name: "mse-plaintext-enciphered", What: "after plaintext was selected the payload is enciphered still",
			bend: shakes(false, func(s *bentShake) {
				s.end = func(r mse.Result) mse.Result {
					if r.Method == mse.Plaintext {
						return unkeyed(r)
					}
					return r
				}
			}),
		},
		{
			Name: "mse-plain-refused", What: "plaintext is refused although it is allowed",
			bend: func(b *bent) {
				b.shaking.Responder = func(cfg *mse.ResponderConfig) { cfg.Open = false }
			},
		},
		{
			Name: "mse-plain-taken", What: "plaintext is taken although encryption is required",
			bend: func(b *bent) {
				b.shaking.Responder = func(cfg *mse.ResponderConfig) { cfg.Open = true }
			},
		},
		{
			Name: "mse-responder-key-kept", What: "one private key serves for all connections that come",
			bend: func(b *bent) {
				b.shaking.Responder = func(cfg *mse.ResponderConfig) { cfg.Private = [20]byte{1, 2, 3} }
			},
		},
	}
}

func mseInitiatorMutants() []Mutant {
	return []Mutant{
		{
			Name: "mse-pad-b-of-255", What: "a PadB of more than 255 bytes is too long",
			bend: shakes(true, func(s *bentShake) {
				s.hear = func(n int, b []byte) ([]byte, error) {
					if n == 1 && len(b) > mse.KeySize+255 {
						return nil, errMutant
					}
					return b, nil
				}
			}),
		},
		{
			Name: "mse-pad-d-unexpected", What: "a pad behind the selection is not passed over",
			bend: shakes(true, func(s *bentShake) {
				s.hear = func(n int, b []byte) ([]byte, error) {
					if n > 1 && len(b) > 300 {
						return nil, errMutant
					}
					return b, nil
				}
			}),
		},
		{
			Name: "mse-answer-in-whole-segments", What: "the answer has to come in one segment",
			bend: shakes(true, func(s *bentShake) {
				s.hear = func(_ int, b []byte) ([]byte, error) {
					if len(b) < vcSize {
						return nil, errMutant
					}
					return b, nil
				}
			}),
		},
		{
			Name: "mse-initiator-never-hangs-up", What: "after an answer that is none the connection stays",
			bend: shakes(true, func(s *bentShake) { s.deaf = true }),
		},
		{
			Name: "mse-initiator-unkeyed", What: "the payload is enciphered with other keys",
			bend: shakes(true, func(s *bentShake) { s.end = unkeyed }),
		},
		{
			Name: "mse-initiator-key-kept", What: "one private key serves for all connections that are made",
			bend: func(b *bent) {
				b.shaking.Initiator = func(cfg *mse.InitiatorConfig) { cfg.Private = [20]byte{1, 2, 3} }
			},
		},
		{
			Name: "mse-no-second-try", What: "a peer that hung up is given up",
			bend: retries(func(bool) bool { return false }),
		},
		{
			Name: "mse-required-tries-plaintext", What: "the second try is in plaintext whatever the setting",
			bend: retries(func(bool) bool { return true }),
		},
	}
}

func retries(rule func(bool) bool) func(*bent) {
	return func(b *bent) { b.shaking.Retry = rule }
}

// vcSize is the length of the verification constant.
const vcSize = 8
