package swim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// volley is how many packets a stranger sends: few enough not to be paced.
const volley = 30

// fire sends packets that no member may send, from as many strangers as it takes, and
// ends the case as failed unless the target then answers and believes of its members
// what it did before.
func (c *Cluster) fire(what string, packets [][]byte) {
	witness := c.One()
	c.Quietly(witness.Name, what, func() {
		var m *Member
		for i, p := range packets {
			if i%volley == 0 {
				m = c.Add()
			}
			m.TellBytes(p, what)
		}
	})
	c.Survives(what)
	if own, _ := c.Entry(c.Self.Name); own.State != wire.StateAlive {
		c.Mismatch("what the target tells of itself after "+what, stateName(own.State), "alive")
	}
	c.Earn()
}

// types are those of messages in packets and around them.
func types() []wire.Type {
	return []wire.Type{
		wire.TypePing, wire.TypeIndirectPing, wire.TypeAck, wire.TypeSuspect, wire.TypeAlive, wire.TypeDead,
		wire.TypePushPull, wire.TypeCompound, wire.TypeUser, wire.TypeCompress, wire.TypeEncrypt, wire.TypeNack,
		wire.TypeCRC, wire.TypeError, wire.TypeLabel,
	}
}

// hostileCases judge that nothing that comes ends the target, or makes it believe.
// What has ended real members comes last.
var hostileCases = []Case{
	{
		ID: "swim/hostile/random-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-01", "GO-WF-02"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings before and after, and a member's entry",
		Explain: "Behind the byte of each type come random bytes, of lengths from none to 9000. The " +
			"target must live, and know its members as before.",
		Causes: []string{"a length is trusted", "a type is looked up in a table without a check"},
		Kills:  []string{"ends-at-garbage", "ends-at-user-messages", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			var packets [][]byte
			for _, t := range append(types(), 99, 255) {
				for _, n := range []int{0, 1, 2, 7, 60, 9000} {
					p := make([]byte, 1+n)
					c.Rand().Fill(p)
					p[0] = byte(t)
					packets = append(packets, p)
				}
			}
			c.fire("random bytes", packets)
		}),
	},
	{
		ID: "swim/hostile/fields-of-other-types", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-02", "GO-WF-06"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings before and after, and a member's entry",
		Explain: "Suspicions and deaths of a member have a text as the incarnation, a negative one, one " +
			"of 2^40, and a number as the name; an alive message has an address of three bytes. None may " +
			"change the member's entry.",
		Causes: []string{"a field of a wrong type is read as 0, which accuses in any incarnation"},
		Kills:  []string{"fields-of-other-types-are-zero"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			name := append([]byte{0xa4}, "Node"...)
			name = append(append(name, 0xd9, byte(len(m.Name))), m.Name...)
			fields := [][]byte{
				append([]byte("\x82\xabIncarnation\xa11"), name...),
				append([]byte("\x82\xabIncarnation\xff"), name...),
				append([]byte("\x82\xabIncarnation\xcf\x00\x00\x01\x00\x00\x00\x00\x01"), name...),
				[]byte("\x82\xabIncarnation\x01\xa4Node\x05"),
			}
			c.Quietly(m.Name, "a message with a field of another type", func() {
				s := c.Add()
				s.TellBytes(append([]byte("\x04\x83\xa4Addr\xa3\x7f\x00\x01\xabIncarnation\x09"), name...),
					"an alive with an address of three bytes")
				for _, t := range []wire.Type{wire.TypeSuspect, wire.TypeDead} {
					for _, f := range fields {
						s.TellBytes(append([]byte{byte(t)}, f...), called(t)+" with a field of another type")
					}
				}
			})
			m.Tell(m.Suspect(accuser))
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, 1)); !ok {
				c.Inconclusivef("a good suspicion of the member is not heeded either: it is %s", stateName(n.State))
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/hostile/user-messages", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-08"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings before and after, and a member's entry",
		Explain: "User messages come in packets, empty ones and long ones, and over streams, also one " +
			"that announces more than 20 MiB and one that is cut short. Whatever the application makes of " +
			"them, the target must live.",
		Causes: []string{
			"a message without bytes is handed on as if it had some",
			"memory is set aside for what is announced",
		},
		Kills: []string{"ends-at-user-messages", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			var packets [][]byte
			for _, n := range []int{0, 1, 1000, 60000} {
				packets = append(packets, c.body(wire.User{Payload: make([]byte, n)}))
			}
			c.fire("user messages", packets)
			for _, n := range []int{0, 1, 100000} {
				t := c.Talk()
				t.Write(wire.User{Payload: make([]byte, n)})
				t.Ends(AnswerWithin)
			}
			c.closes("a user message of more than 20 MiB",
				binary.BigEndian.AppendUint32([]byte("\x08\x81\xaaUserMsgLen\xce"), wire.MaxUser+1))
			t := c.Talk()
			t.WriteMalformed([]byte("\x08\x81\xaaUserMsgLen\x64abc"), "a user message that is cut short")
			t.Close()
			c.Survives("a user message that is cut short")
		}),
	},
	{
		ID: "swim/hostile/streams-of-no-known-type", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-06"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a push/pull on another stream, which is answered",
		Explain: "Streams begin with a type that does not exist, with one of packets, and with nothing. " +
			"The target must end them without telling anything of its members.",
		Causes: []string{"the stream is kept open for ever", "whatever comes is taken for a push/pull"},
		Kills:  []string{"any-type-is-a-push-pull"},
		Run: playing(func(c *Cluster) {
			for _, begin := range [][]byte{{99, 0x80}, c.body(c.Add().Alive()), {}} {
				what := fmt.Sprintf("%x", begin[:min(len(begin), 8)])
				t := c.Talk()
				t.WriteMalformed(begin, what)
				t.CloseWrite()
				if !t.Ends(closesWithin) {
					c.Survives(what)
					c.Failf("the target does not end a stream that begins with %s", what)
				}
				if len(t.buf) > 0 {
					if _, ok := t.Read(0).(wire.Error); !ok {
						c.Mismatch("the answer to a stream that begins with "+what, t.unread(nil), "none")
					}
				}
			}
			c.Table()
			c.Earn()
		}),
	},
	{
		ID: "swim/hostile/streams-cut-short", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-06", "GO-WF-07"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "push/pulls before and after",
		Explain: "A push/pull with a new member is cut short at several places, by an end and by a reset. " +
			"Nothing of it may be merged, and the target must live.",
		Causes: []string{"nodes are merged as they arrive"},
		Kills:  []string{"merges-what-is-cut-short"},
		Run: playing(func(c *Cluster) {
			m, other := c.Add(), c.Add()
			whole := c.frame(wire.PushPull{Nodes: []wire.NodeState{m.State(), other.State()}, User: []byte("state")}, true)
			for i, at := range []int{1, 10, len(whole) / 2, len(whole) - 1} {
				t := c.Talk()
				t.WriteMalformed(whole[:at], fmt.Sprintf("%d of %d bytes of a push/pull", at, len(whole)))
				c.Wait(sameMoment / 5)
				if i%2 == 0 {
					t.CloseWrite()
					t.Ends(closesWithin)
				} else {
					t.Abort()
				}
			}
			c.Wait(c.SilenceWait())
			if n, ok := c.Entry(m.Name); ok {
				m.known = true
				c.Mismatch("a member of a push/pull that is cut short", showEntry(n, ok), "unknown")
			}
			c.Survives("push/pulls that are cut short")
			m.Join()
			c.Earn()
		}),
	},
	{
		ID: "swim/hostile/ten-thousand-forged-members", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-18", "GO-AE-02"}, Role: conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "pings before and after, and push/pulls", Within: patientCase, Waits: true,
		Explain: "A push/pull tells of 10,000 members that do not exist. Whether the target takes them in " +
			"or not, it must go on to answer pings, and a push/pull within ten seconds, with itself alive " +
			"in it.",
		Causes: []string{
			"each new member costs time by the number of those known",
			"an answer is built in steps that block all else",
		},
		Kills: []string{"ends-at-ten-thousand-members", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			const forged = 10000
			nodes := make([]wire.NodeState, forged)
			for i := range nodes {
				nodes[i] = c.forged(i)
			}
			c.Push(nodes...)
			c.Survives("10,000 forged members")
			t := c.Talk()
			t.Write(wire.PushPull{})
			answer, ok := t.Read(10 * time.Second).(wire.PushPull)
			if !ok {
				c.Failf("with 10,000 forged members the target answers no push/pull within ten seconds")
			}
			if own, ok := Table(answer.Nodes).Find(c.Self.Name); !ok || own.State != wire.StateAlive {
				c.Mismatch("what the target tells of itself", showEntry(own, ok), "alive")
			}
			c.Observef("the target tells of %d members", len(answer.Nodes))
			c.Survives("its answer")
			c.Earn()
		}),
	},
	{
		ID: "swim/hostile/empty-part", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-10", "GO-WF-01"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged ack itself, and pings",
		Explain: "A packet without a byte is sent, a compound of no part, and one of an empty part and a " +
			"ping. The ping must be answered, and the target must live.",
		Causes: []string{"the type is read from a message without a byte, which ends the process"},
		Kills:  []string{"first-part-alone", "stops-at-a-part-it-cannot-read"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.TellBytes(nil, "an empty datagram")
			m.TellBytes(c.compound(), "a compound of no part")
			c.Survives("a compound of no part")
			ping, seq := m.ping()
			m.TellBytes(c.compound(nil, ping), "a compound of an empty part and a ping")
			if !m.Answered(seq) {
				c.Survives("a compound with an empty part")
				c.Failf("a ping behind an empty part is not answered")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/hostile/lengths-beyond-the-packet", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-02"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings before and after, and a member's entry",
		Explain: "The body of each type is a map, an array, a text or bytes of 2^32-1, or arrays in " +
			"arrays for 20,000 bytes. The target must live, and answer at once: neither memory nor a " +
			"stack is spent on what is only announced.",
		Causes: []string{
			"memory is set aside by the length that is announced",
			"nested values are read by recursion without a limit",
		},
		Kills: []string{"ends-at-long-texts", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			nested := make([]byte, 20000)
			for i := range nested {
				nested[i] = 0x91
			}
			bodies := [][]byte{nested}
			for _, kind := range []byte{0xdf, 0xdd, 0xdb, 0xc6} {
				bodies = append(bodies, []byte{kind, 0xff, 0xff, 0xff, 0xff, 0xa1})
				bodies = append(bodies, append([]byte("\x81\xa4Node"), kind, 0xff, 0xff, 0xff, 0xff))
			}
			var packets [][]byte
			for _, body := range bodies {
				for _, t := range types() {
					packets = append(packets, append([]byte{byte(t)}, body...))
				}
			}
			c.fire("lengths beyond the packet", packets)
		}),
	},
}

// forged is a member that does not exist, at an address of this machine.
func (c *Cluster) forged(i int) wire.NodeState {
	return wire.NodeState{
		Name:        fmt.Sprintf("p2pspec-forged-%d", i),
		Addr:        netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 255, byte(i >> 8), byte(i)}), 9),
		Incarnation: 1, Versions: c.Self.Versions,
	}
}
