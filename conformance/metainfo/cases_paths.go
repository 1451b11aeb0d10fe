package metainfo

import "github.com/p2pspec/p2pspec/conformance"

// orRenamed is what becomes of unsafe elements.
const orRenamed = " The torrent may be refused, or its elements renamed or dropped."

// paths judge names that lead elsewhere.
func paths() []behaviour {
	return []behaviour{
		{
			slug: "paths/parent-folder", level: conformance.Must, fields: []string{"files"},
			explain: "An element of a path, or the name, is the parent folder." + orRenamed +
				" No path that is told has such an element.",
			causes: []string{"only the first element is looked at", "the name is not looked at"},
			kills: []string{
				"name-unchecked", "parent-folders-kept",
			},
		},
		{
			slug: "paths/absolute", level: conformance.Must, fields: []string{"files"},
			explain: "A path or the name begins at the root, with a slash or an empty element." + orRenamed,
			causes:  []string{"joining an absolute path drops the folder before it"},
			kills: []string{
				"empty-elements-kept", "name-unchecked", "separators-kept",
			},
		},
		{
			slug: "paths/separators", level: conformance.Must, fields: []string{"files"},
			explain: "An element contains slashes or backslashes, with parent folders between them." + orRenamed +
				" No path that is told has a slash in an element.",
			causes: []string{"elements are compared with the parent folder as a whole"},
			kills: []string{
				"name-unchecked", "separators-kept",
			},
		},
		{
			slug: "paths/empty-or-dot", level: conformance.Must, fields: []string{"files"},
			explain: "An element, or the name, is empty or a single dot, which names no file." + orRenamed,
			kills: []string{
				"empty-elements-kept", "name-unchecked", "parent-folders-kept",
			},
		},
		{
			slug: "paths/nul-byte", level: conformance.Must, fields: []string{"files"},
			explain: "An element contains a NUL byte, at which some systems cut it off." + orRenamed,
			causes:  []string{"strings that end at a NUL byte"},
			kills: []string{
				"name-unchecked", "nul-bytes-kept",
			},
		},
		{
			slug: "paths/twice-the-same", level: conformance.Must, fields: []string{"files"},
			explain: "Two files have one path, or one lies in the other. The torrent may be refused, or files renamed: " +
				"no two that are told are one.",
			causes: []string{"the second file is written over the first"},
			kills: []string{
				"equal-paths-kept", "files-as-folders-kept",
			},
		},
		{
			slug: "paths/odd-but-legal", level: conformance.Must,
			explain: "Names that only look dangerous: three dots, dots inside a name, blanks, percent signs, a hyphen " +
				"first, UTF-8, 255 bytes, names that differ in case alone. The torrents are read, and paths that are " +
				"told are those given.",
			causes: []string{"any name that contains two dots is refused", "escapes are undone"},
			kills: []string{
				"dots-in-names-refused", "escapes-in-paths-undone",
			},
		},
		{
			slug: "paths/not-utf-8", level: conformance.Should,
			explain: "Names that are not UTF-8, among them overlong forms of dots and slashes. They may be refused; " +
				"what is read is read safely.",
			causes: []string{"an exception of the decoder", "overlong forms are normalized after the check"},
			kills: []string{
				"other-text-than-utf-8-crashes",
			},
		},
		{
			slug: "attributes/letters", level: conformance.Must, fields: []string{"files"},
			explain: "Files have the attributes executable and hidden, in any order and beside unknown letters, which " +
				"are ignored.",
			causes: []string{"the whole string is compared with one letter"},
			kills: []string{
				"attributes-compared-whole",
			},
		},
		{
			slug: "padding/is-no-content", level: conformance.Must, fields: []string{"files"},
			explain: "Padding files stand between the files, behind the last, and where nothing is aligned. They count " +
				"for the pieces and are no content.",
			causes: []string{"padding files are listed as files", "padding is taken away from the piece count"},
			kills: []string{
				"attributes-compared-whole", "padding-is-content",
			},
		},
		{
			slug: "padding/needs-no-path", level: conformance.Should,
			explain: "A padding file has no path. The torrent should be read.",
			kills: []string{
				"pad-paths-required", "padding-is-content",
			},
		},
		{
			slug: "padding/paths-may-repeat", level: conformance.Should,
			explain: "Two padding files have the same path, as two of one length have by the recommended names. The " +
				"torrent should be read.",
			causes: []string{"the check for duplicate paths includes padding"},
			kills: []string{
				"pad-paths-must-differ", "padding-is-content",
			},
		},
		{
			slug: "links/inside-the-torrent", level: conformance.Should, fields: []string{"files"},
			explain: "A symbolic link has its target in the torrent, with and without a length of its own, which a " +
				"client that knows links should not require.",
			causes: []string{"length is required of links"},
			kills: []string{
				"links-are-files", "links-refused",
			},
		},
		{
			slug: "links/out-of-the-torrent", level: conformance.Must, fields: []string{"files"},
			explain: "The target of a symbolic link is absolute, has parent folders or separators in its elements. The " +
				"torrent may be refused, or the target changed: none that is told leads out of the torrent.",
			causes: []string{"only paths are checked, not targets"},
			kills: []string{
				"empty-elements-kept", "link-targets-unchecked", "parent-folders-kept", "separators-kept",
			},
		},
	}
}

