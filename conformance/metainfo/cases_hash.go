package metainfo

import "github.com/p2pspec/p2pspec/conformance"

// hashes judge what the info-hash is taken of.
func hashes() []behaviour {
	return []behaviour{
		{
			slug: "hash/of-the-raw-info", level: conformance.Must,
			explain: "Ordinary torrents of version 1: one file, several pieces, a folder, an empty file among " +
				"others, a piece length that is no power of two. Each is read, with the SHA-1 of its info " +
				"dictionary as the info-hash.",
			causes: []string{"the hash is of the whole file", "files of no bytes or one file in a folder are not expected"},
			kills: []string{
				"empty-files-refused", "hash-of-the-file",
			},
		},
		{
			slug: "hash/unknown-keys-count", level: conformance.Must,
			explain: "Info dictionaries with keys that no document defines, such as source, an empty key, a key " +
				"of arbitrary bytes, or more keys in an entry of files. They are part of the info-hash.",
			causes: []string{"the dictionary is read into a structure and written again", "keys are taken for UTF-8"},
			kills: []string{
				"unknown-keys-dropped", "unknown-keys-refused",
			},
		},
		{
			slug: "hash/never-of-a-re-encoding", level: conformance.Must,
			explain: "Info dictionaries that are not canonical: unsorted keys, leading zeros, a negative zero. They " +
				"may be refused. If they are read, the info-hash is that of the bytes in the file.",
			causes: []string{"the info-hash is taken of the dictionary written again"},
			kills: []string{
				"hash-of-a-re-encoding", "unsorted-keys-crash",
			},
		},
		{
			slug: "hash/unsorted-around-info", level: conformance.Must,
			explain: "The keys around the info dictionary are not in order, those inside are. The torrent may be " +
				"refused. If it is read, the info-hash is that of the bytes in the file.",
			causes: []string{"the end of info is looked for at the key that should follow"},
			kills: []string{
				"unsorted-keys-crash",
			},
		},
		{
			slug: "hash/of-the-right-info", level: conformance.Must,
			explain: "The word info with a dictionary behind it stands in a comment, in another dictionary and " +
				"inside info itself. The info-hash is that of the top-level key.",
			causes: []string{"the file is searched for 4:info instead of being parsed"},
			kills: []string{
				"first-4-info-hashed", "unknown-keys-dropped",
			},
		},
	}
}

// bencodings judge the encoding.
func bencodings() []behaviour {
	return []behaviour{
		{
			slug: "bencoding/malformed-is-refused", level: conformance.Must,
			explain: "Files that are no bencoding: cut off, a key without a value, an integer as a key, integers " +
				"without digits or with a plus, a negative string length, an HTML page. Each is refused, cleanly.",
			causes: []string{"the parser stops at the end of info", "strtol and its like accept more than digits"},
			kills: []string{
				"cut-off-files-read", "odd-integers-read", "odd-strings-read",
			},
		},
		{
			slug: "bencoding/string-beyond-the-end", level: conformance.Must,
			explain: "A string claims a length beyond the end of the file, of a hundred megabytes, four gigabytes " +
				"or more than 64 bits hold. It is refused, without memory for what it claims.",
			causes: []string{"the length overflows", "memory is allocated before the input is looked at"},
			kills: []string{
				"claimed-lengths-allocated",
			},
		},
		{
			slug: "bencoding/numbers-beyond-64-bits", level: conformance.Must,
			explain: "An unused key of info holds an integer that 64 bits do not hold; bencoding has no such limit. " +
				"The torrent is read.",
			causes: []string{"every integer is converted, even those that nobody uses"},
			kills: []string{
				"large-integers-refused", "unknown-keys-dropped",
			},
		},
		{
			slug: "bencoding/deep-nesting", level: conformance.Should,
			explain: "An unused key of info holds lists within one another, a thousand and twenty thousand deep, and " +
				"once they never end. The torrent may be refused, but the program must survive it.",
			causes: []string{"the parser recurses without a limit"},
			kills: []string{
				"deep-nesting-overflows-the-stack",
			},
		},
		{
			slug: "bencoding/repeated-keys", level: conformance.Should,
			explain: "A key stands twice in one dictionary, with two values. Two readers that choose differently see " +
				"two torrents under one info-hash, so such a file should be refused.",
			causes: []string{"the last value silently replaces the first"},
			kills: []string{
				"repeated-keys-last-wins",
			},
		},
		{
			slug: "bencoding/bytes-behind", level: conformance.Should,
			explain: "A newline or zeros follow the torrent. It may be refused. If it is read, the info-hash is that " +
				"of the info dictionary.",
			kills: []string{
				"bytes-behind-crash",
			},
		},
	}
}

