package kademlia

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func storeCases() []Case {
	return []Case{
		{
			ID: "kademlia/store/found-from-everywhere", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-RPC-007", "KAD-RPC-009", "KAD-STORE-001"},
			Explain:      "A node that is not among the k closest to a drawn key stores a value under it. Every node finds it.",
			Causes:       []string{"the value stays at the node that was told to store it"},
			Kills:        []string{"keeps-to-itself"},
			Run: func(t *T) {
				c := joined(t)
				key := drawEven(c)
				store(c, without(c.Members(), closest(c, key, c.Members())...)[0], key, t.Case().ID)
				for _, node := range c.Members() {
					wantValue(c, node, key, t.Case().ID)
				}
			},
		},
		{
			ID: "kademlia/store/any-json", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-RPC-009"},
			Explain: "Values of all kinds that JSON has are stored and found as they were: null, false, numbers, texts " +
				"with escapes, lists and objects in each other, and a text of 8 KiB.",
			Causes: []string{"a value that is null or false is taken for none", "the value is made a text on its way"},
			Kills:  []string{"keeps-to-itself", "null-is-none"},
			Run:    runAnyJSON,
		},
		{
			ID: "kademlia/store/unknown-key", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-RPC-008"},
			Explain: "A value is stored and found. Then nodes are asked for a key under which nobody has stored " +
				"anything: the answer is error 20.",
			Causes: []string{"a value of null is answered where there is none", "the answer has another code than 20"},
			Kills:  []string{"none-is-null"},
			Run:    runUnknownKey,
		},
		{
			ID: "kademlia/store/replaced", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-001"},
			Explain:      "The same node stores a second value under the same key. Every node finds the second.",
			Causes:       []string{"a holder keeps the first value that it got"},
			Kills:        []string{"keeps-the-first", "keeps-to-itself"},
			Run: func(t *T) {
				c := joined(t)
				key := drawEven(c)
				store(c, c.Members()[0], key, "first")
				store(c, c.Members()[0], key, "second")
				for _, node := range c.Members() {
					wantValue(c, node, key, "second")
				}
			},
		},
		{
			ID: "kademlia/store/at-the-k-closest", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Nodes store values. Then each of the k members closest to a key is cut off from all others and asked " +
				"for the value: it finds it, because it holds a copy.",
			Causes: []string{
				"the value is stored at the closest node alone", "the value is stored at whoever is known, near or far",
			},
			Kills: []string{"files-answers-alone", "keeps-to-itself", "stores-once"},
			Run:   runAtClosest,
		},
		{
			ID: "kademlia/value/lookup-halts", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-009"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node that does not hold a value is asked for it. Once the first message with the value has " +
				"reached it, it asks nobody any more; one STORE of the value is allowed.",
			Causes: []string{"find_value is a find_node with a question for the value at its end"},
			Kills:  []string{"asks-on", "bottomless-buckets", "keeps-to-itself"},
			Run:    runHalts,
		},
		{
			ID: "kademlia/value/cached-at-the-closest-without-it", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-010"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The node closest to a key was cut off from the publisher and so has no copy. With alpha = 1 another " +
				"node asks it first and then one that has the value. It then sends the value to the closest, " +
				"which it saw and which did not have it.",
			Causes: []string{"the value is not stored on the way", "it is stored at the node that returned it"},
			Kills: []string{
				"files-answers-alone", "keeps-to-itself", "leaves-itself-out", "never-caches",
				"one-too-few", "subtracts", "waits-for-ever",
			},
			Run: runCached,
		},
		{
			ID: "kademlia/value/handed-to-a-newcomer", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-008"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A value is stored. Then a node joins that is closer to its key than all others. Cut off from them, it " +
				"finds the value, because it was given a copy.",
			Causes: []string{"values are not handed to a node that is new in a table"},
			Kills:  []string{"joined-while-busy", "keeps-to-itself", "never-hands-over"},
			Run:    runHandedOver,
		},
		{
			ID: "kademlia/value/copied-again-by-its-holders", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A value is stored by a node that does not hold it, and which is killed then. Two hours pass by " +
				"advance_clock. Meanwhile one of the holders sends the value to another node by itself.",
			Causes: []string{"only the publisher stores a value again"},
			Kills:  []string{"keeps-to-itself", "never-copies"},
			Run:    runCopied,
		},
		{
			ID: "kademlia/value/expires", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-003"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A value is stored and its publisher killed. 23 hours pass by advance_clock, six at a time, and " +
				"it is found; two more, and it is not.",
			Causes: []string{"a value has no end", "each copy that a holder makes begins a new life of 24 hours"},
			Kills:  []string{"keeps-to-itself", "lives-for-ever", "lives-six-hours", "none-is-null"},
			Run:    runExpires,
		},
		{
			ID: "kademlia/value/published-again", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-STORE-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A value is stored, and its publisher lives. 25 hours pass by advance_clock, six at a time: the " +
				"value is found, because the publisher has stored it again.",
			Causes: []string{"the publisher forgets what it has stored"},
			Kills:  []string{"keeps-to-itself", "never-republishes"},
			Run:    runRepublished,
		},
	}
}

