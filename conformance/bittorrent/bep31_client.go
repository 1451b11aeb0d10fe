package bittorrent

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// bep31Client judges whether a leecher leaves a tracker alone that asks for it:
// BEP 31.
var bep31Client = []Case{
	leavesAlone("minutes-as-a-number", "10 as a number", "8:retry ini10e", 10*time.Minute,
		"announce-answer-without-peers-crashes", "announce-once", "retry-in-a-tenth", "retry-in-unknown"),
	leavesAlone("minutes-as-text", "10 as text", "8:retry in2:10", 10*time.Minute,
		"announce-answer-without-peers-crashes", "announce-once", "retry-in-as-text-unknown",
		"retry-in-a-tenth", "retry-in-unknown"),
	leavesAlone("never", "never", "8:retry in5:never", 0,
		"announce-answer-without-peers-crashes", "retry-in-never-unknown", "retry-in-unknown"),
	{
		ID: "bep31/client/no-time-at-all", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the judged announce itself",
		Explain: "The tracker refuses with a failure reason, and \"retry in\" is text that is no number. The key " +
			"should be taken for absent: the target asks again within two hours, and not within ten seconds.",
		Causes: []string{"text is converted to 0, and the tracker asked at once", "the tracker is given up"},
		Within: 3 * time.Hour,
		Kills: []string{
			"announce-answer-without-peers-crashes", "announce-beside-the-list", "announce-once",
			"refusal-ends-announcing", "retry-in-text-is-never",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Raw = func(*Announce) []byte { return OK([]byte("d14:failure reason7:not now8:retry in4:soone")) }
			s.FirstAnnounce()
			if !t.Until(func() bool { return len(s.Announces) >= 2 }, 2*time.Hour) {
				t.Failf("the tracker is not asked again within two hours")
			}
			if gap := s.Announces[1].At - s.Announces[0].At; gap < 10*time.Second {
				t.Failf("the tracker is asked again after %v", gap)
			}
		},
	},
	{
		ID: "bep31/client/others-are-asked-meanwhile", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce to the tracker that refuses",
		Explain: "The tracker of the first tier refuses and wants never to be asked again. That of the second tier " +
			"should be asked: the wish is that of one tracker.",
		Causes: []string{"a refusal ends all announcing"},
		Within: 3 * time.Minute,
		Kills: []string{
			"announce-answer-without-peers-crashes", "first-tier-alone", "refusal-ends-announcing",
			"tier-from-its-first",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			f := s.Further()
			s.list("", [][]string{{s.URL("/announce")}, {f.URL()}})
			s.Raw = func(*Announce) []byte { return OK([]byte("d14:failure reason2:no8:retry in5:nevere")) }
			s.FirstAnnounce()
			if !t.Until(func() bool { return len(f.Announces) > 0 }, 2*downloadWithin) {
				t.Failf("the tracker of the second tier is not asked within %v of the refusal", 2*downloadWithin)
			}
		},
	},
}

// leavesAlone has a tracker ask to be left alone, and a second one that the
// target asks meanwhile. A pause of 0 is never.
func leavesAlone(slug, what, key string, pause time.Duration, kills ...string) Case {
	long := "for good"
	if pause > 0 {
		long = "for so long"
	}
	return Case{
		ID: "bep31/client/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP31-RETRY-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target's announces to a tracker that works, in a tier of its own",
		Explain: fmt.Sprintf("A tracker refuses with a failure reason and \"retry in\" %s, in minutes. The target "+
			"should leave it alone %s, and a tracker that works is asked every two minutes meanwhile.", what, long),
		Causes: []string{"the key is not known", "the text is not converted", "minutes are taken for seconds"},
		Kills:  kills,
		Within: 3 * time.Hour,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			f := s.Further()
			f.Raw = func(*Announce) []byte { return OK([]byte("d8:intervali120e5:peers0:e")) }
			s.list("", [][]string{{s.URL("/announce")}, {f.URL()}})
			s.Raw = func(*Announce) []byte {
				return OK([]byte("d14:failure reason7:not now" + key + "e"))
			}
			s.FirstAnnounce()
			watch := pause
			if pause == 0 {
				watch = time.Hour
			}
			t.Until(func() bool { return len(s.Announces) >= 2 }, watch+20*time.Minute)
			if len(f.Announces) == 0 {
				t.Inconclusivef("the tracker that works was not asked meanwhile")
			}
			if len(s.Announces) < 2 {
				if pause > 0 {
					t.Failf("after %v and 20 minutes the tracker is not asked again", pause)
				}
				return
			}
			if gap := s.Announces[1].At - s.Announces[0].At; pause == 0 || gap < pause-time.Second {
				t.Failf("the tracker is asked again after %v", gap)
			}
		},
	}
}
