package interop_test

// serventFileDeviations are about files: how they are looked for, found and given out,
// and what is told in tables of their words.
func serventFileDeviations() []deviation {
	return []deviation{
		{
			Name: "blanks-are-too-short", Judgement: laxClause,
			What: "A query of four blanks, for all files, is dropped as too short. Who wants to see all browses the " +
				"host over HTTP.",
			Cases:   []string{"gnutella06/query/four-blanks-list-all"},
			Sources: []source{{"gtk-gnutella", "src/core/search.c:8072", "sri->skip_file_search = sri->search_len <= 1 || ("}},
		},
		{
			Name: "texts-are-utf-8", Judgement: laxClause,
			What: "A query whose text is not UTF-8 is dropped. The document has servents guess between it and " +
				"ISO 8859-1, and is older than what made UTF-8 the rule.",
			Cases: []string{"gnutella06/query/letters-beyond-ascii"},
			Sources: []source{
				{"gtk-gnutella", "src/core/search.c:8254", "if (!query_utf8_decode(search, NULL)) {"},
			},
		},
		{
			Name: "queries-are-not-counted", Judgement: laxClause,
			What: "A neighbour may send as many queries of its own as it likes, if they differ. The document says " +
				"too frequent, and no number; gtk-gnutella drops those that repeat a text.",
			Cases: []string{"gnutella06/query/too-many-of-a-neighbour"},
			Sources: []source{
				{"gtk-gnutella", "src/core/search.c:8873", "found = hset_contains(n->qrelayed, stmp_1);"},
				{
					"gnutella-bun", "src/protocol/node_protocol_runtime.ts:641, which asks for no rate",
					"routeQueryToPeers(",
				},
				{"limewire", "com/limegroup/gnutella/filters/SpamFilterFactoryImpl.java, of whose filters none counts", ""},
			},
		},
		{
			Name: "one-limit-for-all-messages", Judgement: laxClause,
			What: "A query of 5 kB is passed on: any message may have 1 MiB. The document has queries of such a " +
				"length dropped, as a should.",
			Cases:   []string{"gnutella06/query/long-ones-are-dropped"},
			Sources: []source{{"gnutella-bun", "src/const.ts:24", "export const MAX_PAYLOAD_BYTES = 1024 * 1024;"}},
		},
		{
			Name: "empty-hits-are-passed-on", Judgement: targetBug,
			What:  "A hit without a result goes to who has asked, as any other.",
			Cases: []string{"gnutella06/hit/empty-ones-are-discarded"},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_protocol_runtime.ts:866", "TYPE.QUERY_HIT,"},
				{"limewire", "com/limegroup/gnutella/MessageRouterImpl.java, whose handleQueryReply looks at no count", ""},
			},
		},
		{
			Name: "entries-of-two-bits", Judgement: targetBug,
			What: "X-Query-Routing 0.2 is said, and entries of two bits pass the check of what is known. Nothing " +
				"unpacks them: the table stays empty, and the leaf is asked nothing.",
			Cases: []string{"qrp/form/two-bits"},
			Sources: []source{
				{
					"gnutella-bun", "src/query_routing/qrp/remote_state.ts:82",
					"if (![1, 2, 4, 8].includes(msg.entryBits))",
				},
			},
		},
		{
			Name: "bits-for-all", Judgement: targetBug,
			What: "Tables go out in entries of one bit, also to who has said X-Query-Routing 0.1, whose entries " +
				"have four bits or eight.",
			Cases:   []string{"qrp/ultrapeer-table/entries-are-known-to-the-other"},
			Sources: []source{{"gnutella-bun", "src/query_routing/qrp/routing.ts:40, the size of entries", "1,"}},
		},
		{
			Name: "longer-patches-are-cut", Judgement: targetBug,
			What: "A PATCH that is longer than the table is taken as far as the table goes; only one that is " +
				"shorter is refused. All of it is inflated before, at a ratio of a thousand to one.",
			Cases: []string{"qrp/refusal/patch-beyond-the-table", "qrp/refusal/compressed-bomb"},
			Sources: []source{
				{
					"gnutella-bun", "src/query_routing/qrp/table.ts:279",
					"if (expectedBytes == null || packed.length >= expectedBytes)",
				},
			},
		},
		{
			Name: "tables-of-any-length", Judgement: laxClause,
			What: "A RESET for two thousand million slots is taken, and costs nothing: gtk-gnutella folds longer " +
				"tables into 2 million slots, and GnutellaBun makes the table with its first PATCH. No document " +
				"bounds a table.",
			Cases: []string{"qrp/refusal/table-of-gigabytes"},
			Sources: []source{
				{"gtk-gnutella", "src/core/qrp.c:4631", "while (reset->table_length > MAX_TABLE_SIZE) {"},
				{"gnutella-bun", "src/query_routing/qrp/remote_state.ts:42", "if (!isPowerOfTwo(msg.tableLength))"},
			},
		},
		{
			Name: "compressor-of-the-first-part", Judgement: targetBug,
			What: "Whether a sequence of PATCH messages is compressed is read from the first, and never again. That " +
				"the length and the size of entries stay the same is checked.",
			Cases: []string{"qrp/refusal/compressor-changes"},
			Sources: []source{
				{"gtk-gnutella", "src/core/qrp.c:4718", "qrcv->deflated = patch->compressor == 0x1;"},
			},
		},
		{
			Name: "the-last-byte-for-none", Judgement: targetBug,
			What: "A part that begins behind the file is answered by 206 and the file's last byte: a beginning beyond " +
				"the file is cut to it, as an end is.",
			Cases:   []string{"gnutella-http/range/beyond-the-file"},
			Sources: []source{{"gtk-gnutella", "src/lib/http_range.c:1342", "if (val >= size) {"}},
		},
		{
			Name: "one-request-at-a-time", Judgement: laxClause,
			What: "A request that has anything behind its headers is refused with 400. Who asks for parts of files " +
				"waits for one before it asks for the next; that several may be sent at once is said by HTTP alone.",
			Cases: []string{"gnutella-http/stream/two-requests-at-once"},
			Sources: []source{
				{"gtk-gnutella", "src/core/uploads.c:3271", `upload_error_remove(u, 400, N_("Extra data after HTTP header"));`},
			},
		},
		{
			Name: "streams-of-http-1-stay", Judgement: targetBug,
			What: "The stream stays open behind an answer to HTTP/1.0, unless it was to be closed in so many words. In " +
				"HTTP/1.0 its end may be the end of the file.",
			Cases: []string{"gnutella-http/stream/ends-behind-http-1-0"},
			Sources: []source{
				{
					"gnutella-bun", "src/protocol/file_server.ts:95",
					`keepAlive: !hasToken(headers["connection"], "close"),`,
				},
			},
		},
	}
}
