package metainfo

import (
	"encoding/hex"
	"errors"
	"regexp"
	"strings"

	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// changesLinks is a reader that rewrites links before it reads them.
func changesLinks(name, what string, rewrite func(link string) string) Mutant {
	return Mutant{name, what, Reader{Magnet: func(link string) (map[string]any, error) {
		return ReadMagnet(rewrite(link))
	}}}
}

// misreads is a reader that changes what the reference says of a link.
func misreads(name, what string, change func(link string, m *core.Magnet)) Mutant {
	return Mutant{name, what, Reader{Magnet: func(link string) (map[string]any, error) {
		m, err := core.ParseMagnet(link)
		if err != nil {
			return nil, err
		}
		change(link, m)
		return describeMagnet(m), nil
	}}}
}

// refusesLinks is a reader that refuses links that match.
func refusesLinks(name, what, pattern string) Mutant {
	disliked := regexp.MustCompile(pattern)
	return Mutant{name, what, Reader{Magnet: func(link string) (map[string]any, error) {
		if disliked.MatchString(link) {
			return nil, errors.New("not to my liking")
		}
		return ReadMagnet(link)
	}}}
}

// cdcd is some info-hash.
const cdcd = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

// misreadingLinks tell something wrong of links, or read what they must refuse.
func misreadingLinks() []Mutant {
	return []Mutant{
		changesLinks("short-hashes-filled", "an info-hash that is too short is filled with zeros",
			func(link string) string {
				return regexp.MustCompile(`btih:[0-9a-f]{0,39}$`).ReplaceAllStringFunc(link, func(s string) string {
					return (s + strings.Repeat("0", 40))[:45]
				})
			}),
		changesLinks("long-hashes-cut", "an info-hash that is too long is cut", func(link string) string {
			return regexp.MustCompile(`(btih:[0-9a-f]{40})[0-9a-f]`).ReplaceAllString(link, "$1")
		}),
		changesLinks("digits-unchecked", "any character is a digit", func(link string) string {
			return regexp.MustCompile(`btih:(z{40}|1FRG\w+)`).ReplaceAllString(link, "btih:"+cdcd)
		}),
		changesLinks("blanks-trimmed", "blanks before the hash are ignored", func(link string) string {
			return strings.Replace(link, ": ", ":", 1)
		}),
		changesLinks("any-scheme", "the scheme may be any", func(link string) string {
			_, query, _ := strings.Cut(link, "?")
			return "magnet:?" + query
		}),
		changesLinks("any-topic", "the hash of any network is an info-hash", func(link string) string {
			return regexp.MustCompile(`urn:(sha1|ed2k|tree:tiger):\w+$`).ReplaceAllString(link, "urn:btih:"+cdcd)
		}),
		changesLinks("tag-unchecked", "the tag of the multihash is skipped unseen", func(link string) string {
			return strings.Replace(link, "btmh:1221", "btmh:1220", 1)
		}),
		changesLinks("tag-optional", "a hash without a tag is read", func(link string) string {
			return regexp.MustCompile(`btmh:(\w{64})$`).ReplaceAllString(link, "btmh:1220$1")
		}),
		changesLinks("unescaped-before-split", "the link is unescaped as a whole", func(link string) string {
			return strings.NewReplacer("%20", " ", "%26", "&").Replace(link)
		}),
		misreads("names-not-unescaped", "dn is told as it stands", func(link string, m *core.Magnet) {
			if _, dn, ok := strings.Cut(link, "dn="); ok {
				m.Name, _, _ = strings.Cut(dn, "&")
			}
		}),
		misreads("last-tracker-wins", "only the last tr counts", func(_ string, m *core.Magnet) {
			if n := len(m.Trackers); n > 0 {
				m.Trackers = m.Trackers[n-1:]
			}
		}),
		misreads("web-seeds-ignored", "ws is not known", func(_ string, m *core.Magnet) { m.WebSeeds = nil }),
		misreads("v6-peers-dropped", "x.pe is cut at its first colon", func(_ string, m *core.Magnet) {
			var kept []string
			for _, p := range m.Peers {
				if !strings.HasPrefix(p, "[") {
					kept = append(kept, p)
				}
			}
			m.Peers = kept
		}),
		misreads("bad-peers-kept", "x.pe is not looked at", func(link string, m *core.Magnet) {
			m.Peers = nil
			for _, p := range strings.Split(link, "&x.pe=")[1:] {
				m.Peers = append(m.Peers, strings.NewReplacer("%5B", "[", "%5D", "]", "%3A", ":").Replace(p))
			}
		}),
		misreads("ranges-exclude-their-end", "the end of a range is left out", func(_ string, m *core.Magnet) {
			for i := range m.Select {
				m.Select[i].Last = max(m.Select[i].First, m.Select[i].Last-1)
			}
		}),
		misreads("first-selection-wins", "the files behind the first comma or range are forgotten",
			func(_ string, m *core.Magnet) {
				m.Select = m.Select[:min(1, len(m.Select))]
			}),
		misreads("multihash-tag-kept", "the tag is taken for a part of the hash", func(_ string, m *core.Magnet) {
			if m.HasV2 {
				b, _ := hex.DecodeString("1220" + hex.EncodeToString(m.InfoHashV2[:30]))
				m.InfoHashV2 = [32]byte(b)
			}
		}),
		misreads("second-topic-ignored", "of two info-hashes the first counts, twice", func(_ string, m *core.Magnet) {
			if m.HasV1 && m.HasV2 {
				m.InfoHashV2 = [32]byte{}
				copy(m.InfoHashV2[:], m.InfoHash[:])
			}
		}),
	}
}

// fussyLinks refuse what is well-formed.
func fussyLinks() []Mutant {
	return []Mutant{
		refusesLinks("upper-case-hex-refused", "hexadecimal digits are in lower case", `urn:btih:[0-9A-F]{20,40}[^2-7A-Z]`),
		refusesLinks("escapes-in-xt-refused", "xt is not unescaped", `xt=[^&]*%[36]`),
		refusesLinks("base32-refused", "base32 is not known", `urn:btih:[2-7A-Za-z]{32}$`),
		refusesLinks("base32-in-upper-case-alone", "digits of base32 are in upper case", `urn:btih:4qf3`),
		refusesLinks("keys-in-lower-case-alone", "keys are compared as they stand", `XT=`),
		refusesLinks("junk-refused", "each parameter has a key and a value that it knows", `&(empty&|x\.unknown|$)`),
		refusesLinks("bad-peers-void-the-link", "an x.pe that is none voids the link", `invalid|65536`),
		refusesLinks("bad-selections-void-the-link", "an entry of so that makes no sense voids the link",
			`so=(7-4|-4|3-&|a&|&so|.*9999)`),
		refusesLinks("other-topics-refused", "a topic of another network voids the link", `ed2k.*btih`),
		refusesLinks("hybrid-links-refused", "a link has one topic", `btih.*btmh|btmh.*btih`),
	}
}
