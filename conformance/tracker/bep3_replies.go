package tracker

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Replies: what the answer to an announce looks like.
func bep3Replies() []Case {
	return []Case{
		{
			ID: "bep3/tracker/reply-has-interval-and-peers", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "A peer announces. The answer must be a dictionary with interval, the seconds to wait " +
				"between announces, and peers, or with a failure reason.",
			Causes: []string{"the answer is empty while nobody else is there", "interval is left out"},
			Kills:  []string{"no-interval", "no-peers-when-alone"},
			Run: run(func(t *T) {
				r := NewPeer(t).Announce(t.NewHash(), nil)
				if n, ok := r.Int("interval"); !ok || n <= 0 {
					v, _ := r.Value.Get("interval")
					t.Mismatch("interval", v.Any(), "a positive integer")
				}
				r.Peers()
			}),
		},
		{
			ID: "bep3/tracker/reply-is-canonical", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-013", "BEP03-BENC-008"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "A peer announces to a torrent of two. The body must be one bencoded dictionary with its " +
				"keys in raw byte order and nothing behind it: strict readers refuse anything else.",
			Causes: []string{
				"keys are written in the order of the code: external ip and min interval are the usual ones",
				"a line feed follows the dictionary",
			},
			Kills: []string{"keys-out-of-order", "line-feed-behind-the-reply"},
			Run: run(func(t *T) {
				h := t.NewHash()
				NewPeer(t).Announce(h, nil)
				r := NewPeer(t).Announce(h, nil)
				if _, err := bencode.Parse(r.Body, bencode.Options{}); err != nil {
					t.Mismatch("body", err, "canonical bencoding")
				}
			}),
		},
		{
			ID: "bep3/tracker/status-is-200", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the body, a tracker's answer",
			Explain: "A peer announces. A tracker's answer should come with status 200: HTTP libraries make an " +
				"error of anything else and hide the body.",
			Kills: []string{"status-203"},
			Run: run(func(t *T) {
				r := NewPeer(t).Announce(t.NewHash(), nil)
				equal(t, "status", r.Status, 200, decimal)
			}),
		},
		{
			ID: "bep3/tracker/interval-is-sane", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "The interval should lie between 30 seconds and a day: less has clients hammer the " +
				"tracker, more makes its list stale. A min interval should not exceed it.",
			Causes: []string{"the interval is counted in milliseconds or minutes"},
			Kills:  []string{"interval-in-milliseconds", "min-interval-above-interval", "no-interval"},
			Run: run(func(t *T) {
				r := NewPeer(t).Announce(t.NewHash(), nil)
				n, _ := r.Int("interval")
				if n < 30 || n > 24*60*60 {
					t.Mismatch("interval", n, "30 to 86400 seconds")
				}
				if least, ok := r.Int("min interval"); ok && least > n {
					t.Mismatch("min interval", least, fmt.Sprintf("at most the interval, %d", n))
				}
			}),
		},
		{
			ID: "bep3/tracker/answers-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP03-TRK-013"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "A peer announces and keeps its connection open. The answer should be complete within a " +
				"second, also where no Connection header asks for the end.",
			Causes: []string{"the answer has no Content-Length and the connection stays open"},
			Kills:  []string{"no-content-length"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %v\r\n\r\n",
					p.at("/announce?"+p.query(t.NewHash(), nil)), p.target())
				r := p.exchange(func(s *conformance.Stream) { s.Write([]byte(text), "announce") }, "announce")
				p.served(r)
				if r.RTT > time.Second {
					t.Mismatch("the time until the answer was complete", r.RTT, "at most a second")
				}
			}),
		},
		{
			ID: "bep3/tracker/failure-reason-is-readable", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP03-TRK-014"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "An announce without any key, one with a short hash and one of a torrent that nobody knows " +
				"cannot be served, or may not be. Where the answer is a failure reason, it must be a string " +
				"that people can read.",
			Causes: []string{"the reason is a number or empty"},
			Kills:  []string{"failure-is-a-number", "failure-is-binary"},
			Run: run(func(t *T) {
				for _, r := range t.refusals() {
					s, ok := r.bytes("failure reason")
					bad := strings.ContainsFunc(string(s), func(c rune) bool { return !unicode.IsPrint(c) && !unicode.IsSpace(c) })
					if !ok || len(s) == 0 || bad {
						v, _ := r.Value.Get("failure reason")
						t.Mismatch("failure reason", fmt.Sprintf("%q", v.Any()), "readable text")
					}
				}
			}),
		},
	}
}

func decimal(n int) string { return fmt.Sprint(n) }

func decimal64(n int64) string { return fmt.Sprint(n) }
