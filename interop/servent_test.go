package interop_test

import "slices"

// serventDeviations concern servents of Gnutella.
func serventDeviations() []deviation {
	return slices.Concat(
		serventRoutingDeviations(), serventLinkDeviations(), serventFileDeviations(), limewireDeviations(),
		serventDoubts(), limewireDoubts())
}

// serventRoutingDeviations are about queries, the tables by which they go, and what
// they carry.
func serventRoutingDeviations() []deviation {
	return []deviation{
		{
			Name: "other-versions-are-hung-up-on", Judgement: laxClause,
			What: "Only the handshake of 0.6 is taken. The connect string of 0.4 closes the connection, as it has " +
				"everywhere for years; GnutellaBun closes it at a version above 0.6 as well, which the document has " +
				"answered in the version that both know.",
			Cases: []string{
				"gnutella04/handshake/accepts-the-connect-string",
				"gnutella06/handshake/higher-versions-are-accepted",
			},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_handshake.ts:391", `if (/^GNUTELLA CONNECT\/0\./i.test(raw)) {`},
				{"gtk-gnutella", "src/core/nodes.c, which reads a first step of 0.6 alone", ""},
				{"limewire", "com/limegroup/gnutella/handshaking/HandshakeSupport.java:91", "return f >= 0.6f;"},
			},
		},
		{
			Name: "ttl-1-goes-on", Judgement: targetBug,
			What: "A query that comes with TTL 1 is passed on to other ultrapeers, with TTL 1 and the hops it came with: what " +
				"should end here takes one step more, and its hops do not count it.",
			Cases: []string{"gnutella06/ttl/of-1-ends"},
			Sources: []source{
				{
					"gnutella-bun", "src/query_routing/dynamic_query.ts:91",
					"return { id: candidate.id, ttl: 1, hops: options.hops };",
				},
			},
		},
		{
			Name: "last-hop-to-all", Judgement: targetBug,
			What: "A neighbour that has told a table gets queries on their last hop that the table excludes, unless " +
				"it said X-Ultrapeer-Query-Routing in the way that the target looks for.",
			Cases: []string{"qrp/last-hop/neighbour-without-the-word-is-spared"},
			Sources: []source{
				{"gnutella-bun", "src/query_routing/dynamic_query.ts:49", "if (!candidate.supportsLastHopQrp) return true;"},
			},
		},
		{
			Name: "leaves-at-no-distance", Judgement: targetBug,
			What: "Queries go to leaves with the TTL and hops that they came with. To a leaf they seem one hop nearer " +
				"than they are.",
			Cases: []string{"gnutella06/ultrapeer/leaves-get-one-hop-more"},
			Sources: []source{
				{"gnutella-bun", "src/query_routing/dynamic_query.ts:63", "ttl: Math.max(1, options.ttl),"},
			},
		},
		{
			Name: "ttl-beyond-15-is-passed-on", Judgement: laxClause,
			What: "A query with a TTL above 15 goes on with one less, up to 254. Messages whose TTL and hops add up to " +
				"too much are dropped only if they have travelled; the others were to be trimmed, and pass a limit " +
				"that is compared too late.",
			Cases: []string{"gnutella06/ttl/above-15-is-dropped"},
			Sources: []source{
				{"gtk-gnutella", "src/core/routing.c:2908", "> GNET_PROPERTY(hard_ttl_limit) + 1"},
			},
		},
		{
			Name: "no-table-no-queries", Judgement: laxClause,
			What: "A leaf that has told no table is sent no queries. Ultrapeers of today take it for one that will tell " +
				"one, and spare it until then.",
			Cases: []string{"qrp/routing/leaf-without-a-table-gets-all"},
			Sources: []source{
				{"gtk-gnutella", "src/core/qrp.c:5515", "if (NULL == rt)"},
				{"gnutella-bun", "src/query_routing/dynamic_query.ts:45", "qrpTableReady(candidate.remoteQrp) &&"},
				{
					"limewire", "com/limegroup/gnutella/connection/GnutellaConnection.java:620",
					"if (_lastQRPTableReceived == null)",
				},
			},
		},
		{
			Name: "two-words-of-three", Judgement: laxClause,
			What: "A query of three words or more goes to a leaf whose table has two thirds of them. It costs the leaf " +
				"queries that it cannot answer, and finds what is misspelt.",
			Cases: []string{"qrp/routing/two-words-of-three-are-not-enough"},
			Sources: []source{
				{"gtk-gnutella", "src/core/qrp.c:5383", "return word < 3 ? hit == word : 3 * hit / word >= 2;"},
				{"gnutella-bun", "src/query_routing/qrp/terms.ts", "qrpTermsMatch"},
			},
		},
		{
			Name: "probes-need-tables", Judgement: laxClause,
			What: "A dynamic query begins with a probe where a neighbour's table lists what is asked for. Where none " +
				"does, one neighbour after another is asked from the beginning, with a TTL of 3: what nobody near has " +
				"is not looked for near first.",
			Cases:   []string{"gnutella06/dynamic/begins-with-a-probe"},
			Sources: []source{{"gtk-gnutella", "src/core/dq.c:1718", "if (found == 0) {"}},
		},
		{
			Name: "queries-of-leaves-are-flooded", Judgement: targetBug,
			What: "The handshake says X-Dynamic-Querying, and a leaf's query goes to all ultrapeers at once like any other, " +
				"with its TTL less one, whatever X-Max-TTL they have said.",
			Cases: []string{
				"gnutella06/dynamic/begins-with-a-probe", "gnutella06/dynamic/maximum-of-the-link-counts",
			},
			Sources: []source{{"gnutella-bun", "src/query_routing/dynamic_query.ts:95", "ttl: options.ttl - 1,"}},
		},
		{
			Name: "guidance-by-vendor-messages", Judgement: laxClause,
			What: "A leaf that has said it knows BEAR/11 and BEAR/12 is asked how many results it has, whether or not its " +
				"query says so: the authors write that LimeWire forgets to.",
			Cases:   []string{"gnutella06/dynamic/leaf-that-guides-not-is-left-alone"},
			Sources: []source{{"gtk-gnutella", "src/core/dq.c:1938", "NODE_LEAF_GUIDE(n)"}},
		},
		{
			Name: "leaves-are-recommended", Judgement: targetBug,
			What:  "Who is refused is told of all neighbours as ultrapeers, and so of leaves, which take nobody.",
			Cases: []string{"gnutella06/ultrapeer/recommends-no-leaves"},
			Sources: []source{
				{"gnutella-bun", "src/handshake_policy/admission.ts:14", `headers["x-try-ultrapeers"] = value;`},
			},
		},
		{
			Name: "queues-without-a-bound", Judgement: targetBug,
			What: "What is sent is handed to the runtime, which keeps it until it can be written: a neighbour that does " +
				"not read takes as much memory as others send to it.",
			Cases: []string{
				"gnutella06/flow/queries-of-the-slow-are-dropped", "gnutella06/flow/hits-before-queries",
				"gnutella06/flow/no-room-for-hits-is-the-end",
			},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_protocol_runtime.ts:405", "peer.socket.write(frame);"},
			},
		},
		{
			Name: "a-pause-for-all-ttls", Judgement: targetBug,
			What: "Between two neighbours a dynamic query waits for 3.7 seconds and less, whatever TTL the one was asked " +
				"with. The document has 2.4 seconds for each hop, which makes 7.2 for a TTL of 3: hits of a long way come " +
				"when the next has been asked.",
			Cases:   []string{"gnutella06/dynamic/waits-by-ttl-between-links"},
			Sources: []source{{"gtk-gnutella", "src/core/dq.c:1787", "dq->result_timeout = DQ_QUERY_TIMEOUT;"}},
		},
		{
			Name: "degrees-end-at-50", Judgement: laxClause,
			What: "Of a neighbour that says X-Degree: 1000 fifty links are counted, and the horizon is 500,000 hosts, " +
				"not 200,000. A query goes on where the formula of the document ends it.",
			Cases:   []string{"gnutella06/dynamic/horizon-ends-it"},
			Sources: []source{{"gtk-gnutella", "src/core/dq.c:252", "#define MAX_DEGREE"}},
		},
		{
			Name: "silence-ends-guidance-alone", Judgement: laxClause,
			What: "A leaf that does not say how many results it has is waited for twice, for 40 seconds each; then its " +
				"query goes on without its guidance. The document ends the query after ten seconds, which the authors " +
				"found harsh.",
			Cases:   []string{"gnutella06/dynamic/silence-of-the-leaf-ends-it"},
			Sources: []source{{"gtk-gnutella", "src/core/dq.c:1121", "dq->flags &= ~DQ_F_LEAF_GUIDED;"}},
		},
		{
			Name: "small-table", Judgement: laxClause,
			What: "Who shares little tells a table of 16384 slots, the least that it makes. The document recommends 65536, " +
				"and allows others.",
			Cases:   []string{"qrp/ultrapeer-table/has-the-recommended-size"},
			Sources: []source{{"gtk-gnutella", "src/core/qrp.c:94", "#define MIN_TABLE_BITS 14"}},
		},
		{
			Name: "bare-urn-is-a-hash", Judgement: targetBug,
			What: "The extension `urn:`, which asks for hashes to be told with the results, is taken for the hash that is " +
				"looked for. No file has it, and a query that has it beside its words finds nothing. Most programs " +
				"send it.",
			Cases: []string{"gnutella06/query/urn-is-told-when-asked"},
			Sources: []source{
				{
					"gnutella-bun", "src/protocol/query_matching.ts:11",
					"if (!urnSet.has(share.sha1Urn.toLowerCase())) return false;",
				},
			},
		},
		{
			Name: "values-deflated-without-a-header", Judgement: targetBug,
			What: "Compressed values of GGEP are taken for raw deflate streams, and have zlib's header: none can be " +
				"read.",
			Cases:   []string{"ggep/query/deflated", "ggep/query/deflated-then-cobs"},
			Sources: []source{{"gnutella-bun", "src/protocol/ggep.ts:107", "return zlib.inflateRawSync(data);"}},
		},
		{
			Name: "broken-tables-are-passed-over", Judgement: targetBug,
			What: "A sequence of PATCH messages that makes no table is passed over: what could be read of it counts, the " +
				"rest does not, and the link goes on. Both sides then differ about what the table says. Where a table is " +
				"changed before it was begun, one is made up.",
			Cases: []string{
				"qrp/refusal/patch-before-reset", "qrp/refusal/length-no-power-of-two", "qrp/refusal/part-left-out",
				"qrp/refusal/first-part-missing", "qrp/refusal/length-of-the-sequence-changes",
				"qrp/refusal/size-of-entries-changes", "qrp/refusal/compressor-changes",
				"qrp/refusal/unknown-size-of-entries", "qrp/refusal/patch-too-short", "qrp/refusal/patch-beyond-the-table",
				"qrp/refusal/broken-compression", "qrp/refusal/compressed-bomb", "qrp/refusal/table-of-gigabytes",
			},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/connection/GnutellaConnection.java:563",
					"// not sure what to do here!!",
				},
			},
		},
		{
			Name: "no-searches-by-hash", Judgement: laxClause,
			What: "Queries for a hash are dropped by a filter that is on by default, and so nothing answers them. The " +
				"filter came late, against searches that were repeated by programs.",
			Cases: []string{"gnutella06/query/by-urn", "ggep/query/hash-finds-a-file"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/filters/SpamFilterFactoryImpl.java:89",
					"if (FilterSettings.FILTER_HASH_QUERIES.getValue())",
				},
			},
		},
		{
			Name: "pings-end-in-a-nul", Judgement: laxClause,
			What:  "A byte of zero follows the block in a ping's payload, as in a query. The document has nothing behind it.",
			Cases: []string{"ggep/sent/pings-have-a-block-or-nothing"},
			Sources: []source{
				{"limewire", "com/limegroup/gnutella/messages/PingRequestImpl.java:138", "baos.write(0);"},
			},
		},
	}
}
