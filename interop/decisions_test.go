package interop_test

// degenerateKeys is about the public keys 0, 1 and P-1.
const degenerateKeys = "The specification is silent, and who sends such a key gives its own secret away: kept as a " +
	"should, because libtorrent has come to refuse them"

// reEncoding is about info-hashes that depend on a client's encoder.
const reEncoding = "The clients are wrong: the hash is that of the bytes in the file, and whoever has another name " +
	"for a torrent shares it with nobody. Kept as a must"

// requiredKeys is about torrents that lack what the text requires.
const requiredKeys = "The clients are wrong, and most are saved by what they check later: kept as a must"

// wrongLengths is about lengths that no content has.
const wrongLengths = "The clients are wrong: such a length overflows somewhere later. Kept as a must"

// unknownBEP47 is about what clients do that do not know BEP 47.
const unknownBEP47 = "BEP 47 says that clients which implement it should not require it: kept as a should"

// layersLater is about piece layers, which both clients check when they are used.
const layersLater = "BEP 52 says must, and both clients read the torrent and check what they use: kept as a must, " +
	"and the deviation counts as lax"

// hashesForAll is about hash requests that nobody should make.
const hashesForAll = "The text binds who asks. Who answers more than it has to harms nobody: a should, which says " +
	"who checks"

// longPadding is about more padding than there may be.
const longPadding = "The clients are wrong: the specification bounds the padding, and whoever searches without an " +
	"end waits for as long as bytes come. Kept as a must"

// brokenPatches is about sequences of PATCH messages that make no table.
const brokenPatches = "The servents are wrong: the text has such a sequence end the link, and who goes on " +
	"has another table than was meant. Kept as a must"

// blocksForAll is about extensions for who has not said that it knows them.
const blocksForAll = "The text says for whom blocks are; everybody has come to know them, and the rest reads past " +
	"them. Kept as a should"

