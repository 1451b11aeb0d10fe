package swim

import (
	"bytes"
	"net/netip"

	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// relabel replaces the label of a packet by the cluster's own, if it is to be.
func relabel(replace func(own, label string) bool) func(*bent) {
	return func(b *bent) {
		b.read = func(p []byte) []byte {
			label, rest, err := wire.SplitLabel(p)
			if err != nil || label == b.format.Label || !replace(b.format.Label, label) {
				return p
			}
			p, _ = wire.AppendLabel(nil, b.format.Label)
			return append(p, rest...)
		}
	}
}

// plainly reads frames of a stream as if there were neither label nor key, if when says so.
func plainly(when func(own wire.Format, label string, rest []byte) bool) func(*bent) {
	return func(b *bent) {
		b.decode = func(p []byte) (spec.Message, int, bool) {
			label, rest, err := wire.SplitLabel(p)
			if err != nil || len(rest) == 0 || !when(b.format, label, rest) {
				return nil, 0, false
			}
			m, n, err := (&wire.Format{}).Stream().Decoder().Decode(rest)
			if err != nil || n == 0 {
				return nil, 0, true
			}
			return m, len(p) - len(rest) + n, true
		}
	}
}

// resealed gives a packet that open has been able to read as the cluster encrypts it.
func resealed(open func(own wire.Format, p []byte) ([]byte, bool)) func(*bent) {
	return func(b *bent) {
		b.read = func(p []byte) []byte {
			label, rest, err := wire.SplitLabel(p)
			if err != nil || len(b.format.Keys) == 0 {
				return p
			}
			if _, err := wire.Decrypt(rest, b.format.Keys, []byte(label)); err == nil {
				return p
			}
			message, ok := open(b.format, rest)
			if !ok {
				return p
			}
			p, _ = wire.AppendLabel(nil, label)
			p, _ = wire.AppendEncrypted(p, message, 1, b.format.Keys[0], wire.Nonce{}, []byte(label))
			return p
		}
	}
}

func secretMutants() []Mutant {
	return []Mutant{
		{Name: "any-label", What: "a packet is read whatever label it has",
			bend: relabel(func(_, label string) bool { return label != "" })},
		{Name: "labels-are-optional", What: "a packet without a label is read",
			bend: relabel(func(_, label string) bool { return label == "" })},
		{Name: "labels-by-their-beginning", What: "a packet is read whose label is the beginning of the cluster's",
			bend: relabel(func(own, label string) bool { return label != "" && bytes.HasPrefix([]byte(own), []byte(label)) })},
		{Name: "empty-labels-are-none", What: "a label without bytes is taken for none",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 1 && p[0] == byte(wire.TypeLabel) && p[1] == 0 {
						return p[2:]
					}
					return p
				}
			}},
		{Name: "any-label-on-streams", What: "a stream is served whatever label it has",
			bend: plainly(func(own wire.Format, label string, _ []byte) bool {
				return label != own.Label && label != "" && len(own.Keys) == 0
			})},
		{Name: "sends-no-labels", What: "packets are sent without the cluster's label",
			bend: func(b *bent) {
				b.written = func(p []byte) []byte {
					_, rest, _ := wire.SplitLabel(p)
					return rest
				}
			}},
		{Name: "silent-about-errors", What: "a stream that cannot be read is ended without a word",
			bend: sayingFrame(func(*bent, wire.Error) []spec.Message { return nil })},
		{Name: "no-padding", What: "a packet encrypted by version 0 is dropped",
			bend: func(b *bent) { b.read = dropVersion(b, 0) }},
		{Name: "padding-alone", What: "a packet encrypted by version 1 is dropped",
			bend: func(b *bent) { b.read = dropVersion(b, 1) }},
		{Name: "one-nonce", What: "all packets are encrypted with the same nonce",
			bend: func(b *bent) {
				b.packet = func(_ netip.AddrPort, p wire.Packet) wire.Packet {
					p.Nonce = wire.Nonce{1}
					return p
				}
			}},
		{Name: "sends-version-0", What: "what is sent is encrypted by version 0",
			bend: func(b *bent) { b.version = new(uint8) }},
		{Name: "plain-is-read-as-well", What: "a packet that cannot be decrypted is read as it is",
			bend: resealed(func(_ wire.Format, p []byte) ([]byte, bool) {
				return p, len(p) > 0 && p[0] == byte(wire.TypePing)
			})},
		{Name: "plain-is-read-on-streams", What: "a plain message on a stream is read though there is a key",
			bend: plainly(func(own wire.Format, _ string, rest []byte) bool {
				return len(own.Keys) > 0 && wire.Type(rest[0]) != wire.TypeEncrypt
			})},
		{Name: "two-keys", What: "what is encrypted with another key is read as well",
			bend: resealed(func(_ wire.Format, p []byte) ([]byte, bool) {
				message, err := wire.Decrypt(p, [][]byte{otherKey()}, nil)
				return message, err == nil
			})},
		{Name: "not-bound-to-the-label", What: "what is encrypted without the label is read as well",
			bend: resealed(func(own wire.Format, p []byte) ([]byte, bool) {
				message, err := wire.Decrypt(p, own.Keys, nil)
				return message, err == nil
			})},
	}
}

