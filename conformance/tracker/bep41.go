package tracker

import (
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep41: options behind an announce. Whatever a target makes of them, the
// announce has to be served.
func bep41() []Case {
	long := strings.Repeat("a", 255)
	return []Case{
		option("url-data-is-accepted", conformance.Must, "BEP41-EXT-001",
			"the option URLData with /announce?key=value, as a client writes it for a URL that has a path",
			"\x02\x13/announce?key=value"),
		option("empty-url-data-is-accepted", conformance.Must, "BEP41-EXT-002",
			"the option URLData of no bytes", "\x02\x00", "options-empty-are-lost"),
		option("nop-and-end-are-accepted", conformance.Must, "BEP41-EXT-001",
			"two NOPs, URLData, a NOP and the end", "\x01\x01\x02\x02/a\x01\x00", "options-need-a-length"),
		option("unknown-one-is-skipped", conformance.Must, "BEP41-EXT-002",
			"an option 127 of five bytes, which nobody knows, and URLData behind it", "\x7f\x05hello\x02\x02/a",
			"options-unknown-are-lost"),
		option("unknown-one-may-be-empty", conformance.Must, "BEP41-EXT-002",
			"an option 200 of no bytes, and URLData behind it", "\xc8\x00\x02\x02/a",
			"options-empty-are-lost", "options-unknown-are-lost"),
		option("several-url-data-are-joined", conformance.Must, "BEP41-EXT-003",
			"a path of 300 bytes in two URLData options", "\x02\xff"+long+"\x02\x2d"+long[:45], "options-in-one-piece"),
		option("what-follows-the-end-is-ignored", conformance.Must, "BEP41-EXT-001",
			"the end, and noise behind it", "\x00\x02\xff\x7f\x01", "options-read-past-the-end"),
		option("cut-short-is-survived", conformance.Defacto, "BEP41-EXT-002",
			"URLData that claims 200 bytes and has two", "\x02\xc8/a", "options-cut-short-are-lost"),
	}
}

// option is the case of an announce with options, and the mutants that stumble
// over them.
func option(name string, level conformance.Level, requirement, what, bytes string, kills ...string) Case {
	return Case{
		ID: "bep41/options/" + name, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{requirement}, Role: conformance.Tracker, Kind: conformance.State,
		Control: "an announce without options before, which is served",
		Explain: "Behind its 98 bytes an announce has " + what + ". It has to be served as if there were " +
			"none, and its peer to be listed.",
		Causes: []string{"the length of an announce is compared for equality", "the options are read past their end"},
		Kills: append(kills, "exact-sizes", "packet-num-want-below-0-is-none", "packet-ports-in-host-order",
			"packet-source-port", "packet-with-half-an-entry"),
		Run: run(func(t *T) {
			h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
			a.AnnouncePacket(h, nil)
			answer := b.AskBytes(b.announcement(h, tracker.None), "announce with "+what,
				func(p []byte) []byte { return append(p, bytes...) })
			b.answered(answer)
			t.sees("peers", b.PeersOf(answer), a)
			t.sees("peers afterwards", t.lookByPacket(h), a, b)
		}),
	}
}
