package interop_test

import "slices"

// peerDeviations concern BitTorrent peers: seeders and leechers.
func peerDeviations() []deviation {
	return slices.Concat(wireDeviations(), extendedDeviations(), announcingDeviations(), cryptoDeviations(),
		downloadDeviations())
}

// wireDeviations concern the handshake, blocks and the fast extension.
func wireDeviations() []deviation {
	return []deviation{
		{
			Name: "crash-on-a-request-whose-end-overflows", Judgement: targetBug,
			What: "One message ends the process, from any peer that is unchoked: a request that begins at 2^32-16 and " +
				"has 32 bytes. Begin and end are compared as signed 32-bit numbers, the end comes out as 16, and the " +
				"block is read from before the beginning. The harness starts the client again.",
			Cases: []string{"bep3/uploader/sum-overflows"},
			Sources: []source{
				{"aria2", "src/bittorrent_helper.cc:801", "int32_t end = begin + length;"},
			},
		},
		{
			Name: "what-follows-the-handshake-is-refused", Judgement: targetBug,
			What: "Messages in the segment of the handshake end the connection: they are in the buffer while the client " +
				"looks for an encrypted handshake, and then count as a handshake that is too long.",
			Cases: []string{"bep3/handshake/messages-in-the-same-segment"},
			Sources: []source{
				{"aria2", "src/PeerConnection.cc:199", "if (BtHandshakeMessage::MESSAGE_LENGTH < resbufLength_) {"},
			},
		},
		{
			Name: "handshake-for-a-torrent-that-nobody-has", Judgement: targetBug,
			What: "The info-hash of an inbound handshake is sent back before it is looked up: whoever asks for any " +
				"torrent is told that it is here, and then hung up on.",
			Cases: []string{"bep3/handshake/unknown-torrent-is-refused"},
			Sources: []source{
				{"anacrolix-torrent", "peer_protocol/handshake.go:195", "post(res.Hash[:])"},
			},
		},
		{
			Name: "zero-peer-id-is-a-duplicate", Judgement: targetBug,
			What: "A peer id of twenty zeros is taken for that of another connection, on which no id has come yet, " +
				"and the connection is closed.",
			Cases: []string{"bep20/peer-id/any-bytes-are-accepted"},
			Sources: []source{
				{"libtorrent", "src/torrent.cpp:1992", "if (p->pid() == pid) return p;"},
				{
					"aria2", "src/DefaultBtInteractive.cc:136",
					"memcmp(peer->getPeerId(), message->getPeerId(), PEER_ID_LENGTH) == 0) {",
				},
			},
		},
		{
			Name: "another-peer-id-for-each-connection", Judgement: laxClause,
			What: "Each connection and each tracker is told a peer id of its own, so that nobody can follow the client " +
				"from torrent to torrent. The document knows one id for a download; the field lives well with many.",
			Cases: []string{"bep3/announce/one-peer-id-everywhere"},
			Sources: []source{
				{"libtorrent", "src/torrent.cpp:7380", "peer_id const our_pid = aux::generate_peer_id(settings());"},
			},
		},
		{
			Name: "bitfield-of-any-size", Judgement: laxClause,
			What: "A bitfield that is a byte short or long is read as far as it goes, and the connection goes on. The " +
				"document asks to drop it.",
			Cases: []string{"bep3/bitfield/one-byte-short", "bep3/bitfield/one-byte-long"},
			Sources: []source{
				{"anacrolix-torrent", "peerconn.go:520", "if cn.t.haveInfo() && len(bf) > int(cn.t.numPieces()) {"},
				{"webtorrent", "bittorrent-protocol/index.js:684", "_onBitField (buffer) {"},
			},
		},
		{
			Name: "empty-block", Judgement: targetBug,
			What:  "A request for no bytes is answered by a piece message without any, which no peer can use.",
			Cases: []string{"bep3/uploader/nothing-asked"},
			Sources: []source{
				{"anacrolix-torrent", "peer.go:320", "case cs.Begin+cs.Length > pieceLength:"},
			},
		},
		{
			Name: "interest-outlives-its-reason", Judgement: targetBug,
			What: "The only peer has fewer pieces than the client in the end, and the client does not take its " +
				"interest back.",
			Cases: []string{"bep3/interest/withdrawn"},
			Sources: []source{
				{"anacrolix-torrent", "requesting.go:414", "if !p.setInterested(next.Interested) {"},
				{"webtorrent", "webtorrent/lib/torrent.js:1574", "else wire.uninterested()"},
			},
		},
		{
			Name: "unasked-block-ends-the-connection", Judgement: laxClause,
			What: "A block that was not asked for ends the connection. The text asks to discard it: a block and its " +
				"cancel cross on the way.",
			Cases: []string{"bep3/blocks/never-asked-for"},
			Sources: []source{
				{"anacrolix-torrent", "peerconn.go:2053", `err = errors.New("received unexpected chunk")`},
			},
		},
		{
			Name: "everybody-is-unchoked", Judgement: notReached,
			What:  "Every peer is unchoked as it connects, forty at once: what a choked one would be answered is not seen.",
			Cases: []string{"bep3/uploader/nothing-while-choked", "bep6/uploader/rejects-the-choked"},
			Sources: []source{
				{"anacrolix-torrent", "config.go, ClientConfig.Seed", "no limit of slots"},
			},
		},
		{
			Name: "blocks-that-were-not-asked-for-in-answer", Judgement: targetBug,
			What: "A request that does not lie within its piece is answered by as many bytes as there are, down to none: " +
				"the store cuts it, and nothing compares the length. 2^31 bytes are answered by an empty block.",
			Cases: []string{
				"bep3/uploader/end-behind-the-piece", "bep3/uploader/end-behind-the-last-piece",
				"bep3/uploader/begin-behind-the-piece", "bep3/uploader/sum-overflows", "bep3/uploader/nothing-asked",
				"bep3/uploader/two-gibibytes", "bep6/uploader/rejects-what-it-cannot-serve",
			},
			Sources: []source{
				{"webtorrent", "webtorrent/lib/torrent.js:1488", "this.store.get(index, { offset, length }, cb)"},
			},
		},
		{
			Name: "what-comes-with-the-handshake-is-lost", Judgement: targetBug,
			What: "Messages in the segment of the handshake are read before the torrent listens to them: who is interested " +
				"at once, and says so once, is never unchoked; who unchokes at once is asked for nothing.",
			Cases: []string{"bep3/handshake/messages-in-the-same-segment", "bep3/initiator/messages-in-the-segment"},
			Sources: []source{
				{"webtorrent", "webtorrent/lib/torrent.js:1463", "wire.once('interested', () => {"},
			},
		},
		{
			Name: "bad-peer-is-asked-for-ever", Judgement: targetBug,
			What: "A peer that sends a corrupt piece is asked for it again at once, and again: ninety thousand requests in a " +
				"minute, while the honest peer beside it is asked for nothing of that piece.",
			Cases: []string{"bep3/downloader/corrupt-piece-is-fetched-again", "bep3/blame/poisoner-is-dropped"},
			Sources: []source{
				{
					"webtorrent", "webtorrent/lib/torrent.js, request",
					"the piece is reserved and asked for again, whoever sent it",
				},
			},
		},
		{
			Name: "completed-without-a-download", Judgement: targetBug,
			What:  "event=completed is announced for content that was there when the client began.",
			Cases: []string{"bep3/announce/nothing-completed-of-what-was-there"},
			Sources: []source{
				{"webtorrent", "webtorrent/lib/torrent.js:2046", "if (!this.destroyed) this.discovery.complete()"},
			},
		},
		{
			Name: "length-without-a-limit", Judgement: laxClause,
			What: "The length of a message is believed up to 2^32-1, and the connection waits for as many bytes. A limit is " +
				"for each client to draw; without one its memory is its peer's to fill.",
			Cases: []string{"bep3/messages/length-beyond-any-message", "bep3/blocks/length-prefix-of-4-gib"},
			Sources: []source{
				{"transmission", "libtransmission/peer-msgs.c:1296", "msgs->incoming.length = len;"},
				{"webtorrent", "bittorrent-protocol/index.js:945", "_onMessageLength (buffer) {"},
			},
		},
		{
			Name: "cancel-without-an-answer", Judgement: targetBug,
			What: "With the fast extension a request that is cancelled is forgotten without a reject: the two ends no longer " +
				"agree on what is on its way.",
			Cases: []string{"bep6/uploader/cancel-is-answered", "bep6/uploader/one-answer-to-each-request"},
			Sources: []source{
				{
					"transmission", "libtransmission/peer-msgs.c:1639",
					"tr_removeElementFromArray(msgs->peerAskedFor, i, sizeof(struct peer_request),",
				},
				{
					"webtorrent", "bittorrent-protocol/index.js:725",
					"this._pull(this.peerRequests, index, offset, length)",
				},
			},
		},
		{
			Name: "nothing-is-allowed-fast", Judgement: laxClause,
			What: "A peer without pieces is offered none that it may have while choked. transmission has the code for it and " +
				"does not call it.",
			Cases: []string{"bep6/allowed-fast/offered-to-a-starting-peer"},
			Sources: []source{
				{"transmission", "libtransmission/peer-msgs.c:1338", "/* updateFastSet(msgs); */"},
				{"webtorrent", "bittorrent-protocol/index.js:127", "this.allowedFastSet = [] // allowed fast set"},
			},
		},
		{
			Name: "requests-after-the-choke", Judgement: targetBug,
			What: "A choke meets requests for a piece that is allowed fast, and they are rejected. The client asks again " +
				"at once, and again: five hundred requests in two seconds.",
			Cases: []string{"bep6/allowed-fast/choke-with-requests-out"},
			Sources: []source{
				{"aria2", "src/BtChokeMessage.cc:59", "getBtMessageDispatcher()->doChokedAction();"},
				{
					"webtorrent", "bittorrent-protocol/index.js:651",
					"// BEP6 Fast Extension: Choke no longer implicitly rejects all pending requests",
				},
			},
		},
		{
			Name: "suggestion-without-agreement", Judgement: laxClause,
			What: "A suggest of a peer that did not offer the fast extension is read, where the document asks to close " +
				"the connection.",
			Cases: []string{"bep6/negotiation/suggest-unagreed"},
			Sources: []source{
				{"aria2", "src/DefaultBtMessageFactory.cc:181", "case BtSuggestPieceMessage::ID: {"},
			},
		},
	}
}

