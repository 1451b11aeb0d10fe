package bittorrent

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// tierMutants ask other trackers of a torrent than they should.
func tierMutants() []Mutant {
	return []Mutant{
		{
			Name: "announce-beside-the-list", What: "the key announce is asked before the list",
			bend: func(b *bent) {
				b.trackers = func(cfg *tracker.ClientConfig) {
					if m, err := metainfo.Parse(b.meta, metainfo.Options{Lenient: true}); err == nil && m.Announce != "" {
						cfg.Tiers = slices.Concat([][]string{{m.Announce}}, cfg.Tiers)
					}
				}
			},
		},
		{
			Name: "all-tiers-at-once", What: "every tier is announced to",
			bend: func(b *bent) {
				var tiers [][]string
				b.trackers = func(cfg *tracker.ClientConfig) { tiers = cfg.Tiers }
				b.also = func(f tracker.Fetch) (more []tracker.Fetch) {
					_, query, _ := strings.Cut(f.URL, "?")
					for _, tier := range tiers[1:] {
						more = append(more, tracker.Fetch{Token: 1 << 40, URL: tier[0] + "?" + query})
					}
					return more
				}
			},
		},
		{
			Name: "first-tier-alone", What: "the tiers behind the first are not looked at",
			bend: func(b *bent) {
				b.trackers = func(cfg *tracker.ClientConfig) { cfg.Tiers = cfg.Tiers[:1] }
			},
		},
		{
			Name: "tiers-from-the-last", What: "the last tier is asked first",
			bend: func(b *bent) {
				b.trackers = func(cfg *tracker.ClientConfig) { slices.Reverse(cfg.Tiers) }
			},
		},
		{Name: "tier-in-order", What: "the trackers of a tier are asked in the order of the torrent", bend: unshuffled},
		{Name: "tier-from-its-first", What: "each round begins at the tracker that was the first", bend: firstAgain},
		{
			Name: "empty-list-counts", What: "a list that names nobody is a list",
			bend: func(b *bent) {
				b.url = func(url string) string {
					_, list, ok := bytes.Cut(b.meta, []byte("13:announce-list"))
					at, _, _ := strings.Cut(url, "?")
					if ok && !bytes.Contains(list, []byte(at)) {
						return ""
					}
					return url
				}
			},
		},
		{
			Name: "empty-tier-crashes", What: "the first tracker of a tier is taken without a look at its length",
			bend: crashOf("13:announce-listlle"),
		},
		{Name: "strange-scheme-crashes", What: "an unknown scheme ends the program", bend: crashOf("p2pspec://")},
	}
}

// crashOf crashes the client as soon as it announces a torrent with the text.
func crashOf(text string) func(*bent) {
	return func(b *bent) {
		b.url = func(url string) string {
			if bytes.Contains(b.meta, []byte(text)) {
				b.dead = fmt.Errorf("unhandled exception")
			}
			return url
		}
	}
}

// unshuffled renames the trackers, so that the first that is asked is the first
// of the torrent.
func unshuffled(b *bent) {
	var listed []string
	names := map[string]string{}
	b.trackers = func(cfg *tracker.ClientConfig) {
		for _, u := range slices.Concat(cfg.Tiers...) {
			if at, _, _ := strings.Cut(u, "?"); strings.HasPrefix(at, "http:") {
				listed = append(listed, at)
			}
		}
	}
	b.url = func(url string) string {
		at, query, _ := strings.Cut(url, "?")
		if names[at] == "" {
			names[at] = listed[min(len(names), len(listed)-1)]
		}
		return names[at] + "?" + query
	}
}

// firstAgain asks the tracker that was asked first again, once one has answered.
func firstAgain(b *bent) {
	first, answered := "", false
	b.url = func(url string) string {
		at, query, _ := strings.Cut(url, "?")
		if first == "" {
			first = at
		}
		if answered {
			return first + "?" + query
		}
		return url
	}
	b.body = func(body []byte) []byte {
		answered = answered || len(body) > 0
		return body
	}
}

// sayBody changes the answers of trackers by a regular expression.
func sayBody(pattern, replacement string) func(*bent) {
	return func(b *bent) {
		find := regexp.MustCompile("(?s)" + pattern)
		b.body = func(body []byte) []byte { return find.ReplaceAll(body, []byte(replacement)) }
	}
}

// crashAtBody crashes the client at an answer that matches.
func crashAtBody(pattern string) func(*bent) {
	find := regexp.MustCompile("(?s)" + pattern)
	return crashAt(find.MatchString)
}

// replyMutants get keys of requests and answers wrong.
func replyMutants() []Mutant {
	return []Mutant{
		{
			Name: "announce-without-key", What: "no key is sent",
			bend: sayURL(func(url string) string { return strings.Replace(url, "&key=", "&x=", 1) }),
		},
		{
			Name: "announce-key-each-time", What: "a key is made for each announce",
			bend: func(b *bent) {
				n := 0
				b.url = func(url string) string {
					n++
					return replaced(url, "&key", fmt.Sprintf("%08x", n))
				}
			},
		},
		{
			Name: "announce-tells-ipv4", What: "the announce has ipv4=",
			bend: sayURL(func(url string) string { return url + "&ipv4=127.0.0.1" }),
		},
		{
			Name: "peers6-in-the-place-of-peers", What: "where there is peers6, peers is not read",
			bend: sayBody("^(.*)5:peers(.*6:peers6)", "${1}5:peerz$2"),
		},
		{Name: "peers-as-list-unknown", What: "only compact peers are read", bend: sayBody("5:peersl", "5:peerzl")},
		{
			Name: "peers-as-list-needs-ids", What: "a peer of the list without an id is left out",
			bend: func(b *bent) {
				b.body = func(body []byte) []byte {
					if !bytes.Contains(body, []byte("7:peer id")) {
						return bytes.Replace(body, []byte("5:peersl"), []byte("5:peerzl"), 1)
					}
					return body
				}
			},
		},
		{Name: "peers-compact-unknown", What: "only a list of peers is read", bend: sayBody("5:peers([0-9])", "5:peerz$1")},
		{
			Name: "external-ip-of-any-length", What: "the external ip is converted whatever it is",
			bend: crashAtBody("11:external ip[^14]"),
		},
		{
			Name: "external-ip-refused", What: "an answer with an external ip is taken for malformed",
			bend: sayBody("^.*11:external ip.*$", "<html>"),
		},
		{Name: "retry-in-unknown", What: "the key retry in is not looked at", bend: sayBody("8:retry in", "8:retry on")},
		{
			Name: "retry-in-as-text-unknown", What: "only a number of minutes is read",
			bend: sayBody("8:retry in2:", "8:retry on2:"),
		},
		{
			Name: "retry-in-never-unknown", What: "never is no number, and not looked at",
			bend: sayBody("5:never", "4:soon"),
		},
		{
			Name: "retry-in-a-tenth", What: "minutes are taken for less",
			bend: sayBody("8:retry in(i10e|2:10)", "8:retry ini1e"),
		},
		{Name: "retry-in-text-is-never", What: "what is no number means never", bend: sayBody("4:soon", "5:never")},
		{
			Name: "refusal-ends-announcing", What: "no tracker is asked any more after a refusal",
			bend: func(b *bent) {
				over := false
				b.body = func(body []byte) []byte {
					over = over || bytes.Contains(body, []byte("failure reason"))
					return body
				}
				b.url = func(url string) string {
					if over {
						return ""
					}
					return url
				}
			},
		},
	}
}
