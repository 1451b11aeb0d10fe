package napster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	core "github.com/p2pspec/p2pspec/gnutella/napster"
)

var searchCases = []Case{
	{
		ID: "napster/search/without-results", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-04"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "A client searches for a word that no file has. The server must answer with 202 without a " +
			"text, and nothing before it.",
		Causes: []string{"what finds nothing is not answered"},
		Kills:  []string{"nothing-has-a-text"},
		Run: playing(func(r *Room) {
			r.Enter().mustFind("a search for what nobody has", core.Search{Words: r.word()})
			r.Earn()
		}),
	},
	{
		ID: "napster/search/words-in-any-order-and-case", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-SE-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged results themselves",
		Explain: "A file has three words in its name, between points, dashes and underlines. It must be " +
			"found by each of them and by all, in any order and in capitals.",
		Causes: []string{"the phrase is searched as it is", "case counts"},
		Kills:  []string{"case-counts", "names-in-lower-case", "phrases-are-searched"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			x, y, z := r.word(), r.word(), r.word()
			f := r.file(x + "-" + y + "_" + z)
			a.Share(f)
			for _, words := range []string{x, y, z, z + " " + x, y + "." + z, strings.ToUpper(z + " " + y + " " + x)} {
				b.mustFind(fmt.Sprintf("a search for %q", words), core.Search{Words: words}, f)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/search/all-words-count", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-01", "NP-SE-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search for the word that both have",
		Explain: "Two files have one word in common, and each has one of its own. A search for the common " +
			"word finds both; for two words in one clause, and in two clauses, the file that has both.",
		Causes: []string{"any word suffices", "the last FILENAME clause replaces the first"},
		Kills: []string{
			"any-word-suffices", "last-phrase-wins", "names-in-lower-case", "nothing-has-a-text",
			"phrases-are-searched",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			x, y, z := r.word(), r.word(), r.word()
			f, g := r.file(x+" "+y), r.file(x+" "+z)
			a.Share(f, g)
			b.mustFind("a search for a word of both", core.Search{Words: x}, f, g)
			b.mustFind("a search for two words", core.Search{Words: x + " " + z}, g)
			for _, clauses := range [][2]string{{x, y}, {y, x}} {
				text := fmt.Sprintf(`FILENAME CONTAINS "%s" MAX_RESULTS 100 FILENAME CONTAINS "%s"`, clauses[0], clauses[1])
				if got := names(b.SearchFor(text)); !slices.Equal(got, []string{f.Name}) {
					r.Mismatch("what two FILENAME clauses find", fmt.Sprintf("%q", got), f.Name)
				}
			}
			b.mustFind("a search for words of two files", core.Search{Words: y + " " + z})
			r.Earn()
		}),
	},
	{
		ID: "napster/search/words-are-whole", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-SE-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "a search for the whole words",
		Explain: "One file has two words; another has the first of them, and the second alone in a longer " +
			"word; three have the second. A search for both must find the first file alone.",
		Causes: []string{"a word is looked for within words"},
		Kills:  []string{"any-word-suffices", "names-in-lower-case", "words-within-words"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			x, y := r.word(), r.word()
			f, g := r.file(x+" "+y), r.file(x+" "+y+r.word())
			a.Share(g, f)
			a.many(y, 3) // so that the files with the first word are the fewer
			b.mustFind("a search for a word of both", core.Search{Words: x}, f, g)
			b.mustFind("a search for whole words", core.Search{Words: x + " " + y}, f)
			r.Earn()
		}),
	},
	{
		ID: "napster/search/text-that-ends-in-no-word", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-SE-03"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search without what stands around the words",
		Explain: "A file is searched for by texts that begin and end with brackets, points and marks. It " +
			"must be found: what is no letter, digit or apostrophe only separates words.",
		Causes: []string{"behind the last word a word of no letter is read, which no file has"},
		Kills:  []string{"names-in-lower-case", "phrases-are-searched", "trailing-marks-are-a-word"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			x, y := r.word(), r.word()
			f := r.file(x + " (" + y + ")")
			a.Share(f)
			b.mustFind("a search for two words", core.Search{Words: x + " " + y}, f)
			for _, words := range []string{x + " (" + y + ")", "..." + x + "!", x + " (" + y + ").", y + "..."} {
				b.mustFind(fmt.Sprintf("a search for %q", words), core.Search{Words: words}, f)
			}
			r.Earn()
		}),
	},
	compared("bit-rate", "BITRATE", [3]uint32{64, 128, 320}, setBitrate, []string{
		"at-best-is-at-least", "bit-rates-are-not-compared", "equal-is-at-least",
		"fields-in-another-order", "names-in-lower-case", "no-quoted-numbers",
	}),
	compared("frequency", "FREQ", [3]uint32{32000, 44100, 48000}, setFrequency, []string{
		"at-best-is-at-least", "equal-is-at-least", "fields-in-another-order",
		"frequencies-are-not-compared", "names-in-lower-case", "no-quoted-numbers",
	}),
	compared("line", "LINESPEED", [3]uint32{3, 7, 10}, nil, []string{
		"at-best-is-at-least", "equal-is-at-least", "lines-are-not-compared", "names-in-lower-case",
		"no-quoted-numbers",
	}),
	{
		ID: "napster/search/clauses-in-any-order", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the judged results themselves",
		Explain: "The clauses of a search come in three orders, those of the document's examples among them, " +
			"with quoted numbers and bare ones. Each must find the file that meets all, and not the one that " +
			"does not.",
		Causes: []string{"clauses are expected in one order", "quoted numbers are not read"},
		Kills: []string{
			"bit-rates-are-not-compared", "fields-in-another-order", "names-in-lower-case",
			"no-quoted-numbers", "phrases-are-searched", "the-phrase-comes-first",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			word := r.word()
			f, slow := r.file(word+" good"), r.file(word+" bad")
			slow.Bitrate = 64
			a.Share(f, slow)
			for _, text := range []string{
				`FILENAME CONTAINS "%s" MAX_RESULTS 75 FILENAME CONTAINS "mp3" BITRATE "AT LEAST" "128"`,
				`MAX_RESULTS 100 FILENAME CONTAINS "%s" LINESPEED "EQUAL TO" 7 BITRATE "AT LEAST" 128`,
				`BITRATE "AT LEAST" "128" FREQ "EQUAL TO" "44100" LINESPEED "AT BEST" "7" FILENAME CONTAINS "%s" MAX_RESULTS "5"`,
			} {
				text = fmt.Sprintf(text, word)
				if got := names(b.SearchFor(text)); !slices.Equal(got, []string{f.Name}) {
					r.Mismatch("what "+text+" finds", fmt.Sprintf("%q", got), f.Name)
				}
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/search/as-many-as-asked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search without a number, which finds all",
		Explain: "Five files match. With MAX_RESULTS 2 two of them must come, with 5 and 50 all.",
		Causes:  []string{"MAX_RESULTS is not looked at", "it is one too many, or too few"},
		Kills:   []string{"any-number-of-results", "one-too-many"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			word := r.word()
			a.many(word, 5)
			for _, step := range [][2]int{{0, 5}, {2, 2}, {5, 5}, {50, 5}} {
				if got := len(b.Search(core.Search{Words: word, Max: uint32(step[0])})); got != step[1] {
					r.Mismatch(fmt.Sprintf("the results with MAX_RESULTS %d", step[0]), got, fmt.Sprint(step[1]))
				}
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/search/hundred-at-most", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-02"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the results themselves",
		Explain: "101 files match, and 200 results are asked for. No more than 100 may come; an index may be " +
			"set to fewer.",
		Causes: []string{"the client's number is believed"},
		Kills:  []string{"believes-the-number"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			word := r.word()
			a.many(word, core.MaxResults+1)
			switch got := len(b.Search(core.Search{Words: word, Max: 200})); {
			case got > core.MaxResults:
				r.Mismatch("the results with MAX_RESULTS 200", got, fmt.Sprintf("at most %d", core.MaxResults))
			case got == 0:
				r.Inconclusivef("of %d shared files that match none is found", core.MaxResults+1)
			case got < core.MaxResults:
				r.Observef("%d results come at most", got)
			}
			r.Earn()
		}),
	},
	{
		ID: "napster/search/own-files", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-SE-05"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search of another user, which finds the file",
		Explain: "A client searches for what it shares itself. It must not find it.",
		Causes:  []string{"whose file it is does not count"},
		Kills:   []string{"finds-own-files", "nothing-has-a-text"},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			a.mustFind("a search for one's own file", core.Search{Words: f.Name})
			r.Earn()
		}),
	},
	{
		ID: "napster/search/behind-two-firewalls", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"NP-FW-04"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search of a user with a port, which finds both files",
		Explain: "Of two files with a word in common one is shared by a client with port 0. Another client " +
			"with port 0 must find the other one alone: nobody could connect for the first.",
		Causes: []string{"ports are not looked at"},
		Kills:  []string{"firewalls-do-not-count", "names-in-lower-case"},
		Run: playing(func(r *Room) {
			inside, outside, b, c := r.Firewalled(), r.Enter(), r.Enter(), r.Firewalled()
			word := r.word()
			f, g := r.file(word+" inside"), r.file(word+" outside")
			inside.Share(f)
			outside.Share(g)
			b.mustFind("a search of a user with a port", core.Search{Words: word}, f, g)
			c.mustFind("a search of a user with port 0", core.Search{Words: word}, g)
			r.Earn()
		}),
	},
	{
		ID: "napster/search/quote-within-a-phrase", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-TX-02", "NP-ER-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "the same words without quotes, which find the file",
		Explain: "A phrase has quotes within, as a Windows client sends it. There is no escape for a quote: " +
			"the search must be refused by an error 404, and have no results.",
		Causes: []string{"the last quote of the text is taken for the closing one", "nothing is answered"},
		Kills: []string{
			"errors-are-not-told", "searches-as-far-as-it-can-read", "the-last-quote-closes",
			"words-within-words",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			word := r.word()
			f := r.file("a " + word + " string")
			a.Share(f)
			b.mustHave(f)
			b.Blurt(core.TypeSearch, fmt.Sprintf(`FILENAME CONTAINS "a "%s" string" MAX_RESULTS 100`, word), "quotes within")
			b.heardNoResult("a search with quotes within quotes")
			r.Earn()
		}),
	},
	{
		ID: "napster/search/that-cannot-be-read", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-ER-01", "NP-SE-01"}, Role: conformance.Index, Kind: conformance.Reply,
		Control: "a search after each, which is answered",
		Explain: "Searches with an unknown clause, an unknown comparison, letters for a number, without " +
			"CONTAINS and with a clause that ends early are sent. Each must be refused by an error 404, and " +
			"have no results.",
		Causes: []string{"what is not known is passed over", "nothing is answered"},
		Kills: []string{
			"bit-rates-are-not-compared", "errors-are-not-told", "searches-as-far-as-it-can-read",
			"words-within-words",
		},
		Run: playing(func(r *Room) {
			a, b := r.Enter(), r.Enter()
			f := r.file(r.word())
			a.Share(f)
			b.mustHave(f)
			for _, text := range []string{
				`FILENAME CONTAINS "%s" COLOUR "AT LEAST" 5`, `FILENAME CONTAINS "%s" BITRATE "MORE THAN" 5`,
				`FILENAME CONTAINS "%s" MAX_RESULTS many`, `FILENAME "%s"`, `FILENAME CONTAINS "%s" BITRATE "AT LEAST"`,
			} {
				b.Blurt(core.TypeSearch, fmt.Sprintf(text, f.Name), "a search that cannot be read")
				b.heardNoResult(text)
			}
			r.Earn()
		}),
	},
}

