package interop_test

// serventLinkDeviations are about links of servents: how they begin and end, and what
// neighbours tell each other.
func serventLinkDeviations() []deviation {
	return []deviation{
		{
			Name: "strangers-are-waited-for", Judgement: laxClause,
			What: "What has not ended in an empty line is kept and waited for, however long it is and takes: a " +
				"handshake or a request of any size. Other bytes are given up at 8 kB, and waited for until then. " +
				"No document sets a limit.",
			Cases: []string{
				"gnutella06/hostile/header-flood",
				"gnutella06/hostile/endless-line", "gnutella-http/hostile/flood-of-headers",
			},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_handshake.ts:343", "ctx.buf = Buffer.concat([ctx.buf, data]);"},
			},
		},
		{
			Name: "ultrapeer-without-a-mark", Judgement: targetBug,
			What: "An ultrapeer's pong states the kilobytes that it shares as they are. They are to be a power of " +
				"two, by which ultrapeers are told from leaves.",
			Cases: []string{"gnutella06/ping/ultrapeers-mark-their-pongs"},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_protocol_runtime.ts:726", "node.totalSharedKBytes(),"},
			},
		},
		{
			Name: "all-pings-are-answered", Judgement: targetBug,
			What: "Every ping is answered in full, by up to ten pongs, however many come at once. Only how often " +
				"they are passed on has a limit.",
			Cases: []string{"gnutella06/ping/too-many-get-few-pongs"},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_protocol_runtime.ts:599", "node.respondPong(peer, hdr);"},
			},
		},
		{
			Name: "crawlers-learn-of-neighbours-alone", Judgement: laxClause,
			What: "A crawler's ping is answered by the pongs of neighbours without the target's own: who asks has " +
				"its address.",
			Cases: []string{"gnutella06/pong-cache/for-crawlers"},
			Sources: []source{
				{"gtk-gnutella", "src/core/pcache.c:2444", "send_neighbouring_info(n);"},
			},
		},
		{
			Name: "blocks-for-all", Judgement: targetBug,
			What: "Whether a neighbour has said GGEP is not looked at: pings and pongs come to all with the target's own " +
				"block.",
			Cases: []string{"ggep/sent/no-blocks-for-who-does-not-know-them", "gnutella06/ping/own-pings-are-well-formed"},
			Sources: []source{
				{"gtk-gnutella", "src/core/pcache.c:482", "if (meta->flags & PONG_META_HAS_UP) {"},
				{
					"limewire", "com/limegroup/gnutella/StandardMessageRouter.java:190",
					"sendPingReply(pingReplyFactory.create(ping.getGUID(), (byte)1), ",
				},
			},
		},
		{
			Name: "pongs-keep-their-blocks", Judgement: targetBug,
			What:  "Pongs of others are told as they came, with their blocks, also to who has not said GGEP.",
			Cases: []string{"ggep/forwarded/pong-leaves-its-block-where-it-is-unknown"},
			Sources: []source{
				{
					"gnutella-bun", "src/protocol/node_protocol_runtime.ts:736, of what line 794 keeps",
					"node.sendToPeer(peer, TYPE.PONG, hdr.descriptorId, ttl, 0, payload);",
				},
				{"limewire", "com/limegroup/gnutella/StandardMessageRouter.java, which sends pongs of its cache", ""},
			},
		},
		{
			Name: "byes-without-headers", Judgement: laxClause,
			What: "A Bye at the end of the program is a code and a phrase, without the headers that a Bye should " +
				"have. gtk-gnutella's have them with any code but 200.",
			Cases: []string{"gnutella06/bye/long-form"},
			Sources: []source{
				{"gtk-gnutella", "src/core/nodes.c:3171", "if (code != 200) {"},
				{"gnutella-bun", "src/protocol/codec.ts:576", "const payload = Buffer.alloc(2 + msg.length + 1);"},
			},
		},
		{
			Name: "byes-for-all", Judgement: targetBug,
			What: "A neighbour that did not say Bye-Packet gets a Bye, here for a query of more than 1 kB. To who " +
				"does not know it, it is a message of no type.",
			Cases: []string{"gnutella06/bye/only-to-who-knows-it"},
			Sources: []source{
				{"gtk-gnutella", "src/core/nodes.c:10798", `node_bye(n, 400, "Too large %s message (%u bytes)",`},
			},
		},
		{
			Name: "byes-from-afar", Judgement: targetBug,
			What:  "A Bye ends the link whatever its TTL and hops are. One that was passed on would end another's link.",
			Cases: []string{"gnutella06/bye/of-another-ttl-is-discarded"},
			Sources: []source{
				{"gnutella-bun", "src/protocol/node_protocol_runtime.ts:911", "peer.socket.end();"},
			},
		},
		{
			Name: "probes-are-said-and-dropped", Judgement: targetBug,
			What:  "X-Ext-Probes is said, and a query with a GUID that was seen is dropped, whatever its TTL is.",
			Cases: []string{"gnutella06/ultrapeer/extended-probes-as-announced"},
			Sources: []source{
				{"gnutella-bun", "src/handshake_policy/capabilities.ts:37", `headers["x-ext-probes"] = "0.1";`},
			},
		},
		{
			Name: "vendor-messages-of-one-guid", Judgement: laxClause,
			What: "Vendor messages have a GUID of zeros, as nobody passes them on or answers to it. GUIDs should be " +
				"marked in two bytes.",
			Cases: []string{"gnutella06/stream/marked-guids"},
			Sources: []source{
				{"gtk-gnutella", "src/core/vmsg.c:419", "gnutella_header_set_muid(header, &blank_guid);"},
			},
		},
		{
			Name: "vendor-list-comes-first", Judgement: targetBug,
			What: "The list of vendor messages is sent as soon as a link stands. The document has it follow the " +
				"first ping, which who is called sends later.",
			Cases: []string{"gnutella06/vendor/list-follows-the-first-ping"},
			Sources: []source{
				{"gtk-gnutella", "src/core/nodes.c:5318", "vmsg_send_messages_supported(n);"},
				{"limewire", "com/limegroup/gnutella/connection/AbstractConnection.java:232", "send(supportedVendorMessage);"},
			},
		},
		{
			Name: "leaf-refuses-with-204", Judgement: laxClause,
			What: "A leaf refuses another one with 204, as it has nothing to give; the document has 503 for it. It " +
				"names no hosts there.",
			Cases: []string{"gnutella06/leaf/refusal-redirects"},
			Sources: []source{
				{
					"gtk-gnutella", "src/core/nodes.c:4669",
					`node_send_error(n, 204, "Shielded leaf node (%d peers max)",`,
				},
			},
		},
	}
}

