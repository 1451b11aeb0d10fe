package bittorrent

import (
	"fmt"
	"math/big"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/conformance"
)

// AddEncrypted puts a seeder into the swarm that takes encrypted handshakes, as
// the configuration says, and plain ones. What that leaves out of key, torrent
// and methods is filled in. Prepare, which may be nil, sees each handshake
// before it begins.
func (s *Swarm) AddEncrypted(cfg mse.ResponderConfig, prepare func(*Shake)) {
	l := s.t.Listen(func(stream *conformance.Stream) {
		cfg := cfg
		if cfg.Private == ([mse.PrivateSize]byte{}) {
			cfg.Private, _ = drawSecrets(s.t.Rand())
		}
		if cfg.Accept == nil {
			cfg.Accept = []mse.Method{mse.RC4, mse.Plaintext}
		}
		cfg.SKEYs = []mse.SKEY{s.Hash()}
		m, err := mse.NewResponder(cfg)
		if err != nil {
			s.t.Harnessf("a handshake of the harness: %v", err)
		}
		h := newShake(s.t, s.Content, stream, m)
		s.Shakes = append(s.Shakes, h)
		h.over = func() {
			s.meet(stream, Plain, s.Seed)
			h.Met = s.Peers[len(s.Peers)-1]
			h.settle(h.Met)
		}
		if prepare != nil {
			prepare(h)
		}
	})
	s.named = append(s.named, l.Addr())
}

// StartEncrypted starts the target, which is told to encrypt, and waits for the
// first handshake that is not plain.
func (s *Swarm) StartEncrypted(how conformance.Encryption) *Shake {
	s.StartWith(conformance.StartOptions{Encryption: how})
	first := func() *Shake {
		for _, h := range s.Shakes {
			if !h.Plain && len(h.Heard) >= mse.KeySize {
				return h
			}
		}
		return nil
	}
	s.t.Until(func() bool { return first() != nil || s.Asked() }, downloadWithin)
	switch h := first(); {
	case h != nil:
		return h
	case len(s.Shakes) > 0:
		s.t.Unsupportedf("the target begins its connections in plaintext, although it was told to encrypt")
	}
	s.t.Inconclusivef("the target connected to nobody within %v", downloadWithin)
	return nil
}