// extendedDeviations concern the extension protocol and metadata.
func extendedDeviations() []deviation {
	return []deviation{
		{
			Name: "unknown-extended-id-ends-the-connection", Judgement: laxClause,
			What: "An extended message under an id that was never handed out ends the connection. The document has no " +
				"word for it; others ignore what they do not know, as everything else in the protocol asks for.",
			Cases: []string{"bep10/messages/unknown-id", "bep10/initiator/keeps-unknown-id"},
			Sources: []source{
				{"anacrolix-torrent", "ltep.go:45", `err = fmt.Errorf("unexpected extended message ID: %v", id)`},
				{
					"libtorrent", "src/bt_peer_connection.cpp:1961",
					"disconnect(errors::invalid_message, operation_t::bittorrent, peer_error);",
				},
				{
					"aria2", "src/DefaultExtensionMessageFactory.cc:99",
					"fmt(\"No extension registered for extended message ID %u\",",
				},
			},
		},
		{
			Name: "unknown-metadata-message-ends-the-connection", Judgement: targetBug,
			What:  "A metadata message of a type that is not known, which BEP 9 has clients ignore, ends the connection.",
			Cases: []string{"bep9/metadata/unknown-type-is-ignored"},
			Sources: []source{
				{"anacrolix-torrent", "client.go:1486", "return errors.New(\"unknown msg_type value\")"},
				{
					"aria2", "src/DefaultExtensionMessageFactory.cc:166",
					"fmt(\"Bad ut_metadata: unknown msg_type=%\" PRId64, msgType->i()));",
				},
			},
		},
		{
			Name: "metadata-beyond-the-end-ends-the-connection", Judgement: laxClause,
			What:  "A request for a block of metadata that does not exist ends the connection, and is not rejected.",
			Cases: []string{"bep9/metadata/out-of-range-is-rejected"},
			Sources: []source{
				{
					"aria2", "src/UTMetadataRequestExtensionMessage.cc:104",
					"throw DL_ABORT_EX(fmt(\"Metadata piece index is too big. piece=%lu\",",
				},
			},
		},
		{
			Name: "metadata-is-never-rejected", Judgement: laxClause,
			What:  "A request for a block of metadata that does not exist gets no answer.",
			Cases: []string{"bep9/metadata/out-of-range-is-rejected"},
			Sources: []source{
				{"webtorrent", "ut_metadata/index.js:166", "_reject (piece) {"},
			},
		},
		{
			Name: "refused-for-a-while-after-garbage", Judgement: notReached,
			What:  "After bytes that make no metadata the next connection is hung up on, so the case lacks its control.",
			Cases: []string{"bep9/metadata/garbage"},
			Sources: []source{
				{"webtorrent", "ut_metadata/index.js, onMessage", ""},
			},
		},
		{
			Name: "peer-exchange-for-a-private-torrent", Judgement: targetBug,
			What: "The extension handshake offers ut_pex for a private torrent. What comes by it is dropped, but the " +
				"other side is invited to tell.",
			Cases: []string{"bep27/private/no-peer-exchange-offered", "bep27/private/no-dht-and-no-exchange"},
			Sources: []source{
				{"anacrolix-torrent", "client.go:1309", "pc.addBuiltinLtepProtocols(!cl.config.DisablePEX)"},
			},
		},
	}
}

