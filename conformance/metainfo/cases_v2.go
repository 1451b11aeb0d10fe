package metainfo

import "github.com/p2pspec/p2pspec/conformance"

// version2 judge torrents of version 2, and of both.
func version2() []behaviour {
	return []behaviour{
		{
			slug: "v2/hash", level: conformance.Must,
			explain: "Ordinary torrents of version 2, among them one of 513 pieces. Each is read, with the SHA-256 of " +
				"its info dictionary as the info-hash, whole or its first 20 bytes.",
			causes: []string{"the SHA-1 is told instead"},
			kills: []string{
				"layers-of-512-hashes-at-most", "longer-pieces-refused", "v2-by-sha1",
				"v2-hash-cut-and-filled",
			},
		},
		{
			slug: "v2/files-of-every-size", level: conformance.Must,
			explain: "Files that are empty, of a byte, of a block, of a block and a byte, of three blocks of a larger " +
				"piece, and identical ones, which share a root. All are read.",
			causes: []string{
				"a root or a layer is wanted of files that have none", "layers are counted by file and not by root",
				"the tree of a small file is padded to a piece",
			},
			kills: []string{
				"empty-files-refused", "layers-for-every-file", "longer-pieces-refused",
			},
		},
		{
			slug: "v2/unknown-version-is-refused", level: conformance.Must,
			explain: "meta version is another number, or a string. The torrent is refused.",
			causes:  []string{"any version counts as 2"},
			kills: []string{
				"later-versions-read",
			},
		},
		{
			slug: "v2/piece-length", level: conformance.Must,
			explain: "The piece length is no power of two, below 16 KiB, or no number. The torrent is refused.",
			causes:  []string{"the rule of version 1 is applied"},
			kills: []string{
				"piece-length-of-any-type", "piece-length-optional", "piece-length-unsigned",
				"sizes-wrap-around", "v2-pieces-of-any-length",
			},
		},
		{
			slug: "v2/required", level: conformance.Must,
			explain: "The file tree is missing, empty or no dictionary, or there is no name. The torrent is refused.",
			kills: []string{
				"file-tree-optional", "info-of-any-type", "missing-name-made-up",
				"no-files-is-an-empty-torrent",
			},
		},
		{
			slug: "v2/file-tree", level: conformance.Must,
			explain: "The root is a file, a file has siblings under its empty key, an entry is no dictionary, or its " +
				"length is missing or no length. The torrent is refused.",
			causes: []string{"a file is told by its empty key alone", "entries that are not understood are skipped"},
			kills: []string{
				"file-tree-of-any-shape", "negative-lengths-read", "sizes-wrap-around",
				"tree-lengths-of-any-type",
			},
		},
		{
			slug: "v2/pieces-root", level: conformance.Must,
			explain: "The root of a file that is not empty is missing, or has not 32 bytes. The torrent is refused.",
			causes:  []string{"the length of the string is taken for granted"},
			kills: []string{
				"roots-of-any-length", "roots-optional",
			},
		},
		{
			slug: "v2/root-of-zeros", level: conformance.Should,
			explain: "The root is 32 zeros, which no content has. The torrent should be refused.",
			kills: []string{
				"roots-of-zeros-read",
			},
		},
		{
			slug: "v2/unsafe-paths", level: conformance.Must, fields: []string{"files"},
			explain: "An element of the file tree, or the name, is the parent folder or a dot, or contains a slash or a " +
				"NUL byte. The torrent may be refused or its elements renamed; no path that is told leads elsewhere.",
			causes: []string{"only version 1 paths are checked"},
			kills: []string{
				"name-unchecked", "nul-bytes-kept", "parent-folders-kept", "separators-kept",
			},
		},
		{
			slug: "v2/order-of-the-tree", level: conformance.Must,
			explain: "The keys of the file tree are not in order. The torrent may be refused. If it is read, the " +
				"info-hash is that of the bytes in the file.",
			causes: []string{"the tree is sorted and written again"},
			kills: []string{
				"unsorted-keys-crash",
			},
		},
		{
			slug: "v2/attributes", level: conformance.Must, fields: []string{"files"},
			explain: "A file of the tree is executable, or has unknown attributes, which are ignored.",
			kills: []string{
				"attributes-compared-whole",
			},
		},
		{
			slug: "v2/piece-layers-must-match", level: conformance.Must,
			explain: "The hashes of a piece layer do not lead to the root: one is wrong, two are swapped, there are too " +
				"few or too many, or they are of another layer. The torrent is refused.",
			causes: []string{"layers are stored without being checked"},
			kills: []string{
				"layers-not-counted", "layers-of-any-type", "layers-unchecked",
			},
		},
		{
			slug: "v2/piece-layers-are-complete", level: conformance.Must,
			explain: "piece layers is absent, no dictionary, or lacks a file of several pieces. Such a torrent is not " +
				"valid, and is refused.",
			causes: []string{"what is missing is left to the hash requests of magnet links"},
			kills: []string{
				"layers-optional",
			},
		},
		{
			slug: "v2/unknown-piece-layer", level: conformance.Should,
			explain: "piece layers has an entry whose key is no root of the torrent. It should be refused.",
			kills: []string{
				"unknown-layers-ignored",
			},
		},
		{
			slug: "hybrid/both-hashes", level: conformance.Must, fields: []string{"info_hash", "info_hash_v2"},
			explain: "A torrent with both descriptions is read, with both info-hashes.",
			causes:  []string{"one of the descriptions is ignored"},
			kills: []string{
				"padding-is-content", "padding-must-end-a-hybrid", "version-2-beside-version-1-refused",
			},
		},
		{
			slug: "hybrid/padding-behind-the-last-file", level: conformance.Should,
			explain: "The last file of a hybrid torrent is padded, as the reference maker does, or not, as others do. " +
				"Both should be read.",
			causes: []string{"the number of pads or of bytes is compared with one of the two"},
			kills: []string{
				"padding-is-content", "padding-must-end-a-hybrid", "padding-must-not-end-a-hybrid",
				"version-2-beside-version-1-refused",
			},
		},
		{
			slug: "hybrid/must-describe-the-same", level: conformance.Must,
			explain: "The two descriptions differ in a name, a length, the order, the number of files or the alignment. " +
				"The torrent is refused, or read as one of its versions, with that info-hash alone.",
			causes: []string{"the descriptions are not compared", "padding is not part of the comparison"},
			kills: []string{
				"alignment-not-compared", "versions-not-compared",
			},
		},
		{
			slug: "hybrid/pieces-still-count", level: conformance.Must,
			explain: "The version 1 hashes of a hybrid torrent are too few, or no multiple of 20 bytes. The torrent is " +
				"refused, or read as version 2 alone.",
			causes: []string{"the hashes of version 1 are not looked at when there are others"},
			kills: []string{
				"pieces-cut-to-hashes", "pieces-not-counted",
			},
		},
	}
}