// surroundings judge what stands beside info, and the private flag.
func surroundings() []behaviour {
	trackers := []string{"trackers"}
	return []behaviour{
		{
			slug: "trackers/tiers", level: conformance.Must, fields: trackers,
			explain: "Trackers in one tier and in two. The tiers of announce-list are told in their order, and replace " +
				"announce; without them announce is the one tier.",
			causes: []string{"announce is added to the tiers", "tiers are flattened"},
			kills: []string{
				"announce-joins-the-tiers", "tiers-flattened",
			},
		},
		{
			slug: "trackers/empty-list-falls-back", level: conformance.Should, fields: trackers,
			explain: "announce-list, a tier or a URL in it is empty. What is empty counts for nothing, and when nothing " +
				"is left announce is the tracker.",
			causes: []string{"the presence of the key is what counts"},
			kills: []string{
				"announce-joins-the-tiers", "empty-announce-list-counts",
			},
		},
		{
			slug: "trackers/none", level: conformance.Must,
			explain: "A torrent has no tracker, with and without nodes of the DHT. It is read.",
			causes:  []string{"announce is required"},
			kills: []string{
				"announce-required",
			},
		},
		{
			slug: "web-seeds/string-or-list", level: conformance.Must, fields: []string{"web_seeds"},
			explain: "url-list is a string, a list, or one of both that is empty. The torrent is read, with the URLs " +
				"that there are.",
			causes: []string{"only one of both forms is read", "an empty string becomes a web seed"},
			kills: []string{
				"empty-web-seed-kept", "web-seeds-as-lists-alone",
			},
		},
		{
			slug: "around/unknown-keys", level: conformance.Must,
			explain: "The usual keys and unknown ones stand beside info. The torrent is read.",
			kills: []string{
				"unknown-keys-refused",
			},
		},
		{
			slug: "around/wrong-types", level: conformance.Must,
			explain: "An optional key beside info has a value of a wrong type. The torrent may be refused; the program " +
				"survives, and an info-hash that it tells is right.",
			causes: []string{"a type is taken for granted"},
			kills: []string{
				"types-taken-for-granted",
			},
		},
		{
			slug: "private/flag", level: conformance.Must, fields: []string{"private"},
			explain: "The flag is 1, 0 or absent in info, or stands outside of info, where it says nothing.",
			causes:  []string{"the presence of the key is what counts", "the flag is looked for beside info"},
			kills: []string{
				"private-anywhere", "private-by-presence",
			},
		},
	}
}