// announcingDeviations concern what leechers ask trackers.
func announcingDeviations() []deviation {
	return []deviation{
		{
			Name: "panic-on-a-tracker-of-an-unknown-scheme", Judgement: targetBug,
			What: "A torrent with a tracker whose scheme the client does not know ends the process. Whoever makes a " +
				"torrent or a link can do it.",
			Cases: []string{"bep12/robust/unknown-scheme-in-a-tier"},
			Sources: []source{
				{"anacrolix-torrent", "client-tracker-announcer.go:953", "panicif.Err(err)"},
			},
		},
		{
			Name: "all-tiers-at-once", Judgement: laxClause,
			What: "Every tracker, or one of every tier, is announced to at once, in the order of the torrent. BEP 12 asks " +
				"for one after the other, so that one swarm does not burden all; clients like to find more peers.",
			Cases: []string{
				"bep12/tiers/first-that-answers-is-enough", "bep12/tiers/next-tier-when-one-fails",
				"bep12/tiers/shuffled-within",
			},
			Sources: []source{
				{"anacrolix-torrent", "torrent.go:2342", "for _, tier := range t.announceList {"},
				{
					"transmission", "libtransmission/announcer.c:1695",
					"for (int i = 0; tt != NULL && i < tt->tier_count; ++i)",
				},
				{"webtorrent", "bittorrent-tracker/client.js:193", "_announce (opts) {"},
			},
		},
		{
			Name: "empty-announce-list-hides-announce", Judgement: targetBug,
			What: "An announce-list that is there counts, even if it names no tracker: the tracker of the key announce is " +
				"then not asked.",
			Cases: []string{"bep12/robust/empty-list", "bep12/robust/empty-tier", "bep12/robust/empty-url"},
			Sources: []source{
				{"aria2", "src/bittorrent_helper.cc:354", "if (announceList) {"},
				{
					"webtorrent", "parse-torrent/index.js:155",
					"if (Array.isArray(torrent['announce-list']) && torrent['announce-list'].length > 0) {",
				},
			},
		},
		{
			Name: "peers-in-a-list-are-not-met", Judgement: targetBug,
			What: "A tracker that answers with a list of dictionaries, as BEP 3 has it, is heard and nobody is met: the " +
				"addresses are bytes, and are put into a string as numbers with commas.",
			Cases: []string{
				"bep23/client/list", "bep23/client/list-without-ids", "bep3/initiator/list-of-dictionaries",
				"bep3/initiator/unexpected-peer-id",
			},
			Sources: []source{
				{"webtorrent", "bittorrent-tracker/lib/client/http-tracker.js:221", "data.peers.forEach(peer => {"},
			},
		},
		{
			Name: "announces-without-a-key", Judgement: laxClause,
			What:  "An announce has no key, by which a tracker would know the peer from another address.",
			Cases: []string{"bep7/announce/has-a-key"},
			Sources: []source{
				{
					"webtorrent", "bittorrent-tracker/lib/client/http-tracker.js:53",
					"compact: (opts.compact == null) ? 1 : opts.compact,",
				},
			},
		},
		{
			Name: "sizes-of-tracker-packets-are-exact", Judgement: targetBug,
			What: "A packet of a UDP tracker with more bytes than it needs is refused, and the tracker with it: the answer " +
				"to a connect must have 16 bytes, or that to an announce six bytes for each peer and no other. BEP 15 " +
				"asks for at least so many.",
			Cases: []string{
				"bep15/connect-response/longer-one-is-accepted", "bep15/announce-response/longer-one-is-accepted",
			},
			Sources: []source{
				{"aria2", "src/UDPTrackerClient.cc:143", "if (length != 16) {"},
				{"transmission", "libtransmission/announcer-udp.c:127", "return msglen == 16;"},
				{"libtorrent", "src/udp_tracker_connection.cpp:588", "if (buf.size() % ip_stride != 0)"},
				{"anacrolix-torrent", "tracker/udp/client.go:55", "err = peers.UnmarshalBinary(r.Bytes())"},
				{
					"webtorrent", "bittorrent-tracker/lib/client/udp-tracker.js",
					"addrs = compact2string.multi(msg.slice(20))",
				},
			},
		},
		{
			Name: "one-bad-packet-ends-the-announce", Judgement: targetBug,
			What: "A packet that is too short, or not the one that was asked for, ends the attempt, although the right one " +
				"follows. The document has clients ignore it. Whoever sends packets from the tracker's address keeps a " +
				"client from all peers.",
			Cases: []string{
				"bep15/connect-response/fifteen-bytes", "bep15/connect-response/other-transaction",
				"bep15/connect-response/action-of-an-announce", "bep15/announce-response/nineteen-bytes",
				"bep15/announce-response/other-transaction", "bep15/announce-response/short-error",
			},
			Sources: []source{
				{"anacrolix-torrent", "tracker/udp/dispatcher.go:28", "t.h(DispatchedResponse{"},
				{
					"webtorrent", "bittorrent-tracker/lib/client/udp-tracker.js:181",
					"return onError(new Error('tracker sent invalid transaction id'))",
				},
			},
		},
		{
			Name: "trackers-known-by-the-transaction-alone", Judgement: laxClause,
			What: "The answer of a stranger at another address is taken for the tracker's, if the transaction id is " +
				"right. Trackers with several addresses do answer from another one; 32 random bits are the protection.",
			Cases: []string{"bep15/connect-response/from-another-address"},
			Sources: []source{
				{
					"anacrolix-torrent", "tracker/udp/dispatcher.go:27",
					"if t, ok := me.transactions[rh.TransactionId]; ok {",
				},
				{
					"transmission", "libtransmission/announcer-udp.c:936",
					"if (tracker->connecting_at != 0 && transaction_id == tracker->connection_transaction_id)",
				},
				{
					"webtorrent", "bittorrent-tracker/lib/client/udp-tracker.js:180",
					"if (msg.length < 8 || msg.readUInt32BE(4) !== view.getUint32(0)) {",
				},
			},
		},
	}
}

