package swim

import (
	"bytes"
	"sync"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// body is a message as bytes, without any layer around it.
func (c *Cluster) body(msg wire.Message) []byte {
	b, err := wire.AppendBody(nil, msg)
	if err != nil {
		c.Harnessf("a message cannot be written: %v", err)
	}
	return b
}

// compound is several messages' bytes as one message.
func (c *Cluster) compound(parts ...[]byte) []byte {
	b, err := wire.AppendCompound(nil, parts...)
	if err != nil {
		c.Harnessf("a compound cannot be written: %v", err)
	}
	return b
}

// ping is the bytes of a ping from m, and its number.
func (m *Member) ping() (b []byte, seq uint32) {
	seq = m.NextSeq()
	return m.c.body(wire.Ping{SeqNo: seq, Node: m.c.Self.Name, Source: m.Source()}), seq
}

// MustAnswer ends the case as failed unless a ping is answered that wrap has put
// into a packet.
func (c *Cluster) MustAnswer(what string, wrap func(ping []byte) []byte) {
	m := c.Add()
	ping, seq := m.ping()
	m.sock.Send(wrap(ping), what)
	if !m.Answered(seq) {
		c.Survives(what)
		c.Failf("%s is not answered", what)
	}
	c.Earn()
}

// MustIgnore ends the case as failed if a ping is answered that wrap has put into
// a packet which must not be read.
func (c *Cluster) MustIgnore(what string, wrap func(ping []byte) []byte) {
	m := c.Add()
	ping, seq := m.ping()
	if !c.Silent(c.Control, func() { m.TellBytes(wrap(ping), what) }, func() bool { return len(m.Acks(seq)) > 0 }) {
		c.Failf("%s is answered", what)
	}
}

// packetCases judge the layers around messages: compounds, compression, checksums.
var packetCases = []Case{
	{
		ID: "swim/compound/each-part-is-handled", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-10"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged acks themselves",
		Explain: "Two pings are sent in one compound message: two acks must come. So must one for a " +
			"compound of a single ping.",
		Causes: []string{"only the first part is read", "the lengths are read as little-endian numbers"},
		Kills:  []string{"first-part-alone"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			one, first := m.ping()
			two, second := m.ping()
			m.sock.Send(c.compound(one, two), "a compound of two pings")
			for _, seq := range []uint32{first, second} {
				if !m.Answered(seq) {
					c.Survives("a compound")
					c.Failf("a compound of two pings gets %d acks", len(m.Acks(first))+len(m.Acks(second)))
				}
				c.Earn()
			}
			c.MustAnswer("a compound of one ping", func(ping []byte) []byte { return c.compound(ping) })
		}),
	},
	{
		ID: "swim/compound/tail-cut-off", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-10"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the ack for the ping that is whole",
		Explain: "The last byte of a compound of two pings is missing. The first ping must be " +
			"answered, the second not: a cut costs the parts that it hits, and only them.",
		Causes: []string{"a compound is refused as a whole", "a part is read beyond the end of the packet"},
		Kills:  []string{"cut-compounds-are-refused", "cut-parts-are-filled-up"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			one, first := m.ping()
			const second = 1 << 16 // ends in a zero, as what is filled up would
			two := c.body(wire.Ping{SeqNo: second})
			whole := c.compound(one, two)
			m.TellBytes(whole[:len(whole)-1], "a compound of two pings without its last byte")
			if !m.Answered(first) {
				c.Survives("a compound whose tail is cut off")
				c.Failf("the part that is whole gets no ack")
			}
			c.Earn()
			c.Control()
			if len(m.Acks(second)) > 0 {
				c.Failf("the part that is cut off is answered")
			}
		}),
	},
	{
		ID: "swim/compound/lengths-cut-off", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-10"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings before and after, and the same ping in a good compound",
		Explain: "A compound says that it has 200 parts, and has one length and one ping. Nothing in " +
			"it may be answered, and the target must live.",
		Causes: []string{"lengths are read beyond the end of the packet"},
		Kills:  []string{"lengths-are-not-bounded"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("a good compound", func(ping []byte) []byte { return c.compound(ping) })
			c.MustIgnore("a compound of 200 parts with one length", func(ping []byte) []byte {
				b := c.compound(ping)
				b[1] = 200
				return b
			})
		}),
	},
	{
		ID: "swim/compound/of-255-parts", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-11"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged ack itself",
		Explain: "The count of a compound is one byte. In one of 255 parts, nacks that nobody waits " +
			"for come before a ping, which must be answered.",
		Causes: []string{"the count is read as a signed number", "the number of parts is limited to fewer"},
		Kills:  []string{"at-most-127-parts", "first-part-alone"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("the last of 255 parts", func(ping []byte) []byte {
				parts := make([][]byte, wire.MaxParts)
				for i := range parts {
					parts[i] = c.body(wire.Nack{SeqNo: uint32(i)})
				}
				parts[len(parts)-1] = ping
				return c.compound(parts...)
			})
		}),
	},
	{
		ID: "swim/compound/part-of-no-known-type", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-10", "GO-WF-01"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged ack itself",
		Explain: "A compound has a part of type 99, one that is no msgpack, and then a ping. The ping " +
			"must be answered: each part stands for itself.",
		Causes: []string{"reading ends at the first part that cannot be read"},
		Kills:  []string{"first-part-alone", "stops-at-a-part-it-cannot-read"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			ping, seq := m.ping()
			m.TellBytes(c.compound([]byte{99, 1, 2}, []byte{byte(wire.TypeAlive), 0xc1}, ping),
				"a compound with parts that cannot be read")
			if !m.Answered(seq) {
				c.Survives("a compound with parts that cannot be read")
				c.Failf("a ping behind parts that cannot be read is not answered")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/compression/is-undone", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-09", "GO-WF-16"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a plain ping, which is answered",
		Explain: "A ping and a compound of a ping are sent compressed by LZW, least significant bit " +
			"first, with literals of 8 bits. Both must be answered, whether or not the target " +
			"compresses what it sends.",
		Causes: []string{
			"the order of bits is that of GIF or of TIFF, not the other",
			"only streams are inflated",
		},
		Kills: []string{"no-compression-in-packets"},
		Run: playing(func(c *Cluster) {
			c.Control()
			c.MustAnswer("a compressed ping", func(ping []byte) []byte { return wire.AppendCompressed(nil, ping) })
			c.MustAnswer("a compressed compound", func(ping []byte) []byte {
				return wire.AppendCompressed(nil, c.compound(ping))
			})
		}),
	},
	{
		ID: "swim/compression/of-no-known-kind", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-09"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the same ping with algorithm 0, which is answered",
		Explain: "A compressed ping names algorithm 1. It must not be answered: what is in it is not " +
			"known.",
		Causes: []string{"Algo is not looked at"},
		Kills:  []string{"any-algorithm", "no-compression-in-packets"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("a ping compressed by algorithm 0", func(ping []byte) []byte {
				return wire.AppendCompressed(nil, ping)
			})
			c.MustIgnore("a ping compressed by algorithm 1", func(ping []byte) []byte {
				b := wire.AppendCompressed(nil, ping)
				at := bytes.Index(b, []byte("Algo")) + len("Algo")
				b[at] = 1
				return b
			})
		}),
	},
	{
		ID: "swim/compression/bomb", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-09"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "a small packet of the same shape, which is answered",
		Explain: "A compressed packet of a few KiB begins with a ping and goes on with zeros for more than " +
			"40 MiB. It must be dropped before that much memory is spent, and the target must live. " +
			"With a few zeros the ping is answered.",
		Causes: []string{"what is inflated has no limit"},
		Kills:  []string{"no-compression-in-packets", "reads-bombs"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("a compressed ping before some zeros", func(ping []byte) []byte {
				return wire.AppendCompressed(nil, append(ping, make([]byte, 16)...))
			})
			m := c.Add()
			m.TellBytes(bomb(), "a compressed ping before 40 MiB of zeros")
			c.Survives("a packet that inflates to more than 40 MiB") // which takes it a while to find out
			c.Wait(c.SilenceWait())
			c.Control()
			if len(m.Acks(bombSeq)) > 0 {
				c.Failf("a ping is answered that is part of more than 40 MiB")
			}
		}),
	},
	{
		ID: "swim/checksum/right", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-12", "GO-WF-16"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged acks themselves",
		Explain: "A ping, a compound and a compressed ping are sent behind their CRC-32, in network " +
			"order. All must be answered.",
		Causes: []string{"the checksum is expected of other bytes, or in host order"},
		Kills:  []string{"no-checksums"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("a ping with its checksum", func(ping []byte) []byte { return wire.AppendCRC(nil, ping) })
			c.MustAnswer("a compound with its checksum", func(ping []byte) []byte {
				return wire.AppendCRC(nil, c.compound(ping))
			})
			c.MustAnswer("a compressed ping with its checksum", func(ping []byte) []byte {
				return wire.AppendCRC(nil, wire.AppendCompressed(nil, ping))
			})
		}),
	},
	{
		ID: "swim/checksum/wrong", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-12"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the same ping with its own checksum, which is answered",
		Explain: "A ping is sent behind a CRC-32 that is off by one bit. It must not be answered.",
		Causes:  []string{"the checksum is skipped"},
		Kills:   []string{"checksums-are-not-compared", "no-checksums"},
		Run: playing(func(c *Cluster) {
			c.MustAnswer("a ping with its checksum", func(ping []byte) []byte { return wire.AppendCRC(nil, ping) })
			c.MustIgnore("a ping with a wrong checksum", func(ping []byte) []byte {
				b := wire.AppendCRC(nil, ping)
				b[4] ^= 1
				return b
			})
		}),
	},
}

// bombSeq is the number of the ping at the beginning of a bomb.
const bombSeq = 42

// bomb is a ping and 40 MiB of zeros, compressed.
var bomb = sync.OnceValue(func() []byte {
	ping, err := wire.AppendBody(nil, wire.Ping{SeqNo: bombSeq})
	if err != nil {
		panic(err) // a message of our own
	}
	return wire.AppendCompressed(nil, append(ping, make([]byte, wire.MaxInflated)...))
})
