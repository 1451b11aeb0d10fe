package napster

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	core "github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
)

// phrase finds the first words of a search.
var phrase = regexp.MustCompile(`FILENAME CONTAINS "([^"]*)"`)

func searchMutants() []Mutant {
	return slices.Concat(wordMutants(), clauseMutants())
}

func wordMutants() []Mutant {
	return []Mutant{
		{Name: "nothing-has-a-text", What: "202 has a text when nothing was found",
			bend: saying(core.TypeResultEnd, func(b *bent, c spec.Conn, _ string) []spec.Effect {
				if b.guest(c).found == 0 {
					return said(c, core.TypeResultEnd, "0")
				}
				return said(c, core.TypeResultEnd, "")
			})},
		filters("case-counts", "words have to be in the case of the name", func(q core.Search, name string) bool {
			for _, w := range strings.Fields(q.Words) {
				if !strings.Contains(name, w) && w == strings.ToUpper(w) {
					return false
				}
			}
			return true
		}),
		filters("phrases-are-searched", "words have to stand together in the name", func(q core.Search, name string) bool {
			return strings.Contains(strings.ToLower(name), strings.ToLower(q.Words))
		}),
		words("any-word-suffices", "one word of a search is enough", func(text string) string {
			first, _, _ := strings.Cut(text, " ")
			return first
		}),
		words("trailing-marks-are-a-word", "marks behind the last word are a word of their own", func(text string) string {
			if strings.HasSuffix(text, "...") || strings.HasSuffix(text, ").") {
				return text + " nobodyhasthis"
			}
			return text
		}),
		{Name: "last-phrase-wins", What: "the last of two FILENAME clauses replaces the first",
			bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
				if strings.Count(text, "FILENAME") == 2 {
					return strings.Replace(text, phrase.FindString(text), "", 1)
				}
				return text
			})},
		adds("words-within-words", "words are looked for within words", func(b *bent, c, owner spec.Conn, f core.File) bool {
			for _, w := range core.Words(b.guest(c).query.Words) {
				if !strings.Contains(strings.ToLower(f.Name), w) {
					return false
				}
			}
			return owner != c && !hasWords(b.guest(c).query, f)
		}),
		adds("finds-own-files", "users find their own files", func(b *bent, c, owner spec.Conn, f core.File) bool {
			return owner == c && hasWords(b.guest(c).query, f)
		}),
		adds("firewalls-do-not-count", "users with port 0 find the files of users with port 0",
			func(b *bent, c, owner spec.Conn, f core.File) bool {
				behind := b.guest(c).Port == 0 && b.guest(owner).Port == 0
				return owner != c && behind && hasWords(b.guest(c).query, f)
			}),
		adds("believes-the-number", "more than a hundred results come if they are asked for",
			func(b *bent, c, owner spec.Conn, f core.File) bool {
				g := b.guest(c)
				over := g.query.Max > core.MaxResults && hasWords(g.query, f)
				return over && f == b.guest(owner).files[len(b.guest(owner).files)-1]
			}),
	}
}

func hasWords(q core.Search, f core.File) bool {
	name := core.Words(f.Name)
	for _, w := range core.Words(q.Words) {
		if !slices.Contains(name, w) {
			return false
		}
	}
	return q.Words != ""
}

// words changes what a search looks for.
func words(name, what string, change func(string) string) Mutant {
	return Mutant{Name: name, What: what, bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
		if m := phrase.FindStringSubmatch(text); m != nil {
			return strings.Replace(text, m[0], fmt.Sprintf(`FILENAME CONTAINS "%s"`, change(m[1])), 1)
		}
		return text
	})}
}

// filters loses results.
func filters(name, what string, keep func(q core.Search, name string) bool) Mutant {
	bend := saying(core.TypeResult, func(b *bent, c spec.Conn, text string) []spec.Effect {
		r, err := core.ParseResult(text)
		if err == nil && !keep(b.guest(c).query, r.Name) {
			return nil
		}
		return said(c, core.TypeResult, text)
	})
	return Mutant{Name: name, What: what, bend: bend}
}

// adds makes results of files that a search should not find.
func adds(name, what string, more func(b *bent, c, owner spec.Conn, f core.File) bool) Mutant {
	bend := saying(core.TypeResultEnd, func(b *bent, c spec.Conn, _ string) (all []spec.Effect) {
		for _, owner := range b.conns() {
			for _, f := range b.users[owner].files {
				if g := b.users[owner]; more(b, c, owner, f) {
					r := core.Result{File: f, Nick: g.Nick, IP: virtualAddr.Addr(), Link: g.Link}
					all = append(all, said(c, core.TypeResult, texted(r.Message()))...)
				}
			}
		}
		return append(all, said(c, core.TypeResultEnd, "")...)
	})
	return Mutant{Name: name, What: what, bend: bend}
}

