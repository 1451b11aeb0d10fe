package bittorrent

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// mseResponder judges how a seeder answers the handshake of Message Stream
// Encryption.
var mseResponder = []Case{
	mseServes("answers-in-rc4", "is as it should be, without pads, and offers RC4", conformance.Must,
		[]string{"MSE-HS-002", "MSE-HS-006", "MSE-HS-007"}, shaking{},
		"mse-selects-both"),
	mseServes("pad-of-512", "has a PadA of 512 bytes, as long as one may be", conformance.Must,
		[]string{"MSE-HS-009"}, shaking{cfg: mse.InitiatorConfig{Pad: make([]byte, mse.MaxPad)}},
		"mse-pad-of-255", "mse-selects-both"),
	mseServes("pad-like-a-plain-handshake", "has a PadA that begins as a plain handshake does", conformance.Must,
		[]string{"MSE-HS-009", "MSE-HS-011"}, shaking{cfg: mse.InitiatorConfig{Pad: []byte(plainOpening)}},
		"mse-plain-by-anything", "mse-selects-both"),
	mseServes("pad-c-of-512", "has a PadC of 512 bytes", conformance.Must,
		[]string{"MSE-HS-013"}, shaking{cfg: mse.InitiatorConfig{PadC: mse.MaxPad}},
		"mse-pad-c-unexpected", "mse-selects-both"),
	mseServes("key-that-begins-with-19", "has a public key whose first byte is that of a plain handshake, 19",
		conformance.Must, []string{"MSE-HS-011"}, shaking{first: []byte{0x13}},
		"mse-plain-by-its-first-byte", "mse-selects-both"),
	mseServes("key-that-begins-with-0", "has a public key whose first byte is 0", conformance.Must,
		[]string{"MSE-HS-004"}, shaking{first: []byte{0}},
		"mse-key-without-leading-zeros", "mse-selects-both"),
	mseServes("byte-by-byte", "comes byte by byte", conformance.Must,
		[]string{"MSE-HS-009", "MSE-HS-005"}, shaking{cut: true, cfg: mse.InitiatorConfig{Pad: make([]byte, 40)}},
		"mse-in-whole-segments", "mse-selects-both"),
	mseServes("offer-of-both", "offers plaintext and RC4, of which exactly one must be selected", conformance.Must,
		[]string{"MSE-HS-008"}, shaking{cfg: mse.InitiatorConfig{Provide: mse.Plaintext | mse.RC4}},
		"mse-selects-both"),
	mseServes("offer-of-all-bits", "offers all 32 bits, of which exactly one that has a meaning must be selected",
		conformance.Must, []string{"MSE-HS-008"}, shaking{cfg: mse.InitiatorConfig{Provide: 0xFFFFFFFF}},
		"mse-selects-both"),
	mseServes("initial-payload", "has the 68 bytes of the BitTorrent handshake as its initial payload",
		conformance.Must, []string{"MSE-HS-013"}, shaking{initial: true},
		"mse-initial-payload-lost", "mse-selects-both"),
	mseRefuses("pad-of-513", "a PadA of 513 bytes", []string{"MSE-HS-009"}, shaking{
		cfg:  mse.InitiatorConfig{Pad: make([]byte, mse.MaxPad)},
		bend: func(step int, b []byte) []byte { return append(b, bytes.Repeat([]byte{7}, step%2)...) },
	},
		"mse-never-hangs-up", "mse-pad-of-any-length"),
	mseRefuses("unknown-torrent", "the info-hash of a torrent that the target does not have",
		[]string{"MSE-HS-012"}, shaking{cfg: mse.InitiatorConfig{SKEY: mse.SKEY{1, 2, 3}}},
		"mse-never-hangs-up"),
	mseRefuses("offer-of-nothing", "an offer of no method", []string{"MSE-HS-008"}, shaking{
		bend: func(step int, b []byte) []byte {
			if step == 2 {
				b[atProvide+3] ^= byte(mse.RC4)
			}
			return b
		},
	},
		"mse-never-hangs-up"),
	mseRefuses("wrong-verification", "a verification constant that is not zero", []string{"MSE-HS-005"}, shaking{
		bend: func(step int, b []byte) []byte {
			if step == 2 {
				b[atVerification] ^= 1
			}
			return b
		},
	},
		"mse-never-hangs-up"),
	degenerateKey("zero", "0", big.NewInt(0), "mse-never-hangs-up"),
	degenerateKey("one", "1", big.NewInt(1), "mse-never-hangs-up"),
	degenerateKey("prime-less-one", "P-1", primeAnd(-1), "mse-never-hangs-up"),
	degenerateKey("prime", "P", primeAnd(0), "mse-never-hangs-up"),
	degenerateKey("prime-and-one", "P+1", primeAnd(1), "mse-never-hangs-up"),
	{
		ID: "mse/responder/plaintext-alone-offered", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"MSE-HS-014", "MSE-HS-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "an encrypted handshake that offers RC4, before",
		Explain: "Plaintext is all that is offered. The target may close the connection; when it selects " +
			"plaintext, what follows the encryption handshake must be in plaintext on both sides.",
		Causes: []string{"the ciphers stay in use whatever was selected"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"mse-plaintext-enciphered", "mse-selects-both"},
		Run: func(t *T) {
			Control(t)
			h := Initiate(t, mse.InitiatorConfig{Provide: mse.Plaintext}).Begin()
			h.Await()
			if h.Err == nil && !h.Done() && h.Ended() {
				t.Unsupportedf("the target takes RC4 alone")
			}
			h.Must().serves("after plaintext was selected")
		},
	},
	{
		ID: "mse/responder/plaintext-is-still-served", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"MSE-HS-016", "MSE-HS-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "an encrypted handshake, before",
		Explain: "The target prefers encryption and does not require it. A plain handshake must be answered as " +
			"ever, and a piece be served.",
		Causes: []string{"whoever does not encrypt is refused"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"mse-plain-refused"},
		Run: func(t *T) {
			Control(t)
			p := Dial(t)
			p.Greet()
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			if p.Theirs == nil {
				t.Failf("a plain handshake is not answered: %s", p.Last())
			}
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "mse/responder/required-refuses-plaintext", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"MSE-HS-016"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedEncryption},
		Control: "an encrypted handshake, before and after",
		Explain: "The target is started so that it requires encryption. A plain handshake must not be answered.",
		Causes:  []string{"the setting is for outgoing connections alone"},
		Within:  2 * UnchokeWithin,
		Kills:   []string{"mse-plain-taken"},
		Run: func(t *T) {
			opt := t.Standard()
			opt.Encryption = conformance.EncryptionRequired
			t.Start(opt)
			Control(t)
			p := Dial(t)
			p.Greet()
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, refusedWithin)
			if p.Theirs != nil {
				t.Failf("a plain handshake is answered although encryption is required")
			}
			Control(t)
		},
	},
	{
		ID: "mse/responder/key-of-its-own-each-time", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"MSE-HS-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "two handshakes that succeed",
		Explain: "Two connections get as far as the target's public key, 96 bytes. The two keys should differ: a " +
			"private key serves for one connection.",
		Causes: []string{"the key is made at the start of the program"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"mse-responder-key-kept"},
		Run: func(t *T) {
			var keys [2]string
			for i := range keys {
				h := Initiate(t, mse.InitiatorConfig{}).Begin()
				if !h.Await() {
					t.Unsupportedf("the target takes no encrypted handshake: %s", h.standing())
				}
				keys[i] = string(h.Heard[:mse.KeySize])
				h.Close()
			}
			if keys[0] == keys[1] {
				t.Failf("two connections have the same public key, %x…", keys[0][:8])
			}
			t.Earn()
		},
	},
}