// serventDoubts are cases in which the harness has its part, or which could not be
// concluded.
func serventDoubts() []deviation {
	return []deviation{
		{
			Name: "role-by-setting", Judgement: ourDoubt,
			What: "Whether it is an ultrapeer is a setting, which the harness has made. An ultrapeer that says it " +
				"needs no more of them is not obeyed; it is taken as a neighbour.",
			Cases: []string{"gnutella06/call/becomes-a-leaf-when-asked"},
			Sources: []source{
				{
					"gnutella-bun", "src/handshake_policy/capabilities.ts:121, where the third step's headers begin",
					"const headers: Record<string, string> = {};",
				},
				{
					"limewire", "com/limegroup/gnutella/handshaking/UltrapeerHandshakeResponder.java:50",
					"if (handshakeServices.isLeafDemotionAllowed() && response.isGoodUltrapeer()) {",
				},
			},
		},
		{
			Name: "leaves-that-relay", Judgement: notReached,
			What: "A leaf that sends anything with hops is said goodbye to with code 414. The vendor message with " +
				"hops 1 ends the link before it is seen whether the target heeds it. That it has consequences at " +
				"all is against the document, which the case does not judge.",
			Cases: []string{"gnutella06/vendor/hops-flow-of-another-ttl"},
			Sources: []source{
				{"gtk-gnutella", "src/core/nodes.c:9212", `node_bye_if_writable(n, 414, "Leaf node relayed %s",`},
			},
		},
		{
			Name: "loopback-is-not-told", Judgement: notReached,
			What:  "A pong that names an address of loopback is not kept, so what would become of its block is not seen.",
			Cases: []string{"ggep/forwarded/pong-leaves-its-block-where-it-is-unknown"},
			Sources: []source{
				{"gtk-gnutella", "src/core/pcache.c:2882", "if (!host_is_valid(addr, port)) {"},
			},
		},
	}
}