func dropVersion(b *bent, version byte) func([]byte) []byte {
	return func(p []byte) []byte {
		if len(b.format.Keys) > 0 && len(p) > 0 && p[0] == version {
			return nil
		}
		return p
	}
}

func hostileMutants() []Mutant {
	return []Mutant{
		{Name: "ends-at-garbage", What: "a packet of a type that does not exist ends the process",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					b.dead = b.dead || len(p) > 0 && p[0] == 99
					return p
				}
			}},
		{Name: "ends-at-long-texts", What: "a text that is longer than its packet ends the process",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					b.dead = b.dead || bytes.Contains(p, []byte("\xdb\xff\xff\xff\xff"))
					return p
				}
			}},
		{Name: "fields-of-other-types-are-zero", What: "a field of another type is read as none, and an accusation counts",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					at := bytes.Index(p, []byte("\x82\xabIncarnation\xa11\xa4Node"))
					if at != 1 {
						return p
					}
					return append(append(p[:1:1], "\x82\xabIncarnation\x01"...), p[len("\x01\x82\xabIncarnation\xa11"):]...)
				}
			}},
		{Name: "ends-at-user-messages", What: "a user message without bytes ends the process",
			bend: hearing(func(b *bent, u wire.User) []wire.Message {
				b.dead = b.dead || len(u.Payload) == 0
				return same(u)
			})},
		{Name: "any-type-is-a-push-pull", What: "a stream of a type that does not exist is answered as a push/pull",
			bend: func(b *bent) {
				b.decode = func(p []byte) (spec.Message, int, bool) {
					if len(p) > 0 && p[0] == 99 {
						return wire.Frame{Msg: wire.PushPull{}, Opens: true}, len(p), true
					}
					return nil, 0, false
				}
			}},
		{Name: "merges-what-is-cut-short", What: "nodes of a push/pull count though its end is missing",
			bend: func(b *bent) {
				b.decode = func(p []byte) (spec.Message, int, bool) {
					end := bytes.Index(p, []byte("state"))
					if end < 0 && bytes.Contains(p, []byte("\xacUserStateLen\x05")) {
						m, n, err := (&wire.Format{}).Stream().Decoder().Decode(append(bytes.Clone(p), "state"...))
						if err == nil && n > 0 {
							return m, len(p), true
						}
					}
					return nil, 0, false
				}
			}},
		{Name: "ends-at-ten-thousand-members", What: "a push/pull of many members ends the process",
			bend: hearingFrame(func(b *bent, p wire.PushPull) []wire.Message {
				b.dead = b.dead || len(p.Nodes) > 5000
				return same(p)
			})},
	}
}

func leaveMutants() []Mutant {
	return []Mutant{
		{Name: "joins-without-saying-so", What: "the push/pull of a join does not have its flag",
			bend: sayingFrame(func(_ *bent, p wire.PushPull) []spec.Message {
				p.Join = false
				return []spec.Message{p}
			})},
		{Name: "leaves-without-a-word", What: "nobody is told of a leave",
			bend: saying(func(b *bent, d wire.Dead) []wire.Message {
				if d.Node == b.node.Name() {
					return nil
				}
				return same(d)
			})},
		{Name: "always-well", What: "failed probes do not slow the next ones",
			configure: func(cfg *core.Config) { cfg.AwarenessMax = 1 }},
	}
}
