package mse

import "fmt"

// Sizes and limits of the protocol, in bytes.
const (
	// KeySize is the length of public keys and of the shared secret: 768 bits,
	// with leading zeros kept (MSE §DH Parameters).
	KeySize = 96
	// PrivateSize is the recommended length of a private key: 160 bits.
	PrivateSize = 20
	// MaxPad bounds each of PadA to PadD.
	MaxPad = 512
	// MaxInitial bounds the initial payload, whose length has 16 bits.
	MaxInitial = 1<<16 - 1

	// responderSync is where HASH('req1', S) must have ended, counted from the
	// start of the connection: 96 + 512 + 20 (MSE §4 termination by B).
	responderSync = KeySize + MaxPad + hashSize
	// initiatorSync is where the encrypted VC must have ended: 96 + 512 + 8
	// (MSE §5 termination by A; an older copy of the text says 516).
	initiatorSync = KeySize + MaxPad + vcSize
)

// SKEY is what both sides know of the stream: the torrent's info-hash.
type SKEY [20]byte

// Method is a set of encryption methods, as crypto_provide and crypto_select
// have them.
type Method uint32

// The methods. Other bits are reserved and ignored.
const (
	// Plaintext encrypts the handshake alone.
	Plaintext Method = 1
	// RC4 encrypts all that follows, too.
	RC4 Method = 2
)

const knownMethods = Plaintext | RC4

// InitiatorConfig is what the side that opened the connection brings.
type InitiatorConfig struct {
	Private [PrivateSize]byte // random, not zero, and used once
	Pad     []byte            // PadA: up to MaxPad random bytes
	PadC    uint16            // number of zero bytes behind crypto_provide, up to MaxPad
	SKEY    SKEY
	Provide Method // at least one
	Initial []byte // IA: what the stream begins with, up to MaxInitial bytes
}

// ResponderConfig is what the side that was connected to brings.
type ResponderConfig struct {
	Private [PrivateSize]byte // random, not zero, and used once
	Pad     []byte            // PadB: up to MaxPad random bytes
	PadD    uint16            // number of zero bytes behind crypto_select, up to MaxPad
	SKEYs   []SKEY            // the torrents served
	Accept  []Method          // single methods, the preferred first; none refuses all encryption
	Open    bool              // a handshake without encryption is welcome
}

// Result is what a finished handshake agreed on.
type Result struct {
	// Method is zero when the remote party spoke plain BitTorrent.
	Method Method
	// SKEY is the torrent; zero when Method is.
	SKEY SKEY
	// Payload is what the responder already has of the stream, deciphered: the
	// initial payload, or the 20 bytes by which a plain handshake was known.
	Payload []byte
	// Send and Receive are the ciphers of the two directions from here on.
	Send, Receive Cipher
}

// Error says which clause the remote party broke, or which demand of ours it
// did not meet. The connection is of no use after it.
type Error struct {
	Clause string // id in the catalogue
	Text   string
}

func (e *Error) Error() string { return "mse: " + e.Text }

func checkConfig(private [PrivateSize]byte, pads ...int) error {
	if private == ([PrivateSize]byte{}) {
		return fmt.Errorf("mse: the private key is zero")
	}
	for _, n := range pads {
		if n > MaxPad {
			return fmt.Errorf("mse: a pad of %d bytes, at most %d", n, MaxPad)
		}
	}
	return nil
}