// cryptoDeviations concern MSE/PE.
func cryptoDeviations() []deviation {
	return []deviation{
		{
			Name: "degenerate-public-keys", Judgement: laxClause,
			What: "A public key of 0, 1, or around the prime is taken: the shared secret is then known to everybody. " +
				"libtorrent refuses them since 2.0.13.",
			Cases: []string{
				"mse/responder/key-zero", "mse/responder/key-one", "mse/responder/key-prime-less-one",
				"mse/responder/key-prime", "mse/responder/key-prime-and-one",
				"mse/initiator/key-zero", "mse/initiator/key-one", "mse/initiator/key-prime-less-one",
			},
			Sources: []source{
				{
					"libtorrent", "src/pe_crypto.cpp:111",
					"m_dh_shared_secret = mp::powm(remote_pubkey, m_dh_local_secret, dh_prime);",
				},
				{"anacrolix-torrent", "mse/mse.go:177", "S.Exp(&Y, &x, &p)"},
				{
					"aria2", "src/MSEHandshake.cc:174",
					"dh_->computeSecret(secret_, sizeof(secret_), rbuf_, KEY_LENGTH);",
				},
			},
		},
		{
			Name: "key-that-looks-like-a-plain-handshake", Judgement: targetBug,
			What: "A first byte of 19 is taken for the plain protocol. A random public key begins with it once in 256 " +
				"connections, which then fail.",
			Cases: []string{"mse/responder/key-that-begins-with-19"},
			Sources: []source{
				{"transmission", "libtransmission/handshake.c:607", "if (pstrlen == 19) /* unencrypted */"},
			},
		},
		{
			Name: "padding-without-an-end", Judgement: targetBug,
			What:  "More padding than the 512 bytes that the specification allows is read on for the next hash.",
			Cases: []string{"mse/responder/pad-of-513", "mse/initiator/pad-b-of-513"},
			Sources: []source{
				{
					"transmission", "libtransmission/handshake.c:777",
					"evbuffer_search(inbuf, (char const*)handshake->myReq1, SHA_DIGEST_LENGTH, NULL);",
				},
				{"aria2", "src/MSEHandshake.cc:396", "if (628 - KEY_LENGTH <= rbufLength_) {"},
				{"webtorrent", "bittorrent-protocol/mse.js, the search for the hash or the constant", ""},
			},
		},
		{
			Name: "verification-constant-is-not-compared", Judgement: targetBug,
			What:  "The eight bytes that must be zero when they are decrypted are read and not looked at.",
			Cases: []string{"mse/responder/wrong-verification"},
			Sources: []source{
				{
					"transmission", "libtransmission/handshake.c:857",
					"tr_peerIoReadBytes(handshake->io, inbuf, vc_in, VC_LENGTH);",
				},
			},
		},
		{
			Name: "two-methods-at-once", Judgement: laxClause,
			What:  "An answer that selects plaintext and RC4 at once is taken for one of them.",
			Cases: []string{"mse/initiator/two-methods-selected"},
			Sources: []source{
				{"aria2", "src/MSEHandshake.cc, receiveInitiatorCryptoSelectAndPadDLength", ""},
				{"transmission", "libtransmission/handshake.c:543", "if ((crypto_select & getCryptoProvide(handshake)) == 0)"},
			},
		},
		{
			Name: "crash-on-a-degenerate-public-key", Judgement: targetBug,
			What: "A public key that Node.js refuses, such as 0 or 1, ends the process: nobody catches what its " +
				"Diffie-Hellman throws. Whoever connects, or is connected to, can do it.",
			Cases: []string{
				"mse/responder/key-zero", "mse/initiator/key-zero", "mse/initiator/key-one",
				"mse/initiator/key-prime-less-one",
			},
			Sources: []source{
				{"webtorrent", "bittorrent-protocol/mse.js:162", "this.S = this.dh.computeSecret(yb)"},
			},
		},
		{
			Name: "no-second-try-in-plaintext", Judgement: laxClause,
			What: "A peer that hangs up on an encrypted handshake is tried again by the same, three times, and never in " +
				"plaintext, although that is allowed.",
			Cases: []string{"mse/initiator/clean-second-try"},
			Sources: []source{
				{"webtorrent", "webtorrent/lib/torrent.js:92", "const RECONNECT_WAIT = [1_000, 5_000, 15_000]"},
			},
		},
		{
			Name: "encryption-of-a-method-not-offered", Judgement: targetBug,
			What:  "An offer of no method is answered by RC4: the selector is not asked whether its choice was offered.",
			Cases: []string{"mse/responder/offer-of-nothing"},
			Sources: []source{
				{"anacrolix-torrent", "mse/mse.go:607", "return CryptoMethodRC4"},
			},
		},
	}
}