func runAnyJSON(t *T) {
	c := joined(t)
	nodes := c.Members()
	for i, value := range []any{
		nil, false, 0.0, -12.5, "", "täxt \"quoted\"\n\u2028", []any{}, args{},
		[]any{1.0, []any{nil, args{"deep": []any{"x"}}}}, strings.Repeat("0123456789abcdef", 512),
	} {
		key := drawEven(c)
		store(c, nodes[i%len(nodes)], key, value)
		wantValue(c, nodes[(i+3)%len(nodes)], key, value)
	}
}

func runUnknownKey(t *T) {
	c := joined(t)
	key := drawEven(c)
	store(c, c.Members()[0], key, 1.0)
	wantValue(c, c.Members()[1], key, 1.0)
	for _, node := range c.Members() {
		other := c.DrawID() | 1
		if value, found := findValue(c, node, other); found {
			t.Mismatch(fmt.Sprintf("what %s finds under %d, where nothing was stored", node, other),
				word(value, true), "error 20: none")
		}
	}
	t.Earn()
}

func runAtClosest(t *T) {
	c := formed(t, quiet())
	for _, publisher := range c.Members()[:3] {
		key := drawEven(c)
		store(c, publisher, key, "kept")
		wantHeld(c, key, "kept")
	}
}

func runHalts(t *T) {
	c := formed(t, quiet())
	key := drawEven(c)
	value := fmt.Sprintf("needle-%x", t.Rand().Uint64())
	others := without(c.Members(), closest(c, key, c.Members())...)
	store(c, others[0], key, value)
	c.Log()
	asker := others[1]
	wantValue(c, asker, key, value)
	c.Pass(2 * c.Options().Timeout)
	log := c.Log()
	asks(c, asker, log)
	first := slices.IndexFunc(log, func(p cluster.Passed) bool { return p.Msg.Dest == asker && carries(p, value) })
	if first < 0 {
		t.Inconclusivef("no message with the value reached %s: it may hold it itself", asker)
	}
	late := slices.DeleteFunc(requests(log, asker), func(p cluster.Passed) bool {
		return p.Sent <= log[first].At || carries(p, value)
	})
	if len(late) > 0 {
		t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("%s goes on asking after %s has returned the value", asker, log[first].Msg.Src),
			Expected: []string{"no request but a STORE of the value"}, Got: string(late[0].Msg.Body.Raw),
		})
	}
}

// carries reports that a message has the value in it, in whatever words.
func carries(p cluster.Passed, value string) bool {
	return strings.Contains(string(p.Msg.Body.Raw), value)
}

