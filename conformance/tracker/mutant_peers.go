package tracker

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
)

// peerMutants get the list of peers wrong.
func peerMutants() []Mutant {
	list := func(name, what string, f func(q tracker.Query, f form, peers string) string) Mutant {
		return Mutant{Name: name, What: what, bend: onReply(func(q tracker.Query, fields form, body Dict) {
			if s, ok := body["peers"].(string); ok {
				body["peers"] = f(q, fields, s)
			}
		})}
	}
	return []Mutant{
		{Name: "lists-the-source-port", What: "lists the port of the connection, not the announced one",
			bend: onAsk(func(q *tracker.Query, f *form) { f.set("port", fmt.Sprint(q.From.Port())) })},
		{Name: "one-list-for-all", What: "keeps one list for all torrents", configure: openToAll,
			bend: onAsk(func(_ *tracker.Query, f *form) { f.set("info_hash", "aaaaaaaaaaaaaaaaaaaa") })},
		list("lists-the-asker", "lists a peer to itself", func(q tracker.Query, f form, peers string) string {
			port, _ := strconv.Atoi(f.get("port"))
			return peers + string(tracker.AppendCompactPeer(nil, netip.AddrPortFrom(q.From.Addr(), uint16(port))))
		}),
		list("lists-peers-twice", "lists every peer twice",
			func(_ tracker.Query, _ form, peers string) string { return peers + peers }),
		list("ports-in-host-order", "writes ports with their low byte first",
			func(_ tracker.Query, _ form, peers string) string {
				b := []byte(peers)
				for i := 0; i+6 <= len(b); i += 6 {
					b[i+4], b[i+5] = b[i+5], b[i+4]
				}
				return string(b)
			}),
		list("lists-ten-at-most", "lists ten peers at most",
			func(_ tracker.Query, _ form, peers string) string { return peers[:min(len(peers), 60)] }),
		{Name: "one-peer-an-address", What: "keeps one peer for each IP address", bend: func(b *bent) {
			onAsk(func(q *tracker.Query, f *form) {
				key := q.From.Addr().String() + f.get("info_hash")
				if port, ok := b.memory[key]; ok && port != f.get("port") {
					gone := slices.Clone(*f)
					gone.set("port", port.(string))
					gone.set("event", "stopped")
					b.Machine.Step(b.now, tracker.Query{From: q.From, Path: q.Path, RawQuery: gone.encode()}, nil)
				}
				b.memory[key] = f.get("port")
			})(b)
		}},
	}
}

// entryMutants get the entries of the list form wrong.
func entryMutants() []Mutant {
	entries := func(name, what string, f func(e Dict)) Mutant {
		return Mutant{Name: name, What: what, bend: onReply(func(_ tracker.Query, _ form, body Dict) {
			peers, _ := body["peers"].([]any)
			for _, e := range peers {
				f(e.(Dict))
			}
		})}
	}
	return []Mutant{
		entries("list-form-without-ids", "leaves peer id out of the list form", func(e Dict) { delete(e, "peer id") }),
		entries("ids-end-at-nul", "cuts ids at their first NUL", func(e Dict) {
			id, _ := e["peer id"].(string)
			e["peer id"], _, _ = strings.Cut(id, "\x00")
		}),
		entries("ip-as-bytes", "writes the ip of the list form as bytes", func(e Dict) {
			ip, _ := netip.ParseAddr(e["ip"].(string))
			e["ip"] = string(ip.AsSlice())
		}),
	}
}

