package interop_test

import "slices"

// parserDeviations concern what is read of torrents and magnet links.
func parserDeviations() []deviation {
	return slices.Concat(bencodingDeviations(), torrentDeviations(), linkDeviations())
}

// bencodingDeviations concern bencoding, and the hash of what was read.
func bencodingDeviations() []deviation {
	return []deviation{
		{
			Name: "info-hash-of-a-re-encoding", Judgement: targetBug,
			What: "The info-hash is that of the info dictionary read and written again. Whatever does not survive that, " +
				"such as keys out of order, empty keys, keys that are no text or numbers beyond 64 bits, gives the " +
				"torrent another name than everybody else has for it.",
			Cases: []string{
				"metainfo/hash/unknown-keys-count", "metainfo/hash/never-of-a-re-encoding",
				"metainfo/paths/empty-or-dot",
			},
			Sources: []source{
				{
					"transmission", "libtransmission/metainfo.c:599",
					"char* bstr = tr_variantToStr(infoDict, TR_VARIANT_FMT_BENC, &len);",
				},
				{"aria2", "src/bittorrent_helper.cc:433", "std::string encodedInfoDict = bencode2::encode(infoDict);"},
				{"webtorrent", "parse-torrent/index.js:139", "infoBuffer: bencode.encode(torrent.info),"},
			},
		},
		{
			Name: "numbers-have-64-bits", Judgement: laxClause,
			What: "A number that 64 bits do not hold, in a key that nobody uses, has the torrent refused, or another " +
				"info-hash. BEP 3 knows no limit, and no torrent needs such a number.",
			Cases: []string{"metainfo/bencoding/numbers-beyond-64-bits"},
			Sources: []source{
				{"libtorrent", "src/bdecode.cpp:106", "e = bdecode_errors::overflow;"},
				{
					"transmission", "libtransmission/variant-benc.c:70",
					"if (errno != 0 || endptr != end) /* incomplete parse */",
				},
				{"aria2", "src/BencodeParser.cc, BENCODE_NUMBER", "return lastError_ = ERR_NUMBER_OUT_OF_RANGE;"},
				{"webtorrent", "parse-torrent/index.js:139", "infoBuffer: bencode.encode(torrent.info),"},
			},
		},
		{
			Name: "numbers-are-read-loosely", Judgement: targetBug,
			What: "What is no number is read as one: with a plus before it, a fraction behind it, or without digits. Two " +
				"parsers may then see two torrents in one file.",
			Cases: []string{"metainfo/bencoding/malformed-is-refused"},
			Sources: []source{
				{"transmission", "libtransmission/variant-benc.c:68", "val = evutil_strtoll(begin, &endptr, 10);"},
				{"aria2", "src/BencodeParser.cc, BENCODE_NUMBER", "currentState_ = BENCODE_FLOAT_NUMBER_IGNORE;"},
				{"webtorrent", "bencode/lib/decode.js:10", "* replaces parseInt(buffer.toString('ascii', start, end))."},
			},
		},
		{
			Name: "one-of-repeated-keys-counts", Judgement: laxClause,
			What: "A key that is twice in a dictionary is taken once, the first or the last. No text says which, so that two " +
				"parsers may see two torrents in one file.",
			Cases: []string{"metainfo/bencoding/repeated-keys"},
			Sources: []source{
				{"libtorrent", "src/bdecode.cpp, dict_find", ""},
				{"transmission", "libtransmission/variant.c, dictIndexOf", ""},
				{"anacrolix-torrent", "bencode/decode.go, parseDict", ""},
				{"webtorrent", "bencode/lib/decode.js, decode.dictionary", ""},
			},
		},
		{
			Name: "crash-on-a-torrent", Judgement: targetBug,
			What: "A torrent ends the process: one whose info has a key twice (signal 11), one with a piece length of zero, " +
				"by which it divides (signal 8), and one with an empty list of files (signal 6).",
			Cases: []string{
				"metainfo/bencoding/repeated-keys", "metainfo/numbers/piece-length-not-positive",
				"metainfo/files/length-or-files",
			},
			Sources: []source{
				{"aria2", "src/bittorrent_helper.cc:461, after which only a negative piece length is refused", ""},
			},
		},
	}
}

