package interop_test

import "slices"

// downloadDeviations concern leechers: what they ask for, of whom, and by what link.
func downloadDeviations() []deviation {
	return slices.Concat(requestDeviations(), metadataDeviations(), privateDeviations(), versionTwoDeviations())
}

// requestDeviations concern requests, and the blocks that come.
func requestDeviations() []deviation {
	return []deviation{
		{
			Name: "unasked-is-ignored", Judgement: laxClause,
			What: "With the fast extension a block, or a reject, that answers no request is dropped and the connection " +
				"goes on. BEP 6 asks to close it. A request that was given up and its block cross on the way, so " +
				"whoever closes loses good peers, as anacrolix/torrent does without the extension.",
			Cases: []string{"bep6/downloader/block-never-asked-for", "bep6/downloader/reject-of-nothing"},
			Sources: []source{
				{"libtorrent", "src/peer_connection.cpp:2859", "if (b == m_download_queue.end())"},
				{
					"transmission", "libtransmission/peer-msgs.c:1796",
					`dbgmsg(msgs, "we didn't ask for this message...");`,
				},
				{
					"aria2", "src/BtRejectMessage.cc:74",
					`// throw DL_ABORT_EX("reject received, but it is not in the request`,
				},
				{
					"webtorrent", "bittorrent-protocol/index.js:716",
					"this._callback(this._pull(this.requests, index, offset, buffer.length), null, buffer)",
				},
			},
		},
		{
			Name: "choke-forgets-requests", Judgement: targetBug,
			What: "A choke drops the requests that wait, as without the fast extension: the blocks that come for them are " +
				"thrown away and asked for again.",
			Cases: []string{"bep6/downloader/choke-keeps-requests"},
			Sources: []source{
				{
					"aria2", "src/DefaultBtMessageDispatcher.cc:188",
					"if (!peer_->isInPeerAllowedIndexSet(slot->getIndex())) {",
				},
			},
		},
		{
			Name: "reject-ends-the-requests", Judgement: targetBug,
			What: "The first request is rejected by the only seeder, which has unchoked, and nothing is asked for in the " +
				"minute that follows.",
			Cases:   []string{"bep6/downloader/rejected-is-asked-again"},
			Sources: []source{{"anacrolix-torrent", "peerconn.go:1969", "if c.isLowOnRequests() {"}},
		},
		{
			Name: "choked-asker-is-hung-up-on", Judgement: laxClause,
			What: "A request of a peer that is choked, or has been for two seconds, ends the connection; the reject that " +
				"is written before is not sent any more. The document allows that for many such requests.",
			Cases: []string{"bep6/uploader/rejects-the-choked"},
			Sources: []source{
				{
					"libtorrent", "src/peer_connection.cpp:2577",
					"disconnect(errors::too_many_requests_when_choked, operation_t::bittorrent, peer_error);",
				},
			},
		},
		{
			Name: "reqq-is-not-read", Judgement: targetBug,
			What:  "The number of requests that a peer says it keeps is not looked at: six are sent where four are kept.",
			Cases: []string{"bep10/downloader/reqq-is-honoured"},
			Sources: []source{
				{
					"aria2", "src/HandshakeExtensionMessage.cc:179",
					`const Integer* port = downcast<Integer>(dict->get("p"));`,
				},
			},
		},
		{
			Name: "another-piece-before-the-last-is-whole", Judgement: laxClause,
			What: "A block of a new piece is asked for while blocks of a begun one are not. Nobody can be given a piece that " +
				"is not whole, so the document wants begun ones finished first.",
			Cases: []string{"bep3/selection/begun-pieces-first"},
			Sources: []source{
				{
					"anacrolix-torrent", "requesting.go:120",
					"func (p *desiredPeerRequests) lessByValue(leftRequest, rightRequest RequestIndex) bool {",
				},
				{"webtorrent", "webtorrent/lib/torrent.js:1740", "if (self.strategy === 'rarest') {"},
			},
		},
		{
			Name: "pieces-in-their-order", Judgement: laxClause,
			What: "The default is to fetch the pieces in the order of the torrent, because what is fetched is mostly played. " +
				"Rare pieces come no sooner.",
			Cases: []string{"bep3/selection/rarest-first"},
			Sources: []source{
				{
					"webtorrent", "webtorrent/lib/torrent.js:143",
					"this.strategy = opts.strategy || 'sequential'",
				},
			},
		},
		{
			Name: "honest-sharer-is-dropped", Judgement: laxClause,
			What: "When a piece of several peers fails its hash, one who sent good blocks alone is dropped with the " +
				"poisoner. No text says how to tell them apart.",
			Cases: []string{"bep3/blame/honest-sharer-is-kept"},
			Sources: []source{
				{
					"anacrolix-torrent", "torrent.go:2767",
					"bannableTouchers := make([]*Peer, 0, len(s.dirtiers))",
				},
			},
		},
		{
			Name: "connects-to-itself", Judgement: targetBug,
			What: "A peer with the client's own id is kept: the id that is compared with is a field that nobody sets. A " +
				"tracker that names the client to itself has it talk to itself.",
			Cases: []string{"bep3/initiator/its-own-peer-id"},
			Sources: []source{
				{"webtorrent", "webtorrent/lib/peer.js:177", "if (peerId === this.swarm.peerId) {"},
			},
		},
		{
			Name: "leaves-without-a-word", Judgement: targetBug,
			What: "A client that is asked to end announces no event=stopped. transmission makes the request, and its web " +
				"client takes none while the session closes; anacrolix/torrent's Close does not wait for its announcer.",
			Cases: []string{"bep3/announce/stopped-at-the-end"},
			Sources: []source{
				{"transmission", "libtransmission/web.c:345", "if (!session->isClosing)"},
				{"anacrolix-torrent", "client.go:614", "cl.dropTorrent(t, &closeGroup)"},
			},
		},
		{
			Name: "asked-to-end-by-the-wrong-signal", Judgement: ourDoubt,
			What: "At SIGTERM the client ends at once, without event=stopped; it says goodbye at SIGINT. The harness asks " +
				"all programs by SIGTERM.",
			Cases: []string{"bep3/announce/stopped-at-the-end"},
			Sources: []source{
				{"aria2", "src/MultiUrlRequestInfo.cc:101", "if (global::globalHaltRequested <= 2) {"},
			},
		},
	}
}