// Where step 3 of the initiator has its fields, in bytes: behind the two hashes
// is VC, then crypto_provide.
const (
	atVerification = 40
	atProvide      = 48
)

// shaking is how a case shakes hands.
type shaking struct {
	cfg     mse.InitiatorConfig
	bend    func(step int, b []byte) []byte
	cut     bool
	first   []byte // of the public key
	initial bool   // the BitTorrent handshake is the initial payload
}

func (s shaking) begin(t *T) *Shake {
	cfg := s.cfg
	for s.first != nil {
		cfg.Private, _ = drawSecrets(t.Rand())
		if y := mse.PublicKey(cfg.Private); bytes.HasPrefix(y[:], s.first) {
			break
		}
	}
	if s.initial {
		cfg.Initial = encode(s.greeting(t))
	}
	h := Initiate(t, cfg)
	h.Bend, h.Cut = s.bend, s.cut
	return h.Begin()
}

func (s shaking) greeting(t *T) *wire.Handshake {
	h := &wire.Handshake{InfoHash: ContentOf(t).Hash()}
	copy(h.PeerID[:], "-PS0100-")
	t.Rand().Fill(h.PeerID[8:])
	return h
}

// serves holds the target to its job on an encrypted connection.
func (h *Shake) serves(when string) {
	p := h.Peer()
	p.Greet()
	h.t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
	if p.Theirs == nil || p.Theirs.InfoHash != h.content.Hash() {
		h.t.Failf("no BitTorrent handshake comes %s: %s", when, p.Last())
	}
	p.Unchoke()
	p.Serves(0)
}

