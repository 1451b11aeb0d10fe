package interop_test

// protocolDeviations concern messages, their errors, tokens and announces.
func protocolDeviations() []deviation {
	return []deviation{
		{
			Name: "crash-on-missing-arguments", Judgement: targetBug,
			What: "One datagram ends the process, from any address: `d1:q13:announce_peer1:t2:aa1:y1:qe`, a query " +
				"without `a`. " +
				"announce_peer and put use the arguments without the look at them that get_peers takes. " +
				"The harness starts the client again.",
			Cases:   []string{"bep5/malformed/no-arguments"},
			Sources: []source{{"anacrolix", "server.go:540", "if !s.validToken(args.Token, source) {"}},
		},
		{
			Name: "crash-on-a-key-that-is-no-string", Judgement: targetBug,
			What: "One datagram with a valid token ends the process: a put whose `k` is an integer is handed to " +
				"the hash, which throws. The token is no protection, as anybody may ask for one.",
			Cases: []string{"bep44/mutable/unusable-key-or-signature-is-refused"},
			Sources: []source{
				{"bittorrent-dht", "client.js:620", "? this._hash(a.salt ? Buffer.concat([a.k, a.salt]) : a.k)"},
			},
		},
		{
			Name: "find-node-ignores-its-target", Judgement: targetBug,
			What: "find_node is answered by the nodes closest to `info_hash`, an argument that find_node does not " +
				"have: to the zero id. With a table search that walks away from the own id only, most lookups by " +
				"find_node get no nodes at all. The cases of want, nodes6 and local ids ask find_node, too.",
			Cases: []string{
				"bep5/find_node/hands-out-a-node-that-answered", "bep32/want/nodes-over-ipv4-without-want",
				"bep32/want/n4-over-ipv4", "bep32/want/both-families",
				"bep32/want/other-family", "bep32/nodes6/hands-out-a-node-that-answered",
				"bep32/nodes6/over-ipv6-without-want",
			},
			Sources: []source{{"anacrolix", "server.go:470", "target := int160.FromByteArray(queryMsg.A.InfoHash)"}},
		},
		{
			Name: "answers-accepted-from-another-port", Judgement: targetBug,
			What: "An answer counts if its transaction id is open and it comes from the IP address that was asked, " +
				"whatever the port. Whoever shares the address, or forges it, can answer for the node. libtorrent 2.1.0 " +
				"compares the port as well.",
			Cases: []string{"bep5/reply/from-another-port-is-ignored"},
			Sources: []source{
				{
					"libtorrent", "src/kademlia/rpc_manager.cpp:276",
					"if (m.addr.address() != i->second->target_addr()) continue;",
				},
				{"bittorrent-dht", "k-rpc-socket/index.js:88", "if (req.peer.host !== rinfo.address) {"},
			},
		},
		{
			Name: "transaction-id-read-as-two-bytes", Judgement: targetBug,
			What: "Of the transaction id of an answer the first two bytes are compared: a longer id that begins " +
				"like an open one is taken for it.",
			Cases:   []string{"bep5/reply/with-another-transaction-is-ignored"},
			Sources: []source{{"bittorrent-dht", "k-rpc-socket/index.js:75", "var tid = message.t.readUInt16BE(0)"}},
		},
		{
			Name: "arguments-are-not-checked", Judgement: laxClause,
			What: "A missing argument, or one of a wrong length, is answered as if it were there: as zeros, or as " +
				"whatever the bytes give.",
			Cases: []string{"bep5/malformed/missing-argument-is-refused"},
			Sources: []source{
				{"bittorrent-dht", "client.js:530", "if (!target) return this._rpc.error(peer, query, [203, …])"},
				{"anacrolix", "krpc/msg.go:41", "(absent, the target is an array of zeros)"},
				{
					"transmission", "third-party/dht/dht.c, FIND_NODE (jech/dht 0.25:2196)",
					"send_closest_nodes(from, fromlen,",
				},
			},
		},
		{
			Name: "no-error-203", Judgement: laxClause,
			What: "A query that lacks its argument, or brings a bad token, is dropped, or served, where the document's " +
				"table of errors has 203. It does not say that an error must be sent, and silence gives a forger nothing.",
			Cases: []string{
				"bep5/malformed/missing-argument-is-error-203", "bep5/token/bad-one-is-error-203",
				"bep44/put/bad-token-is-error-203",
			},
			Sources: []source{
				{"anacrolix", "server.go:541", `expvars.Add("received announce_peer with invalid token", 1); return`},
				{
					"aria2", "src/DHTMessageReceiver.cc:115",
					"A2_LOG_INFO_EX(\"Exception thrown while receiving DHT message.\", e);",
				},
				{
					"transmission", "third-party/dht/dht.c, FIND_NODE (jech/dht 0.25:2196)",
					"send_closest_nodes(from, fromlen,",
				},
			},
		},
		{
			Name: "a-ping-without-an-id-is-answered", Judgement: laxClause,
			What: "A ping whose id is missing or has a wrong length is answered. Nothing is stored of it, so the " +
				"courtesy harms nobody.",
			Cases: []string{"bep5/malformed/bad-id-is-refused"},
			Sources: []source{
				{"bittorrent-dht", "client.js:509", "return this._rpc.response(peer, query, { id: this._rpc.id })"},
				{"anacrolix", "server.go:510", "s.reply(source, m.T, krpc.Return{})"},
			},
		},
		{
			Name: "ids-of-zeros-are-dropped", Judgement: laxClause,
			What:  "A query from the id of all zeros is dropped, as one without an id would be. No honest node draws it.",
			Cases: []string{"bep5/malformed/odd-ids-are-served"},
			Sources: []source{
				{
					"transmission", "third-party/dht/dht.c (jech/dht 0.25:2052)",
					"if(message < 0 || message == ERROR || id_cmp(id, zeroes) == 0) {",
				},
			},
		},
		{
			Name: "unknown-methods-are-dropped", Judgement: laxClause,
			What: "A method that the client does not know brings silence, or error 203, instead of 204. The document " +
				"lists the code and does not say that it must be sent. Silence makes later extensions indistinguishable " +
				"from a dead node, which is why BEP 51 and libtorrent want an answer like find_node's.",
			Cases: []string{"bep5/krpc/unknown-method-is-error-204", "bep5/krpc/unknown-method-with-target"},
			Sources: []source{
				{"libtorrent", "src/kademlia/node.cpp:1190", `incoming_error(e, "unknown message");`},
				{"bittorrent-dht", "client.js:507", "(the switch has no default)"},
				{
					"aria2", "src/DHTMessageFactoryImpl.cc:243",
					`fmt("Unsupported message type: %s", messageType->s().c_str()));`,
				},
				{"transmission", "third-party/dht/dht.c, parse_message", "(no type is recognised: the message is dropped)"},
			},
		},
		{
			Name: "no-version", Judgement: laxClause,
			What:  "No `v` is sent. The document says that it should be, and in the next sentence that it may be missing.",
			Cases: []string{"bep5/krpc/states-its-version", "bep5/query/states-its-version"},
			Sources: []source{
				{"bittorrent-dht", "k-rpc-socket/index.js:135", "this.send(peer, { t: req.t, y: 'r', r: res }, cb)"},
				{"anacrolix", "krpc/msg.go:19", "(Msg has no V)"},
				{
					"transmission", "libtransmission/tr-dht.c:393",
					"rc = dht_init(ss->udp_socket, ss->udp6_socket, myid, NULL);",
				},
			},
		},
		{
			Name: "nodes-left-out-when-empty", Judgement: laxClause,
			What:  "An answer without nodes has no key `nodes`, where the printed ones always have. Readers cope.",
			Cases: []string{"bep5/find_node/nodes-even-if-empty"},
			Sources: []source{
				{"anacrolix", "krpc/msg.go:94", "Nodes  CompactIPv4NodeInfo `bencode:\"nodes,omitempty\"`"},
				{"transmission", "third-party/dht/dht.c (jech/dht 0.25:2583)", "if(nodes_len > 0) {"},
			},
		},
		{
			Name: "implied-port-unknown", Judgement: targetBug,
			What: "implied_port is not known, so the port beside it is stored, which the document says is to be " +
				"ignored. A peer behind a NAT that sends port 1 with it is listed at port 1.",
			Cases: []string{"bep5/announce_peer/implied-port-is-the-source-port"},
			Sources: []source{
				{
					"aria2", "src/DHTMessageFactoryImpl.cc:234",
					"const Integer* port = getInteger(aDict, DHTAnnouncePeerMessage::PORT);",
				},
			},
		},
		{
			Name: "ports-are-not-checked", Judgement: targetBug,
			What: "A peer at port 0 is stored and handed out; anacrolix/dht also stores ports above 65535 by their low " +
				"16 bits, strings read as numbers, and port 0 for an announce that has none (\"no derivable port\" is " +
				"counted, and stored).",
			Cases: []string{
				"bep5/announce_peer/port-zero-is-not-stored", "bep5/announce_peer/port-out-of-range-is-not-stored",
				"bep5/announce_peer/port-of-a-wrong-type-is-not-stored",
			},
			Sources: []source{
				{"libtorrent", "src/kademlia/node.cpp:933", "if (port < 0 || port >= 65536)"},
				{"anacrolix", "server.go:567", "krpc.NodeAddr{IP: source.IP(), Port: port},"},
			},
		},
		{
			Name: "token-good-for-every-hash", Judgement: laxClause,
			What: "A token that was given for one info-hash announces to any other: it is bound to the address alone, " +
				"as BEP 5 describes it. Bound to the info-hash too it would stop announces to many hashes for one question.",
			Cases: []string{"bep5/token/bound-to-the-info-hash"},
			Sources: []source{
				{"bittorrent-dht", "client.js:718", "return this._hash(Buffer.concat([Buffer.from(host), secret]))"},
				{"anacrolix", "server.go:862", "func (s *Server) createToken(addr Addr) string {"},
				{"transmission", "third-party/dht/dht.c (jech/dht 0.25:1572)", "ip, iplen, (unsigned char*)&port, 2);"},
			},
		},
		{
			Name: "sends-tokens-that-it-was-not-given", Judgement: targetBug,
			What: "A node whose answer has no token that is a string is announced to, or put to, nevertheless: with " +
				"the integer that it sent, or with no token at all.",
			Cases: []string{"bep5/announce/never-without-a-token", "bep44/put/never-without-a-token"},
			Sources: []source{
				{"bittorrent-dht", "client.js:685", "if (message.r.token && message.r.id && …) {"},
				{"anacrolix", "exts/getput/getput.go:160", "token := elem.Data.(string)"},
			},
		},
	}
}
