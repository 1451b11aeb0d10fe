package interop_test

// trackerDeviations concern trackers, over HTTP and over UDP.
func trackerDeviations() []deviation {
	return []deviation{
		{
			Name: "one-connection-id-for-all", Judgement: targetBug,
			What: "The connection id is the protocol id itself, for everybody and for good. It shows nothing about the " +
				"sender, so that anybody can enter forged addresses into a torrent, or have the answers, which are " +
				"larger, sent to a victim.",
			Cases: []string{
				"bep15/connection-id/invented-is-refused", "bep15/connection-id/bound-to-the-address",
				"bep15/connection-id/not-guessable",
			},
			Sources: []source{
				{"bittorrent-tracker", "lib/server/parse-udp.js:15", "if (!equal(common.CONNECTION_ID, params.connectionId)) {"},
			},
		},
		{
			Name: "hashes-pass-through-a-character-set", Judgement: targetBug,
			What: "Bytes beyond 127 of a hash or a peer id come back as two bytes each: the string is made of one " +
				"character a byte, and its bencoder writes characters as UTF-8. A client that scrapes over HTTP finds no " +
				"numbers under its hash, and the ids of the list form are not those that were announced. The numbers of a " +
				"scrape are judged by the hash, so all cases about them fail with it.",
			Cases: []string{
				"bep3/tracker/peer-id-of-any-bytes", "bep48/scrape/files-by-hash", "bep48/scrape/several-hashes",
				"bep48/scrape/hash-with-special-bytes", "bep48/scrape/stranger-is-zeros-or-nothing",
				"bep48/numbers/seeds-and-others", "bep48/numbers/scrape-changes-nothing",
				"bep48/numbers/those-who-stopped-do-not-count", "bep48/numbers/completed-moves-a-peer",
				"bep48/numbers/downloaded-counts-completed", "bep48/numbers/completed-twice-is-one-download",
				"bep48/numbers/agree-with-the-announce",
			},
			Sources: []source{
				{"bittorrent-tracker", "server.js:733", "response.files[hex2bin(result.infoHash)] = {"},
			},
		},
		{
			Name: "left-of-32-bits", Judgement: targetBug,
			What: "Over HTTP left is read into an int: a peer of which exactly 2^32 bytes are missing counts as a seed, " +
				"and so does one whose left is no number. Over UDP both halves of the field are looked at.",
			Cases: []string{"bep3/tracker/counts-beyond-32-bits"},
			Sources: []source{
				{"opentracker", "ot_http.c, http_handle_announce", "if( scan_fixed_int( write_ptr, len, &tmp ) ) tmp = 0;"},
			},
		},
		{
			Name: "scrape-in-the-order-of-the-request", Judgement: targetBug,
			What: "The hashes of a scrape are written in the order of the request, not of their bytes: strict readers of " +
				"bencoding refuse the answer.",
			Cases: []string{"bep48/scrape/reply-is-canonical"},
			Sources: []source{
				{"opentracker", "trackerlogic.c, return_tcp_scrape_for_torrent", ""},
			},
		},
		{
			Name: "asking-for-the-list-form-is-an-error", Judgement: targetBug,
			What: "A request with compact=0 is met with status 400. BEP 23 lets a tracker keep to the compact form; the " +
				"wish for the other is no reason to refuse a peer.",
			Cases: []string{"bep23/compact/zero-is-no-obstacle"},
			Sources: []source{
				{"opentracker", "ot_http.c, http_handle_announce", "HTTPERROR_400_COMPACT"},
			},
		},
		{
			Name: "half-an-answer-to-strangers", Judgement: targetBug,
			What: "An announce over UDP of a torrent that is not on the list is answered by 8 bytes with action 1: no " +
				"error, and no answer to an announce, which has 20. Clients drop it and repeat the request for minutes.",
			Cases: []string{"bep15/announce/strange-torrent-is-an-error"},
			Sources: []source{
				{"opentracker", "ot_udp.c, handle_udp6", "if( !torrent ) return; (in the closed build, 8 bytes are sent)"},
			},
		},
		{
			Name: "pages-in-the-place-of-reasons", Judgement: laxClause,
			What: "A malformed request is met with an HTTP status of 400 and a page. The document knows failure reason " +
				"alone, and does not say what a tracker does about requests that it cannot read.",
			Cases: []string{
				"bep3/tracker/short-hash-is-refused", "bep3/tracker/long-hash-is-refused",
				"bep3/tracker/hash-in-hex-is-refused", "bep3/tracker/port-beyond-16-bits-is-refused",
				"bep3/tracker/port-that-is-no-number-is-refused", "bep48/scrape/short-hash-is-refused",
			},
			Sources: []source{
				{"opentracker", "ot_http.c, http_issue_error", `"400 Invalid Request"`},
			},
		},
		{
			Name: "peers-that-nobody-can-reach", Judgement: targetBug,
			What: "A peer without a port, or with port 0, is stored and handed out to others, over HTTP and UDP.",
			Cases: []string{
				"bep3/tracker/missing-port-is-refused", "bep3/tracker/port-0-is-refused",
				"bep15/announce/port-0-is-not-listed",
			},
			Sources: []source{
				{"opentracker", "ot_http.c, http_handle_announce", "( tmp > 0xffff ) ) HTTPERROR_400_PARAM;"},
			},
		},
		{
			Name: "peer-ids-are-not-asked-for", Judgement: laxClause,
			What: "An announce without a peer id, or with one of 5 bytes, is served: a tracker that gives the compact " +
				"form alone has no use for ids.",
			Cases: []string{"bep3/tracker/missing-peer-id-is-refused", "bep3/tracker/short-peer-id-is-refused"},
			Sources: []source{
				{"opentracker", "ot_http.c, http_handle_announce", `{ "peer_id", 9 }, (kept for a log alone)`},
			},
		},
		{
			Name: "lists-the-asker", Judgement: laxClause,
			What:  "A peer finds itself in its list, which costs it an attempt to connect to itself. No clause forbids it.",
			Cases: []string{"bep3/tracker/asker-is-not-listed-to-itself"},
			Sources: []source{
				{"opentracker", "trackerlogic.c, return_peers_for_torrent", "(any peer of the torrent is drawn)"},
				{
					"bittorrent-tracker", "lib/server/swarm.js:156",
					"if (isWebRTC && peer.peerId === ownPeerId) continue // don't send peer to itself",
				},
			},
		},
		{
			Name: "numwant-read-as-a-number-of-javascript", Judgement: laxClause,
			What: "numwant=0 is falsy and means the default of 50; a number below zero is kept and means nobody. Both " +
				"are common ways of clients to say none and as many as you like. No BEP says what numwant means over HTTP.",
			Cases: []string{"bep3/tracker/numwant-bounds-the-list", "bep3/tracker/odd-numwant-is-no-obstacle"},
			Sources: []source{
				{"bittorrent-tracker", "lib/server/parse-http.js:32", "Number(params.numwant) || common.DEFAULT_ANNOUNCE_PEERS,"},
			},
		},
		{
			Name: "once-a-seed-always-a-seed", Judgement: targetBug,
			What: "A peer that has announced left=0 counts as a seed until it is gone, whatever it announces later, as " +
				"it does when a check finds bad pieces.",
			Cases: []string{"bep3/tracker/seed-that-lost-data"},
			Sources: []source{
				{"bittorrent-tracker", "lib/server/swarm.js:131", "if (!peer.complete && params.left === 0) {"},
			},
		},
		{
			Name: "list-form-by-default", Judgement: laxClause,
			What:  "Without the key compact the list form is given. BEP 23 suggests the other, as trackers that matter do.",
			Cases: []string{"bep23/compact/is-the-default"},
			Sources: []source{
				{"bittorrent-tracker", "lib/server/parse-http.js:30", "params.compact = Number(params.compact) || 0"},
			},
		},
	}
}
