package interop_test

// tableDeviations concern routing tables, lookups and joining.
func tableDeviations() []deviation {
	return []deviation{
		{
			Name: "files-whoever-asks", Judgement: targetBug,
			What: "Whoever sends a query is in the table as good at once, without ever having answered: a forged " +
				"source address is handed out to others. The cases about odd answers fail with it, since the node is " +
				"there before it answers; k-rpc moreover files whoever sends a response that was not asked for. " +
				"A read-only node is filed like any other.",
			Cases: []string{
				"bep5/table/silent-querier-is-not-handed-out", "bep5/table/answer-from-another-port-does-not-count",
				"bep5/table/answer-with-another-transaction-does-not-count",
				"bep5/table/answer-with-another-id-does-not-count", "bep5/table/error-answer-does-not-count",
				"bep5/upkeep/newcomer-is-asked-before-it-is-handed-out", "bep43/ro/read-only-querier-is-not-handed-out",
				"bep43/lookup/read-only-node-is-not-asked",
			},
			Sources: []source{
				{"bittorrent-dht", "k-rpc/index.js:63", "addNode(query.a, peer)"},
				{"aria2", "src/DHTMessageReceiver.cc:128", "routingTable_->addGoodNode(message->getRemoteNode());"},
			},
		},
		{
			Name: "known-node-displaced-by-a-query", Judgement: targetBug,
			What: "A query under the id of a known node, from another address, replaces that node's address. " +
				"Anybody can take nodes out of the table that way.",
			Cases:   []string{"bep5/table/known-node-is-not-displaced"},
			Sources: []source{{"aria2", "src/DHTBucket.cc:127", "nodes_.erase(itr);"}},
		},
		{
			Name: "closest-nodes-by-bucket", Judgement: targetBug,
			What: "The nodes of an answer are gathered bucket by bucket, and not compared by distance. anacrolix/dht " +
				"walks from the target's bucket away from its own id only and cuts what it has to eight unsorted; aria2 " +
				"walks the tree from the leaf and its sibling, and cuts likewise. Closer nodes are left out.",
			Cases: []string{"bep5/find_node/returns-the-closest", "bep5/get_peers/closest-nodes-to-the-hash"},
			Sources: []source{
				{"aria2", "src/DHTBucketTree.cc:198", "collectDownwardLeftFirst(nodes, parent);"},
				{"anacrolix", "table.go:99", "}(); bi >= 0 && len(ret) < k; bi-- {"},
			},
		},
		{
			Name: "more-than-eight-in-a-bucket", Judgement: laxClause,
			What: "Buckets hold more than the document's eight, on purpose: libtorrent's first four hold 128, 64, 32 and " +
				"16 nodes, and k-rpc takes Kademlia's twenty. Only answers are bound to eight, and libtorrent's are.",
			Cases: []string{"bep5/table/eight-nodes-in-a-bucket", "bep5/find_node/at-most-eight-nodes"},
			Sources: []source{
				{
					"libtorrent", "src/kademlia/routing_table.cpp:281",
					"static const aux::array<int, 4> size_exceptions{{{16, 8, 4, 2}}};",
				},
				{"bittorrent-dht", "k-rpc/index.js:7", "var K = 20"},
			},
		},
		{
			Name: "answers-under-another-id-are-followed", Judgement: laxClause,
			What: "A node that was asked under one id answers under another, and the lookup goes on with the nodes that " +
				"it names. The document does not say what an id that changed means; the address and transaction were right.",
			Cases: []string{"bep5/reply/under-another-id-is-ignored"},
			Sources: []source{
				{"libtorrent", "src/kademlia/traversal_algorithm.cpp:672", "set_id(node_id(id.string_ptr()));"},
				{"anacrolix", "server.go:910", "func (me QueryResult) TraversalQueryResult(addr krpc.NodeAddr) …"},
			},
		},
		{
			Name: "saved-table-is-forgotten", Judgement: targetBug,
			What: "The saved nodes are read and never asked. The DHT is started as the session is, before its sockets " +
				"are open; dht_tracker::start then asks the saved nodes on no socket at all, and clears them " +
				"(its own log: \"bootstrapping with 0 nodes\"). Enabled after the session has its sockets, it would " +
				"keep them. Seen through the Python binding.",
			Cases:   []string{"bep5/upkeep/table-survives-a-restart"},
			Sources: []source{{"libtorrent", "src/kademlia/dht_tracker.cpp:197", "m_state.clear();"}},
		},
		{
			Name: "table-saved-only-when-ready", Judgement: ourDoubt,
			What: "Nodes are saved only once the DHT calls itself ready, which takes more good nodes and more time than " +
				"the case gives it.",
			Cases: []string{"bep5/upkeep/table-survives-a-restart"},
			Sources: []source{
				{
					"transmission", "libtransmission/tr-dht.c:445",
					`tr_logAddNamedInfo("DHT", "Not saving nodes, DHT not ready");`,
				},
			},
		},
		{
			Name: "joins-without-a-lookup", Judgement: ourDoubt,
			What: "Within the time of the case the target did not get from its contact to its own neighbours. aria2 begins " +
				"the lookup of its own id beside the ping to its contact, when it knows nobody yet, so that the lookup ends " +
				"with nothing. jech/dht does not walk: it asks a node that it knows every few seconds.",
			Cases: []string{"bep5/bootstrap/reaches-its-neighbour", "bep5/bootstrap/looks-up-its-own-id"},
			Sources: []source{
				{
					"aria2", "src/DHTEntryPointNameResolveCommand.cc:142",
					"taskFactory_->createNodeLookupTask(localNode_->getID()));",
				},
				{
					"transmission", "third-party/dht/dht.c (jech/dht 0.25:1892)",
					"neighbourhood_maintenance(int af)",
				},
			},
		},
	}
}