// decisions say of each case that most clients do not meet who is wrong, and why.
func decisions() map[string]string {
	return map[string]string{
		"gnutella04/handshake/accepts-the-connect-string": "The field has left 0.4 behind: kept as a must of its document, " +
			"which one suite is about",
		"qrp/routing/leaf-without-a-table-gets-all": "Ultrapeers of today expect a table of every leaf, at once. The text " +
			"says should, and so does the case",
		"qrp/routing/two-words-of-three-are-not-enough": "LimeWire began it, and others followed; the text knows words " +
			"that match and words that do not. Kept as a should",
		"gnutella06/call/becomes-a-leaf-when-asked": "The document says asks, and what it has agreed to; both targets " +
			"have their " +
			"role by a setting, which the harness has made: a should, and counted as our doubt",
		"gnutella06/stream/marked-guids": "The text says should, and the marks no longer tell anybody anything: kept as " +
			"a should",
		"gnutella06/ttl/above-15-is-dropped": "One trims what it should drop, and one forgets to: kept as a should",
		"gnutella06/dynamic/begins-with-a-probe": "One floods for its leaves in spite of what it says, and one probes " +
			"only where tables list it; the text has both ways: kept as a should",
		"gnutella06/pong-cache/for-crawlers": "Crawlers have the address of who they ask: kept as a should",
		"gnutella06/query/four-blanks-list-all": "The text says should; browsing over HTTP came in its place: kept as a " +
			"should",
		"gnutella06/query/letters-beyond-ascii":   "The text leaves the encoding to a guess: kept as a should",
		"gnutella06/hit/empty-ones-are-discarded": "The text says should, and an empty hit harms nobody: kept as a should",
		"gnutella06/vendor/list-follows-the-first-ping": "The servents are wrong by the text, and nobody minds the " +
			"order: kept " +
			"as a must of its document",
		"gnutella06/leaf/refusal-redirects": "The text has the code, and hosts where it can be: kept as a should",
		"gnutella06/ultrapeer/extended-probes-as-announced": "The servents are wrong: they say that they keep to it. " +
			"Kept as a " +
			"should",
		"ggep/sent/no-blocks-for-who-does-not-know-them":           blocksForAll,
		"gnutella06/ping/own-pings-are-well-formed":                blocksForAll,
		"ggep/forwarded/pong-leaves-its-block-where-it-is-unknown": blocksForAll,
		"gnutella06/query/too-many-of-a-neighbour": "The text says too frequent, and no number; a hundred at once " +
			"are nobody's typing. Kept as a should",
		"gnutella06/bye/long-form":       "The text says should, and a Bye without headers is read as well: kept as a should",
		"qrp/refusal/compressor-changes": brokenPatches, "qrp/refusal/patch-beyond-the-table": brokenPatches,
		"qrp/refusal/compressed-bomb": brokenPatches,
		"qrp/refusal/table-of-gigabytes": "No text bounds a table, and those that keep the link take no memory for it: a " +
			"should, and the deviation counts as lax",
		"bep3/tracker/asker-is-not-listed-to-itself": "No clause of BEP 3, and clients know their own address or id well " +
			"enough to skip it: de facto, which warns and never fails",
		"bep5/krpc/unknown-method-is-error-204": "The text lists 204 and says that errors are sent, not that they must " +
			"be: the case was lowered from must to should. It stays, because silence looks like loss",
		"bep5/krpc/unknown-method-with-target": "No clause of BEP 5 but libtorrent's habit, on which BEP 51 counts: a should",
		"bep5/krpc/states-its-version":         "The text says should, and that some leave it out: kept as a should",
		"bep5/query/states-its-version":        "As for answers: kept as a should",
		"bep5/token/bound-to-the-info-hash": "BEP 5 binds tokens to the address alone; the case is about a known attack " +
			"and was made de facto for that reason, which warns and never fails",
		"bep5/malformed/missing-argument-is-refused": "No clause asks for it and those that answer come to no harm: " +
			"lowered from must to should",
		"bep5/malformed/missing-argument-is-error-203": "The text's table of errors has 203 for it: kept as a should",
		"bep5/reply/from-another-port-is-ignored": "The clients are wrong: a transaction id tells apart the queries \"to " +
			"the same node\", and a node is an address and a port. libtorrent has corrected it since. Kept as a must",
		"bep5/reply/under-another-id-is-ignored": "The text is silent; believing such an answer helps whoever poisons " +
			"lookups, so it is kept, as a should",
		"bep3/announce/stopped-at-the-end": "The text lists the event for a client that ends in good order, and trackers " +
			"live with its absence: a should. One of the three is asked by a signal that means an emergency to it",
		"bep6/downloader/block-never-asked-for": "The text is a must and has its price: a block and its cancel cross on " +
			"the way. Kept, as what the text says; the deviation counts as lax",
		"bep6/downloader/reject-of-nothing": "As for blocks: kept as a should",
		"bep9/magnet/sizes-disagree": "The clients are wrong: one liar keeps them from the metadata, or ends them. The " +
			"text is silent, so it is a should",
		"bep9/magnet/total-size-of-the-block": "The text gives total_size the meaning of metadata_size; the case is de " +
			"facto, for the sake of one client that does otherwise",
		"bep10/initiator/keeps-unknown-id":    "As for a seeder that gets one: kept as a should",
		"bep27/private/one-tracker-at-a-time": "The clients are wrong: the text says must, and why. Kept as a must",
		"bep52/hash-request/one-hash":         hashesForAll, "bep52/hash-request/three-hashes": hashesForAll,
		"bep52/hash-request/index-between": hashesForAll,
		"metainfo/hash/unknown-keys-count": reEncoding, "metainfo/hash/never-of-a-re-encoding": reEncoding,
		"metainfo/bencoding/malformed-is-refused": "The clients are wrong: what is no number is none. Kept as a must",
		"metainfo/bencoding/numbers-beyond-64-bits": "The clients are wrong by the text, which knows no limit, and no " +
			"torrent needs it: kept as a must, and the deviation counts as lax",
		"metainfo/bencoding/repeated-keys": "The text says only that keys are sorted. Two parsers may see two torrents in " +
			"one file: kept as a should",
		"metainfo/files/not-both":             "No clause forbids both; as for repeated keys: kept as a should",
		"metainfo/required/name":              requiredKeys,
		"metainfo/files/entries":              requiredKeys,
		"metainfo/numbers/negative-length":    wrongLengths,
		"metainfo/numbers/overflow":           wrongLengths,
		"metainfo/padding/needs-no-path":      unknownBEP47,
		"metainfo/links/inside-the-torrent":   unknownBEP47,
		"metainfo/v2/piece-layers-must-match": layersLater, "metainfo/v2/piece-layers-are-complete": layersLater,
		"metainfo/v2/unknown-piece-layer":  "The text does not speak of layers of no file: kept as a should",
		"metainfo/magnet/names-no-torrent": "The clients are wrong: they begin a download of nothing, or end. Kept as a must",
		"metainfo/magnet/key-in-any-case":  "Common practice beside the text: de facto, which warns and never fails",
		"mse/responder/pad-of-513":         longPadding, "mse/initiator/pad-b-of-513": longPadding,
		"mse/responder/key-zero": degenerateKeys,
		"bep10/messages/unknown-id": "The text is silent. Who refuses what it does not know cannot be talked to by newer " +
			"peers: kept as a should",
		"bep12/tiers/first-that-answers-is-enough": "The clients differ from the text on purpose, to find more peers: kept " +
			"as a should",
		"bep15/connect-response/from-another-address": "The text is silent, and trackers with several addresses need it: " +
			"kept as a should, which says who can be told something by a stranger",
		"bep15/announce-response/longer-one-is-accepted": "The clients are wrong: BEP 15 says that packets may be longer, " +
			"so that they can be extended. Kept as a must",
		"bep32/size/answer-fits-1024-bytes": "The clients are wrong: BEP 32 says that a node must not send more than 1024 " +
			"bytes, and all of them implement it in part. Kept as a must",
		"bep42/id/follows-the-address-that-many-state": "BEP 42 is a draft and optional: kept as a should, which says who " +
			"follows it",
		"bep44/put/cas-goes-to-holders-alone": "A finer point of BEP 44 that costs a few bytes: kept as a should",
		"bep51/indexer/leaves-a-node-alone-for-the-interval": "A library that is told to ask, asks. The duty is its " +
			"caller's, which the harness plays: kept as a should, and counted as our doubt",
		"mse/initiator/key-zero": degenerateKeys, "mse/initiator/key-one": degenerateKeys,
		"mse/initiator/key-prime-less-one": degenerateKeys,
	}
}
