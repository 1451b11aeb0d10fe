package bittorrent

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep3Announce judges what a leecher tells its tracker, and what it makes of the
// answers: BEP 3 §trackers.
var bep3Announce = []Case{
	{
		ID: "bep3/announce/has-its-parameters", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-001", "BEP03-TRK-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The first request to the tracker must be an HTTP GET with info_hash, peer_id, port, " +
			"uploaded, downloaded and left, the last three in decimal digits.",
		Causes: []string{"left is omitted", "numbers are negative or have a sign"},
		Kills:  []string{"announce-without-left"},
		Run: func(t *T) {
			a := NewSwarm(t, Standard).FirstAnnounce()
			if !strings.HasPrefix(a.Header, "GET ") {
				t.Mismatch("the request", firstLine(a.Header), "GET …")
			}
			for _, key := range []string{"info_hash", "peer_id", "port", "uploaded", "downloaded", "left"} {
				v, ok := a.Get(key)
				if !ok {
					t.Failf("the announce has no %s: %s", key, a.Query)
				}
				if key == "info_hash" || key == "peer_id" {
					continue
				}
				if _, err := strconv.ParseUint(v, 10, 64); err != nil || strings.HasPrefix(v, "+") {
					t.Mismatch(key, v, "decimal digits")
				}
			}
		},
	},
	{
		ID: "bep3/announce/escapes-the-hash", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The info-hash of the torrent has among its bytes 0x00, a blank, '+', '%', '&' and some " +
			"above 0x7F. Unescaped, the announce must give exactly the 20 bytes: a plus sign in it stands " +
			"for a blank to many trackers, and so must not stand for itself.",
		Causes: []string{"the hash is escaped as UTF-8 text", "the plus sign is left as it is"},
		Kills:  []string{"announce-hash-as-form"},
		Run: func(t *T) {
			s := NewSwarm(t, awkwardHash())
			a := s.FirstAnnounce()
			hash := s.Hash()
			if got, ok := a.Get("info_hash"); !ok || got != string(hash[:]) {
				t.Mismatch("info_hash", fmt.Sprintf("%x", got), fmt.Sprintf("%x", hash))
			}
		},
	},
	{
		ID: "bep3/announce/keeps-the-url-s-query", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The announce URL ends in ?passkey=0123456789abcdef, as those of private trackers do. " +
			"The request must keep it and join its own parameters with '&'.",
		Causes: []string{"a second question mark is written", "the URL is cut at the question mark"},
		Kills: []string{
			"announce-loses-the-passkey", "announce-second-question-mark",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Content = Standard.Make(s.URL("/announce?passkey=0123456789abcdef"))
			a := s.FirstAnnounce()
			if v, _ := a.Get("passkey"); v != "0123456789abcdef" || a.Path != "/announce" {
				t.Mismatch("the request", a.Path+"?"+a.Query, "/announce?passkey=0123456789abcdef&…")
			}
			if _, ok := a.Get("info_hash"); !ok || strings.Contains(a.Query, "?") {
				t.Mismatch("the query", a.Query, "the parameters joined with &")
			}
		},
	},
	{
		ID: "bep3/announce/begins-with-started", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-006", "BEP03-TRK-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The first announce of a download must carry event=started, and left must be the size of " +
			"the content, of which nothing is there yet.",
		Causes: []string{"the first announce is a regular one"},
		Kills:  []string{"announce-left-is-zero", "announce-without-left", "announce-without-started"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			a := s.FirstAnnounce()
			if v, _ := a.Get("event"); v != "started" {
				t.Mismatch("event", v, "started")
			}
			if v, _ := a.Get("left"); v != fmt.Sprint(len(s.Data)) {
				t.Mismatch("left", v, fmt.Sprint(len(s.Data)))
			}
		},
	},
	{
		ID: "bep3/announce/tells-the-completion-once", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-007", "BEP03-TRK-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes",
		Explain: "A seeder serves everything. When the download is complete the tracker must be told by " +
			"event=completed, once, with left=0.",
		Causes: []string{"completed is sent again with the next announce", "left counts from size minus downloaded"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"announce-left-never-falls", "announce-without-completed", "announce-without-left",
			"last-request-too-long", "peers-compact-unknown",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Start()
			completed := func() (of []*Announce) {
				for _, a := range s.Announces {
					if a.Event == tracker.Completed {
						of = append(of, a)
					}
				}
				return of
			}
			s.MustComplete()
			t.Until(func() bool { return len(completed()) > 0 }, 10*time.Second)
			t.Wait(2 * time.Second)
			switch of := completed(); {
			case len(of) == 0:
				t.Failf("the download is complete, and no event=completed came: %s", s.standing())
			case len(of) > 1:
				t.Failf("event=completed came %d times", len(of))
			case of[0].Left != 0:
				t.Mismatch("left", of[0].Left, "0")
			}
		},
	},
	{
		ID: "bep3/announce/nothing-completed-of-what-was-there", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-008"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's announce that it has started",
		Explain: "All the content is there when the target is started. It has not downloaded it, so no " +
			"event=completed may come: it would be counted as a download.",
		Causes: []string{"completed is sent when the check of the files ends"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-completed-of-a-seed"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.StartWith(conformance.StartOptions{Files: s.Files()})
			t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin)
			if len(s.Announces) == 0 {
				t.Inconclusivef("the target did not announce itself within %v", downloadWithin)
			}
			t.Wait(3 * time.Second)
			for _, a := range s.Announces {
				if a.Event == tracker.Completed {
					t.Failf("event=completed came for content that was there from the start")
				}
			}
			if a := s.Announces[len(s.Announces)-1]; a.Left != 0 {
				t.Inconclusivef("the target says that %d bytes are left: it did not take the content for complete", a.Left)
			}
		},
	},
	{
		ID: "bep3/announce/regular-ones-have-no-event", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-010", "BEP03-TRK-011"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target's first announce",
		Explain: "The tracker names nobody and an interval of five minutes. The target must announce " +
			"itself again after it, not before four and a half minutes have passed, and without an event.",
		Causes: []string{"the interval is not looked at", "started is repeated until peers are found"},
		Within: 20 * time.Minute,
		Kills:  []string{"announce-always-started", "announce-every-minute", "announce-once"},
		Run: func(t *T) {
			const interval = 5 * time.Minute
			s := NewSwarm(t, Standard)
			s.Reply = func(*Announce) tracker.AnnounceResponse { return tracker.AnnounceResponse{Interval: interval} }
			s.FirstAnnounce()
			t.Until(func() bool { return len(s.Announces) >= 3 }, 2*interval+4*time.Minute)
			if len(s.Announces) < 2 {
				t.Failf("no second announce came within %v, and the interval is %v", 2*interval+4*time.Minute, interval)
			}
			for i, a := range s.Announces[1:] {
				if gap := a.At - s.Announces[i].At; gap < interval*9/10 {
					t.Failf("an announce came %v after the one before, and the interval is %v", gap.Round(time.Second), interval)
				}
				if v, _ := a.Get("event"); v != "" && v != "empty" && v != "none" {
					t.Mismatch("event of a regular announce", v, "none")
				}
			}
		},
	},
	{
		ID: "bep3/announce/one-peer-id-everywhere", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-012"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target's handshake with a peer of the swarm",
		Explain: "The peer id in the announce must be the one in the target's handshake: others tell by it " +
			"whom they are connected to.",
		Causes: []string{"an id is drawn for each connection"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-other-peer-id", "handshake-echoes-the-peer-id"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Start()
			p := s.Meet()
			if len(s.Announces) == 0 {
				t.Inconclusivef("the target met a peer before it announced itself")
			}
			if got := s.Announces[0].PeerID; got != tracker.PeerID(p.Theirs.PeerID) {
				t.Mismatch("peer_id", fmt.Sprintf("%q", got[:]), fmt.Sprintf("%q, as in the handshake", p.Theirs.PeerID[:]))
			}
		},
	},
	{
		ID: "bep3/announce/port-is-where-it-listens", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-TRK-023"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself, and a handshake at the port",
		Explain: "A peer dials the port of the announce at the address it came from. The target must answer " +
			"a handshake there.",
		Causes: []string{"a port from the configuration is told that could not be bound"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-port-6881"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			a := s.FirstAnnounce()
			at := netip.AddrPortFrom(a.From.Addr(), a.Port)
			stream := t.DialTo(at)
			if !stream.Opened() {
				t.Failf("the target announces port %d, and nobody listens at %v", a.Port, at)
			}
			p := newPeer(t, s.Content, stream)
			p.Greet()
			if t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin); p.Theirs == nil {
				t.Failf("who listens at the announced port answers no handshake: %s", p.Last())
			}
		},
	},
	survivesReply("failure-beside-peers", "BEP03-TRK-015", "a failure reason beside peers",
		"d14:failure reason9:not today8:intervali1e5:peers0:e",
		"announce-once", "peers-compact-unknown", "refusal-ends-announcing"),
	survivesReply("no-peers-key", "BEP03-TRK-019", "no peers key", "d8:intervali1ee",
		"announce-answer-without-peers-crashes", "announce-once", "peers-compact-unknown"),
	survivesReply("peers-is-a-number", "BEP03-TRK-019", "a number in the place of peers", "d8:intervali1e5:peersi7ee",
		"announce-once", "peers-compact-unknown"),
	survivesReply("malformed-entries", "BEP03-TRK-018",
		"a list of peers with entries that are no peers",
		"d8:intervali1e5:peersld2:ip9:127.0.0.1ed4:porti80eed2:ip9:127.0.0.14:porti-1ee"+
			"d2:ip9:127.0.0.14:porti70000eei3el1:aed2:ip0:4:porti80eeee",
		"announce-malformed-entries-crash", "announce-once", "peers-compact-unknown"),
	survivesReply("not-bencoded", "BEP03-TRK-019", "an HTML page", "<html>503 Service Unavailable</html>",
		"announce-answer-without-peers-crashes", "announce-once", "peers-compact-unknown"),
	survivesReply("compact-cut-short", "BEP23-COMPACT-005", "seven bytes of compact peers",
		"d8:intervali1e5:peers7:abcdefge",
		"announce-compact-unchecked", "announce-once", "peers-compact-unknown"),
	survivesReply("peers6-cut-short", "BEP07-TRK-005", "seventeen bytes of peers6",
		"d8:intervali1e5:peers0:6:peers617:abcdefghijklmnopqe",
		"announce-compact-unchecked", "announce-once", "peers-compact-unknown"),
	survivesReply("empty-body", "BEP03-TRK-019", "nothing at all", "",
		"announce-answer-without-peers-crashes", "announce-once", "peers-compact-unknown"),
}

