package bittorrent

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Messages judges how a seeder takes messages, sound and not: BEP 3 §peer
// messages.
var bep3Messages = []Case{
	{
		ID: "bep3/messages/keep-alives-in-between", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "Keep-alives, messages of length zero, come before and behind interest and requests. " +
			"They mean nothing, and the requests must be served.",
		Causes: []string{"the id of a message is read without looking at its length"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"keep-alive-ends-it"},
		Run: func(t *T) {
			p := Meet(t)
			p.Send(wire.KeepAlive, wire.KeepAlive)
			if p.Dropped(t.SilenceWait()) {
				p.Alive()
				t.Failf("two keep-alives end the connection")
			}
			p.Unchoke()
			p.Send(wire.KeepAlive, block(wire.Request, 0, 0, 100), wire.KeepAlive)
			if m := p.Answer(0, 0, 100); m == nil || m.Type != wire.Piece {
				t.Failf("a request between keep-alives was not served: %s", p.Last())
			}
		},
	},
	{
		ID: "bep3/messages/split-and-joined", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answers themselves",
		Explain: "Two requests arrive in three segments that break within the length and within the " +
			"payload. Both must be served: messages are found by their lengths alone.",
		Causes: []string{"a read that ends within a message loses what it has"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"partial-messages-lost"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			b := append(encode(block(wire.Request, 0, 0, 100)), encode(block(wire.Request, 0, 100, 100))...)
			for _, part := range [][]byte{b[:2], b[2:20], b[20:]} {
				p.WriteMalformed(part, "a part of two requests")
				t.Wait(20 * time.Millisecond)
			}
			for _, begin := range []int{0, 100} {
				p.cursor = 0
				if m := p.Answer(0, begin, 100); m == nil || m.Type != wire.Piece {
					t.Failf("the request at %d was not served: %s", begin, p.Last())
				}
			}
		},
	},
	{
		ID: "bep3/messages/length-beyond-any-message", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-012"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: "A length of 2^32-1 and the first bytes of a message of that length. No legal message is " +
			"that long; the target must not wait for it, and should close the connection soon.",
		Causes: []string{"the length has no limit, and the buffer grows with what is sent"},
		Kills:  []string{"any-length-awaited"},
		Run: func(t *T) {
			p := Meet(t)
			p.Alive()
			p.WriteMalformed(append(binary.BigEndian.AppendUint32(nil, 1<<32-1), make([]byte, 1000)...),
				"a length of 2^32-1, and 1000 bytes")
			dropped := p.Dropped(refuseWithin)
			p.Alive()
			if !dropped {
				t.Failf("the connection is open %v after a length of 2^32-1", refuseWithin)
			}
		},
	},
	{
		ID: "bep3/messages/keep-alive-every-two-minutes", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-013"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target's handshake and announcement on the same connection",
		Explain: "We keep the connection alive and ask for nothing. The target has nothing to say either, " +
			"so a keep-alive has to come: BEP 3 has them generally sent once every two minutes. It is " +
			"given two and a half.",
		Causes: []string{"no keep-alive is sent by who has nothing to ask for"},
		Within: 7 * time.Minute,
		Kills:  []string{"keep-alive-ends-it", "no-keep-alive"},
		Run: func(t *T) {
			p := Meet(t)
			quiet := t.Now()
			for range 5 {
				seen := len(p.Log)
				t.Until(func() bool { return len(p.Log) > seen || p.Gone() }, time.Minute)
				switch {
				case p.Gone():
					t.Failf("the connection ended, though we kept it alive: %s", p.Last())
				case len(p.Log) > seen && p.Log[len(p.Log)-1].Type == wire.KeepAlive:
					t.Observef("a keep-alive came after %v", (t.Now() - quiet).Round(time.Second))
					return
				case len(p.Log) > seen:
					quiet = t.Now()
				case t.Now()-quiet > 150*time.Second:
					t.Failf("nothing came for %v", (t.Now() - quiet).Round(time.Second))
				}
				p.Send(wire.KeepAlive)
			}
		},
	},
	{
		ID: "bep3/messages/silent-connection-ends", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP03-PEER-014"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "another peer that is alive afterwards",
		Explain: "A peer says nothing after its handshake. The target may close the connection; what it " +
			"does within ten minutes is recorded.",
		Within: 12 * time.Minute,
		Kills:  []string{"no-handshake-timeout", "silent-peers-kept"},
		Run: func(t *T) {
			p := Meet(t)
			dropped := p.Dropped(10 * time.Minute)
			p.Alive()
			if !dropped {
				t.Infof("a connection without a word is kept for more than ten minutes")
			}
			t.Observef("closed after %v of silence", (t.Now() - p.Log[0].At).Round(time.Second))
		},
	},
	{
		ID: "bep3/messages/unknown-id", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-048"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer that is alive before and after",
		Explain: "A message with the id 99 and four bytes, and then a request. The target may skip the " +
			"message or close the connection; it must not take its payload for something else. Skipping " +
			"is what lets new messages be introduced.",
		Causes: []string{"an unknown id is skipped without its payload"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"unknown-message-hangs"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			p.Serves(0)
			p.WriteMalformed([]byte{0, 0, 0, 5, 99, 0, 0, 0, 1}, "a message with the id 99")
			m := p.Ask(0, 0, 100)
			p.Alive()
			switch {
			case m != nil && m.Type == wire.Piece:
			case p.Ended():
				t.Observef("an unknown message closes the connection")
			default:
				t.Failf("a request behind an unknown message was neither served nor was the connection closed: %s", p.Last())
			}
		},
	},
	{
		ID: "bep3/messages/payload-where-none-belongs", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-PEER-016"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer that is alive before and after",
		Explain: "An interested message with four bytes of payload, and then a request. The target may " +
			"skip the bytes or close the connection; it must not read them as the next message.",
		Causes: []string{"messages without a payload are taken to have length 1 whatever it says"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"overlong-interested-hangs"},
		Run: func(t *T) {
			p := Meet(t)
			p.Unchoke()
			p.Serves(0)
			p.WriteMalformed([]byte{0, 0, 0, 5, byte(wire.Interested), 0, 0, 0, 0}, "interested with four bytes")
			m := p.Ask(0, 0, 100)
			p.Alive()
			if (m == nil || m.Type != wire.Piece) && !p.Ended() {
				t.Failf("a request behind an overlong message was neither served nor was the connection closed: %s", p.Last())
			}
		},
	},
	{
		ID: "bep3/messages/have-out-of-range", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-020"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: "A have for the piece behind the last and one for 2^32-1. The target may ignore them or " +
			"close the connection, and must live on.",
		Causes: []string{"the index is used without a look at the number of pieces"},
		Kills:  []string{"have-out-of-range-crashes"},
		Run: func(t *T) {
			p := Meet(t)
			p.Alive()
			p.Send(have(p.content.Pieces()), wire.Message{Type: wire.Have, Index: 1<<32 - 1})
			t.Until(p.Gone, t.SilenceWait())
			if p.Fault != nil {
				t.Failf("the target went on with %v", p.Fault)
			}
			p.Alive()
		},
	},
	badBitfield("one-byte-short", "BEP03-PEER-024", "bitfields-of-any-length", true,
		"a bitfield that is one byte short", func(b []byte) []byte { return b[:len(b)-1] }),
	badBitfield("one-byte-long", "BEP03-PEER-024", "bitfields-of-any-length", true,
		"a bitfield with a byte too many", func(b []byte) []byte { return append(b, 0) }),
	badBitfield("spare-bits", "BEP03-PEER-025", "spare-bits-crash", false,
		"a bitfield whose spare bits are set", func(b []byte) []byte {
			b[len(b)-1] |= 1
			return b
		}),
	{
		ID: "bep3/bitfield/late", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-021"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: "A bitfield behind another message. It may only be the first; the target may close the " +
			"connection or read it all the same, and must live on.",
		Kills: []string{"late-bitfield-crashes"},
		Run: func(t *T) {
			p := Meet(t)
			p.Alive()
			p.Send(have(0), bits(p.content.Pieces(), func(i int) bool { return i == 0 }))
			t.Until(p.Gone, t.SilenceWait())
			if p.Fault != nil {
				t.Failf("the target went on with %v", p.Fault)
			}
			p.Alive()
		},
	},
}

// badBitfield sends a bitfield that is wrong. Where it must be refused the
// connection has to end; else it may live, as long as others do.
func badBitfield(
	slug, clause, kills string, refused bool, what string, bend func([]byte) []byte,
) Case {
	explain := "The target may close the connection or ignore what is too much, and must live on."
	if refused {
		explain = "Nobody can tell what it means; the target should close the connection."
	}
	return Case{
		ID: "bep3/bitfield/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{clause}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: fmt.Sprintf("The first message is %s. %s", what, explain),
		Causes:  []string{"the length of a bitfield is not compared with the number of pieces"},
		Kills:   []string{kills},
		Run: func(t *T) {
			p := Meet(t)
			p.Alive()
			m := bits(p.content.Pieces(), func(i int) bool { return i == 0 })
			if slug == "spare-bits" && p.content.Pieces()%8 == 0 {
				t.Inconclusivef("this torrent's bitfield has no spare bits")
			}
			m.Data = bend(m.Data)
			p.WriteMalformed(encode(m), what)
			dropped := p.Dropped(refuseWithin)
			p.Alive()
			if refused && !dropped {
				t.Failf("the connection is open %v after %s", refuseWithin, what)
			}
		},
	}
}