// torrentDeviations concern the keys of torrents.
func torrentDeviations() []deviation {
	return []deviation{
		{
			Name: "length-beside-files", Judgement: laxClause,
			What: "Of a torrent with length and files one is taken. No text forbids to have both, and they may name two " +
				"contents.",
			Cases: []string{"metainfo/files/not-both"},
			Sources: []source{
				{"libtorrent", "src/torrent_info.cpp, parse_info_section", ""},
				{
					"transmission", "libtransmission/metainfo.c:718",
					"if ((str = parseFiles(inf, tr_variantDictFind(infoDict, TR_KEY_files),",
				},
				{
					"aria2", "src/bittorrent_helper.cc:214",
					"const List* filesList = downcast<List>(infoDict->get(C_FILES));",
				},
				{"anacrolix-torrent", "metainfo/info.go, UpvertedFiles", ""},
				{"webtorrent", "parse-torrent/index.js, decodeTorrentFile", ""},
			},
		},
		{
			Name: "keys-that-may-be-missing", Judgement: targetBug,
			What: "A torrent is read without a key that BEP 3 or BEP 52 requires, or with a value of a wrong type for it; a " +
				"name is made up, from the file's or from nothing.",
			Cases: []string{
				"metainfo/required/name", "metainfo/required/piece-length", "metainfo/required/pieces",
				"metainfo/v2/required",
			},
			Sources: []source{
				{
					"transmission", "libtransmission/metainfo.c:618",
					"if (!tr_variantDictFindStr(infoDict, TR_KEY_name, &str, &len))",
				},
				{"aria2", "src/bittorrent_helper.cc:192", "nameKey = C_NAME;"},
				{"anacrolix-torrent", "misc.go:99", "func validateInfo(info *metainfo.Info) error {"},
				{"webtorrent", "parse-torrent/index.js:126", "ensure(torrent.info.pieces, 'info.pieces')"},
			},
		},
		{
			Name: "lengths-are-not-checked", Judgement: targetBug,
			What: "Lengths that are negative, that 63 bits do not hold, or whose sum they do not hold, are read, and so is a " +
				"piece length below zero.",
			Cases: []string{
				"metainfo/numbers/negative-length", "metainfo/numbers/overflow",
				"metainfo/numbers/piece-length-not-positive",
			},
			Sources: []source{
				{
					"transmission", "libtransmission/metainfo.c:284",
					"if (!tr_variantDictFindInt(file, TR_KEY_length, &len))",
				},
				{"anacrolix-torrent", "misc.go:99", "func validateInfo(info *metainfo.Info) error {"},
				{
					"webtorrent", "parse-torrent/index.js, decodeTorrentFile",
					"ensure(typeof file.length === 'number', 'info.files[0].length')",
				},
			},
		},
		{
			Name: "hashes-are-not-counted", Judgement: targetBug,
			What: "The hashes of pieces may end within one, or be fewer than the content has pieces.",
			Cases: []string{
				"metainfo/pieces/multiple-of-20-bytes", "metainfo/pieces/as-many-as-the-size-needs",
			},
			Sources: []source{
				{
					"aria2", "src/bittorrent_helper.cc:443",
					"const String* piecesData = downcast<String>(infoDict->get(C_PIECES));",
				},
				{"webtorrent", "parse-torrent/index.js:197", "result.pieces = splitPieces(torrent.info.pieces)"},
			},
		},
		{
			Name: "entries-of-files-are-not-checked", Judgement: targetBug,
			What: "An entry of files that is no dictionary, or lacks a length or a path, is passed over or taken for an empty " +
				"file; so is a length that is no number.",
			Cases: []string{
				"metainfo/files/entries", "metainfo/files/empty-path", "metainfo/files/length-or-files",
			},
			Sources: []source{
				{"anacrolix-torrent", "misc.go:99", "func validateInfo(info *metainfo.Info) error {"},
				{
					"webtorrent", "parse-torrent/index.js, decodeTorrentFile",
					"ensure(file['path.utf-8'] || file.path, 'info.files[0].path')",
				},
			},
		},
		{
			Name: "entries-of-files-are-passed-over", Judgement: targetBug,
			What:  "An entry of files that is no dictionary is passed over: the torrent has a file less.",
			Cases: []string{"metainfo/files/entries"},
			Sources: []source{
				{"aria2", "src/bittorrent_helper.cc:214", "const List* filesList = downcast<List>(infoDict->get(C_FILES));"},
			},
		},
		{
			Name: "padding-and-links-like-files", Judgement: laxClause,
			What: "A padding file without a path, or a symbolic link without a length, has the torrent refused. BEP 47, " +
				"which lets them be left out, is not implemented.",
			Cases: []string{"metainfo/padding/needs-no-path", "metainfo/links/inside-the-torrent"},
			Sources: []source{
				{
					"transmission", "libtransmission/metainfo.c:284",
					"if (!tr_variantDictFindInt(file, TR_KEY_length, &len))",
				},
				{"aria2", "src/bittorrent_helper.cc:255", `throw DL_ABORT_EX2("Path is empty.",`},
				{
					"webtorrent", "parse-torrent/index.js, decodeTorrentFile",
					"ensure(file['path.utf-8'] || file.path, 'info.files[0].path')",
				},
			},
		},
		{
			Name: "piece-layers-are-checked-later", Judgement: laxClause,
			What: "Piece layers that are missing, wrong, or of no file are read with the torrent. Wrong ones are noticed when " +
				"the hashes are used, and asked of peers again; BEP 52 has the torrent refused.",
			Cases: []string{
				"metainfo/v2/piece-layers-must-match", "metainfo/v2/piece-layers-are-complete",
				"metainfo/v2/unknown-piece-layer",
			},
			Sources: []source{
				{"libtorrent", "src/torrent_info.cpp:1452", "if (piece_layer == piece_layers.end()) continue;"},
				{"anacrolix-torrent", "torrent.go, AddPieceLayersLocked", ""},
			},
		},
		{
			Name: "panic-on-an-unknown-version", Judgement: targetBug,
			What: "A torrent whose meta version is 3 and which has nothing of version 1 has no info-hash for the library, " +
				"which then panics.",
			Cases:   []string{"metainfo/v2/unknown-version-is-refused"},
			Sources: []source{{"anacrolix-torrent", "metainfo/info.go:221", "return info.MetaVersion == 2"}},
		},
		{
			Name: "tree-of-files-is-not-checked", Judgement: targetBug,
			What: "A tree of files whose root is a file, or whose files have roots of zeros, is read, and so is a hybrid " +
				"whose two halves describe different files.",
			Cases: []string{
				"metainfo/v2/file-tree", "metainfo/v2/root-of-zeros", "metainfo/hybrid/must-describe-the-same",
			},
			Sources: []source{
				{"anacrolix-torrent", "misc.go:105", "if err := info.FileTree.Validate(); err != nil {"},
			},
		},
	}
}

