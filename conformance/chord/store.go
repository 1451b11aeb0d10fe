package chord

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func storeCases() []Case {
	return []Case{
		{
			ID: "chord/store/found-by-all", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-STORE-001"},
			Explain:      "Values are put through one node each. Every node gets them.",
			Causes:       []string{"a value stays at the node that was asked to put it"},
			Kills: []string{
				"answers-puts-at-once", "joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself",
				"no-second-life", "patient", "tells-no-predecessor", "values-as-text",
			},
			Run: func(t *T) {
				c := joined(t)
				for i, node := range c.Members()[:4] {
					key := drawEven(c)
					put(c, node, key, float64(i))
					wantValue(c, c.Members(), key, float64(i))
				}
			},
		},
		{
			ID: "chord/store/any-json", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-STORE-001"},
			Explain: "A value is any JSON: null, numbers, texts of any letters, lists and objects. It comes " +
				"back as it was.",
			Causes: []string{"values are taken for texts", "a value of null or false is taken for none"},
			Kills: []string{
				"answers-puts-at-once", "joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself",
				"no-second-life", "null-is-none", "patient", "tells-no-predecessor", "values-as-text",
			},
			Run: runAnyJSON,
		},
		{
			ID: "chord/store/unknown-key", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-STORE-003"},
			Explain:      "A get of a key under which nothing was put is answered with error 20 by every node.",
			Causes: []string{
				"the answer is get_ok with null",
				"a node answers by what it has itself, and is no owner",
			},
			Kills: []string{
				"answers-puts-at-once", "joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself",
				"none-is-null", "patient", "values-as-text",
			},
			Run: func(t *T) {
				c := joined(t)
				key := drawEven(c)
				put(c, "n0", key, 1.0)
				wantValue(c, c.Members()[:2], key, 1.0)
				for _, node := range c.Members() {
					refusedWith(c, c.Call(node, "get", args{"key": key | 1}), stdio.KeyDoesNotExist)
				}
			},
		},
		{
			ID: "chord/store/last-put-wins", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-STORE-002"},
			Explain: "Three values are put under one key, one after another and through different nodes. All " +
				"find the last.",
			Causes: []string{"a key that has a value keeps it", "replicas are not told of the second value"},
			Kills: []string{
				"answers-puts-at-once", "first-put-stays", "joined-by-n0-alone", "joins-at-once",
				"keeps-values-to-itself", "values-as-text",
			},
			Run: func(t *T) {
				c := joined(t)
				key := drawEven(c)
				for i, node := range c.Members()[3:6] {
					put(c, node, key, fmt.Sprint("value ", i))
					wantValue(c, c.Members(), key, fmt.Sprint("value ", i))
				}
			},
		},
		{
			ID: "chord/store/malformed", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"CHORD-ID-001", "CHORD-RPC-001"},
			Explain: "A put without a value or a key, or with one beyond the circle, is answered with error 12, and so is a " +
				"get of such a key.",
			Causes: []string{"a missing value is stored as null"},
			Kills: []string{
				"answers-puts-at-once", "dies-of-a-bad-key", "joined-by-n0-alone", "joins-at-once",
				"keeps-values-to-itself", "missing-value-is-null", "modulo", "patient", "values-as-text",
			},
			Run: func(t *T) {
				c := joined(t)
				for _, bad := range []args{{"key": 1}, {"value": 1}, {"key": mask(c) + 1, "value": 1}, {"key": "1", "value": 1}} {
					refusedWith(c, c.Call("n1", "put", bad), stdio.MalformedRequest)
				}
				refusedWith(c, c.Call("n1", "get", args{"key": mask(c) + 1}), stdio.MalformedRequest)
				put(c, "n1", 0, "well formed")
				wantValue(c, []string{"n0"}, 0, "well formed")
			},
		},
		{
			ID: "chord/store/moves-to-who-joins", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"CHORD-KEY-002", "CHORD-KEY-005", "CHORD-STORE-006"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "The paper's figure 5: the ring 0, 1, 3 with m = 3 and keys 1, 2 and 6. Node 6 joins. All values are " +
				"found by all, key 6 at its new owner: the three others are killed one after another, with time for repair.",
			Causes: []string{"keys do not move when a node joins", "a key is deleted before the new owner has it"},
			Kills: []string{
				"joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself", "never-stabilizes",
				"no-second-life", "values-as-text",
			},
			Run: runMoves,
		},
		{
			ID: "chord/store/handed-over-by-who-leaves", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-KEY-003", "CHORD-LEAVE-001"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A value is put and, in the same moment, the owner of its key told to leave. When leave_ok has come " +
				"it is stopped. The value is found.",
			Causes: []string{"leave_ok is sent before the keys are handed over"},
			Kills: []string{
				"answers-puts-at-once", "joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself",
				"leaves-with-its-values", "no-second-life", "values-as-text", "values-do-not-move",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 7})
				key := drawEven(c)
				leaver := owner(c, key, c.Members())
				if leaver == "n0" {
					key = c.ID("n3")
					leaver = "n3"
				}
				put(c, leaver, key, "handed over")
				leave(c, leaver)
				settle(c)
				c.Pass(c.Periods(periodsOfStorage))
				wantValue(c, c.Members(), key, "handed over")
			},
		},
		{
			ID: "chord/store/survives-its-owner", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-005", "CHORD-STORE-004"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Values are put, and have some periods to be copied to successors. Then an owner is killed. When the " +
				"ring has closed its values are found: the node that they belong to now has copies.",
			Causes: []string{"values are at their owner alone"},
			Kills: []string{
				"joined-by-n0-alone", "joins-at-once", "keeps-values-to-itself", "leaves-with-its-values",
				"no-copies", "no-second-life", "one-successor", "patient", "values-as-text",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 7})
				keys := putMany(c, 6)
				c.Pass(c.Periods(periodsOfStorage))
				dead := owner(c, keys[0], c.Members())
				c.Touched(killAndSettle(c, dead))
				c.Pass(c.Periods(periodsOfStorage))
				wantMany(c, keys)
			},
		},
		{
			ID: "chord/store/copied-again", Level: conformance.Should, Kind: conformance.State,
			Requirements: []string{"CHORD-FAIL-005", "CHORD-STORE-007"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "An owner is killed, and when the ring has settled and some periods have passed the next owner, and " +
				"the one after that. The value is still found: it was copied again each time.",
			Causes: []string{"copies are made when a value is put, and never again"},
			Kills: []string{
				"joins-at-once", "keeps-values-to-itself", "leaves-with-its-values", "no-copies", "one-successor",
				"patient", "values-as-text", "values-do-not-move",
			},
			Run: func(t *T) {
				c := formed(t, cluster.Options{Nodes: 7})
				keys := putMany(c, 1)
				for range 3 {
					c.Pass(c.Periods(2 * periodsOfStorage))
					c.Touched(killAndSettle(c, owner(c, keys[0], c.Members())))
				}
				c.Pass(c.Periods(periodsOfStorage))
				wantMany(c, keys)
			},
		},
	}
}

