package kademlia

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/cluster"
)

func lookupCases() []Case {
	return []Case{
		{
			ID: "kademlia/lookup/k-closest", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-LOOKUP-008", "KAD-RPC-005", "KAD-METRIC-002"},
			Explain: "The nodes of a group of eight look up drawn identifiers. Each finds the k members closest to " +
				"it by XOR, nearest first, itself included where it belongs.",
			Causes: []string{
				"distance is the difference of two numbers and not their XOR",
				"the node leaves itself out",
				"the answer is not sorted by the distance to the target",
			},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "leaves-itself-out", "one-too-few",
				"subtracts",
			},
			Run: func(t *T) {
				c := joined(t)
				findAll(c, c.Members(), 3)
			},
		},
		{
			ID: "kademlia/lookup/fewer-than-k", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-RPC-006", "KAD-LOOKUP-007"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain:      "In a group of two, with k = 3, each of them finds both.",
			Causes:       []string{"a lookup waits for k answers, however few nodes there are"},
			Kills:        []string{"files-answers-alone", "joins-in-name", "leaves-itself-out", "waits-for-k"},
			Run: func(t *T) {
				c := fresh(t, cluster.Options{Nodes: 2})
				join(c, c.Nodes()...)
				findAll(c, c.Members(), 2)
			},
		},
		{
			ID: "kademlia/lookup/alpha-at-first", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-001", "KAD-LOOKUP-002"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node with k = 6 and alpha = 2 looks up identifiers. Before the first answer comes, it has sent " +
				"one request at least and two at most.",
			Causes: []string{"all of the k closest are asked at once", "alpha is taken from a constant and not from init"},
			Kills:  []string{"answers-from-its-table", "asks-all-at-once", "asks-twice"},
			Run:    runAlpha,
		},
		{
			ID: "kademlia/lookup/no-node-asked-twice", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-004", "KAD-RPC-011"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Nothing is lost on the way while a node looks up identifiers. For one lookup it sends no node " +
				"the same request twice.",
			Causes: []string{"nodes that answered are not kept apart from those yet to be asked"},
			Kills:  []string{"answers-from-its-table", "asks-twice", "files-answers-alone"},
			Run:    runTwice,
		},
		{
			ID: "kademlia/lookup/ends-when-the-closest-answered", Level: conformance.Must, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-007"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "A node looks up identifiers. Each node that it names, but itself, has answered a request " +
				"of this lookup: what is in a table may be long dead.",
			Causes: []string{"the answer is taken from the node's own table", "contacts are named that did not answer yet"},
			Kills:  []string{"answers-from-its-table", "files-answers-alone"},
			Run:    runEnds,
		},
		{
			ID: "kademlia/lookup/passes-over-the-dead", Level: conformance.Must, Kind: conformance.State,
			Requirements: []string{"KAD-LOOKUP-005", "KAD-LOOKUP-008"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "Two of eight nodes are killed, fewer than k = 3. The others look up their identifiers and drawn ones: " +
				"the closest of those that live comes first, and none of the dead is named.",
			Causes: []string{"a contact that did not answer is named all the same", "a lookup waits for the dead for ever"},
			Kills: []string{
				"answers-from-its-table", "files-answers-alone", "gives-up", "leaves-itself-out",
				"names-the-dead", "subtracts", "waits-for-ever",
			},
			Run: runDead,
		},
		{
			ID: "kademlia/lookup/goes-on-beside-a-slow-node", Level: conformance.Should, Kind: conformance.Behaviour,
			Requirements: []string{"KAD-LOOKUP-003", "KAD-LOOKUP-005"},
			Needs:        []conformance.Need{conformance.NeedFresh},
			Explain: "One node is paused, with alpha = 2. A lookup that asks it goes on by the others " +
				"within one time out and half of another, and does not name the paused one.",
			Causes: []string{"the next round waits until all of the last one have answered or timed out, one after another"},
			Kills: []string{
				"gives-up", "names-the-dead", "one-too-few", "subtracts", "too-patient", "waits-for-ever",
			},
			Run: runSlow,
		},
		{
			ID: "kademlia/lookup/several-at-once", Level: conformance.Must, Kind: conformance.Reply,
			Requirements: []string{"KAD-LOOKUP-008", "KAD-RPC-003"},
			Explain:      "A client each asks one node for ten different identifiers at the same moment. Every answer is right.",
			Causes:       []string{"two lookups share one shortlist", "answers are matched by their sender alone"},
			Kills: []string{
				"deaf-to-the-risen", "files-answers-alone", "leaves-itself-out", "mixes-lookups",
				"one-too-few", "subtracts",
			},
			Run: runSeveral,
		},
	}
}

// requests are what a node sent in a time: bodies that await an answer.
func requests(log []cluster.Passed, from string) []cluster.Passed {
	return slices.DeleteFunc(slices.Clone(log), func(p cluster.Passed) bool {
		return p.Msg.Src != from || p.Msg.Body.MsgID == nil || p.Msg.Body.InReplyTo != nil
	})
}

// answers are what reached a node in a time as the answer to a request.
func answers(log []cluster.Passed, to string) []cluster.Passed {
	return slices.DeleteFunc(slices.Clone(log), func(p cluster.Passed) bool {
		return p.Msg.Dest != to || p.Msg.Body.InReplyTo == nil || p.Lost != ""
	})
}

