package tracker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// connectMutants get the frame of packets wrong.
func connectMutants() []Mutant {
	big := binary.BigEndian
	reads := func(name, what string, f func(b *bent, p []byte) []byte) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.read = func(_ netip.AddrPort, p []byte) []byte { return f(b, p) }
		}}
	}
	sends := func(name, what string, f func(b *bent, r, p []byte) []byte) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.send = func(_ netip.AddrPort, r, p []byte) []byte { return f(b, r, p) }
		}}
	}
	return []Mutant{
		sends("connect-answered-by-action-1", "answers a connect with action 1", func(_ *bent, r, p []byte) []byte {
			if big.Uint32(r[8:]) == 0 {
				big.PutUint32(p, 1)
			}
			return p
		}),
		sends("transaction-ids-of-the-last", "answers with the transaction id of the request before",
			func(b *bent, r, p []byte) []byte {
				last, ok := b.memory["last"].(uint32)
				b.memory["last"] = big.Uint32(r[12:])
				if ok && last&^0xffff == b.memory["last"].(uint32)&^0xffff {
					big.PutUint32(p[4:], last)
				}
				return p
			}),
		reads("exact-sizes", "refuses packets that are longer than needed", func(_ *bent, p []byte) []byte {
			if len(p) == 16 || len(p) == 98 || len(p) > 12 && p[11] == 2 {
				return p
			}
			return nil
		}),
		reads("fills-packets-up", "fills short packets up with zeros", func(_ *bent, p []byte) []byte {
			if len(p) == 15 || len(p) == 97 {
				return append(p, 1)
			}
			return p
		}),
		reads("any-protocol", "answers a connect without the protocol id", func(_ *bent, p []byte) []byte {
			if len(p) == 16 && big.Uint64(p)>>32 == 0x417 && big.Uint32(p[8:]) == 0 {
				big.PutUint64(p, 0x41727101980)
			}
			return p
		}),
		sends("connect-answered-at-length", "answers a connect with 64 bytes", func(_ *bent, r, p []byte) []byte {
			if big.Uint32(r[8:]) == 0 {
				p = append(p, make([]byte, 48)...)
			}
			return p
		}),
	}
}

// noiseMutants do not stand what is no packet.
func noiseMutants() []Mutant {
	reads := func(name, what string, f func(b *bent, p []byte) []byte) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.read = func(_ netip.AddrPort, p []byte) []byte { return f(b, p) }
		}}
	}
	return []Mutant{
		reads("any-byte-order", "reads an action in either order of bytes", func(_ *bent, p []byte) []byte {
			if len(p) >= 16 && p[8] == 1 && p[11] == 0 {
				p[8], p[11] = 0, 1
			}
			return p
		}),
		reads("unknown-action-is-an-announce", "takes an unknown action for an announce", func(_ *bent, p []byte) []byte {
			if len(p) >= 98 && p[11] > 3 {
				p[11] = 1
			}
			return p
		}),
		reads("deaf-after-an-empty-packet", "hears no more packets after an empty one", func(b *bent, p []byte) []byte {
			if len(p) == 0 {
				b.memory["deaf"] = true
			}
			if b.memory["deaf"] != nil {
				return nil
			}
			return p
		}),
		reads("crashes-on-large-packets", "crashes on packets of more than 2048 bytes", func(b *bent, p []byte) []byte {
			b.dead = b.dead || len(p) > 2048
			return p
		}),
	}
}

// packetMutants get announces over UDP wrong.
func packetMutants() []Mutant {
	answers := func(name, what string, f func(r *tracker.Request, a *tracker.Response)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.answer = func(r *tracker.Request, a *tracker.Response) {
				if a.Action == tracker.ActionAnnounce {
					f(r, a)
				}
			}
		}}
	}
	return []Mutant{
		answers("packet-interval-in-host-order", "writes the interval with its low byte first",
			func(_ *tracker.Request, a *tracker.Response) {
				a.Interval = binary.LittleEndian.Uint32(binary.BigEndian.AppendUint32(nil, a.Interval))
			}),
		answers("packet-ports-in-host-order", "writes ports with their low byte first",
			func(_ *tracker.Request, a *tracker.Response) {
				for i := 0; i+6 <= len(a.Peers) && len(a.Peers)%6 == 0; i += 6 {
					a.Peers[i+4], a.Peers[i+5] = a.Peers[i+5], a.Peers[i+4]
				}
			}),
		answers("packet-counts-swapped", "swaps leechers and seeders",
			func(_ *tracker.Request, a *tracker.Response) { a.Leechers, a.Seeders = a.Seeders, a.Leechers }),
		answers("packet-with-half-an-entry", "writes three bytes behind the peers",
			func(_ *tracker.Request, a *tracker.Response) { a.Peers = append(a.Peers, 0, 0, 0) }),
		answers("packet-lists-ten-at-most", "lists ten peers at most",
			func(_ *tracker.Request, a *tracker.Response) { a.Peers = a.Peers[:min(len(a.Peers), 60)] }),
		answers("packet-beyond-the-network", "repeats the peers until they fill 4096 bytes",
			func(_ *tracker.Request, a *tracker.Response) {
				for len(a.Peers) > 100 && len(a.Peers) < 4096 {
					a.Peers = append(a.Peers, a.Peers...)
				}
			}),
	}
}