// drawEven draws a key to put something under. Odd ones are left unused.
func drawEven(c *cluster.Cluster) uint64 { return c.DrawID() &^ 1 }

func runAnyJSON(t *T) {
	c := joined(t)
	nodes := c.Members()
	for i, value := range []any{
		nil, false, 0.0, -12.5, "", "täxt \"quoted\"\n\u2028", []any{}, args{},
		[]any{1.0, []any{nil, args{"deep": []any{"x"}}}}, strings.Repeat("0123456789abcdef", 16),
	} {
		key := drawEven(c)
		put(c, nodes[i%len(nodes)], key, value)
		wantValue(c, []string{nodes[(i+3)%len(nodes)]}, key, value)
	}
}

func runMoves(t *T) {
	c := fresh(t, cluster.Options{Nodes: 4, Bits: 3, IDs: []uint64{0, 1, 3, 6}, Successors: 2})
	join(c, "n0", "n1", "n2")
	settle(c)
	for key, value := range map[uint64]string{1: "one", 2: "two", 6: "six"} {
		put(c, "n0", key, value)
	}
	join(c, "n3")
	settle(c)
	c.Pass(c.Periods(periodsOfStorage))
	all := func() {
		wantValue(c, c.Members(), 1, "one")
		wantValue(c, c.Members(), 2, "two")
		wantValue(c, c.Members(), 6, "six")
	}
	all()
	if c.Able("state") && !slices.Contains(stateOf(c, "n3").Keys, 6) {
		t.Mismatch("the keys of n3(id 6)", fmt.Sprint(stateOf(c, "n3").Keys), "6 among them")
	}
	f := c.Kill("n0") // that had key 6, whose copies are elsewhere
	settle(c)
	c.Touched(f)
	c.Pass(c.Periods(periodsOfStorage))
	wantValue(c, c.Members(), 6, "six")
}

// putMany puts values under drawn keys, through all members in turn.
func putMany(c *cluster.Cluster, n int) []uint64 {
	var keys []uint64
	for i := range n {
		key := drawEven(c)
		put(c, c.Members()[i%len(c.Members())], key, fmt.Sprint("value of ", key))
		keys = append(keys, key)
	}
	return keys
}

func wantMany(c *cluster.Cluster, keys []uint64) {
	for _, key := range keys {
		wantValue(c, c.Members()[:2], key, fmt.Sprint("value of ", key))
	}
}
