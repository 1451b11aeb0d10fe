package interop_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/napster"
)

// spoken is a message of a transcript: who said it, and at which end of the streams.
type spoken struct {
	napster.Message
	byUs   bool
	client string // the address of the harness's side
	entry  conformance.Entry
}

// conversation reads a transcript again from its bytes.
func conversation(t *testing.T, transcript []conformance.Entry) (all []spoken) {
	t.Helper()
	for _, e := range transcript {
		from, to, _ := strings.Cut(e.Via, " → ")
		s := spoken{byUs: e.Dir == ">", client: from, entry: e}
		if !s.byUs {
			s.client = to
		}
		if e.Dir != ">" && e.Dir != "<" {
			s.client, _, _ = strings.Cut(e.Via, " ⇄ ")
			all = append(all, s)
			continue
		}
		b, err := hex.DecodeString(e.Hex)
		if err != nil {
			t.Fatal(err)
		}
		m, n, err := napster.Codec{}.Decoder().Decode(b)
		if err != nil || n != len(b) {
			t.Fatalf("%s is no message: %v", e.Hex, err)
		}
		s.Message = m.(napster.Message)
		all = append(all, s)
	}
	return all
}

// said are the texts of a type.
func said(all []spoken, t napster.Type) (texts []string) {
	for _, s := range all {
		if s.entry.Hex != "" && s.Type == t {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// judges say of a case's transcript whether it shows the deviation: from the bytes
// alone, and by the parsers of the core.
func judges() map[string]func([]spoken) bool {
	other := func(differ func(said, found napster.File) bool) func([]spoken) bool {
		return func(all []spoken) bool {
			f, err := napster.ParseFile(said(all, napster.TypeShare)[0])
			r, wrong := napster.ParseResult(said(all, napster.TypeResult)[0])
			return err == nil && wrong == nil && f.Name == r.Name && differ(f, r.File)
		}
	}
	return map[string]func([]spoken) bool{
		"napster/login/missing-fields":            endsInSilence,
		"napster/login/quote-that-nothing-closes": endsInSilence,
		"napster/share/of-any-bit-rate": other(func(a, b napster.File) bool {
			return a.Bitrate != b.Bitrate
		}),
		"napster/share/of-any-frequency": other(func(a, b napster.File) bool {
			return a.Frequency != b.Frequency
		}),
		"napster/share/of-twenty-hours": other(func(a, b napster.File) bool {
			return b.Seconds == a.Seconds&0xffff
		}),
		"napster/share/of-three-gigabytes": func(all []spoken) bool {
			text := said(all, napster.TypeResult)[0]
			_, err := napster.ParseResult(text)
			return err != nil && strings.Contains(text, " -1073741824 ")
		},
		"napster/share/with-letters-for-a-size": func(all []spoken) bool {
			_, err := napster.ParseFile(said(all, napster.TypeShare)[0])
			return err != nil && len(said(all, napster.TypeError)) == 0
		},
		"napster/search/words-are-whole": func(all []spoken) bool {
			q, names := lastSearch(all)
			return slices.ContainsFunc(names, func(name string) bool { return !hasWords(name, q) })
		},
		"napster/search/text-that-ends-in-no-word": func(all []spoken) bool {
			q, names := lastSearch(all)
			f, err := napster.ParseFile(said(all, napster.TypeShare)[0])
			return err == nil && hasWords(f.Name, q) && len(names) == 0
		},
		"napster/download/consent-that-nobody-waits-for": func(all []spoken) bool {
			asked := said(all, napster.TypeGet)
			return slices.ContainsFunc(said(all, napster.TypeGetAck), func(text string) bool {
				a, err := napster.ParseAck(napster.TypeGetAck, text)
				return err == nil && !slices.ContainsFunc(asked, func(text string) bool {
					r, err := napster.ParseRequest(napster.TypeGet, text)
					return err == nil && r == napster.Request{Nick: a.Nick, Name: a.Name}
				})
			})
		},
	}
}

// endsInSilence is a login that the core cannot read, on a stream that the server
// ended without a message.
func endsInSilence(all []spoken) bool {
	i := slices.IndexFunc(all, func(s spoken) bool {
		_, err := napster.ParseLogin(s.Text)
		return s.byUs && s.Type == napster.TypeLogin && err != nil
	})
	if i < 0 {
		return false
	}
	ended := false
	for _, s := range all[i+1:] {
		if s.client == all[i].client && !s.byUs {
			if s.entry.Hex != "" {
				return false
			}
			ended = ended || s.entry.Note == "ended by the other side"
		}
	}
	return ended
}

// lastSearch is what was searched last but for what nobody has, and what it found.
func lastSearch(all []spoken) (q napster.Search, names []string) {
	for _, s := range all {
		r, err := napster.ParseResult(s.Text)
		switch {
		case s.byUs && s.Type == napster.TypeSearch && !strings.Contains(s.Text, `"nobody`):
			q, _ = napster.ParseSearch(s.Text)
			names = nil
		case s.Type == napster.TypeResult && s.entry.Hex != "" && err == nil:
			names = append(names, r.Name)
		}
	}
	return q, names
}

func hasWords(name string, q napster.Search) bool {
	words := napster.Words(name)
	return !slices.ContainsFunc(napster.Words(q.Words), func(w string) bool { return !slices.Contains(words, w) })
}

// TestTranscriptsOfIndexesAreJudgedAgain holds each deviation of an index against the
// bytes that were recorded.
func TestTranscriptsOfIndexesAreJudgedAgain(t *testing.T) {
	judged := map[string]bool{}
	for _, r := range recordings(t) {
		for _, res := range r.Results {
			if !isUnmet(res.Verdict) || !strings.HasPrefix(res.Case, "napster/") {
				continue
			}
			judge := judges()[res.Case]
			switch {
			case judge == nil:
				t.Errorf("%s: nobody judges the transcript of %s", r.Target.Name, res.Case)
			case !judge(conversation(t, res.Transcript)):
				t.Errorf("%s: the transcript of %s does not show what it is judged for", r.Target.Name, res.Case)
			}
			judged[res.Case] = true
		}
	}
	for id := range judges() {
		if !judged[id] {
			t.Errorf("%s is met by all: remove its judge", id)
		}
	}
}