// watched is one lookup of the node with what it said and heard meanwhile.
func watched(c *cluster.Cluster, node string, target uint64) (found []string, log []cluster.Passed) {
	c.Log()
	found = findNode(c, node, target)
	return found, c.Log()
}

// asks ends the case when a node asked nobody: there is nothing to judge then.
func asks(c *cluster.Cluster, node string, log []cluster.Passed) []cluster.Passed {
	sent := requests(log, node)
	if len(sent) == 0 {
		c.T().Fail(conformance.Failure{
			Message:  node + " answers a lookup without having asked another node",
			Expected: []string{"messages with msg_id to other nodes"}, Got: "none",
			Causes: []string{"requests between nodes carry no msg_id, or the answers no in_reply_to"},
		})
	}
	return sent
}

func runAlpha(t *T) {
	opt := quiet()
	opt.K, opt.Alpha = 6, 2
	c := formed(t, opt)
	for _, node := range c.Members()[4:] {
		_, log := watched(c, node, c.DrawID())
		sent := asks(c, node, log)
		heard := answers(log, node)
		if len(heard) == 0 {
			t.Inconclusivef("%s had no answer with in_reply_to", node)
		}
		early := slices.DeleteFunc(sent, func(p cluster.Passed) bool { return p.Sent >= heard[0].At })
		if len(early) > opt.Alpha {
			t.Fail(conformance.Failure{
				Message:  fmt.Sprintf("%s has %d requests under way before the first answer", node, len(early)),
				Expected: []string{fmt.Sprintf("at most alpha = %d", opt.Alpha)}, Got: fmt.Sprint("to ", destinations(early)),
			})
		}
	}
	t.Earn()
}

func destinations(log []cluster.Passed) []string {
	var names []string
	for _, p := range log {
		names = append(names, p.Msg.Dest)
	}
	return names
}

func runTwice(t *T) {
	c := formed(t, quiet())
	for _, node := range c.Members() {
		_, log := watched(c, node, c.DrawID())
		seen := map[string]bool{}
		for _, p := range asks(c, node, log) {
			fields := p.Msg.Body.Fields()
			delete(fields, "msg_id")
			what, _ := json.Marshal(fields) // it came from JSON
			if key := p.Msg.Dest + " " + string(what); seen[key] {
				t.Fail(conformance.Failure{
					Message:  fmt.Sprintf("%s asks %s twice in one lookup", node, p.Msg.Dest),
					Expected: []string{"each node is asked once"}, Got: string(p.Msg.Body.Raw),
				})
			} else {
				seen[key] = true
			}
		}
	}
	t.Earn()
}

func runEnds(t *T) {
	c := formed(t, quiet())
	for _, node := range c.Members() {
		named, log := watched(c, node, c.DrawID())
		asks(c, node, log)
		for _, name := range named {
			answered := slices.ContainsFunc(answers(log, node), func(p cluster.Passed) bool { return p.Msg.Src == name })
			if name != node && !answered {
				t.Fail(conformance.Failure{
					Message:  fmt.Sprintf("%s names %s, which has not answered it in this lookup", node, name),
					Expected: []string{"a request to each node that is named, and its answer"},
					Got:      fmt.Sprint("answers of ", sources(answers(log, node))),
				})
			}
		}
	}
	t.Earn()
}

func sources(log []cluster.Passed) []string {
	var names []string
	for _, p := range log {
		names = append(names, p.Msg.Src)
	}
	return names
}

func runDead(t *T) {
	c := formed(t, quiet())
	dead := []string{"n2", "n5"}
	f := c.Kill(dead...)
	for _, name := range dead {
		reachEverywhere(c, c.Members(), c.ID(name))
	}
	reachAll(c, c.Members(), 2)
	c.Touched(f)
}

func runSlow(t *T) {
	opt := quiet()
	opt.Timeout = time.Second
	c := formed(t, opt)
	slow := closest(c, c.DrawID(), c.Nodes()[1:])[0]
	f := c.Pause(slow)
	others := slices.DeleteFunc(c.Members(), func(m string) bool { return m == slow })
	asker := others[0]
	call := c.Go(asker, "find_node", args{"target": c.ID(slow)})
	limit := c.Options().Timeout * 3 / 2
	if !c.Wait(limit, call) {
		t.Fail(conformance.Failure{
			Message:  fmt.Sprintf("%s has not ended a lookup %v after it asked a node that does not answer", asker, limit),
			Expected: []string{"an answer after one time out: the other nodes are asked meanwhile"},
		})
	}
	c.Touched(f)
	found(c, call, c.ID(slow), others)
}

func runSeveral(t *T) {
	c := joined(t)
	for _, node := range c.Members()[:3] {
		var calls []*cluster.Call
		var targets []uint64
		for range 10 {
			targets = append(targets, c.DrawID())
			calls = append(calls, c.Go(node, "find_node", args{"target": targets[len(targets)-1]}))
		}
		c.Answered(calls...)
		for i, call := range calls {
			found(c, call, targets[i], c.Members())
		}
	}
}