// choiceMutants misread which peers are wanted, and in which form.
func choiceMutants() []Mutant {
	return []Mutant{
		{Name: "ignores-no-peer-id", What: "gives ids to those who want none",
			bend: onAsk(func(_ *tracker.Query, f *form) { f.del("no_peer_id") })},
		{Name: "ignores-numwant", What: "does not read numwant",
			bend: onAsk(func(_ *tracker.Query, f *form) { f.del("numwant") })},
		{Name: "numwant-0-is-the-default", What: "takes numwant=0 for no numwant",
			bend: onAsk(func(_ *tracker.Query, f *form) {
				if f.get("numwant") == "0" {
					f.del("numwant")
				}
			})},
		{Name: "odd-numwant-is-none", What: "gives nobody to those who want too many or too few",
			bend: onAsk(func(_ *tracker.Query, f *form) {
				if n := f.get("numwant"); len(n) > 3 || strings.HasPrefix(n, "-") {
					f.set("numwant", "0")
				}
			})},
		{Name: "hands-out-the-first", What: "hands out the first peers of its table", bend: func(b *bent) {
			onAsk(func(_ *tracker.Query, f *form) {
				b.memory["want"] = f.get("numwant")
				f.set("numwant", "1000")
			})(b)
			onReply(func(_ tracker.Query, _ form, body Dict) {
				n, err := strconv.Atoi(b.memory["want"].(string))
				if s, ok := body["peers"].(string); ok && err == nil && n >= 0 {
					body["peers"] = s[:min(len(s), 6*n)]
				}
			})(b)
		}},
		{Name: "never-compact", What: "gives the list form whatever is asked for",
			bend: onAsk(func(_ *tracker.Query, f *form) { f.set("compact", "0") })},
		{Name: "compact-0-is-refused", What: "refuses those who ask for the list form",
			bend: onAsk(func(_ *tracker.Query, f *form) {
				if f.get("compact") == "0" {
					f.del("info_hash")
				}
			})},
		{Name: "list-form-by-default", What: "gives the list form when compact is not there",
			bend: onAsk(func(_ *tracker.Query, f *form) {
				if !f.has("compact") {
					f.set("compact", "0")
				}
			})},
		{Name: "always-compact", What: "gives the compact form whatever is asked for",
			bend: onAsk(func(_ *tracker.Query, f *form) { f.set("compact", "1") })},
		{Name: "seeds-for-seeds", What: "tells seeds of seeds", bend: func(b *bent) {
			onReply(func(q tracker.Query, f form, body Dict) {
				if f.get("left") != "0" {
					return
				}
				f.set("left", "1")
				if r := b.respondTo(tracker.Query{From: q.From, Path: q.Path, RawQuery: f.encode()}); r != nil {
					v, _ := bencode.Parse(r.Body, bencode.Options{})
					peers, _ := v.Get("peers")
					body["peers"] = peers.Any()
				}
			})(b)
		}},
	}
}

// familyMutants confuse IPv4 and IPv6.
func familyMutants() []Mutant {
	return []Mutant{
		{Name: "no-peers6", What: "never hands out IPv6 peers", bend: onReply(func(_ tracker.Query, _ form, body Dict) {
			delete(body, "peers6")
			if list, ok := body["peers"].([]any); ok {
				body["peers"] = slices.DeleteFunc(list, func(e any) bool { return strings.Contains(e.(Dict)["ip"].(string), ":") })
			}
		})},
		{Name: "ipv6-among-ipv4", What: "writes entries of 18 bytes into peers",
			bend: onReply(func(_ tracker.Query, _ form, body Dict) {
				if six, ok := body["peers6"].(string); ok {
					body["peers"] = body["peers"].(string) + six
					delete(body, "peers6")
				}
			})},
		{Name: "families-apart", What: "keeps a torrent for each family", configure: openToAll, bend: func(b *bent) {
			onAsk(func(q *tracker.Query, f *form) {
				if h := []byte(f.get("info_hash")); q.From.Addr().Is6() && len(h) == 20 {
					h[0] ^= 0xff
					f.set("info_hash", string(h))
				}
			})(b)
		}},
	}
}

// packetFamilyMutants do so over UDP.
func packetFamilyMutants() []Mutant {
	return []Mutant{
		{Name: "packets-of-6-bytes-over-ipv6", What: "writes entries of 6 bytes over IPv6", bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) { b.memory["six"] = from.Addr().Is6() }
			b.answer = func(_ *tracker.Request, a *tracker.Response) {
				if b.memory["six"] == true && len(a.Peers) >= 6 {
					a.Peers = a.Peers[len(a.Peers)-6:]
				}
			}
		}},
		{Name: "packets-of-18-bytes-over-ipv4", What: "writes entries of 18 bytes over IPv4", bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) { b.memory["four"] = from.Addr().Is4() }
			b.answer = func(_ *tracker.Request, a *tracker.Response) {
				if b.memory["four"] != true {
					return
				}
				var mapped []byte
				for p := a.Peers; len(p) >= 6; p = p[6:] {
					mapped = append(append(mapped, make([]byte, 12)...), p[:6]...)
				}
				a.Peers = mapped
			}
		}},
		{Name: "packets-of-both-families", What: "adds a stranger of the other family over IPv6", bend: func(b *bent) {
			b.request = func(from *netip.AddrPort, r *tracker.Request) { b.memory["six"] = from.Addr().Is6() }
			b.answer = func(r *tracker.Request, a *tracker.Response) {
				if b.memory["six"] == true && r.Action == tracker.ActionAnnounce {
					a.Peers = append(a.Peers, make([]byte, 18)...)
				}
			}
		}},
	}
}

// respondTo has the tracker answer a query in a copy that is thrown away.
func (b *bent) respondTo(q tracker.Query) *tracker.Respond {
	for _, e := range b.Machine.Clone().Step(b.now, q, nil) {
		if r, ok := e.(tracker.Respond); ok {
			return &r
		}
	}
	return nil
}