// mseInitiator judges how a leecher begins the handshake of Message Stream
// Encryption.
var mseInitiator = []Case{
	mseDownloads("agrees-on-rc4", "is as it should be, without a pad", []string{"MSE-HS-001", "MSE-HS-005", "MSE-HS-007"},
		mse.ResponderConfig{}, false,
		"mse-initiator-unkeyed"),
	mseDownloads("pad-b-of-512", "has a PadB of 512 bytes", []string{"MSE-HS-010"},
		mse.ResponderConfig{Pad: make([]byte, mse.MaxPad)}, false,
		"mse-initiator-unkeyed", "mse-pad-b-of-255"),
	mseDownloads("pad-d-of-512", "has a PadD of 512 bytes", []string{"MSE-HS-013"},
		mse.ResponderConfig{PadD: mse.MaxPad}, false,
		"mse-initiator-unkeyed", "mse-pad-d-unexpected"),
	mseDownloads("answer-byte-by-byte", "comes byte by byte", []string{"MSE-HS-010"},
		mse.ResponderConfig{Pad: make([]byte, 20)}, true,
		"mse-answer-in-whole-segments", "mse-initiator-unkeyed"),
	mseDownloads("plaintext-selected", "selects plaintext, if that was offered", []string{"MSE-HS-014", "MSE-HS-008"},
		mse.ResponderConfig{Accept: []mse.Method{mse.Plaintext, mse.RC4}}, false,
		"mse-initiator-unkeyed"),
	mseGivesUp("pad-b-of-513", "a PadB of 513 bytes", "MSE-HS-010", conformance.Must,
		mse.ResponderConfig{Pad: make([]byte, mse.MaxPad)},
		func(step int, b []byte) []byte { return append(b, make([]byte, step%2)...) },
		"mse-initiator-never-hangs-up"),
	mseGivesUp("two-methods-selected", "a selection of plaintext and RC4 at once", "MSE-HS-008", conformance.Should,
		mse.ResponderConfig{}, selecting(mse.Plaintext|mse.RC4),
		"mse-initiator-never-hangs-up"),
	mseGivesUp("no-method-selected", "a selection of no method", "MSE-HS-008", conformance.Must,
		mse.ResponderConfig{}, selecting(0),
		"mse-initiator-never-hangs-up"),
	mseGivesUp("unknown-method-selected", "a selection of a method that does not exist", "MSE-HS-008", conformance.Must,
		mse.ResponderConfig{}, selecting(1<<7),
		"mse-initiator-never-hangs-up"),
	degenerateAnswer("zero", "0", big.NewInt(0), "mse-initiator-never-hangs-up"),
	degenerateAnswer("one", "1", big.NewInt(1), "mse-initiator-never-hangs-up"),
	degenerateAnswer("prime-less-one", "P-1", primeAnd(-1), "mse-initiator-never-hangs-up"),
	{
		ID: "mse/initiator/clean-second-try", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"MSE-HS-015"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's public key on the first connection",
		Explain: "The only peer closes each connection on which it gets a public key, as one does that knows no " +
			"encryption. The target, which prefers encryption, should try again in plaintext, on a connection of " +
			"its own, and ask for pieces then. A public key must not come again.",
		Causes: []string{"the retry goes on with the old ciphers", "the peer is given up"},
		Within: 3 * downloadWithin,
		Kills:  []string{"mse-no-second-try"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.AddEncrypted(mse.ResponderConfig{}, func(h *Shake) {
				h.Bend = func(int, []byte) []byte { h.Close(); return nil }
			})
			first := s.StartEncrypted(conformance.EncryptionPreferred)
			if !t.Until(s.Asked, 2*downloadWithin) {
				t.Failf("after a peer closed the connection on the target's key it is asked for nothing: %d connections",
					len(s.Shakes))
			}
			for _, h := range s.Shakes[1:] {
				if !h.Plain && len(h.Heard) >= mse.KeySize && sameKey(h, first) {
					t.Failf("the second try has the public key of the first")
				}
			}
		},
	},
	{
		ID: "mse/initiator/required-tries-no-plaintext", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"MSE-HS-016"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedEncryption, conformance.NeedClock},
		Control: "the target's public key on the first connection",
		Explain: "The target is started so that it requires encryption. The only peer closes each connection on " +
			"the target's key, for five minutes. No connection may begin in plaintext.",
		Causes: []string{"the second try is in plaintext whatever the setting"},
		Within: 10 * time.Minute,
		Kills:  []string{"mse-required-tries-plaintext"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.AddEncrypted(mse.ResponderConfig{}, func(h *Shake) {
				h.Bend = func(int, []byte) []byte { h.Close(); return nil }
			})
			s.StartWith(conformance.StartOptions{Encryption: conformance.EncryptionRequired})
			plain := func() bool {
				for _, h := range s.Shakes {
					if h.Plain {
						return true
					}
				}
				return false
			}
			t.Until(plain, 5*time.Minute)
			switch {
			case plain():
				t.Failf("connection %d begins in plaintext", len(s.Shakes))
			case len(s.Shakes) == 0:
				t.Inconclusivef("the target connected to nobody")
			}
			t.Earn()
		},
	},
	{
		ID: "mse/initiator/key-of-its-own-each-time", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"MSE-HS-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "two handshakes that succeed",
		Explain: "Two peers are connected to. The target's public keys should differ.",
		Causes:  []string{"the key is made at the start of the program"},
		Within:  2 * downloadWithin,
		Kills:   []string{"mse-initiator-key-kept"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.AddEncrypted(mse.ResponderConfig{}, nil)
			s.AddEncrypted(mse.ResponderConfig{}, nil)
			s.StartEncrypted(conformance.EncryptionRequired)
			done := func() (of []*Shake) {
				for _, h := range s.Shakes {
					if h.Done() && !h.Plain {
						of = append(of, h)
					}
				}
				return of
			}
			if !t.Until(func() bool { return len(done()) >= 2 }, downloadWithin) {
				t.Inconclusivef("%d encrypted connections were made, of two", len(done()))
			}
			if sameKey(done()[0], done()[1]) {
				t.Failf("two connections have the same public key")
			}
			t.Earn()
		},
	},
}

func sameKey(a, b *Shake) bool { return string(a.Heard[:mse.KeySize]) == string(b.Heard[:mse.KeySize]) }

// selecting changes crypto_select, of which the harness would say RC4.
func selecting(m mse.Method) func(step int, b []byte) []byte {
	const at = 8 + 3 // behind VC
	return func(step int, b []byte) []byte {
		if step == 2 {
			b[at] ^= byte(mse.RC4 ^ m)
		}
		return b
	}
}

