package metainfo

import "github.com/p2pspec/p2pspec/conformance"

// magnets judge links.
func magnets() []behaviour {
	return []behaviour{
		{
			slug: "magnet/hex", level: conformance.Must,
			explain: "The info-hash is forty hexadecimal digits in lower, upper or mixed case.",
			causes:  []string{"digits are compared, not bytes"},
			kills: []string{
				"upper-case-hex-refused",
			},
		},
		{
			slug: "magnet/escapes", level: conformance.Must,
			explain: "Characters of xt are percent-escaped, as many programs write them.",
			causes:  []string{"the link is searched for urn:btih:"},
			kills: []string{
				"escapes-in-xt-refused",
			},
		},
		{
			slug: "magnet/base32", level: conformance.Should,
			explain: "The info-hash is 32 digits of base32, as old links have it.",
			kills: []string{
				"base32-refused",
			},
		},
		{
			slug: "magnet/base32-in-lower-case", level: conformance.Should,
			explain: "The digits of base32 are in lower or mixed case.",
			causes:  []string{"the decoder knows upper case only"},
			kills: []string{
				"base32-in-upper-case-alone", "base32-refused",
			},
		},
		{
			slug: "magnet/v2", level: conformance.Must,
			explain: "xt is urn:btmh with the multihash of a version 2 info-hash.",
			causes:  []string{"the tag 1220 is taken for a part of the hash"},
			kills: []string{
				"multihash-tag-kept",
			},
		},
		{
			slug: "magnet/hybrid", level: conformance.Must, fields: []string{"info_hash", "info_hash_v2"},
			explain: "A link has both info-hashes, in either order.",
			causes:  []string{"only the first or the last xt counts"},
			kills: []string{
				"hybrid-links-refused", "second-topic-ignored",
			},
		},
		{
			slug: "magnet/names-no-torrent", level: conformance.Must,
			explain: "There is no xt, or its info-hash has too few, too many or wrong digits, or the scheme is another. " +
				"The link is refused.",
			causes: []string{"the hash is padded or cut", "the scheme is not looked at"},
			kills: []string{
				"any-scheme", "blanks-trimmed", "digits-unchecked", "long-hashes-cut",
				"short-hashes-filled",
			},
		},
		{
			slug: "magnet/other-networks", level: conformance.Must,
			explain: "xt names a file of another network. Alone it is refused; beside urn:btih it is ignored.",
			causes:  []string{"any urn with enough digits is taken", "the first xt decides"},
			kills: []string{
				"any-topic", "other-topics-refused",
			},
		},
		{
			slug: "magnet/malformed-multihash", level: conformance.Must,
			explain: "The multihash is short, untagged, of another function or not hexadecimal. The link is refused.",
			causes:  []string{"the tag is skipped unseen"},
			kills: []string{
				"tag-optional", "tag-unchecked",
			},
		},
		{
			slug: "magnet/name", level: conformance.Must, fields: []string{"name"},
			explain: "dn is told unescaped, also with an escaped ampersand and UTF-8, and wherever it stands.",
			causes:  []string{"the link is unescaped before it is split"},
			kills: []string{
				"names-not-unescaped", "unescaped-before-split",
			},
		},
		{
			slug: "magnet/key-in-any-case", level: conformance.Defacto,
			explain: "The key xt is in upper case, as some programs write it. The link should be read.",
			kills: []string{
				"keys-in-lower-case-alone",
			},
		},
		{
			slug: "magnet/unknown-parameters", level: conformance.Must,
			explain: "Unknown parameters, ones without a value or a key, and an ampersand at the end are ignored.",
			causes:  []string{"each parameter is taken to have an equals sign"},
			kills: []string{
				"junk-refused",
			},
		},
		{
			slug: "magnet/trackers", level: conformance.Must, fields: []string{"trackers"},
			explain: "Each tr is a tracker, unescaped, in a tier of its own.",
			causes:  []string{"only the last tr counts", "all tr make one tier"},
			kills: []string{
				"last-tracker-wins",
			},
		},
		{
			slug: "magnet/web-seeds", level: conformance.Defacto, fields: []string{"web_seeds"},
			explain: "ws is a web seed, unescaped.",
			kills: []string{
				"web-seeds-ignored",
			},
		},
		{
			slug: "magnet/peers", level: conformance.Must, fields: []string{"peers"},
			explain: "Each x.pe is a peer, as host, IPv4 address or IPv6 address in brackets, with a port. What is none " +
				"is ignored.",
			causes: []string{"the last colon of an IPv6 address is not found", "a bad x.pe voids the link"},
			kills: []string{
				"bad-peers-kept", "bad-peers-void-the-link", "v6-peers-dropped",
			},
		},
		{
			slug: "magnet/select", level: conformance.Must, fields: []string{"selected"},
			explain: "so lists the indices of the files to download, with inclusive ranges.",
			causes:  []string{"the end of a range is left out", "commas are not unescaped"},
			kills: []string{
				"first-selection-wins", "ranges-exclude-their-end",
			},
		},
		{
			slug: "magnet/select-ignores-nonsense", level: conformance.Should, fields: []string{"selected"},
			explain: "Entries of so that overlap count once; those that are inverted, negative, open, empty, huge or no " +
				"numbers are ignored; two so add up.",
			causes: []string{"an exception of the number parser"},
			kills: []string{
				"bad-selections-void-the-link", "first-selection-wins", "ranges-exclude-their-end",
			},
		},
	}
}

// makings judge torrents that the target made.
func makings() []behaviour {
	return []behaviour{
		{
			slug: "make/v1", level: conformance.Must,
			explain: "The target makes torrents of version 1 of given content. Each is canonical, has the files in " +
				"order and hashes that its content has.",
			kills: []string{
				"keys-unsorted", "name-is-the-path", "pieces-of-wrong-content",
			},
		},
		{
			slug: "make/v2", level: conformance.Must,
			explain: "The target makes torrents of version 2. Roots and piece layers are those of the content; files of " +
				"one piece have no layer.",
			causes: []string{"the tree of a small file is padded to a piece", "layers are padded"},
			kills: []string{
				"keys-unsorted", "layers-for-every-root", "layers-forgotten",
			},
		},
		{
			slug: "make/hybrid", level: conformance.Must,
			explain: "The target makes hybrid torrents. Both descriptions have the same files in the same order, with " +
				"padding files so that all begin with a piece.",
			causes: []string{"padding is left out", "padding is not hashed as zeros"},
			kills: []string{
				"keys-unsorted", "layers-for-every-root", "layers-forgotten", "padding-left-out",
				"padding-without-attribute", "pieces-of-wrong-content",
			},
		},
		{
			slug: "make/private", level: conformance.Must,
			explain: "The target makes a private torrent: private is the integer 1 inside info.",
			causes:  []string{"the flag stands beside info, where it is no part of the info-hash"},
			kills: []string{
				"keys-unsorted", "pieces-of-wrong-content", "private-outside-info",
			},
		},
	}
}