// contents judge the keys of a version 1 info dictionary.
func contents() []behaviour {
	return []behaviour{
		{
			slug: "required/a-dictionary-with-info", level: conformance.Must,
			explain: "The file is a string, an integer or a list, or a dictionary without info, or info is no " +
				"dictionary or an empty one. It is refused.",
			causes: []string{"a type is not checked"},
			kills: []string{
				"info-of-any-type", "missing-name-made-up",
			},
		},
		required("name", "a name is made up",
			"info-of-any-type", "missing-name-made-up", "name-of-any-type"),
		required("piece-length", "zero stands for a missing key",
			"piece-length-of-any-type", "piece-length-optional"),
		required("pieces", "an empty string stands for a missing key",
			"pieces-of-any-type", "pieces-optional"),
		{
			slug: "numbers/negative-length", level: conformance.Must,
			explain: "A file has a negative length, alone or so that the sum fits. The torrent is refused.",
			causes:  []string{"only the sum is checked", "lengths are read as unsigned numbers"},
			kills: []string{
				"negative-lengths-read",
			},
		},
		{
			slug: "numbers/piece-length-not-positive", level: conformance.Must,
			explain: "The piece length is zero or negative. The torrent is refused.",
			causes:  []string{"a division by zero", "the sign is lost"},
			kills: []string{
				"piece-length-unsigned",
			},
		},
		{
			slug: "numbers/overflow", level: conformance.Must,
			explain: "Lengths that 64 bits do not hold, and ones whose sum or number of pieces does not fit and would " +
				"wrap around to the size that the hashes are for. The torrent is refused.",
			causes: []string{"integers wrap around", "the sum of the lengths is not checked"},
			kills: []string{
				"bad-entries-read", "sizes-wrap-around",
			},
		},
		{
			slug: "pieces/multiple-of-20-bytes", level: conformance.Must,
			explain: "The string of hashes has a length that is no multiple of 20. The torrent is refused.",
			causes:  []string{"the number of pieces is the length divided by 20"},
			kills: []string{
				"pieces-cut-to-hashes",
			},
		},
		{
			slug: "pieces/as-many-as-the-size-needs", level: conformance.Must,
			explain: "There are fewer or more hashes than the size and the piece length need. The torrent is refused.",
			causes:  []string{"the number of hashes is taken for the number of pieces"},
			kills: []string{
				"pieces-not-counted",
			},
		},
		{
			slug: "files/length-or-files", level: conformance.Must,
			explain: "Info has neither length nor files, or one of a wrong type, or no files at all. The torrent is " +
				"refused.",
			causes: []string{"no files is taken for an empty torrent"},
			kills: []string{
				"file-tree-optional", "length-of-any-type", "no-files-is-an-empty-torrent",
			},
		},
		{
			slug: "files/not-both", level: conformance.Should,
			explain: "Info has both length and files, which describe two torrents. It should be refused.",
			causes:  []string{"one of the keys is preferred"},
			kills: []string{
				"length-preferred-to-files",
			},
		},
		{
			slug: "files/entries", level: conformance.Must,
			explain: "An entry of files is no dictionary, lacks length or path, or has them of a wrong type. The " +
				"torrent is refused.",
			causes: []string{"entries that are not understood are skipped, and offsets shift"},
			kills: []string{
				"bad-entries-read",
			},
		},
		{
			slug: "files/empty-path", level: conformance.Must,
			explain: "A file's path is an empty list, which names no file. The torrent is refused.",
			causes:  []string{"the file gets the path of its folder"},
			kills: []string{
				"empty-paths-read",
			},
		},
	}
}

// required is the case of a key that info must have.
func required(key, cause string, kills ...string) behaviour {
	return behaviour{
		slug: "required/" + key, level: conformance.Must,
		explain: "The key is missing from info, or its value has another type. The torrent is refused.",
		causes:  []string{cause}, kills: kills,
	}
}