func clauseMutants() []Mutant {
	return []Mutant{
		replaces("at-best-is-at-least", "AT BEST is taken for AT LEAST", `"AT BEST"`, `"AT LEAST"`),
		replaces("equal-is-at-least", "EQUAL TO is taken for AT LEAST", `"EQUAL TO"`, `"AT LEAST"`),
		passesOver("bit-rates-are-not-compared", "BITRATE is passed over", `BITRATE "[^"]*" "?\d+"?`),
		passesOver("frequencies-are-not-compared", "FREQ is passed over", `FREQ "[^"]*" "?\d+"?`),
		passesOver("lines-are-not-compared", "LINESPEED is passed over", `LINESPEED "[^"]*" "?\d+"?`),
		passesOver("any-number-of-results", "MAX_RESULTS is passed over", `MAX_RESULTS "?\d+"?`),
		{Name: "no-quoted-numbers", What: "numbers in quotes are refused",
			bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
				if quotedNumber.MatchString(text) {
					return "FILENAME"
				}
				return text
			})},
		{Name: "the-phrase-comes-first", What: "a search has to begin with FILENAME",
			bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
				if !strings.HasPrefix(text, "FILENAME") {
					return "FILENAME"
				}
				return text
			})},
		{Name: "one-too-many", What: "one result more comes than MAX_RESULTS",
			bend: rehearing(core.TypeSearch, func(b *bent, c spec.Conn, text string) string {
				if q := b.guest(c).query; q.Max > 1 {
					q.Max++
					return texted(q.Message())
				}
				return text
			})},
		{Name: "the-last-quote-closes", What: "quotes within quotes are a part of the text",
			bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
				if strings.Contains(text, `CONTAINS "a "`) {
					text = strings.Replace(strings.Replace(text, ` "`, " ", 2), `" `, " ", 1)
					return strings.Replace(text, "CONTAINS ", `CONTAINS "`, 1)
				}
				return text
			})},
		{Name: "searches-as-far-as-it-can-read", What: "what cannot be read of a search is passed over",
			bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
				if _, err := core.ParseSearch(text); err != nil {
					return phrase.FindString(text)
				}
				return text
			})},
	}
}

var quotedNumber = regexp.MustCompile(`"\d+"`)

func replaces(name, what, old, with string) Mutant {
	return Mutant{Name: name, What: what, bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
		return strings.ReplaceAll(text, old, with)
	})}
}

func passesOver(name, what, clause string) Mutant {
	pattern := regexp.MustCompile(clause)
	return Mutant{Name: name, What: what, bend: rehearing(core.TypeSearch, func(_ *bent, _ spec.Conn, text string) string {
		return pattern.ReplaceAllString(text, "")
	})}
}

func browseMutants() []Mutant {
	return []Mutant{
		{Name: "browses-all-files", What: "a browse lists the files of everybody",
			bend: saying(core.TypeBrowseEnd, func(b *bent, c spec.Conn, text string) (all []spec.Effect) {
				for _, owner := range b.conns() {
					for _, f := range b.users[owner].files {
						if b.users[owner].Nick != text {
							all = append(all, said(c, core.TypeBrowseItem, texted(core.Listing{Nick: text, File: f}.Message()))...)
						}
					}
				}
				return append(all, said(c, core.TypeBrowseEnd, text)...)
			})},
		{Name: "browses-end-without-a-nick", What: "213 has no text",
			bend: resaying(core.TypeBrowseEnd, func(*bent, spec.Conn, string) string { return "" })},
		{Name: "browses-without-a-nick", What: "212 has no nick",
			bend: resaying(core.TypeBrowseItem, func(_ *bent, _ spec.Conn, text string) string {
				_, file, _ := strings.Cut(text, " ")
				return file
			})},
		{Name: "nobody-without-files", What: "who shares nothing is taken for somebody who is not there",
			bend: hearing(core.TypeBrowse, func(b *bent, c spec.Conn, text string) []spec.Input {
				if of := b.named(text); of != 0 && len(b.users[of].files) == 0 {
					b.reply(c, core.TypeNotOnline, text)
					return nil
				}
				return heard(c, core.TypeBrowse, text)
			})},
		{Name: "browses-a-hundred-files", What: "no more than a hundred files are listed", bend: func(b *bent) {
			said := 0
			b.effect = func(e spec.Effect) []spec.Effect {
				w, _ := e.(spec.Write)
				switch m, _ := w.Msg.(core.Message); m.Type {
				case core.TypeBrowseEnd:
					said = 0
				case core.TypeBrowseItem:
					if said++; said > core.MaxResults {
						return nil
					}
				}
				return []spec.Effect{e}
			}
		}},
		{Name: "browse-of-nobody-is-empty", What: "a browse of nobody is answered by 213 alone",
			bend: instead(core.TypeNotOnline, core.TypeBrowseEnd)},
		{Name: "browse-of-nobody-is-an-error", What: "a browse of nobody is answered by 404",
			bend: instead(core.TypeNotOnline, core.TypeError)},
		{Name: "nobody-has-the-same", What: "215 is answered by 217 alone", bend: mute(core.TypeResumeMatch)},
		{Name: "the-sum-suffices", What: "215 finds files of any size",
			bend: rehearing(core.TypeResume, func(b *bent, _ spec.Conn, text string) string {
				r, err := core.ParseResume(text)
				for _, owner := range b.conns() {
					for _, f := range b.users[owner].files {
						if err == nil && f.MD5 == r.MD5 {
							r.Size = f.Size
						}
					}
				}
				if err != nil {
					return text
				}
				return texted(r.Message())
			})},
	}
}
