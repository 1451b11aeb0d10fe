package dht

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Hostile judges what happens to datagrams that no correct node sends.
var bep5Hostile = []Case{
	{
		ID: "bep5/malformed/not-bencoded", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Datagrams that are not bencoded: none at all, text, other protocols, truncated and " +
			"unterminated messages. The target may send an error or nothing, and must go on answering.",
		Causes: []string{
			"the decoder throws and nothing catches it",
			"a read past the end of the datagram",
		},
		Kills: []string{"crashes-on-other-protocols", "crashes-on-truncation"},
		Run: func(t *T) {
			whole := string(Encode(Dict{"t": "aa", "y": "q", "q": "ping", "a": Dict{"id": randomBytes(t, 20)}}))
			survives(t, "not bencoded", [][]byte{
				{}, []byte("\x00"), []byte("hello"), []byte("GET / HTTP/1.1\r\n\r\n"), randomBytes(t, 64),
				[]byte("d"), []byte("d1:"), []byte("d1:ad"), []byte("de"), []byte("le"), []byte("i1e"), []byte("4:ping"),
				[]byte(whole[:len(whole)/2]), []byte(whole[:len(whole)-1]), []byte("e" + whole),
			})
		},
	},
	{
		ID:  "bep5/malformed/broken-lengths-and-integers",
		Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Dictionaries whose string lengths or integers are broken: lengths beyond the " +
			"datagram, beyond 64 bits and negative, integers of hundreds of digits, empty and without an " +
			"end. The target must go on answering.",
		Causes: []string{
			"memory is allocated for the claimed length",
			"a length overflows",
			"integers are assumed to fit",
		},
		Kills: []string{
			"crashes-on-broken-lengths", "crashes-on-truncation", "crashes-on-wrong-types",
			"crashes-without-arguments",
		},
		Run: func(t *T) {
			digits := strings.Repeat("9", 300)
			survives(t, "broken lengths and integers", [][]byte{
				[]byte("d1:ad2:id2147483647:abce1:q4:ping1:t2:aa1:y1:qe"),
				[]byte("d1:ad2:id18446744073709551617:abce1:q4:ping1:t2:aa1:y1:qe"),
				[]byte("d1:ad2:id-20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
				[]byte("d99999999999:ae"), []byte("d" + digits + ":ae"),
				[]byte("d1:ti" + digits + "e1:y1:qe"), []byte("d1:tie1:y1:qe"), []byte("d1:ti-e1:y1:qe"),
				[]byte("d1:ti12"), []byte("d1:t2:aa1:y1:q" + strings.Repeat("1", 200) + ":e"),
			})
		},
	},
	{
		ID: "bep5/malformed/deep-nesting", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Lists and dictionaries nested as deep as a datagram allows, complete and not, alone " +
			"and among the arguments of a ping. The target must go on answering.",
		Causes: []string{"a recursive decoder overflows the stack", "decoding takes quadratic time"},
		Kills: []string{
			"crashes-on-deep-nesting", "crashes-on-other-protocols", "crashes-on-truncation",
		},
		Run: func(t *T) {
			lists := strings.Repeat("l", 700) + strings.Repeat("e", 700)
			survives(t, "deep nesting", [][]byte{
				bytes.Repeat([]byte("l"), 1400), []byte(lists), []byte(strings.Repeat("d1:a", 350)),
				[]byte(strings.Repeat("d1:a", 280) + "le" + strings.Repeat("e", 280)),
				[]byte("d1:ad2:id20:abcdefghij01234567893:odd" + lists[300:1100] + "e1:q4:ping1:t2:aa1:y1:qe"),
				bytes.Repeat([]byte("l"), 30000),
			})
		},
	},
	{
		ID: "bep5/malformed/oversized", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Well-formed pings of 2 KiB to 60 KiB, filled by a key that must be ignored, and as " +
			"many zero bytes. They may be answered or not; the target must go on answering.",
		Causes: []string{"a datagram is read into a fixed buffer without a bound"},
		Kills:  []string{"crashes-on-other-protocols", "crashes-on-oversized-datagrams"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			for _, n := range []int{2 << 10, 8 << 10, 60 << 10} {
				note := fmt.Sprintf("%d bytes", n)
				p.SendMalformed(p.Query("ping", Dict{"odd": make([]byte, n)}), note)
				p.SendBytes(make([]byte, n), note)
				p.Ping()
			}
		},
	},
	{
		ID: "bep5/malformed/wrong-types", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009", "BEP05-KRPC-001"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Messages of well-formed bencoding whose keys have wrong types or are missing: t, y, " +
			"q, a, e and r as integers, lists and dictionaries. The target may send an error or nothing, " +
			"and must go on answering.",
		Causes: []string{"a type assertion fails", "y is compared before its type is known"},
		Kills: []string{
			"crashes-on-malformed-errors", "crashes-on-malformed-responses",
			"crashes-on-wrong-types",
		},
		Run: func(t *T) {
			p := NewPeer(t)
			a := Dict{"id": p.ID[:]}
			var all [][]byte
			for _, m := range []Dict{
				{"t": 7, "y": "q", "q": "ping", "a": a}, {"t": []any{"aa"}, "y": "q", "q": "ping", "a": a},
				{"y": "q", "q": "ping", "a": a}, {"t": "aa", "q": "ping", "a": a}, {"t": "aa", "y": "x", "q": "ping", "a": a},
				{"t": "aa", "y": 1, "q": "ping", "a": a}, {"t": "aa", "y": "q", "a": a},
				{"t": "aa", "y": "q", "q": 4, "a": a}, {"t": "aa", "y": "q", "q": []any{"ping"}, "a": a},
				{"t": "aa", "y": "r", "r": 1}, {"t": "aa", "y": "r"}, {"t": "aa", "y": "e", "e": "text"},
				{"t": "aa", "y": "e", "e": []any{}}, {"t": "aa", "y": "e", "e": []any{"201", 7}}, {"t": "aa", "y": "e"},
			} {
				all = append(all, Encode(m))
			}
			survives(t, "wrong types", all)
		},
	},
	{
		ID: "bep5/malformed/no-arguments", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009", "BEP05-KRPC-003"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each query",
		Explain: "ping, find_node, get_peers and announce_peer without a, and with an a that is no " +
			"dictionary. The target may send an error or nothing, and must go on answering.",
		Causes: []string{"the arguments are used before they are known to be there"},
		Kills:  []string{"crashes-without-arguments"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			for _, method := range []string{"ping", "find_node", "get_peers", "announce_peer"} {
				for _, a := range []any{nil, "text", 5, []any{}} {
					p.SendMalformed(p.Query(method, nil, Dict{"a": a}), fmt.Sprintf("%s with the arguments %v", method, a))
				}
				p.Ping()
			}
		},
	},
	{
		ID:  "bep5/malformed/missing-argument-is-refused",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-009", "BEP05-KRPC-005"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the same queries with their argument, which are answered",
		Explain: "find_node without target and get_peers without info_hash, and both with keys of 0, " +
			"19 and 21 bytes. The target should send an error or nothing, but no response: there is " +
			"nothing to respond to. The document says so nowhere, and three of five common clients " +
			"respond, so it is no must.",
		Causes: []string{"a missing key counts as zeros", "a key is cut or filled to 20 bytes"},
		Kills:  []string{"missing-key-means-zeros", "one-store-for-all-hashes"},
		Run: func(t *T) {
			p, key := NewPeer(t), randomID(t)
			for _, q := range [][2]string{{"find_node", "target"}, {"get_peers", "info_hash"}} {
				method, arg := q[0], q[1]
				p.Expect(method, Dict{arg: key[:]})
				for _, bad := range []any{nil, "", key[:19], append(key[:], 'x'), 12} {
					a := p.SendMalformed(p.Query(method, Dict{arg: bad}), fmt.Sprintf("%s is %v", arg, bad))
					p.PingBehind(a)
					a.Denied(fmt.Sprintf("%s with the %s %v", method, arg, bad))
				}
			}
		},
	},
	{
		ID:  "bep5/malformed/missing-argument-is-error-203",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-005", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "find_node without target and get_peers without info_hash should be answered by " +
			"error 203, which names invalid arguments. Silence leaves the author of a new client " +
			"guessing.",
		Causes: []string{"the query is dropped", "another error code is used"},
		Kills:  []string{"missing-key-means-zeros", "refuses-in-silence"},
		Run: func(t *T) {
			p := NewPeer(t)
			for _, method := range []string{"find_node", "get_peers"} {
				a := p.AskMalformed("without its argument", method, nil)
				p.Answered(a)
				a.Refused(203)
			}
		},
	},
	{
		ID: "bep5/malformed/bad-id-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-KRPC-009", "BEP05-KRPC-003"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with a proper id from the same socket",
		Explain: "Pings without id, and with ids of 0, 19 and 21 bytes and of another type. The " +
			"target should send an error or nothing: without an id the query is not one of this " +
			"protocol.",
		Causes: []string{"the id is not looked at", "an id is cut or filled to 20 bytes"},
		Kills:  []string{"crashes-without-id", "ids-filled-to-20-bytes"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			for _, bad := range []any{nil, "", p.ID[:19], append(p.ID[:], 'x'), 12} {
				a := p.SendMalformed(p.Query("ping", Dict{"id": bad}), fmt.Sprintf("the id is %v", bad))
				p.PingBehind(a)
				a.Denied(fmt.Sprintf("a ping with the id %v", bad))
			}
		},
	},
	{
		ID: "bep5/malformed/bytes-behind-the-message", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP05-KRPC-001", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "a ping from the same socket",
		Explain: "A ping followed by two more bytes. Some clients sent such datagrams for years, some " +
			"readers drop them. What the target does is recorded.",
		Kills: []string{"crashes-on-truncation"},
		Run: func(t *T) {
			p := NewPeer(t)
			msg := p.Query("ping", nil)
			a := p.expect(msg, "ping with bytes behind it")
			p.SendBytes(append(Encode(msg), "\r\n"...), "bytes behind the message")
			p.PingBehind(a)
			if a.Kind != Response {
				t.Infof("a ping with bytes behind it is met with %s", a)
			}
		},
	},
	{
		ID: "bep5/malformed/keys-out-of-order", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP05-KRPC-001", "BEP05-KRPC-009"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "a ping from the same socket",
		Explain: "A ping whose keys are not in order. Bencoding asks for order, many readers do not. " +
			"What the target does is recorded.",
		Unkillable: "the document leaves it to the reader, so no client can be wrong",
		Run: func(t *T) {
			p := NewPeer(t)
			msg := p.Query("ping", nil)
			a := p.expect(msg, "ping with its keys out of order")
			tx, _ := text(msg["t"])
			p.SendBytes(fmt.Appendf(nil, "d1:y1:q1:t%d:%s1:q4:ping1:ad2:id20:%see", len(tx), tx, p.ID[:]), "keys out of order")
			p.PingBehind(a)
			if a.Kind != Response {
				t.Infof("a ping with its keys out of order is met with %s", a)
			}
		},
	},
	{
		ID: "bep5/malformed/repeated-keys", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-KRPC-009"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a ping from the same socket after each datagram",
		Explain: "Messages in which a key occurs twice, with the same and with other types. They may " +
			"be answered by an error, by nothing, or by either meaning; the target must go on answering.",
		Causes: []string{"the second occurrence is written over the first while that is in use"},
		Kills:  []string{"crashes-on-repeated-keys"},
		Run: func(t *T) {
			p := NewPeer(t)
			p.Ping()
			for _, m := range []string{
				"d1:ad2:id20:%s2:id20:%[1]se1:q4:ping1:t2:aa1:y1:qe",
				"d1:ad2:id20:%se1:ai7e1:q4:ping1:t2:aa1:y1:qe",
				"d1:ad2:id20:%se1:q4:ping1:t4:aaaa1:ti9e1:y1:q1:y1:re",
			} {
				p.SendBytes(fmt.Appendf(nil, m, p.ID[:]), "a repeated key")
				p.Ping()
			}
		},
	},
	{
		ID: "bep5/malformed/odd-ids-are-served", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-001", "BEP05-RPC-002"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "find_node for the same ids from a peer with a usual one",
		Explain: "Queries from the ids of all zeros, all ones and the target's own, and find_node for " +
			"the same. All are ids like any other and should be answered. No honest node draws them, and " +
			"jech/dht and aria2 take zeros for a missing id, so it is no must.",
		Causes: []string{
			"zero stands for a missing id",
			"the own id is in no bucket and is looked for in one",
		},
		Kills: []string{"answers-with-the-target-as-id", "nodes-as-list"},
		Run: func(t *T) {
			p := NewPeer(t)
			for _, id := range []kademlia.ID{{}, allOnes(), p.TargetID()} {
				q := NewPeer(t)
				q.ID = id
				p.Expect("find_node", Dict{"target": id[:]}).Nodes()
				if id == p.TargetID() {
					q.Begin("find_node", Dict{"target": id[:]}) // its answer could not be told from an echo
					p.Ping()
					continue
				}
				a := q.Ask("find_node", Dict{"target": id[:]})
				a.What = "find_node from the id " + id.String()
				if a.Kind == None {
					t.Mismatch(a.What, "silence", "a response")
				}
			}
		},
	},
}

// survives sends datagrams that deserve no response, and a ping after each.
// The target may send errors.
func survives(t *T, what string, datagrams [][]byte) {
	p := NewPeer(t)
	p.Ping()
	for _, d := range datagrams {
		p.SendBytes(d, what)
		p.Ping()
	}
	for _, a := range p.Strays {
		t.Observef("%s was sent in answer to a malformed datagram", a)
	}
}

// Denied ends the case if the query was answered by a response.
func (a *Answer) Denied(what string) {
	if a.Kind == Response {
		a.t.Mismatch("the answer to "+what, a, "an error", "silence")
	}
}

// allOnes is an id that no honest generator draws, and that every node must serve.
func allOnes() (id kademlia.ID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}