// FirstAnnounce starts the target and waits for its first announce.
func (s *Swarm) FirstAnnounce() *Announce {
	s.Start()
	s.t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin)
	if len(s.Announces) == 0 {
		s.t.Inconclusivef("the target did not announce itself within %v", downloadWithin)
	}
	a := s.Announces[0]
	if a.Err != nil {
		s.t.Observef("the announce is malformed: %v", a.Err)
	}
	return a
}

func firstLine(head string) string {
	line, _, _ := strings.Cut(head, "\r\n")
	return line
}

// awkwardHash is a design whose info-hash has the bytes that escaping gets
// wrong. It is found by trying, and it is always the same.
func awkwardHash() Design {
	d := Design{Name: "p2pspec awkward", PieceLength: BlockSize, Lengths: []int{1000}}
	for n := range 1 << 20 {
		d.Info = map[string]any{"p2pspec try": n}
		c := d.Make("")
		hash := c.Hash()
		found := 0
		for _, b := range []byte{0x00, ' ', '+', '%', '&'} {
			if bytes.IndexByte(hash[:], b) >= 0 {
				found++
			}
		}
		if found >= 3 && bytes.IndexByte(hash[:], '+') >= 0 {
			return d
		}
	}
	panic("conformance: no awkward hash")
}

// survivesReply has the tracker answer badly once, and then as it should. The
// target must get over it: it announces itself again, meets the peers that it
// is told of then, and asks them for pieces.
func survivesReply(slug, clause, what, body string, kills ...string) Case {
	return Case{
		ID: "bep3/replies/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target announces itself again, and asks the peer that it is told of then for pieces",
		Explain: fmt.Sprintf("The tracker's first answer has %s, and a short interval where it has any. The "+
			"target must not crash, and should announce itself again within half an hour; then it is told "+
			"of a seeder, and must ask it for pieces.", what),
		Causes: []string{"a missing or ill-typed key is used without a look", "the tracker is given up for good"},
		Kills:  kills,
		Within: 40 * time.Minute,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Raw = func(a *Announce) []byte {
				if a == s.Announces[0] {
					return OK([]byte(body))
				}
				return s.plain(a)
			}
			s.FirstAnnounce()
			asked := func() bool {
				for _, p := range s.Peers {
					if p.Count(func(m *Received) bool { return m.Type == wire.Interested || m.Type == wire.Request }) > 0 {
						return true
					}
				}
				return false
			}
			if !t.Until(asked, 31*time.Minute) {
				t.Failf("after %s the target asks nobody for pieces: %s", what, s.standing())
			}
		},
	}
}