// linkDeviations concern magnet links.
func linkDeviations() []deviation {
	return []deviation{
		{
			Name: "panic-on-a-link-without-a-torrent", Judgement: targetBug,
			What: "A link that names no torrent, or one of another network, ends the process when it is added. That the " +
				"name of the parameter is compared in lower case alone makes XT such a link.",
			Cases: []string{
				"metainfo/magnet/names-no-torrent", "metainfo/magnet/other-networks", "metainfo/magnet/key-in-any-case",
			},
			Sources: []source{{"anacrolix-torrent", "metainfo/magnet-v2.go:78", `for _, xt := range q["xt"] {`}},
		},
		{
			Name: "hashes-in-links-are-not-checked", Judgement: targetBug,
			What: "Digits of an info-hash that are none, or too few, are not refused: libtorrent reads them as zeros, " +
				"webtorrent takes 39 of them for base32.",
			Cases: []string{"metainfo/magnet/names-no-torrent", "metainfo/magnet/malformed-multihash"},
			Sources: []source{
				{"libtorrent", "src/magnet_uri.cpp:374", "if (value.size() == 40) aux::from_hex(value, info_hash.data());"},
				{"webtorrent", "magnet-uri/index.js:68", "} else if ((m = xt.match(/^urn:btih:(.{32})/))) {"},
			},
		},
		{
			Name: "values-in-links-stay-escaped", Judgement: targetBug,
			What: "Values of a link are compared as they are written: an address of IPv6 or a list of files whose brackets " +
				"and commas are escaped, a topic whose colons are, and a name of a parameter in upper case, are not known.",
			Cases: []string{
				"metainfo/magnet/peers", "metainfo/magnet/select", "metainfo/magnet/escapes",
				"metainfo/magnet/key-in-any-case",
			},
			Sources: []source{
				{
					"libtorrent", "src/magnet_uri.cpp:415",
					`else if (string_equal_no_case(name, "so"_sv)) // select-only (files)`,
				},
				{"webtorrent", "magnet-uri/index.js:66", "if ((m = xt.match(/^urn:btih:(.{40})/))) {"},
			},
		},
	}
}