// heardMutants misread announces over UDP.
func heardMutants() []Mutant {
	hears := func(name, what string, f func(from netip.AddrPort, a *tracker.AnnounceRequest)) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) { f(*from, &r.Announce) }
		}}
	}
	return []Mutant{
		hears("packet-source-port", "lists the port of the packet, not the announced one",
			func(from netip.AddrPort, a *tracker.AnnounceRequest) { a.Port = from.Port() }),
		hears("packet-num-want-ignored", "does not read num_want",
			func(_ netip.AddrPort, a *tracker.AnnounceRequest) { a.NumWant = -1 }),
		hears("packet-num-want-below-0-is-none", "gives nobody to those who leave the number to it",
			func(_ netip.AddrPort, a *tracker.AnnounceRequest) { a.NumWant = max(a.NumWant, 0) }),
		hears("packet-events-mixed-up", "takes completed for stopped",
			func(_ netip.AddrPort, a *tracker.AnnounceRequest) {
				if a.Event == tracker.Completed {
					a.Event = tracker.Stopped
				}
			}),
		{Name: "packet-one-list-for-all", What: "keeps one list for all torrents", configure: openToAll,
			bend: func(b *bent) {
				b.request = func(_ *netip.AddrPort, r *tracker.Request) { r.Announce.InfoHash = Hash{1} }
			}},
		{Name: "strangers-get-half-an-answer", What: "answers for a torrent that it does not serve without any numbers",
			bend: func(b *bent) {
				b.send = func(_ netip.AddrPort, r, p []byte) []byte {
					if r[11] == 1 && bytes.Contains(p, []byte("not registered")) {
						p = append([]byte{0, 0, 0, 1}, p[4:8]...)
					}
					return p
				}
			}},
		{Name: "packet-repeats-count", What: "takes a repeated announce for another peer", bend: func(b *bent) {
			b.answer = func(r *tracker.Request, a *tracker.Response) {
				key := fmt.Sprint("seen ", r.Announce.PeerID, r.Announce.InfoHash)
				n, _ := b.memory[key].(uint32)
				if a.Action == tracker.ActionAnnounce {
					b.memory[key] = n + 1
					a.Leechers += n
				}
			}
		}},
		{Name: "packet-port-0-is-listed", What: "lists peers at port 0", bend: func(b *bent) {
			b.request = func(_ *netip.AddrPort, r *tracker.Request) {
				if r.Announce.Port == 0 {
					r.Announce.Port = 1
				}
			}
			b.answer = func(_ *tracker.Request, a *tracker.Response) {
				for i := 0; i+6 <= len(a.Peers) && len(a.Peers)%6 == 0; i += 6 {
					if a.Peers[i+4] == 0 && a.Peers[i+5] == 1 {
						a.Peers[i+5] = 0
					}
				}
			}
		}},
	}
}

// optionMutants stumble over what follows an announce, and lose it then.
func optionMutants() []Mutant {
	loses := func(name, what string, when func(options []byte) bool) Mutant {
		return Mutant{Name: name, What: what, bend: func(b *bent) {
			b.read = func(_ netip.AddrPort, p []byte) []byte {
				if len(p) > 98 && p[11] == 1 && when(p[98:]) {
					return nil
				}
				return p
			}
		}}
	}
	return []Mutant{
		loses("options-unknown-are-lost", "loses announces with options that it does not know",
			func(o []byte) bool { return o[0] > 2 }),
		loses("options-need-a-length", "takes the byte behind a NOP for its length",
			func(o []byte) bool { return o[0] == 1 }),
		loses("options-empty-are-lost", "loses announces with an empty option",
			func(o []byte) bool { return o[0] != 1 && len(o) > 1 && o[1] == 0 && o[0] != 0 }),
		loses("options-in-one-piece", "loses announces with more than one URLData",
			func(o []byte) bool { return len(o) > 257 }),
		loses("options-read-past-the-end", "looks for options behind the end", func(o []byte) bool {
			return o[0] == 0 && len(o) > 3
		}),
		loses("options-cut-short-are-lost", "loses announces whose options are cut short",
			func(o []byte) bool { return len(o) > 1 && o[0] != 1 && o[0] != 0 && len(o) < 2+int(o[1]) }),
	}
}