// metadataDeviations concern magnet links, metadata and what peers tell of peers.
func metadataDeviations() []deviation {
	return []deviation{
		{
			Name: "blocks-of-metadata-are-mixed", Judgement: targetBug,
			What: "Blocks of metadata are asked of all peers in turn. One that gives wrong ones spoils each attempt, for as " +
				"long as it is connected: nobody learns whose block was wrong, and nobody is asked for all of them.",
			Cases: []string{"bep9/magnet/wrong-metadata-is-discarded", "bep9/magnet/sizes-disagree"},
			Sources: []source{
				{"libtorrent", "src/ut_metadata.cpp:604", "mp.num_requests = 0;"},
			},
		},
		{
			Name: "first-peer-is-asked-for-ever", Judgement: targetBug,
			What: "The next block of metadata is asked of the first peer in the list that speaks ut_metadata, whatever it " +
				"said of the size, rejected or sent. One that has none, or wrong ones, keeps the client from the last " +
				"block as long as it is connected.",
			Cases: []string{
				"bep9/magnet/wrong-metadata-is-discarded", "bep9/magnet/size-zero", "bep9/magnet/size-negative",
				"bep9/magnet/size-of-two-gibibytes", "bep9/magnet/size-beyond-counting", "bep9/magnet/sizes-disagree",
				"bep9/magnet/rejected",
			},
			Sources: []source{
				{
					"transmission", "libtransmission/torrent-magnet.c:370",
					"if (m != NULL && m->piecesNeededCount > 0 &&",
				},
			},
		},
		{
			Name: "first-size-counts", Judgement: targetBug,
			What:  "The first peer's metadata_size decides: whoever says another is hung up on, until the liar is gone.",
			Cases: []string{"bep9/magnet/sizes-disagree"},
			Sources: []source{
				{
					"aria2", "src/HandshakeExtensionMessage.cc:120",
					`throw DL_ABORT_EX("Wrong metadata_size. Which one is correct!?");`,
				},
			},
		},
		{
			Name: "crash-on-metadata-that-is-too-large", Judgement: targetBug,
			What: "Blocks are put into a buffer of the size that another peer said. One that lies behind its end ends the " +
				"process.",
			Cases: []string{"bep9/magnet/sizes-disagree"},
			Sources: []source{
				{"webtorrent", "ut_metadata/index.js:188", "this.metadata.set(buf, piece * PIECE_LENGTH)"},
			},
		},
		{
			Name: "total-size-is-compared", Judgement: laxClause,
			What: "A block of metadata whose total_size is its own length, as one client sends it, is thrown away and asked " +
				"for again, for ever and without a pause.",
			Cases: []string{"bep9/magnet/total-size-of-the-block"},
			Sources: []source{
				{"libtorrent", "src/ut_metadata.cpp:563", "if (total_size != m_metadata.end_index())"},
				{
					"transmission", "libtransmission/peer-msgs.c:1105",
					"piece * METADATA_PIECE_SIZE + (msg_end - benc_end) <= total_size)",
				},
				{"anacrolix-torrent", "client.go:1458", "begin := len(payload) - d.PieceSize()"},
			},
		},
		{
			Name: "links-name-no-peers", Judgement: laxClause,
			What:  "The peers that a magnet link names by x.pe are not read.",
			Cases: []string{"bep9/magnet/peer-in-the-link"},
			Sources: []source{
				{
					"transmission", "libtransmission/magnet.c:186",
					`if (keylen == 2 && memcmp(key, "tr", 2) == 0)`,
				},
				{"aria2", "src/bittorrent_helper.cc:908", `const List* xts = downcast<List>(r->get("xt"));`},
			},
		},
		{
			Name: "base32-in-upper-case-alone", Judgement: targetBug,
			What:  "An info-hash in base32 is read in upper case alone; in lower case the link is refused.",
			Cases: []string{"bep9/link/base32-in-lower-case", "metainfo/magnet/base32-in-lower-case"},
			Sources: []source{
				{"anacrolix-torrent", "metainfo/magnet.go:104", "return base32.StdEncoding.Decode"},
			},
		},
		{
			Name: "contacts-need-flags", Judgement: targetBug,
			What:  "Contacts that come without flags are not read. The flags are optional in BEP 11.",
			Cases: []string{"bep11/receiver/finds-a-peer-without-flags"},
			Sources: []source{
				{
					"libtorrent", "src/ut_pex.cpp:331",
					"if (p && pf && pf.string_length() == p.string_length() / 6)",
				},
			},
		},
	}
}