// heardNoResult ends the case as failed unless an error and no result comes.
func (u *User) heardNoResult(what string) {
	u.Must(what, core.TypeError)
	u.Quiet(what, core.TypeResult)
	u.heard = nil
}

// many shares files that have a word in common.
func (u *User) many(word string, n int) {
	files := make([]core.File, n)
	for i := range files {
		files[i] = u.r.file(fmt.Sprint(word, " ", i))
	}
	u.Share(files...)
}

func setBitrate(f *core.File, n uint32)   { f.Bitrate = n }
func setFrequency(f *core.File, n uint32) { f.Frequency = n }

// compared is a case of the three comparisons with a number that three files have
// in ascending order: set gives a file its number; without it the number is its
// owner's line.
func compared(slug, clause string, values [3]uint32, set func(*core.File, uint32), kills []string) Case {
	return Case{
		ID: "napster/search/by-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"NP-SE-01"}, Role: conformance.Index, Kind: conformance.State,
		Control: "the same search without the clause, which finds all three files",
		Explain: fmt.Sprintf("Three files have %d, %d and %d. With %s and AT LEAST, AT BEST and EQUAL TO the second number, "+
			"those must be found that the words say.", values[0], values[1], values[2], clause),
		Causes: []string{"AT BEST is taken for AT LEAST", "the number itself is left out", "the clause is passed over"},
		Kills:  kills,
		Run: playing(func(r *Room) {
			word := r.word()
			var files [3]core.File
			for i, n := range values {
				owner := r.Come()
				files[i] = r.file(fmt.Sprint(word, " ", i))
				if set != nil {
					set(&files[i], n)
				} else {
					owner.Link = core.Link(n)
				}
				owner.Enter().Share(files[i])
			}
			u := r.Enter()
			u.mustFind("a search without a condition", core.Search{Words: word}, files[:]...)
			for _, c := range []struct {
				compare string
				want    []core.File
			}{{"AT LEAST", files[1:]}, {"AT BEST", files[:2]}, {"EQUAL TO", files[1:2]}} {
				text := fmt.Sprintf(`FILENAME CONTAINS "%s" %s "%s" "%d"`, word, clause, c.compare, values[1])
				if got := names(u.SearchFor(text)); !slices.Equal(got, namesOf(c.want)) {
					r.Mismatch("what "+text+" finds", fmt.Sprintf("%q", got), fmt.Sprintf("%q", namesOf(c.want)))
				}
			}
			r.Earn()
		}),
	}
}