// openCases ran and could not be concluded.
func openCases() []deviation {
	return []deviation{
		{
			Name: "newcomers-wait-for-maintenance", Judgement: notReached,
			What: "A node that asks is handed out only after it has answered, and it is asked only when a bucket " +
				"is maintained, which takes longer than the 6 seconds that a case gives it. What the routing table " +
				"does with newcomers is then not seen. Which of " +
				"these cases end so differs from run to run, as the pauses are drawn at random.",
			Cases: []string{
				"bep5/find_node/hands-out-a-node-that-answered",
				"bep5/find_node/returns-the-closest",
				"bep5/find_node/at-most-eight-nodes",
				"bep5/table/silent-querier-is-not-handed-out",
				"bep5/table/answer-from-another-port-does-not-count",
				"bep5/table/answer-with-another-transaction-does-not-count",
				"bep5/table/answer-with-another-id-does-not-count",
				"bep5/table/error-answer-does-not-count",
				"bep5/table/own-id-is-not-handed-out",
				"bep5/table/known-node-is-not-displaced",
				"bep5/table/eight-nodes-in-a-bucket",
				"bep5/upkeep/good-nodes-stay",
				"bep32/want/nodes-over-ipv4-without-want",
				"bep32/want/n4-over-ipv4",
				"bep32/get_peers/nodes-beside-values",
				"bep42/local/any-id-is-handed-out",
				"bep43/ro/read-only-querier-is-not-handed-out",
				"bep43/ro/zero-is-not-read-only",
			},
			Sources: []source{
				{
					"transmission", "third-party/dht/dht.c (jech/dht 0.25:2331)",
					"confirm_nodes_time = now.tv_sec + 60 + random() % 120;",
				},
			},
		},
		{
			Name: "asks-nobody-back", Judgement: notReached,
			What: "The client files who asks and does not ask back, so what it would make of the answer is not seen.",
			Cases: []string{
				"bep5/find_node/hands-out-a-node-that-answered",
			},
			Sources: []source{
				{"aria2", "src/DHTMessageReceiver.cc:128", "routingTable_->addGoodNode(message->getRemoteNode());"},
			},
		},
	}
}