// mseServes is a handshake that must succeed, and a piece that is served then.
func mseServes(slug, what string, level conformance.Level, clauses []string, s shaking, kills ...string) Case {
	return Case{
		ID: "mse/responder/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: clauses, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "an encrypted handshake without anything special, before",
		Explain: fmt.Sprintf("The harness begins an encryption handshake that %s. It must succeed, then the "+
			"BitTorrent handshake, and a piece must be served, enciphered as was agreed.", what),
		Causes: []string{"the ciphers do not drop 1024 bytes", "what belongs to a pad is taken for something else"},
		Kills:  kills,
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			Control(t)
			h := s.begin(t).Must()
			if m := h.machine.Result().Method; m != mse.RC4 && m != mse.Plaintext {
				t.Mismatch("crypto_select", m, "1 or 2")
			}
			if !s.initial {
				h.serves("behind the encryption handshake")
				return
			}
			p := h.Peer()
			p.Mine = s.greeting(t)
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			if p.Theirs == nil {
				t.Failf("the handshake in the initial payload is not answered: %s", p.Last())
			}
			p.WriteMalformed(encode(wire.Interested), "behind the initial payload")
			p.Unchoke()
			p.Serves(0)
		},
	}
}

// mseRefuses is a handshake that must end the connection.
func mseRefuses(slug, what string, clauses []string, s shaking, kills ...string) Case {
	level := conformance.Must
	if slug == "wrong-verification" {
		level = conformance.Should // the text says what VC is, and not what to do when it is not
	}
	return Case{
		ID: "mse/responder/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: clauses, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "an encrypted handshake that is as it should be, before and after",
		Explain: fmt.Sprintf("An encryption handshake with %s. The target must close the connection, and go on "+
			"with others.", what),
		Causes: []string{"the target waits for more, for ever or until a timeout"},
		Kills:  kills,
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			Control(t)
			s.begin(t).Refused(what)
			Control(t)
		},
	}
}

// degenerateKey is a public key by which anybody knows the secret.
func degenerateKey(slug, what string, y *big.Int, kills ...string) Case {
	return Case{
		ID: "mse/responder/key-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"MSE-HS-003"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "an encrypted handshake that is as it should be, before and after",
		Explain: fmt.Sprintf("The public key is %s, by which the secret is known to everybody. The target should "+
			"close the connection. The text does not say so; clients began to look in 2025.", what),
		Causes: []string{"the key is raised to the power without a look"},
		Kills:  kills,
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			Control(t)
			h := Initiate(t, mse.InitiatorConfig{})
			h.WriteMalformed(y.FillBytes(make([]byte, mse.KeySize)), "the public key "+what)
			h.Refused("the public key " + what)
			Control(t)
		},
	}
}

// primeAnd is P with something added.
func primeAnd(n int64) *big.Int {
	p, _ := new(big.Int).SetString("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"+
		"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"+
		"4fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563", 16)
	return p.Add(p, big.NewInt(n))
}
