package bittorrent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// sayURL changes the requests to the tracker. The escaped form is what it gets.
func sayURL(change func(url string) string) func(*bent) {
	return func(b *bent) { b.url = change }
}

// replaced replaces one parameter of a query.
func replaced(url, key, value string) string {
	before, after, ok := strings.Cut(url, key+"=")
	if !ok {
		return url
	}
	_, rest, more := strings.Cut(after, "&")
	if more {
		rest = "&" + rest
	}
	return before + key + "=" + value + rest
}

// crashAt crashes the client at an answer for which the function holds.
func crashAt(when func(body string) bool) func(*bent) {
	return func(b *bent) {
		b.body = func(body []byte) []byte {
			if when(string(body)) {
				b.dead = fmt.Errorf("unhandled exception")
			}
			return body
		}
	}
}

func announceMutants() []Mutant {
	left := func(url, value string) string { return replaced(url, "left", value) }
	return []Mutant{
		{
			Name: "announce-without-left", What: "left is omitted",
			bend: sayURL(func(url string) string { return strings.Replace(url, "&left=", "&l=", 1) }),
		},
		{
			Name: "announce-left-is-zero", What: "left is always 0",
			bend: sayURL(func(url string) string { return left(url, "0") }),
		},
		{
			Name: "announce-left-never-falls", What: "left is always the size of the content",
			bend: sayURL(func(url string) string { return left(url, "1184649") }),
		},
		{
			Name: "announce-hash-as-form", What: "the info-hash is escaped, but for the plus sign",
			bend: sayURL(func(url string) string { return strings.ReplaceAll(url, "%2B", "+") }),
		},
		{
			Name: "announce-second-question-mark", What: "the parameters follow a second question mark",
			bend: sayURL(func(url string) string {
				return strings.Replace(url, "&info_hash", "?info_hash", 1)
			}),
		},
		{
			Name: "announce-loses-the-passkey", What: "the query of the announce URL is cut off",
			bend: sayURL(func(url string) string {
				before, after, _ := strings.Cut(url, "passkey=0123456789abcdef&")
				return before + after
			}),
		},
		{
			Name: "announce-without-started", What: "the first announce has no event",
			bend: sayURL(func(url string) string { return strings.Replace(url, "&event=started", "", 1) }),
		},
		{
			Name: "announce-always-started", What: "every announce says that the download has started",
			bend: sayURL(func(url string) string {
				if strings.Contains(url, "&event=") {
					return url
				}
				return url + "&event=started"
			}),
		},
	}
}

func announceAnswerMutants() []Mutant {
	return []Mutant{
		{
			Name: "announce-without-completed", What: "the completion is not told",
			bend: sayURL(func(url string) string { return strings.Replace(url, "&event=completed", "", 1) }),
		},
		{
			Name: "announce-completed-of-a-seed", What: "the first announce of complete content says completed",
			bend: sayURL(func(url string) string {
				if strings.Contains(url, "left=0&") {
					return strings.Replace(url, "event=started", "event=completed", 1)
				}
				return url
			}),
		},
		{
			Name: "announce-every-minute", What: "the interval of the tracker is not looked at",
			bend: func(b *bent) {
				b.body = func(body []byte) []byte {
					return bytes.Replace(body, []byte("8:intervali300e"), []byte("8:intervali60e"), 1)
				}
			},
		},
		{
			Name: "announce-other-peer-id", What: "the peer id of the announce is another than that of the handshake",
			bend: sayURL(func(url string) string { return replaced(url, "peer_id", "-XX0000-abcdefghijkl") }),
		},
		{
			Name: "announce-port-6881", What: "the announced port is that of the configuration, whatever was bound",
			bend: sayURL(func(url string) string { return replaced(url, "port", "6999") }),
		},
		{
			Name: "announce-once", What: "after an answer without peers nothing more is announced",
			bend: func(b *bent) {
				told := false
				b.body = func(body []byte) []byte {
					r, err := tracker.ParseAnnounceResponse(body)
					if told = told || err != nil || r.Failure != "" || len(r.Peers) == 0; told {
						return []byte("d14:failure reason2:no8:retry in5:nevere")
					}
					return body
				}
			},
		},
		{
			Name: "announce-answer-without-peers-crashes", What: "an answer without peers ends the program",
			bend: crashAt(func(body string) bool { return !strings.Contains(body, "5:peers") }),
		},
		{
			Name: "announce-malformed-entries-crash", What: "an entry of the list of peers without a port ends the program",
			bend: crashAt(func(body string) bool { return strings.Contains(body, "5:peersl") }),
		},
		{
			Name: "announce-compact-unchecked", What: "compact peers of any length are read to the end and beyond",
			bend: crashAt(func(body string) bool {
				return strings.Contains(body, "5:peers7:") || strings.Contains(body, "6:peers617:")
			}),
		},
	}
}