// privateDeviations concern private torrents: BEP 27.
func privateDeviations() []deviation {
	return []deviation{
		{
			Name: "all-trackers-of-a-private-torrent", Judgement: targetBug,
			What: "A private torrent is announced to all its trackers at once. BEP 27 wants one at a time, and all peers " +
				"dropped when that changes: one who rewrote the list bridges the swarm to everybody.",
			Cases: []string{"bep27/private/one-tracker-at-a-time"},
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
			Name: "strangers-stay-when-the-torrent-turns-private", Judgement: laxClause,
			What: "That a torrent is private shows when its metadata has come by a magnet link. Peers that no tracker named " +
				"are kept then.",
			Cases: []string{"bep27/private/drops-strangers-of-a-magnet"},
			Sources: []source{
				{"anacrolix-torrent", "torrent.go:1092", "func (t *Torrent) isPrivate() bool {"},
			},
		},
	}
}

// versionTwoDeviations concern torrents of version 2 and hybrids: BEP 52.
func versionTwoDeviations() []deviation {
	return []deviation{
		{
			Name: "hybrids-are-refused", Judgement: targetBug,
			What: "A hybrid torrent is not read at all: the tree of files has an empty key, which the parser of bencoding " +
				"takes for none. Those who know version 1 alone should pass over what they do not know.",
			Cases: []string{"bep52/names/upgrade", "bep52/leecher/downloads-hybrid"},
			Sources: []source{
				{
					"transmission", "libtransmission/variant-benc.c:161",
					"else if (*key != 0 && tr_variantIsDict(parent))",
				},
			},
		},
		{
			Name: "hybrids-under-another-hash", Judgement: targetBug,
			What: "The info-hash of a hybrid is another than everybody's: it is that of what was read and written again, and " +
				"the empty keys in the tree of files are left out. The client shares with nobody.",
			Cases: []string{"bep52/names/upgrade", "bep52/leecher/downloads-hybrid"},
			Sources: []source{
				{
					"aria2", "src/bittorrent_helper.cc:433",
					"std::string encodedInfoDict = bencode2::encode(infoDict);",
				},
			},
		},
		{
			Name: "blocks-behind-the-end-of-a-file", Judgement: targetBug,
			What: "Where a file ends within a block of a torrent of version 2, the whole block is asked for, and zeros are " +
				"served behind its end. BEP 52 truncates a block by the end of its file, and nothing lies behind: our " +
				"seeder rejects such a request, and anacrolix/torrent asks for none. libtorrent has corrected it since " +
				"(piece_size_for_req), so that was kept, though 2.0.8 cannot finish a download of several files from it.",
			Cases: []string{"bep52/blocks/nothing-behind-the-file", "bep52/leecher/asks-up-to-the-file-s-end"},
			Sources: []source{
				{"libtorrent", "src/torrent.cpp:1413", "int block = std::min(torrent_file().piece_size("},
			},
		},
		{
			Name: "hashes-without-proof", Judgement: targetBug,
			What: "Hashes are served without the uncles that prove them, which is enough for a whole layer; a request that " +
				"asks for proof is rejected. What is asked for without proof comes from any index, in any number, and in " +
				"any layer.",
			Cases: []string{
				"bep52/hashes/part-with-proof", "bep52/hashes/two-with-proof", "bep52/hashes/beyond-the-end",
				"bep52/hashes/full-tree", "bep52/hash-request/layer-above-the-root",
			},
			Sources: []source{{"anacrolix-torrent", "peerconn.go:1647", "if msg.ProofLayers != 0 {"}},
		},
		{
			Name: "hashes-in-any-number", Judgement: laxClause,
			What: "A hash request that is no power of two, begins between, or asks for one hash, is answered. BEP 52 binds " +
				"who asks; an answer harms nobody.",
			Cases: []string{
				"bep52/hash-request/one-hash", "bep52/hash-request/three-hashes", "bep52/hash-request/index-between",
			},
			Sources: []source{
				{"libtorrent", "src/hash_picker.cpp:72", "|| hr.count <= 0"},
				{"anacrolix-torrent", "peerconn.go:1660", "if uint(msg.Index+msg.Length) > length {"},
			},
		},
	}
}
