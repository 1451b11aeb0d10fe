// Package mse is Message Stream Encryption, also called Protocol Encryption:
// the key exchange that hides the peer wire protocol of BitTorrent in what
// looks like random bytes. Each side of the handshake is a pure byte machine;
// it makes the protocol harder to recognise and gives no authenticity.
//
// # Implements
//
// The specification of Ludde, uau, The 8472, Parg and Nolar: both roles, the
// payload in plaintext and in RC4, initial payload, padding, and the choice
// among several torrents by the hash of their SKEY, as the catalogue rows
// MSE-HS-… have it; a [Policy] says what a client offers and takes.
//
// # Does not
//
// It reads no clock: 30 seconds for the handshake are the driver's to hold. It
// draws no randomness: private keys and pads are inputs. The arithmetic takes
// a time that depends on the private key, which serves for one handshake.
//
// # Driving the handshake
//
//	h, err := mse.NewInitiator(mse.InitiatorConfig{Private: x, Pad: pad, SKEY: infoHash, Provide: mse.RC4})
//	out := h.Start(nil) // to be sent
//	for !h.Done() {
//		// send out, read b
//		rest, out, err = h.Receive(b, out[:0])
//	}
//	// send out; rest is the first of what h.Result().Receive deciphers
//
// A [Responder] starts with Receive.
//
// # Reading order
//
// config.go (inputs and results), initiator.go and responder.go (the two
// roles), exchange.go (what they share), crypto.go (keys and hashes),
// cipher.go (the streams), policy.go (what a client offers and takes).
//
// # State diagram
//
//	initiator  key ── verification ── select ── pad ── done
//	responder  opening ┬ key ── sync ── torrent ── provide ── pad ── payload ── done
//	                   └ done, when it is a plaintext handshake
//
// Any state but done can end in failed.
//
// # Deviations
//
//  1. The optional early end after more than 608 bytes in steps 2 and 3 is
//     left out: the limits of 628 and 616 bytes bound the same search.
//  2. Bits of crypto_select that have no meaning are ignored, as the text says;
//     one that selects both methods is refused.
//
// # Guarantees
//
// No input makes a machine panic. It keeps at most 65535 bytes of initial
// payload, and less than 1 KiB otherwise. However a stream is cut into pieces,
// the outcome is the same, and no byte behind the handshake is taken. What is
// given to it is never written to.
//
// # Compatibility
//
// Exported names and the clause ids in errors are stable; the wording of errors
// is not. New fields may be added.
package mse
