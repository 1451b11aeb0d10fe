package tracker

import (
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Refusals: announces that cannot be served. Each is refused with a failure
// reason and leaves no trace.
func bep3Refusals() []Case {
	return []Case{
		refusal("missing-hash-is-refused", "no info_hash",
			[]string{"needs-no-hash", "one-list-for-all"},
			[]string{"no info_hash stands for a hash of zeros"},
			func(Hash) Params { return Params{"info_hash": nil} }),
		refusal("short-hash-is-refused", "an info_hash of 19 bytes",
			[]string{"fills-hashes-up", "one-list-for-all"},
			[]string{"the hash is filled up", "the length is not checked"},
			func(h Hash) Params { return Params{"info_hash": string(h[:19])} }),
		refusal("long-hash-is-refused", "an info_hash of 21 bytes",
			[]string{"cuts-hashes", "one-list-for-all"},
			[]string{"the hash is cut short"},
			func(h Hash) Params { return Params{"info_hash": string(h[:]) + "x"} }),
		refusal("hash-in-hex-is-refused", "the info_hash as 40 hexadecimal digits",
			[]string{"one-list-for-all", "takes-hex-for-a-hash"},
			[]string{"the first 20 digits are taken for the hash", "the digits are decoded as a courtesy"},
			func(h Hash) Params { return Params{"info_hash": hexOf(h)} }),
		refusal("missing-peer-id-is-refused", "no peer_id",
			[]string{"needs-no-peer-id", "stores-before-it-looks"},
			[]string{"the id is not needed for the compact form, so nobody looks"},
			func(Hash) Params { return Params{"peer_id": nil} }),
		refusal("short-peer-id-is-refused", "a peer_id of 5 bytes",
			[]string{"fills-ids-up", "stores-before-it-looks"},
			[]string{"the length is not checked"},
			func(Hash) Params { return Params{"peer_id": "short"} }),
		refusal("missing-port-is-refused", "no port",
			[]string{"lists-the-source-port", "port-6881-by-default"},
			[]string{"a peer without a port is stored with port 0 or 6881"},
			func(Hash) Params { return Params{"port": nil} }),
		refusal("port-0-is-refused", "port 0",
			[]string{"lists-the-source-port", "takes-port-0"},
			[]string{"nobody can connect to port 0, yet it is handed out"},
			func(Hash) Params { return Params{"port": "0"} }),
		refusal("port-beyond-16-bits-is-refused", "port 65537",
			[]string{"lists-the-source-port", "ports-of-16-bits"},
			[]string{"the low 16 bits are taken: port 1"},
			func(Hash) Params { return Params{"port": "65537"} }),
		refusal("port-that-is-no-number-is-refused", "port http",
			[]string{"lists-the-source-port", "port-6881-by-default"},
			[]string{"what is no number reads as 0"},
			func(Hash) Params { return Params{"port": "http"} }),
		{
			ID: "bep3/tracker/two-hashes-are-not-mixed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-014"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "another peer in the list of the torrent",
			Explain: "An announce has two info-hashes. It should be refused, or count for one of them: a peer " +
				"announces one torrent at a time.",
			Kills: []string{
				"lists-the-source-port", "no-peers-when-alone", "one-list-for-all",
				"ports-in-host-order", "two-hashes-are-two-torrents",
			},
			Run: run(func(t *T) {
				h, g, a := t.NewHash(), t.NewHash(), NewPeer(t)
				a.AskMalformed("announce of two torrents", h, Params{"info_hash": raw(
					escape(string(h[:])) + "&info_hash=" + escape(string(g[:])))})
				b := NewPeer(t)
				b.Announce(h, nil)
				first := t.look(h)
				t.sees("peers", first, b)
				if second := t.look(g); count(first, a.Addr()) > 0 && count(second, a.Addr()) > 0 {
					t.Mismatch("the torrents of the peer", "both", "one of them, or none")
				}
			}),
		},
	}
}

// refusal is the case of an announce with one fault, and the mutants that this
// fault finds. A target may be lenient;
// then it shows what it made of the fault.
func refusal(name, fault string, kills, causes []string, over func(Hash) Params) Case {
	return Case{
		ID: "bep3/tracker/" + name, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-TRK-014"}, Role: conformance.Tracker, Kind: conformance.Reply,
		Control: "a common announce right after, which is served",
		Explain: "A peer announces with " + fault + ". The answer should be a failure reason, so that the " +
			"author of the client learns of it, and nothing may be stored.",
		Causes: causes,
		Kills:  append(kills, "failures-are-pages", "no-peers-when-alone"),
		Run: run(func(t *T) {
			h, a := t.NewHash(), NewPeer(t)
			r := a.AskMalformed("announce with "+fault, h, over(h))
			r.What = "the answer to " + fault
			a.refused(r)
			if got := t.look(h); len(got) > 0 {
				t.Mismatch("peers after the refusal", show(got), "nobody")
			}
		}),
	}
}

func hexOf(h Hash) string {
	return strings.ReplaceAll(string(allEscaped(string(h[:]))), "%", "")
}
