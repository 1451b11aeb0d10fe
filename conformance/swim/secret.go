package swim

import (
	"bytes"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// playingIn makes the Run of a case that starts the target into a cluster of its own.
func playingIn(opt conformance.StartOptions, run func(*Cluster)) func(*T) {
	return func(t *T) {
		t.Start(opt)
		c := &Cluster{T: t, Format: formatOf(opt)}
		c.Format.Compress = false
		defer c.Disband()
		c.Meet()
		run(c)
	}
}

// labelled, keyed and secret are how targets are started into clusters.
func labelled() conformance.StartOptions { return conformance.StartOptions{Label: Label} }
func keyed() conformance.StartOptions    { return conformance.StartOptions{Key: Key()} }
func secret() conformance.StartOptions   { return conformance.StartOptions{Label: Label, Key: Key()} }

// otherKey is one that no target has.
func otherKey() []byte { return bytes.Repeat([]byte{7}, len(Key())) }

// labelOf puts a label before a message.
func (c *Cluster) labelOf(label string, message []byte) []byte {
	b, err := wire.AppendLabel(nil, label)
	if err != nil {
		c.Harnessf("a label cannot be written: %v", err)
	}
	return append(b, message...)
}

// sealed is a message encrypted as in a cluster with a label, without the label's header.
func (c *Cluster) sealed(message []byte, version uint8, key []byte, label string) []byte {
	b, err := wire.AppendEncrypted(nil, message, version, key, c.nonce(), []byte(label))
	if err != nil {
		c.Harnessf("a message cannot be encrypted: %v", err)
	}
	return b
}

// refusesTable ends the case as failed if a push/pull written in a format is answered by
// the target's state, or the stream is left open.
func (c *Cluster) refusesTable(what string, f wire.Format) {
	b, err := f.Stream().AppendMessage(nil, wire.Frame{Msg: wire.PushPull{}, Nonce: c.nonce(), Opens: true})
	if err != nil {
		c.Harnessf("a frame cannot be written: %v", err)
	}
	t := c.Talk()
	t.WriteMalformed(b, what)
	t.CloseWrite()
	if !t.Ends(closesWithin) {
		c.Survives(what)
		c.Failf("the target does not end a stream with %s", what)
	}
	for _, reading := range append(formats(), f) {
		if m, n, err := reading.Stream().Decoder().Decode(bytes.Clone(t.buf)); err == nil && n > 0 {
			if p, ok := m.(wire.Frame).Msg.(wire.PushPull); ok {
				c.Mismatch("the answer to "+what, readable(p), "none but an error")
			}
		}
	}
}

// closesWithin is how long a target may take to end a stream on which nothing more can come.
const closesWithin = 3 * time.Second

// secretCases judge labels and encryption.
var secretCases = []Case{
	{
		ID: "swim/label/of-another-cluster", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-15"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings and push/pulls as the target's cluster has them",
		Explain: "Whatever label the target's cluster has, a ping and a push/pull with a label that " +
			"nobody has are not for it: it must not answer, and end the stream.",
		Causes: []string{"the label is skipped, not compared"},
		Kills:  []string{"any-label", "any-label-on-streams"},
		Run: playing(func(c *Cluster) {
			c.MustIgnore("a ping with the label of another cluster", func(ping []byte) []byte {
				return c.labelOf("another cluster", ping)
			})
			c.refusesTable("a push/pull with the label of another cluster", wire.Format{Label: "another cluster"})
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/label/empty", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-15"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings without a label before and after",
		Explain: "A ping has a label's header with the length 0, and another a header that is longer than " +
			"the packet. Neither may be answered.",
		Causes: []string{
			"a label without bytes is taken for none",
			"a label is read beyond the end of the packet",
		},
		Kills: []string{"empty-labels-are-none"},
		Run: playing(func(c *Cluster) {
			c.MustIgnore("a ping with an empty label", func(ping []byte) []byte {
				return append([]byte{byte(wire.TypeLabel), 0}, ping...)
			})
			c.MustIgnore("a packet that ends in its label", func(ping []byte) []byte {
				return append([]byte{byte(wire.TypeLabel), 255}, ping...)
			})
			c.Earn()
		}),
	},
	{
		ID: "swim/label/of-its-cluster", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-15", "GO-WF-16", "GO-WF-17"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedLabel},
		Control: "the judged answers themselves", Waits: true,
		Explain: "The target is started with a label. A ping and a push/pull with it must be answered; " +
			"the ack must have the label too, and what is pinged and told to a member that joins. What " +
			"comes back on a stream has none.",
		Causes: []string{"what is sent has no label", "streams have a label with each message"},
		Kills:  []string{"sends-no-labels"},
		Run: playingIn(labelled(), func(c *Cluster) {
			labelled := func(m *Member) {
				if len(m.Garbage) > 0 {
					c.Mismatch("a packet of the target's", decode(m.Garbage[0].Data), "one with the label")
				}
			}
			m := c.Add()
			if !m.Answered(m.Ping(c.Self.Name)) {
				labelled(m)
				c.Inconclusivef("the target does not answer a ping with its label")
			}
			m = c.One()
			c.Probed(m, 1)
			labelled(m)
			c.Earn()
		}),
	},
	{
		ID: "swim/label/missing", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-15"}, Role: conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedLabel},
		Control: "pings with the label before and after", Waits: true,
		Explain: "The target is started with a label. Pings without one and with the label but for its " +
			"last byte must not be answered, nor may such push/pulls.",
		Causes: []string{"a label is checked only if there is one", "labels are compared by their beginning"},
		Kills: []string{
			"any-label", "any-label-on-streams", "labels-are-optional", "labels-by-their-beginning",
		},
		Run: playingIn(labelled(), func(c *Cluster) {
			short := Label[:len(Label)-1]
			c.MustIgnore("a ping without a label", func(ping []byte) []byte { return ping })
			c.MustIgnore("a ping with a shorter label", func(ping []byte) []byte { return c.labelOf(short, ping) })
			c.refusesTable("a push/pull without a label", wire.Format{})
			c.refusesTable("a push/pull with a shorter label", wire.Format{Label: short})
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/encryption/not-in-this-cluster", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-AE-06"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "plain pings before and after",
		Explain: "A target without a key is sent an encrypted ping, which it must not answer, and a " +
			"stream with an encrypted push/pull: it must say so by an error message, and end the stream.",
		Causes: []string{"the stream is ended without a word: who was told the wrong key is left to guess"},
		Kills:  []string{"silent-about-errors"},
		Run: playing(func(c *Cluster) {
			c.MustIgnore("an encrypted ping", func(ping []byte) []byte { return c.sealed(ping, 1, Key(), "") })
			f := wire.Format{Keys: [][]byte{Key()}, Version: 1}
			b, err := f.Stream().AppendMessage(nil, wire.Frame{Msg: wire.PushPull{}, Nonce: c.nonce(), Opens: true})
			if err != nil {
				c.Harnessf("a frame cannot be written: %v", err)
			}
			t := c.Talk()
			t.WriteMalformed(b, "an encrypted push/pull")
			answer := t.Read(AnswerWithin)
			if _, ok := answer.(wire.Error); !ok {
				c.Survives("an encrypted push/pull")
				c.Mismatch("the answer to an encrypted push/pull", t.unread(answer), "an error message")
			}
			if !t.Ends(closesWithin) {
				c.Failf("the target does not end a stream that it cannot read")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/encryption/both-versions", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-WF-16"}, Role: conformance.Responder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedKey},
		Control: "the judged acks themselves", Waits: true,
		Explain: "The target is started with a key. A ping encrypted by version 0, with padding, and one " +
			"by version 1 must be answered, each also with a checksum and compressed inside.",
		Causes: []string{
			"only the version that is sent is read",
			"padding is not taken off",
			"layers are taken off in another order",
		},
		Kills: []string{"no-padding", "padding-alone"},
		Run: playingIn(keyed(), func(c *Cluster) {
			for version, what := range []string{"a ping encrypted with padding", "a ping encrypted without padding"} {
				seal := func(b []byte) []byte { return c.sealed(b, uint8(version), Key(), "") }
				c.MustAnswer(what, seal)
				c.MustAnswer(what+", compressed and with a checksum", func(ping []byte) []byte {
					return seal(wire.AppendCRC(nil, wire.AppendCompressed(nil, ping)))
				})
			}
		}),
	},
	{
		ID: "swim/encryption/of-all-it-sends", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-WF-14", "GO-WF-17"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedKey},
		Control: "the packets that can be read", Waits: true,
		Explain: "The target is started with a key. Its acks, pings, gossip and push/pulls must be " +
			"encrypted by the version of its protocol, 1 unless it speaks protocol 1, and no nonce may " +
			"come twice: with one key that would give the text away.",
		Causes: []string{"acks are sent plainly", "the nonce is a constant, or a counter that begins anew"},
		Kills:  []string{"one-nonce", "sends-version-0"},
		Run: playingIn(keyed(), func(c *Cluster) {
			m := c.Join(2)[0]
			c.Probed(m, 2)
			for range 5 {
				if !m.Answered(m.Ping(c.Self.Name)) {
					c.Inconclusivef("the target does not answer a ping")
				}
			}
			version := byte(1)
			if c.Self.Versions.Protocol == 1 {
				version = 0
			}
			seen := map[wire.Nonce]bool{}
			var last *wire.Packet
			for _, h := range m.Log {
				if h.Packet == nil || h.Packet == last {
					continue
				}
				last = h.Packet
				switch {
				case seen[last.Nonce]:
					c.Mismatch("the nonce of a packet", last.Nonce, "one that no other has")
				case h.Data[0] != version:
					c.Mismatch("the version of the encryption", h.Data[0], string('0'+rune(version)))
				}
				seen[last.Nonce] = true
			}
			if len(m.Garbage) > 0 {
				c.Mismatch("a packet of the target's", m.Garbage[0].Data, "one encrypted with the key")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/encryption/plain-messages", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-WF-14"}, Role: conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedKey},
		Control: "encrypted pings before and after", Waits: true,
		Explain: "The target is started with a key. A plain ping must not be answered, and a plain " +
			"push/pull not with its state.",
		Causes: []string{"what cannot be decrypted is read as it is"},
		Kills:  []string{"plain-is-read-as-well", "plain-is-read-on-streams"},
		Run: playingIn(keyed(), func(c *Cluster) {
			c.MustIgnore("a plain ping", func(ping []byte) []byte { return ping })
			c.refusesTable("a plain push/pull", wire.Format{})
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/encryption/another-key", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-WF-14"}, Role: conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedKey},
		Control: "pings with the key before and after", Waits: true,
		Explain: "The target is started with a key. Pings with another key, and with the key but one bit " +
			"of the tag changed, must not be answered, nor may a push/pull with another key.",
		Causes: []string{"the tag is not checked"},
		Kills:  []string{"two-keys"},
		Run: playingIn(keyed(), func(c *Cluster) {
			c.MustIgnore("a ping with another key", func(ping []byte) []byte { return c.sealed(ping, 1, otherKey(), "") })
			c.MustIgnore("a ping with a changed tag", func(ping []byte) []byte {
				b := c.sealed(ping, 1, Key(), "")
				b[len(b)-1] ^= 1
				return b
			})
			c.refusesTable("a push/pull with another key", wire.Format{Keys: [][]byte{otherKey()}, Version: 1})
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/encryption/bound-to-the-label", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-13", "GO-WF-15", "GO-WF-16"},
		Role:         conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedLabel, conformance.NeedKey},
		Control: "pings bound to the label, which are answered", Waits: true,
		Explain: "The target is started with a label and a key. A ping with both must be answered. One " +
			"whose encryption is not bound to the label, as if it had been made for another cluster, must " +
			"not.",
		Causes: []string{"the label is not part of what is authenticated"},
		Kills:  []string{"not-bound-to-the-label", "sends-no-labels"},
		Run: playingIn(secret(), func(c *Cluster) {
			c.MustAnswer("a ping bound to the label", func(ping []byte) []byte {
				return c.labelOf(Label, c.sealed(ping, 1, Key(), Label))
			})
			c.MustIgnore("a ping not bound to the label", func(ping []byte) []byte {
				return c.labelOf(Label, c.sealed(ping, 1, Key(), ""))
			})
			c.One()
		}),
	},
}