// mseDownloads is an answer with which the target must agree, and go on to ask
// for pieces.
func mseDownloads(slug, what string, clauses []string, cfg mse.ResponderConfig, cut bool, kills ...string) Case {
	return Case{
		ID: "mse/initiator/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: clauses, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's public key",
		Explain: fmt.Sprintf("The target connects, and begins an encryption handshake. The answer %s. The "+
			"handshake must succeed, and the target must ask for pieces on the same connection.", what),
		Causes: []string{"the target does not look for the end of a pad", "the ciphers do not drop 1024 bytes"},
		Kills:  kills,
		Within: 3 * downloadWithin,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.AddEncrypted(cfg, func(h *Shake) { h.Cut = cut })
			how := conformance.EncryptionRequired
			if cfg.Accept != nil {
				how = conformance.EncryptionPreferred // plaintext is to be offered, too
			}
			h := s.StartEncrypted(how)
			if !h.Await() {
				t.Failf("the encryption handshake fails: %s", h.standing())
			}
			asked := func() bool { return h.Met != nil && h.Met.Count(isRequest) > 0 }
			if !t.Until(func() bool { return asked() || h.Ended() }, downloadWithin) || !asked() {
				t.Failf("nothing is asked for behind the encryption handshake: %s", h.Met.Last())
			}
		},
	}
}

// mseGivesUp is an answer over which the target must close the connection. An
// honest peer is there, too.
func mseGivesUp(
	slug, what, clause string, level conformance.Level, cfg mse.ResponderConfig,
	bend func(step int, b []byte) []byte, kills ...string,
) Case {
	return Case{
		ID: "mse/initiator/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's public key, and its requests to an honest peer",
		Explain: fmt.Sprintf("Of two peers the first that the target begins an encryption handshake with answers "+
			"with %s. The target must close that connection. The other peer must be asked for pieces.", what),
		Causes: []string{"the target waits for ever", "a field is not looked at"},
		Kills:  kills,
		Within: 4 * downloadWithin,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			bad := func(h *Shake) {
				if len(s.Shakes) == 1 {
					h.Bend = bend
				}
			}
			s.AddEncrypted(cfg, bad)
			s.AddEncrypted(cfg, bad)
			s.StartEncrypted(conformance.EncryptionRequired)
			h := s.Shakes[0]
			if h.Plain {
				t.Inconclusivef("the first connection begins in plaintext")
			}
			// What the harness takes for done the target must not.
			if !t.Until(h.Ended, refusedWithin) {
				t.Failf("the connection goes on after %s", what)
			}
			if h.Met != nil && len(h.Met.Log) > 0 { // its handshake may have been in the initial payload
				t.Failf("the target speaks on after %s: %s", what, h.Met.Last())
			}
			if !t.Until(s.Asked, downloadWithin) {
				t.Inconclusivef("the honest peer is asked for nothing: %s", s.standing())
			}
		},
	}
}

// degenerateAnswer is a public key of the harness by which anybody knows the
// secret.
func degenerateAnswer(slug, what string, y *big.Int, kills ...string) Case {
	return Case{
		ID: "mse/initiator/key-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"MSE-HS-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's public key, and its requests to an honest peer",
		Explain: fmt.Sprintf("Of two peers the first that the target begins an encryption handshake with has the "+
			"public key %s, by which the secret is known to everybody. The target should close the "+
			"connection and send no further step.", what),
		Causes: []string{"the key is raised to the power without a look"},
		Kills:  kills,
		Within: 4 * downloadWithin,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			bad := func(h *Shake) {
				if len(s.Shakes) == 1 {
					h.Bend = func(int, []byte) []byte { return y.FillBytes(make([]byte, mse.KeySize)) }
				}
			}
			s.AddEncrypted(mse.ResponderConfig{}, bad)
			s.AddEncrypted(mse.ResponderConfig{}, bad)
			s.StartEncrypted(conformance.EncryptionRequired)
			h := s.Shakes[0]
			if h.Plain {
				t.Inconclusivef("the first connection begins in plaintext")
			}
			if !t.Until(h.Ended, refusedWithin) {
				t.Failf("the connection goes on after the public key %s", what)
			}
			if n := len(h.Heard) + len(h.Buffered()); n > mse.KeySize+mse.MaxPad {
				t.Failf("the target answers the public key %s with a further step", what)
			}
			if !t.Until(s.Asked, downloadWithin) {
				t.Inconclusivef("the honest peer is asked for nothing: %s", s.standing())
			}
		},
	}
}
