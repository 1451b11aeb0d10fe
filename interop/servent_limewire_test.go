package interop_test

// limewireDeviations are what LimeWire's core has alone.
func limewireDeviations() []deviation {
	return []deviation{
		{
			Name: "headers-as-single-lines", Judgement: targetBug,
			What: "A header is a line, under a name in the letters that it came in: what is folded has no colon and " +
				"is passed over, of two lines with one name the last counts, and a name in other letters is " +
				"another one.",
			Cases: []string{
				"gnutella06/headers/folded", "gnutella06/headers/repeated", "gnutella06/headers/any-order-and-case",
				"gnutella06/call/hosts-of-x-try-are-dialled",
			},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/handshaking/HandshakeSupport.java:111",
					"readHeaders.put(key, value);",
				},
			},
		},
		{
			Name: "guids-of-other-marks", Judgement: laxClause,
			What: "New GUIDs end in 00, and have a mark of LimeWire's own in bytes 9 and 10. Byte 8, which should be " +
				"ff, is random.",
			Cases:   []string{"gnutella06/stream/marked-guids"},
			Sources: []source{{"limewire", "org/limewire/io/GUID.java:134", "tagGuid(ret, 4, 6, 9);"}},
		},
		{
			Name: "pings-and-queries-of-one-guid", Judgement: targetBug,
			What: "A filter against duplicates drops a query whose GUID a ping had a moment ago, or one that differs " +
				"from it in a few bytes.",
			Cases: []string{"gnutella06/routing/type-and-guid-name-a-descriptor"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/filters/DuplicateFilter.java:54",
					"if(!(m instanceof QueryRequest || m instanceof PingRequest))",
				},
			},
		},
		{
			Name: "ttl-is-trimmed", Judgement: laxClause,
			What:  "A query with a TTL above 15 is not dropped: its TTL is set to what the target allows, and it goes on.",
			Cases: []string{"gnutella06/ttl/above-15-is-dropped"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/messages/MessageParserBinderImpl.java:82",
					"ttl = (byte) (max - hops); // overzealous client;",
				},
			},
		},
		{
			Name: "pings-on-a-young-link", Judgement: targetBug,
			What: "Within the first six seconds of a link no ping is answered but one of TTL 1 that has made no hop. " +
				"The document has one of TTL 1 and one hop answered always, and a crawler's as well. Later a crawler " +
				"is told of leaves alone.",
			Cases: []string{"gnutella06/ping/of-a-neighbours-neighbour", "gnutella06/pong-cache/for-crawlers"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/connection/AbstractConnection.java:497",
					"if (!isStable(curTime))",
				},
			},
		},
		{
			Name: "texts-end-with-the-payload", Judgement: laxClause,
			What:  "A query whose text no NUL ends is read to the end of its payload, and passed on.",
			Cases: []string{"gnutella06/stream/broken-payloads-harm-nobody"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/messages/QueryRequestImpl.java:860",
					"while ((is.available()>0)&&(i=is.read())!=0) {",
				},
			},
		},
		{
			Name: "blanks-find-nothing", Judgement: laxClause,
			What: "A query of four blanks, for all files, is known and finds nothing. Who wants to see all browses the " +
				"host over HTTP.",
			Cases: []string{"gnutella06/query/four-blanks-list-all"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/library/SharedFilesKeywordIndexImpl.java:688",
					"context.setFinishedProcessing();",
				},
			},
		},
		{
			Name: "pushes-are-not-remembered", Judgement: targetBug,
			What:  "A push that comes again under its GUID is passed on again.",
			Cases: []string{"gnutella06/push/duplicates-have-one-guid"},
			Sources: []source{
				{"limewire", "com/limegroup/gnutella/filters/DuplicateFilter.java:54, which lets pushes pass", ""},
			},
		},
		{
			Name: "vendor-messages-from-afar", Judgement: targetBug,
			What:  "Hops flow counts whatever its TTL and hops are: one that was passed on would stop a leaf's queries.",
			Cases: []string{"gnutella06/vendor/hops-flow-of-another-ttl"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/connection/GnutellaConnection.java:1135",
					"hopsFlowMax = hops.getHopValue();",
				},
			},
		},
		{
			Name: "refusals-without-hosts", Judgement: laxClause,
			What:  "A leaf refuses another one with 503, and names no hosts, though it knows its ultrapeer.",
			Cases: []string{"gnutella06/leaf/refusal-redirects"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/handshaking/HandshakeResponse.java:469",
					"return new HandshakeResponse(HandshakeResponse.SLOTS_FULL, status.getMessage());",
				},
			},
		},
		{
			Name: "probes-of-ttl-1-alone", Judgement: laxClause,
			What: "X-Ext-Probes is said, and a query that came with TTL 1 may come again with more. One that came with " +
				"TTL 2 may not.",
			Cases: []string{"gnutella06/ultrapeer/extended-probes-as-announced"},
			Sources: []source{
				{"limewire", "com/limegroup/gnutella/MessageRouterImpl.java:850", "((request.getTTL() == 0) && "},
			},
		},
		{
			Name: "short-words-are-looked-up", Judgement: laxClause,
			What: "A word of two letters is looked for in a leaf's table as all others are. Tables have none, and the " +
				"query does not come.",
			Cases: []string{"qrp/routing/short-words-exclude-nobody"},
			Sources: []source{
				{"limewire", "com/limegroup/gnutella/routing/QueryRouteTable.java:239", "if (!contains(hash))"},
			},
		},
		{
			Name: "files-by-hash-alone", Judgement: laxClause,
			What: "Files are given to who asks for them by hash. The document's request with an index and a name is " +
				"answered by 400, like any that nobody knows; LimeWire's network had left it behind.",
			Cases: []string{"gnutella-http/get/by-index"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/HTTPUploadManager.java:257",
					`httpAcceptor.get().registerHandler("/uri-res/*", fileRequestHandler);`,
				},
			},
		},
		{
			Name: "giv-of-no-file", Judgement: laxClause,
			What: "Who is called upon by a push says GIV 0 and the name file, whichever file it was pushed for. What is " +
				"wanted follows in the request.",
			Cases: []string{"gnutella-http/push/dials-and-gives"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/PushManager.java:199",
					`String giv = "GIV 0:" + data.getGuid() + "/file\n\n";`,
				},
			},
		},
	}
}

