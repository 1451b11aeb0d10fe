package tracker

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep15Announce: announces and their answers, as bytes.
func bep15Announce() []Case {
	return []Case{
		{
			ID: "bep15/announce/is-answered", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-014", "BEP15-UDP-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a connect right after, if no answer comes",
			Explain: "A peer announces. The answer must have action 1, the transaction id, an interval of a " +
				"sane number of seconds in network order, the numbers of leechers and seeders, and whole " +
				"entries of 6 bytes.",
			Causes: []string{"integers are written in the order of the host"},
			Kills:  []string{"packet-interval-in-host-order", "packet-with-half-an-entry"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				a := p.AnnouncePacket(t.NewHash(), nil)
				if interval, _, _ := a.Numbers(); interval < 30 || interval > 24*60*60 {
					t.Mismatch("interval", interval, "30 to 86400 seconds")
				}
				p.PeersOf(a)
			}),
		},
		{
			ID: "bep15/announce/lists-another-peer", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-014", "BEP15-UDP-003"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the first announce, which is answered",
			Explain: "One peer announces, then another. The second must be told of the first, with address and " +
				"port in network order: the port of the announce, not that of the packet.",
			Causes: []string{"the port is in the order of the host", "the source port of the packet is stored"},
			Kills: []string{
				"packet-num-want-below-0-is-none", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.AnnouncePacket(h, started)
				t.sees("peers", b.PeersOf(b.AnnouncePacket(h, nil)), a)
			}),
		},
		{
			ID: "bep15/announce/torrents-are-separate", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the same peer in the list of its own torrent",
			Explain: "A peer announces one torrent. Whoever announces another must not be told of it.",
			Kills: []string{
				"packet-one-list-for-all", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry",
			},
			Run: run(func(t *T) {
				h, other, a := t.NewHash(), t.NewHash(), NewPeer(t)
				a.AnnouncePacket(h, nil)
				t.misses("peers of another torrent", t.lookByPacket(other), a)
				t.sees("peers", t.lookByPacket(h), a)
			}),
		},
		{
			ID: "bep15/announce/longer-one-is-accepted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "a connect right after, if no answer comes",
			Explain: "An announce has two zero bytes more than its 98. It must be served.",
			Causes:  []string{"the length is compared for equality"},
			Kills: []string{
				"exact-sizes", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry",
			},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.answered(a.AskBytes(a.announcement(h, tracker.None), "announce of 100 bytes",
					func(b []byte) []byte { return append(b, 0, 0) }))
				t.sees("peers", t.lookByPacket(h), a)
			}),
		},
		{
			ID: "bep15/announce/short-one-is-not-served", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-010"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "An announce lacks its last byte, of the port. It should not be served, nor stored.",
			Causes:  []string{"the buffer of the packet before is read"},
			Kills:   []string{"fills-packets-up", "packet-with-half-an-entry"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.notServed(a.announcement(h, tracker.None), "announce of 97 bytes", func(b []byte) []byte { return b[:97] })
				if got := t.lookByPacket(h); len(got) > 0 {
					t.Mismatch("peers after the short announce", show(got), "nobody")
				}
			}),
		},
		{
			ID: "bep15/announce/num-want-bounds-the-list", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the lists, which are not empty",
			Explain: "Five peers announce. One that wants 2 should be told of 2, and one that leaves it to the " +
				"tracker, by -1, of some.",
			Causes: []string{"num_want is ignored", "-1 reads as a number below zero"},
			Kills: []string{
				"ids-for-one-use", "packet-num-want-below-0-is-none", "packet-num-want-ignored",
				"packet-with-half-an-entry", "packets-of-18-bytes-over-ipv4",
			},
			Run: run(func(t *T) {
				h := t.NewHash()
				for _, p := range NewPeers(t, 5) {
					p.AnnouncePacket(h, nil)
				}
				b := NewPeer(t)
				two := b.PeersOf(b.AnnouncePacket(h, func(a *tracker.AnnounceRequest) { a.NumWant = 2 }))
				if len(two) == 0 || len(two) > 2 {
					t.Mismatch("peers for num_want 2", show(two), "2")
				}
				if all := b.PeersOf(b.AnnouncePacket(h, nil)); len(all) == 0 {
					t.Mismatch("peers for num_want -1", show(all), "some")
				}
			}),
		},
		{
			ID: "bep15/announce/many-peers-fit-a-packet", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the list, which is not empty",
			Explain: "A hundred peers announce, and one asks for 1000. The answer should hold many of them, " +
				"each once, and no more bytes than common networks carry in one piece.",
			Causes: []string{"the answer is split by the network and lost"},
			Kills: []string{
				"packet-beyond-the-network", "packet-lists-ten-at-most", "packet-ports-in-host-order",
				"packet-source-port", "packet-with-half-an-entry", "packets-of-18-bytes-over-ipv4",
			},
			Run: run(func(t *T) {
				h, members := t.NewHash(), []netip.AddrPort(nil)
				for _, p := range NewPeers(t, 100) {
					p.AnnouncePacket(h, nil)
					members = append(members, p.Addr())
				}
				b := NewPeer(t)
				a := b.AnnouncePacket(h, func(a *tracker.AnnounceRequest) { a.NumWant = 1000 })
				got := b.others(b.PeersOf(a))
				if len(got) < 30 || len(a.Data) > 1472 {
					t.Mismatch("the answer", fmt.Sprintf("%d peers in %d bytes", len(got), len(a.Data)),
						"30 peers or more in at most 1472 bytes")
				}
				for _, g := range got {
					if count(members, g) == 0 || count(got, g) != 1 {
						t.Mismatch("peers", g, "those that announced, each once")
					}
				}
			}),
		},
		{
			ID: "bep15/announce/ip-field-of-a-stranger", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP03-TRK-020"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "the announce, which is answered",
			Explain: "A peer writes somebody else's address into its announce. A target that lists the " +
				"stranger, at least for a sender on its own host, is recorded.",
			Kills: []string{"believes-ip", "packet-with-half-an-entry"},
			Run: run(func(t *T) {
				h, a := t.NewHash(), NewPeer(t)
				a.AnnouncePacket(h, func(r *tracker.AnnounceRequest) { r.IP = netip.MustParseAddr("203.0.113.77") })
				for _, got := range t.lookByPacket(h) {
					if got.Addr().String() == "203.0.113.77" {
						t.Infof("the IP field is believed, at least from this host: %v is listed", got)
					}
				}
			}),
		},
		{
			ID: "bep15/announce/strange-torrent-is-an-error", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-021"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a connect right after, if no answer comes",
			Explain: "A peer announces a torrent that nobody knows. A target that serves the torrents of a list " +
				"alone should say so by an error packet with the transaction id and text.",
			Causes: []string{"an answer without interval and numbers is sent", "the refusal is silent"},
			Kills:  []string{"errors-are-silent", "strangers-get-half-an-answer"},
			Run: run(func(t *T) {
				h, p := t.random(), NewPeer(t)
				a := p.AskPacket(p.announcement(h, tracker.None))
				switch {
				case a.Kind == Answered:
					p.AskPacket(p.announcement(h, tracker.Stopped))
					t.Unsupportedf("the target serves every torrent")
				case a.Kind != ErrorPacket || len(a.Body) == 0:
					p.connected()
					t.Mismatch("the answer to a strange torrent", a, "an error packet with text")
				}
			}),
		},
		{
			ID: "bep15/announce/port-0-is-not-listed", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-014"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "another peer in the list",
			Explain: "A peer announces port 0, at which nobody can reach it. It should not be listed.",
			Kills: []string{
				"packet-port-0-is-listed", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer(t), NewPeer(t)
				a.AskBytes(a.announcement(h, tracker.None), "announce with port 0",
					func(p []byte) []byte { binary.BigEndian.PutUint16(p[96:], 0); return p })
				b.AnnouncePacket(h, nil)
				got := t.lookByPacket(h)
				t.sees("peers", got, b)
				a.Port = 0
				t.misses("peers", got, a)
			}),
		},
		{
			ID: "bep15/announce/ipv6-entries-have-18-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-015"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the announces over IPv6, which are answered",
			Explain: "Two peers announce over IPv6, and one over IPv4. The second over IPv6 must find entries of " +
				"18 bytes alone, the first peer among them: the family of the packet decides.",
			Causes: []string{"entries of 6 bytes are sent over IPv6", "entries of both sizes are mixed"},
			Kills: []string{
				"packet-num-want-below-0-is-none", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry", "packets-of-6-bytes-over-ipv6",
				"packets-of-both-families",
			},
			Run: run(func(t *T) {
				h, a, b := t.NewHash(), NewPeer6(t), NewPeer6(t)
				a.AnnouncePacket(h, nil)
				four := NewPeer(t)
				four.AnnouncePacket(h, nil)
				got := b.others(b.PeersOf(b.AnnouncePacket(h, nil)))
				t.sees("peers", got, a)
				for _, g := range got {
					if g != a.Addr() {
						t.Mismatch("peers", g, a.Addr().String()+" alone")
					}
				}
			}),
		},
		{
			ID: "bep15/announce/ipv4-entries-have-6-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-015"}, Role: conformance.Tracker, Kind: conformance.State,
			Needs:   []conformance.Need{conformance.NeedIPv6},
			Control: "the announces over both families, which are answered",
			Explain: "A peer announces over IPv6 and one over IPv4. The next over IPv4 must find entries of 6 " +
				"bytes alone.",
			Kills: []string{
				"packet-num-want-below-0-is-none", "packet-ports-in-host-order", "packet-source-port",
				"packet-with-half-an-entry", "packets-of-18-bytes-over-ipv4",
			},
			Run: run(func(t *T) {
				h, six, a, b := t.NewHash(), NewPeer6(t), NewPeer(t), NewPeer(t)
				six.AnnouncePacket(h, nil)
				a.AnnouncePacket(h, nil)
				got := b.others(b.PeersOf(b.AnnouncePacket(h, nil)))
				t.sees("peers", got, a)
				if len(got) != 1 {
					t.Mismatch("peers", show(got), a.Addr().String()+" alone")
				}
			}),
		},
	}
}

func started(r *tracker.AnnounceRequest) { r.Event = tracker.Started }

func seeding(r *tracker.AnnounceRequest) { r.Left = 0 }
