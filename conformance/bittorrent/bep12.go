package bittorrent

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep12Tiers judges which trackers of a torrent a leecher asks: BEP 12.
var bep12Tiers = []Case{
	{
		ID: "bep12/tiers/announce-is-ignored-beside-the-list", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP12-MULTI-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce to the tracker of the list",
		Explain: "The key announce names one tracker, announce-list another that answers. The first must not be " +
			"asked: with the list the key is ignored.",
		Causes: []string{"the key announce is put before the list"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-beside-the-list"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			listed := s.Further()
			s.list(s.URL("/announce"), [][]string{{listed.URL()}})
			s.Start()
			t.Until(func() bool { return len(listed.Announces)+len(s.Announces) > 0 }, downloadWithin)
			t.Wait(time.Second)
			switch {
			case len(s.Announces) > 0:
				t.Failf("the tracker of the key announce is asked beside an announce-list")
			case len(listed.Announces) == 0:
				t.Inconclusivef("the tracker of the list was not asked within %v", downloadWithin)
			}
		},
	},
	{
		ID: "bep12/tiers/first-that-answers-is-enough", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP12-MULTI-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce to the tracker of the first tier",
		Explain: "Two tiers of one tracker each, and both work. The first tier is asked and answers; the second " +
			"is a backup and should not be asked.",
		Causes: []string{"all tiers are announced to at once"},
		Within: 2 * downloadWithin,
		Kills:  []string{"all-tiers-at-once", "announce-once", "tiers-from-the-last"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			first, second := s.Further(), s.Further()
			s.list("", [][]string{{first.URL()}, {second.URL()}})
			s.Start()
			t.Until(func() bool { return len(first.Announces) > 0 }, downloadWithin)
			t.Wait(2 * time.Second)
			switch {
			case len(first.Announces) == 0 && len(second.Announces) == 0:
				t.Inconclusivef("no tracker was asked within %v", downloadWithin)
			case len(second.Announces) > 0:
				t.Failf("the tracker of the second tier is asked although the first answers")
			}
		},
	},
	{
		ID: "bep12/tiers/next-tier-when-one-fails", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP12-MULTI-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce to the first tier",
		Explain: "The first tier has two trackers that answer with a status of 503, the second one that works. " +
			"The second tier must be asked, and after both trackers of the first.",
		Causes: []string{"one tracker of a tier stands for it", "tiers are mixed"},
		Within: 5 * time.Minute,
		Kills: []string{
			"all-tiers-at-once", "announce-answer-without-peers-crashes", "first-tier-alone",
			"tiers-from-the-last",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			dead := []*FurtherTracker{s.Further(), s.Further()}
			for _, d := range dead {
				d.Raw = unavailable
			}
			backup := s.Further()
			s.list("", [][]string{{dead[0].URL(), dead[1].URL()}, {backup.URL()}})
			s.Start()
			t.Until(func() bool { return len(backup.Announces) > 0 }, 2*downloadWithin)
			if len(backup.Announces) == 0 {
				t.Failf("the second tier is not asked within %v: the trackers of the first were asked %d and %d times",
					2*downloadWithin, len(dead[0].Announces), len(dead[1].Announces))
			}
			for i, d := range dead {
				if len(d.Announces) == 0 || d.Announces[0].At > backup.Announces[0].At {
					t.Failf("the second tier is asked before tracker %d of the first", i+1)
				}
			}
		},
	},
	{
		ID: "bep12/tiers/shuffled-within", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP12-MULTI-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "all trackers of the tier are asked",
		Explain: "One tier of nine trackers, all of which answer with a status of 503. They should be asked in " +
			"another order than the torrent has: it should be drawn. By chance a shuffled order is that of the " +
			"torrent once in 362880 starts.",
		Causes: []string{"the list is taken in order: all peers come to its first tracker"},
		Within: 8 * time.Minute,
		Kills:  []string{"announce-answer-without-peers-crashes", "tier-in-order"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			trackers, urls := s.several(9)
			var order []int
			for i, f := range trackers {
				f.Raw = func(a *Announce) []byte {
					if !slices.Contains(order, i) {
						order = append(order, i)
					}
					return unavailable(a)
				}
			}
			s.list("", [][]string{urls})
			s.Start()
			t.Until(func() bool { return len(order) == len(trackers) }, 6*time.Minute)
			if len(order) < len(trackers) {
				t.Inconclusivef("%d of %d trackers were asked", len(order), len(trackers))
			}
			if slices.IsSorted(order) {
				t.Failf("the nine trackers of a tier are asked in the order of the torrent")
			}
		},
	},
	{
		ID: "bep12/tiers/who-works-comes-first", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP12-MULTI-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a second announce",
		Explain: "One tier of three trackers. The first that is asked fails, the others work, and so does " +
			"the first from then on. The regular announce five minutes later must go to the one that worked before.",
		Causes: []string{"every announce begins at the first tracker", "the order is drawn anew"},
		Within: 30 * time.Minute,
		Kills: []string{
			"announce-answer-without-peers-crashes", "announce-once", "tier-from-its-first",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			trackers, urls := s.several(3)
			var asked []int
			for i, f := range trackers {
				f.Raw = func(a *Announce) []byte {
					if asked = append(asked, i); len(asked) == 1 {
						return unavailable(a)
					}
					return OK([]byte("d8:intervali300e5:peers0:e"))
				}
			}
			s.list("", [][]string{urls})
			s.Start()
			t.Until(func() bool { return len(asked) >= 3 }, 20*time.Minute)
			switch {
			case len(asked) < 3:
				t.Inconclusivef("%d announces came within 20 minutes", len(asked))
			case asked[0] == asked[1]:
				t.Inconclusivef("the tracker that failed was asked again, before the others")
			case asked[2] != asked[1]:
				t.Failf("the second announce goes to tracker %d, and tracker %d had answered", asked[2]+1, asked[1]+1)
			}
		},
	},
	fallsBack("empty-list", "is empty", []any{},
		"empty-list-counts"),
	fallsBack("empty-tier", "has one tier, which is empty", []any{[]any{}},
		"empty-list-counts", "empty-tier-crashes"),
	fallsBack("empty-url", "has one tier of one empty URL", []any{[]any{""}},
		"empty-list-counts"),
	fallsBack("no-list-at-all", "is a string", "http://127.0.0.1:1/announce",
		"empty-list-counts"),
	{
		ID: "bep12/robust/empty-tier-before-a-good-one", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP12-MULTI-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged announce itself",
		Explain: "announce-list has an empty tier, then one with a tracker that works, then an empty one. The " +
			"tracker should be asked.",
		Causes: []string{"the first tier is indexed without a look at its length"},
		Within: 2 * downloadWithin,
		Kills:  []string{"empty-tier-crashes"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			f := s.Further()
			s.list("", [][]string{{}, {f.URL()}, {}})
			s.Start()
			if !t.Until(func() bool { return len(f.Announces) > 0 }, downloadWithin) {
				t.Failf("the tracker between empty tiers is not asked within %v", downloadWithin)
			}
		},
	},
	{
		ID: "bep12/robust/unknown-scheme-in-a-tier", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP12-MULTI-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged announce itself",
		Explain: "The first tier has a tracker of a scheme that nobody knows, and text that is no URL. The second " +
			"tier works and should be asked.",
		Causes: []string{"an URL that cannot be parsed makes the torrent invalid"},
		Within: 3 * time.Minute,
		Kills:  []string{"strange-scheme-crashes"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			f := s.Further()
			s.list("", [][]string{{"p2pspec://127.0.0.1/announce", "no tracker at all"}, {f.URL()}})
			s.Start()
			if !t.Until(func() bool { return len(f.Announces) > 0 }, downloadWithin) {
				t.Failf("the tracker behind a tier of unknown schemes is not asked within %v", downloadWithin)
			}
		},
	},
}