// limewireDoubts are LimeWire's cases in which the harness has its part, or whose
// cause was not found.
func limewireDoubts() []deviation {
	return []deviation{
		{
			Name: "causes-not-found", Judgement: ourDoubt,
			What: "The cause was not found in the source. A query for words of a letter is answered. A name beyond ASCII " +
				"is not found in UTF-8, perhaps because the virtual machine was run without a locale.",
			Cases: []string{
				"gnutella06/query/nothing-to-look-for", "gnutella06/query/letters-beyond-ascii",
			},
			Sources: []source{{"limewire", "not found", ""}},
		},
		{
			Name: "leaves-before-ultrapeers", Judgement: notReached,
			What: "While there is room for leaves it has, and no ultrapeer is missing, it says X-Ultrapeer-Needed: False to " +
				"every ultrapeer, from the first on. How many it takes that insist is not seen.",
			Cases: []string{"gnutella06/ultrapeer/refuses-when-it-is-full"},
			Sources: []source{
				{
					"limewire", "com/limegroup/gnutella/handshaking/UltrapeerHandshakeResponder.java:130",
					"if (allowedAsLeaf && !supernodeNeeded) {",
				},
			},
		},
		{
			Name: "one-link-too-many", Judgement: notReached,
			What: "After several links from other addresses a ping on a new one is not answered in time. The cause was " +
				"not found in the source.",
			Cases: []string{
				"gnutella06/ping/too-many-get-few-pongs", "gnutella06/pong-cache/several-pongs",
				"gnutella06/bye/only-to-who-knows-it",
				"gnutella06/dynamic/queries-of-ultrapeers-are-broadcast",
			},
			Sources: []source{{"limewire", "not found", ""}},
		},
	}
}
