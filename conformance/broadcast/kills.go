package broadcast

// kills are the mutants that a case finds. Most cases are made for several
// workloads at once, each with mutants of its own: so they are here, side by side.
func kills(id string) []string { return killed()[id] }

func killed() map[string][]string {
	return map[string][]string{
		"broadcast/cost/few-messages": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "reads-the-past",
			"refuses-a-topology", "says-it-thrice", "tells-late",
		},
		"broadcast/cost/low-latency": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "reads-the-past",
			"refuses-a-topology", "says-it-thrice", "tells-late",
		},
		"broadcast/fault/loss": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "gives-up", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/one-alone": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "gives-up", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/one-way": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "gives-up", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/overtaking": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/partition": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone", "one-step",
			"reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/pause": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/restart": {
			"drops-each-tenth", "flickers", "gives-up", "greets-nobody", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "newest-alone", "one-step",
			"reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/fault/twice": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "lists-every-copy", "one-step", "reads-its-own-alone",
			"refuses-a-topology",
		},
		"broadcast/read/at-first": {
			"invents-a-value", "list-as-text", "null-for-none", "refuses-a-topology",
		},
		"broadcast/read/never-shrinks": {"flickers", "list-as-text", "refuses-a-topology"},
		"broadcast/reply/no-other-keys": {
			"answers-twice", "invents-a-value", "keeps-to-itself", "list-as-text", "refuses-a-topology",
			"tells-its-name",
		},
		"broadcast/reply/unknown-type": {"dies-of-the-unknown", "list-as-text", "refuses-a-topology"},
		"broadcast/topology/line": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/topology/total": {
			"flickers", "invents-a-value", "keeps-to-itself", "knows-one-neighbour", "list-as-text",
			"reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/topology/tree": {
			"flickers", "gives-up", "invents-a-value", "keeps-to-itself", "knows-one-neighbour",
			"list-as-text", "one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/value/any-json": {
			"gives-up", "invents-a-value", "keeps-to-itself", "knows-one-neighbour", "list-as-text",
			"one-step", "reads-its-own-alone", "refuses-a-topology", "whole-numbers-alone",
		},
		"broadcast/value/duplicate": {"list-as-text", "lists-every-copy", "refuses-a-topology"},
		"broadcast/value/lost": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "one-step", "reads-its-own-alone", "refuses-a-topology",
		},
		"broadcast/value/phantom": {"invents-a-value", "list-as-text", "refuses-a-topology"},
		"broadcast/value/same-again": {
			"invents-a-value", "keeps-to-itself", "knows-one-neighbour", "list-as-text",
			"lists-every-copy", "one-step", "reads-its-own-alone", "refuses-a-topology", "values-by-node",
		},
		"broadcast/value/stale": {
			"flickers", "list-as-text", "reads-the-past", "refuses-a-topology", "tells-late",
		},
		"g-set/fault/loss": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "reads-its-own-alone",
		},
		"g-set/fault/one-alone": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "gives-up", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"reads-its-own-alone",
		},
		"g-set/fault/one-way": {
			"acknowledges-gaps", "drops-each-tenth", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"reads-its-own-alone",
		},
		"g-set/fault/overtaking": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "reads-its-own-alone",
		},
		"g-set/fault/partition": {
			"acknowledges-gaps", "drops-each-tenth", "flickers", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "never-sends-again", "newest-alone",
			"reads-its-own-alone",
		},
		"g-set/fault/pause": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "reads-its-own-alone",
		},
		"g-set/fault/restart": {
			"drops-each-tenth", "flickers", "gives-up", "greets-nobody", "invents-a-value",
			"keeps-to-itself", "knows-one-neighbour", "list-as-text", "newest-alone",
			"reads-its-own-alone",
		},
		"g-set/fault/twice": {
			"drops-each-tenth", "flickers", "gives-up", "invents-a-value", "keeps-to-itself",
			"knows-one-neighbour", "list-as-text", "lists-every-copy", "reads-its-own-alone",
		},
		"g-set/read/at-first":      {"invents-a-value", "list-as-text", "null-for-none"},
		"g-set/read/never-shrinks": {"flickers", "list-as-text"},
		"g-set/reply/no-other-keys": {
			"answers-twice", "invents-a-value", "keeps-to-itself", "list-as-text", "reads-its-own-alone",
			"tells-its-name",
		},
		"g-set/reply/unknown-type": {"dies-of-the-unknown", "list-as-text"},
		"g-set/value/any-json": {
			"invents-a-value", "keeps-to-itself", "knows-one-neighbour", "list-as-text",
			"reads-its-own-alone", "whole-numbers-alone",
		},
		"g-set/value/duplicate": {"list-as-text", "lists-every-copy"},
		"g-set/value/lost": {
			"drops-each-tenth", "gives-up", "invents-a-value", "keeps-to-itself", "knows-one-neighbour",
			"list-as-text", "reads-its-own-alone",
		},
		"g-set/value/phantom": {"invents-a-value", "list-as-text"},
		"g-set/value/same-again": {
			"invents-a-value", "keeps-to-itself", "knows-one-neighbour", "list-as-text",
			"lists-every-copy", "reads-its-own-alone", "values-by-node",
		},
		"g-set/value/stale": {"list-as-text", "reads-the-past"},
		"g-counter/fault/loss": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/fault/one-alone": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/fault/one-way": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/fault/overtaking": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/fault/partition": {
			"acknowledges-gaps", "adds-what-it-hears", "begins-at-one", "counts-repetitions",
			"keeps-to-itself", "knows-one-neighbour", "never-sends-again", "newest-alone",
			"number-as-text", "one-total",
		},
		"g-counter/fault/pause": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/fault/restart": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "greets-nobody",
			"keeps-to-itself", "knows-one-neighbour", "newest-alone", "number-as-text", "one-life",
			"one-total",
		},
		"g-counter/fault/twice": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"g-counter/read/at-first":    {"begins-at-one", "number-as-text"},
		"g-counter/read/never-falls": {"flickers", "number-as-text"},
		"g-counter/reply/no-other-keys": {
			"adds-what-it-hears", "answers-twice", "begins-at-one", "keeps-to-itself", "number-as-text",
			"one-total", "tells-its-name",
		},
		"g-counter/reply/unknown-type": {"begins-at-one", "dies-of-the-unknown", "number-as-text"},
		"g-counter/value/large": {
			"adds-what-it-hears", "begins-at-one", "keeps-to-itself", "knows-one-neighbour",
			"number-as-text", "one-total", "refuses-zero", "wraps-at-32-bits",
		},
		"g-counter/value/phantom": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "number-as-text",
		},
		"g-counter/value/sum": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total",
		},
		"pn-counter/fault/loss": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/one-alone": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/one-way": {
			"acknowledges-gaps", "adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up",
			"keeps-to-itself", "knows-one-neighbour", "never-sends-again", "newest-alone",
			"number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/overtaking": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/partition": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/pause": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/fault/restart": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "greets-nobody",
			"keeps-to-itself", "knows-one-neighbour", "newest-alone", "number-as-text", "one-life",
			"one-total", "only-rises",
		},
		"pn-counter/fault/twice": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"pn-counter/read/at-first": {"begins-at-one", "number-as-text"},
		"pn-counter/reply/no-other-keys": {
			"adds-what-it-hears", "answers-twice", "begins-at-one", "keeps-to-itself", "number-as-text",
			"only-rises", "tells-its-name",
		},
		"pn-counter/reply/unknown-type": {"begins-at-one", "dies-of-the-unknown", "number-as-text"},
		"pn-counter/value/large": {
			"adds-what-it-hears", "begins-at-one", "keeps-to-itself", "knows-one-neighbour",
			"number-as-text", "one-total", "refuses-zero", "wraps-at-32-bits",
		},
		"pn-counter/value/phantom": {"adds-what-it-hears", "counts-repetitions", "number-as-text"},
		"pn-counter/value/sum": {
			"adds-what-it-hears", "begins-at-one", "counts-repetitions", "gives-up", "keeps-to-itself",
			"knows-one-neighbour", "number-as-text", "one-total", "only-rises",
		},
		"echo/client/same-number": {"answers-the-last", "remembers-its-first"},
		"echo/payload/big-numbers": {
			"ascii-alone", "knows-texts-alone", "numbers-as-floats", "numbers-of-32-bits",
			"remembers-its-first", "sorts-lists",
		},
		"echo/payload/nested":      {"knows-texts-alone", "remembers-its-first", "sorts-lists"},
		"echo/payload/null":        {"drops-nothings", "knows-texts-alone", "remembers-its-first"},
		"echo/payload/numbers":     {"knows-texts-alone", "numbers-of-32-bits", "remembers-its-first"},
		"echo/payload/text":        {"remembers-its-first"},
		"echo/payload/unicode":     {"ascii-alone", "remembers-its-first"},
		"echo/reply/no-other-keys": {"answers-twice", "tells-its-name"},
		"echo/reply/unknown-type":  {"dies-of-the-unknown"},
		"unique-ids/fault/partition": {
			"counts-alone", "gives-again-after-a-rest", "milliseconds", "null-at-first",
		},
		"unique-ids/fault/pause": {
			"counts-alone", "gives-again-after-a-rest", "milliseconds", "null-at-first",
		},
		"unique-ids/fault/restart": {"counts-again", "counts-alone", "milliseconds", "null-at-first"},
		"unique-ids/id/all-nodes":  {"counts-alone", "milliseconds", "null-at-first"},
		"unique-ids/id/one-node":   {"eight-bits", "milliseconds", "null-at-first"},
		"unique-ids/reply/no-other-keys": {
			"answers-twice", "counts-alone", "milliseconds", "null-at-first", "tells-its-name",
		},
		"unique-ids/reply/unknown-type": {
			"counts-alone", "dies-of-the-unknown", "milliseconds", "null-at-first",
		},
		"lin-kv/cas/applies":      {"caches", "cas-does-nothing", "eventual", "sequential"},
		"lin-kv/cas/one-winner":   {"caches", "cas-does-nothing", "eventual", "overlooks-from"},
		"lin-kv/cas/precondition": {"aborts", "cas-does-nothing", "overlooks-from"},
		"lin-kv/key/missing":      {"cas-creates", "cas-does-nothing", "null-for-none", "overlooks-from"},
		"lin-kv/order/linearizable": {
			"answers-writes-at-once", "caches", "cas-creates", "cas-does-nothing", "eventual",
			"null-for-none", "overlooks-from", "overlooks-keys", "sequential",
		},
		"lin-kv/order/partition": {
			"answers-writes-at-once", "caches", "cas-creates", "cas-does-nothing", "eventual",
			"null-for-none", "overlooks-from", "overlooks-keys",
		},
		"lin-kv/reply/unknown-type":    {"dies-of-the-unknown"},
		"lin-kv/write/keys-apart":      {"answers-writes-at-once", "overlooks-keys"},
		"lin-kv/write/read-everywhere": {"answers-writes-at-once", "caches", "eventual", "sequential"},
	}
}
