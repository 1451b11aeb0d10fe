package interop_test

// extensionDeviations concern BEP 32, 33, 42, 43, 44 and 51.
func extensionDeviations() []deviation {
	return []deviation{
		{
			Name: "answers-longer-than-1024-bytes", Judgement: targetBug,
			What: "An answer with many peers is longer than the 1024 bytes that BEP 32 allows. libtorrent sends a " +
				"hundred peers, and the others as many as they keep, or a fixed count, whatever else is in the answer. " +
				"Each still fits one Ethernet frame, which is why nobody noticed.",
			Cases: []string{"bep32/size/answer-fits-1024-bytes"},
			Sources: []source{
				{"libtorrent", "src/settings_pack.cpp:385", "SET(dht_max_peers_reply, 100, nullptr),"},
				{"bittorrent-dht", "client.js:546", "const peers = this._peers.get(infoHash.toString('hex'))"},
				{"anacrolix", "server.go:519", "r.Values = filterPeers(source.IP(), m.A.Want, ps.GetPeers(…))"},
			},
		},
		{
			Name: "values-without-nodes", Judgement: laxClause,
			What:  "An answer with values has no nodes, as BEP 5 words it (\"otherwise\"). BEP 32 asks for both.",
			Cases: []string{"bep32/get_peers/nodes-beside-values"},
			Sources: []source{
				{"bittorrent-dht", "client.js:550", "this._rpc.response(peer, query, r)"},
				{"anacrolix", "server.go:525", "if len(r.Values) == 0 {"},
			},
		},
		{
			Name: "want-is-sent-otherwise", Judgement: laxClause,
			What: "BEP 32 asks a node of both families to want both while it bootstraps and its own afterwards. " +
				"libtorrent sends no want, or n6 alone, as it runs one node a family; anacrolix/dht always wants both.",
			Cases: []string{"bep32/bootstrap/asks-for-both-families", "bep32/lookup/asks-for-its-own-family"},
			Sources: []source{
				{"libtorrent", "src/kademlia/node.cpp, get_peers", ""},
				{"anacrolix", "server.go:165", "DefaultWant:   []krpc.Want{krpc.WantNodes, krpc.WantNodes6},"},
			},
		},
		{
			Name: "two-entries-for-an-address", Judgement: targetBug,
			What: "Peers are told apart by address and port, where BEP 33 wants one entry for each pair of info-hash " +
				"and address: one host fills the list by announcing many ports.",
			Cases: []string{"bep33/announce/one-entry-for-an-address"},
			Sources: []source{
				{"libtorrent", "src/kademlia/dht_storage.cpp:342", "if (i != peersv.end() && i->addr == endp)"},
			},
		},
		{
			Name: "any-seed-is-a-seed", Judgement: laxClause,
			What:  "Any non-zero `seed` counts as 1. BEP 33 says that other values are a peer's; nobody sends them.",
			Cases: []string{"bep33/announce/only-seed-one-is-a-seed"},
			Sources: []source{
				{"libtorrent", "src/kademlia/node.cpp:962", "bool const seed = msg_keys[4] && msg_keys[4].int_value();"},
			},
		},
		{
			Name: "first-vote-decides-the-address", Judgement: targetBug,
			What: "The first node that states an address in ip is believed at once, and a new id derived from it: one " +
				"liar can move a node that has just started to where the liar likes. Later changes take a majority.",
			Cases:   []string{"bep42/id/one-liar-does-not-change-it"},
			Sources: []source{{"libtorrent", "src/ip_voter.cpp:163", "m_external_address = i->addr;"}},
		},
		{
			Name: "no-id-from-the-address", Judgement: laxClause,
			What: "The id stays random whatever address others state. BEP 42 is a draft that a node may leave alone; " +
				"anacrolix/dht derives an id only from an address that it is configured with.",
			Cases: []string{"bep42/id/follows-the-address-that-many-state"},
			Sources: []source{
				{"bittorrent-dht", "client.js (ip is not read)", ""},
				{"anacrolix", "server.go:174", "func (c *ServerConfig) InitNodeId() (deterministic bool) {"},
			},
		},
		{
			Name: "immutable-put-needs-seq", Judgement: targetBug,
			What: "A put without seq is refused, but immutable items have none: they cannot be stored at all unless " +
				"the sender adds a seq, as this library's own client does.",
			Cases: []string{
				"bep44/immutable/stored-under-its-hash", "bep44/immutable/values-of-every-type",
				"bep44/immutable/just-under-a-thousand-bytes", "bep44/immutable/ill-formed-value-is-refused",
				"bep44/put/token-needed", "bep44/put/token-bound-to-the-address",
			},
			Sources: []source{{"anacrolix", "server.go:579", "if args.Seq == nil {"}},
		},
		{
			Name: "sizes-of-keys-are-not-checked", Judgement: targetBug,
			What: "A key or signature that is too long is cut to its size and then verified.",
			Cases: []string{
				"bep44/mutable/overlong-key-or-signature-is-refused",
			},
			Sources: []source{{"anacrolix", "krpc/msg.go:59", "K    [32]byte `bencode:\"k,omitempty\"`"}},
		},
		{
			Name: "cas-compared-with-the-stored-cas", Judgement: targetBug,
			What: "cas is compared with the cas of the earlier put, and only if that had one, instead of with the " +
				"stored seq: a put whose cas does not match is stored.",
			Cases:   []string{"bep44/cas/mismatch-is-error-301"},
			Sources: []source{{"anacrolix", "bep44/item.go:168", "if stored.Cas == 0 {"}},
		},
		{
			Name: "cas-to-every-node", Judgement: laxClause,
			What: "A put with cas carries it to every node, also to those that returned no item; BEP 44 has it for the " +
				"nodes that hold one.",
			Cases: []string{"bep44/put/cas-goes-to-holders-alone"},
			Sources: []source{
				{"bittorrent-dht", "client.js:310", "if (typeof opts.cas === 'number') message.a.cas = opts.cas"},
				{
					"anacrolix", "exts/getput/getput.go:161",
					"res := s.Put(ctx, dht.NewAddr(elem.Addr.UDP()), put, token, …)",
				},
			},
		},
		{
			Name: "bad-signature-is-dropped", Judgement: laxClause,
			What:  "A put whose signature does not verify is not stored, and not answered either; BEP 44 reserves 206 for it.",
			Cases: []string{"bep44/mutable/bad-signature-is-error-206"},
			Sources: []source{
				{"bittorrent-dht", "client.js:628", "if (!this._verify(a.sig, encodeSigData(a), a.k)) return"},
			},
		},
		{
			Name: "equal-seq-is-refused", Judgement: laxClause,
			What: "A put with the stored seq and the stored value is error 302. BEP 44 says both that an equal seq must " +
				"be refused and that such a put should prolong the item's life.",
			Cases: []string{"bep44/seq/equal-with-the-same-value-is-taken"},
			Sources: []source{
				{"bittorrent-dht", "client.js:633", "if (prev && typeof prev.seq === 'number' && !(a.seq > prev.seq)) {"},
			},
		},
		{
			Name: "empty-salt-is-signed", Judgement: targetBug,
			What: "A put whose salt is the empty string is not stored, although an empty salt is none: it enters the " +
				"bytes that are signed.",
			Cases:   []string{"bep44/salt/empty-is-none"},
			Sources: []source{{"bittorrent-dht", "client.js:780", "if (msg.salt) ref.salt = msg.salt"}},
		},
		{
			Name: "long-salts-are-taken", Judgement: targetBug,
			What:    "A salt of 65 bytes is stored; BEP 44 bounds it to 64 and has error 207 for more.",
			Cases:   []string{"bep44/salt/longer-than-64-bytes-is-refused", "bep44/salt/longer-than-64-bytes-is-error-207"},
			Sources: []source{{"bittorrent-dht", "client.js:612", "if (v.length > 1000) {"}},
		},
		{
			Name: "seq-of-get-is-ignored", Judgement: laxClause,
			What:  "get with a seq returns the value that the asker has already. It costs bytes and nothing else.",
			Cases: []string{"bep44/get/seq-not-below-the-stored-omits-the-value"},
			Sources: []source{
				{
					"bittorrent-dht", "client.js:592",
					"this._rpc.response(peer, query, createGetResponse(this._rpc.id, token, value))",
				},
			},
		},
		{
			Name: "interval-left-to-the-caller", Judgement: ourDoubt,
			What: "Told twice to sample a node, the library asks twice. It offers the query and leaves the interval, " +
				"which it returns, to its caller; the duty is an indexer's, and these are parts of one.",
			Cases: []string{"bep51/indexer/leaves-a-node-alone-for-the-interval"},
			Sources: []source{
				{
					"libtorrent", "src/kademlia/node.cpp:580",
					"void node::sample_infohashes(udp::endpoint const& ep, sha1_hash const& target",
				},
				{
					"anacrolix", "server.go:951",
					"func (s *Server) Query(ctx context.Context, addr Addr, q string, input QueryInput) …",
				},
			},
		},
	}
}