// fallsBack is a list without a tracker beside an announce key that works.
func fallsBack(slug, what string, list any, kills ...string) Case {
	return Case{
		ID: "bep12/robust/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP12-MULTI-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged announce itself",
		Explain: "The announce-list " + what + ". There is no tracker in it, so the one of the key announce " +
			"should be asked.",
		Causes: []string{"the key announce is ignored as soon as there is a list, whatever it has"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			d := Standard
			d.Top = map[string]any{"announce-list": list}
			s.Content = d.Make(s.URL("/announce"))
			s.Start()
			if !t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin) {
				t.Failf("the tracker of the key announce is not asked within %v; announce-list %s", downloadWithin, what)
			}
		},
	}
}

// list makes the content with these tiers.
func (s *Swarm) list(announce string, tiers [][]string) {
	var list []any
	for _, tier := range tiers {
		urls := []any{}
		for _, u := range tier {
			urls = append(urls, u)
		}
		list = append(list, urls)
	}
	d := Standard
	d.Top = map[string]any{"announce-list": list}
	s.Content = d.Make(announce)
}

// several opens n further trackers.
func (s *Swarm) several(n int) (all []*FurtherTracker, urls []string) {
	for range n {
		f := s.Further()
		all, urls = append(all, f), append(urls, f.URL())
	}
	return all, urls
}

// unavailable is the answer of a tracker that does not work.
func unavailable(*Announce) []byte {
	return []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