func runCached(t *T) {
	opt := quiet()
	// Four nodes in each half: with k = 4 every table has room for all. n0 is the
	// closest to key 0, and n7 the farthest.
	opt.Bits, opt.K, opt.Alpha = 6, 4, 1
	opt.IDs = []uint64{1, 2, 5, 9, 33, 40, 50, 60}
	c := formed(t, opt)
	findAll(c, c.Members(), 3)
	value := fmt.Sprintf("needle-%x", t.Rand().Uint64())
	f := c.Cut([]string{"n6"}, []string{"n0"})
	store(c, "n6", 0, value)
	c.Touched(f)
	c.Heal(f)
	c.Log()
	wantValue(c, "n7", 0, value)
	c.Pass(2 * c.Options().Timeout)
	log := c.Log()
	missed := slices.ContainsFunc(answers(log, "n7"), func(p cluster.Passed) bool {
		return p.Msg.Src == "n0" && !carries(p, value)
	})
	if !missed {
		t.Inconclusivef("n7 has not asked n0, the closest to the key, or n0 had the value")
	}
	cached := func(p cluster.Passed) bool { return p.Msg.Src == "n7" && p.Msg.Dest == "n0" && carries(p, value) }
	if !slices.ContainsFunc(log, cached) {
		t.Fail(conformance.Failure{
			Message:  "n7 has found the value and does not send it to n0, the closest node that did not have it",
			Expected: []string{"a message from n7 to n0 with the value in it"},
		})
	}
}

func runHandedOver(t *T) {
	opt := quiet()
	opt.Bits = 6
	opt.IDs = []uint64{8, 12, 20, 24, 33, 40, 60, 1}
	c := fresh(t, opt)
	join(c, c.Nodes()[:7]...)
	settle(c)
	store(c, "n6", 0, "handed")
	join(c, "n7")
	settle(c)
	c.Pass(2 * c.Options().Timeout)
	wantHeld(c, 0, "handed")
}

// clocks has all members' time advance by so many hours, one step after another,
// each with time for what is due then.
func clocks(c *cluster.Cluster, steps ...time.Duration) {
	if !c.Able("advance_clock") {
		c.T().Unsupportedf("the nodes do not name the capability advance_clock in init_ok")
	}
	for _, hours := range steps {
		var calls []*cluster.Call
		for _, node := range c.Members() {
			calls = append(calls, c.Go(node, "advance_clock", args{"ms": (hours * time.Hour).Milliseconds()}))
		}
		c.Answered(calls...)
		c.Pass(2 * c.Options().Timeout)
	}
}

func runCopied(t *T) {
	c := formed(t, quiet())
	clocks(c) // or else it is unsupported
	key := drawEven(c)
	value := fmt.Sprintf("needle-%x", t.Rand().Uint64())
	holders := closest(c, key, c.Members())
	publisher := without(c.Members(), holders...)[0]
	store(c, publisher, key, value)
	c.Kill(publisher)
	c.Log()
	clocks(c, 1, 1)
	copied := slices.ContainsFunc(c.Log(), func(p cluster.Passed) bool {
		return slices.Contains(holders, p.Msg.Src) && p.Msg.Body.InReplyTo == nil && carries(p, value)
	})
	if !copied {
		t.Fail(conformance.Failure{
			Message:  "no holder of the value has sent it to another node for two hours",
			Expected: []string{fmt.Sprintf("a message with the value from one of %v", holders)},
		})
	}
	wantValue(c, without(c.Members(), holders...)[0], key, value)
}

func runExpires(t *T) {
	c := formed(t, quiet())
	clocks(c) // or else it is unsupported
	key := drawEven(c)
	others := without(c.Members(), closest(c, key, c.Members())...)
	store(c, others[0], key, "mortal")
	c.Kill(others[0])
	clocks(c, 6, 6, 6, 5)
	wantValue(c, others[1], key, "mortal")
	clocks(c, 2)
	for _, node := range c.Members() {
		if value, found := findValue(c, node, key); found {
			t.Mismatch("what "+node+" finds 25 hours after the value was stored", word(value, true), "error 20: none")
		}
	}
}

func runRepublished(t *T) {
	c := formed(t, quiet())
	clocks(c) // or else it is unsupported
	key := drawEven(c)
	store(c, "n1", key, "lasting")
	clocks(c, 6, 6, 6, 6, 1)
	for _, node := range c.Members() {
		wantValue(c, node, key, "lasting")
	}
}
