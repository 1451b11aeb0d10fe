package bittorrent

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// errMemory is the end of a program that believes a number.
var errMemory = errors.New("out of memory")

// heardMetadata is a metadata message under the peer's own id.
func heardMetadata(m spec.Message) (wire.Metadata, bool) {
	w, ok := m.(*wire.Message)
	if !ok || w.Type != wire.Extended || w.ExtID != 1 {
		return wire.Metadata{}, false
	}
	d, err := wire.ParseMetadata(w.Data)
	return d, err == nil
}

// asksForMetadata reports whether the peer says a request for metadata.
func asksForMetadata(m spec.Message) bool {
	w, ok := m.(*wire.Message)
	if !ok || w.Type != wire.Extended || w.ExtID == 0 {
		return false
	}
	d, err := wire.ParseMetadata(w.Data)
	return err == nil && d.Type == wire.MetadataRequest
}

// unlessDone leaves out requests for metadata once the function holds.
func (b *bent) unlessDone(done func() bool) {
	b.say = func(_ spec.Conn, m spec.Message) []spec.Message {
		if asksForMetadata(m) && done() {
			return nil
		}
		return same(m)
	}
}

func learningMutants() []Mutant {
	return []Mutant{
		{
			Name: "metadata-is-not-asked-for", What: "no metadata is asked for",
			bend: func(b *bent) { b.unlessDone(func() bool { return true }) },
		},
		{
			Name: "metadata-of-the-first-peer", What: "metadata is taken of the first peer that gives some, and of no other",
			bend: func(b *bent) {
				first := spec.Conn(0)
				b.hear = func(c spec.Conn, m spec.Message) []spec.Message {
					if d, ok := heardMetadata(m); ok && d.Type == wire.MetadataData {
						if first == 0 {
							first = c
						}
						if first != c {
							return nil
						}
					}
					return same(m)
				}
			},
		},
		{
			Name: "metadata-size-unchecked", What: "memory is taken for any metadata_size",
			bend: func(b *bent) {
				hearDict(func(_ spec.Conn, d Dict) {
					n, ok := d["metadata_size"].(int64)
					if ok && (n <= 0 || n >= 1<<31) && b.node.Layout().Pieces == 0 {
						b.dead = errMemory
					}
				})(b)
			},
		},
		{
			Name: "metadata-sizes-must-agree", What: "nothing is asked for once two peers say different sizes",
			bend: func(b *bent) {
				sizes := map[int64]bool{}
				b.unlessDone(func() bool { return len(sizes) > 1 })
				hearDict(func(_ spec.Conn, d Dict) {
					if n, ok := d["metadata_size"].(int64); ok && n > 0 && n < 1<<20 {
						sizes[n] = true
					}
				})(b)
			},
		},
		{
			Name: "metadata-gives-up-on-a-reject", What: "nothing is asked for once a request was rejected",
			bend: func(b *bent) {
				rejected := false
				b.unlessDone(func() bool { return rejected })
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					d, ok := heardMetadata(m)
					rejected = rejected || ok && d.Type == wire.MetadataReject
					return same(m)
				}
			},
		},
		{
			Name: "metadata-total-compared", What: "a block whose total_size is not that of the metadata is refused",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if d, ok := heardMetadata(m); ok && d.Type == wire.MetadataData && d.TotalSize == wire.MetadataBlock {
						return nil
					}
					return same(m)
				}
			},
		},
		{
			Name: "early-announcements-lost", What: "what peers have is not heard before the metadata is there",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					w, ok := m.(*wire.Message)
					if ok && b.node.Layout().Pieces == 0 &&
						(w.Type == wire.Have || w.Type == wire.Bitfield || w.Type == wire.HaveAll) {
						return nil
					}
					return same(m)
				}
			},
		},
	}
}

// readMagnet changes the magnet link that the peer reads.
func readMagnet(change func(link string) string) func(*conformance.StartOptions) {
	return func(opt *conformance.StartOptions) { opt.Magnet = change(opt.Magnet) }
}

// misread has a link's info-hash read as another where the function holds.
func misread(when func(hash string) bool) func(*conformance.StartOptions) {
	return readMagnet(func(link string) string {
		before, after, ok := strings.Cut(link, "urn:btih:")
		hash, rest, _ := strings.Cut(after, "&")
		if !ok || !when(hash) {
			return link
		}
		return before + "urn:btih:" + strings.Repeat("1", 40) + "&" + rest
	})
}

func magnetMutants() []Mutant {
	return []Mutant{
		{
			Name: "magnet-ends-at-its-name", What: "what follows the name in a magnet link is not read",
			options: readMagnet(func(link string) string {
				before, _, _ := strings.Cut(link, "&dn=")
				return before
			}),
		},
		{
			Name: "magnet-hash-of-one-case", What: "an info-hash in capitals is misread",
			options: misread(func(hash string) bool { return hash != strings.ToLower(hash) }),
		},
		{
			Name: "magnet-hash-in-hex", What: "an info-hash in base32 is misread",
			options: misread(func(hash string) bool { return len(hash) == 32 }),
		},
		{
			Name: "magnet-of-one-tracker", What: "the first tracker of a magnet link is kept",
			options: readMagnet(func(link string) string {
				if first, last := strings.Index(link, "&tr="), strings.LastIndex(link, "&tr="); first != last {
					return link[:last]
				}
				return link
			}),
		},
		{
			Name: "magnet-without-peers", What: "the peers of a magnet link are not read",
			options: readMagnet(func(link string) string {
				before, _, _ := strings.Cut(link, "&x.pe=")
				return before
			}),
		},
	}
}

// sayPEX changes the messages of ut_pex that the peer sends.
func sayPEX(change func(d Dict)) func(*bent) {
	return sayType(wire.Extended, func(m wire.Message) []spec.Message {
		if v, err := bencode.Parse(m.Data, bencode.Options{Lenient: true}); err == nil && m.ExtID == ourPex {
			d, _ := v.Any().(map[string]any)
			change(d)
			m.Data = bencode.MustAppend(nil, d)
		}
		return same(&m)
	})
}

// text is a string of a dictionary.
func text(d Dict, key string) string {
	switch v := d[key].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return ""
	}
}

func pexMutants() []Mutant {
	return []Mutant{
		{
			Name: "pex-without-agreement", What: "peers are exchanged with whoever has the extension protocol",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				if m.ExtID != 0 {
					return same(&m)
				}
				more := extended(1, []byte("d5:added0:e"))
				return []spec.Message{&m, &more}
			}),
		},
		{
			Name: "pex-cannot-be-disabled", What: "an id of 0 for ut_pex is not heard",
			bend: hearDict(func(_ spec.Conn, d Dict) {
				if m, ok := d["m"].(map[string]any); ok && m["ut_pex"] == int64(0) {
					delete(m, "ut_pex")
				}
			}),
		},
		{
			Name: "pex-flags-of-another-list", What: "there is a flag more than contacts",
			bend: sayPEX(func(d Dict) { d["added.f"] = text(d, "added.f") + "\x00" }),
		},
		{
			Name: "pex-tells-the-dead", What: "every address that was dialled is told",
			bend: func(b *bent) {
				var dialled []netip.AddrPort
				b.effect = func(e spec.Effect) []spec.Effect {
					if d, ok := e.(spec.Dial); ok {
						dialled = append(dialled, d.To)
					}
					return []spec.Effect{e}
				}
				sayPEX(func(d Dict) {
					all := ""
					for _, a := range dialled {
						all += compactOf(a)
					}
					d["added"], d["added.f"] = all, strings.Repeat("\x00", len(dialled))
				})(b)
			},
		},
		{
			Name: "pex-all-are-seeds", What: "everybody is flagged as a seed",
			bend: sayPEX(func(d Dict) { d["added.f"] = strings.Repeat("\x02", len(text(d, "added.f"))) }),
		},
		{
			Name: "pex-never-drops", What: "who leaves is not told",
			bend: sayPEX(func(d Dict) {
				delete(d, "dropped")
				d["added"] = text(d, "added")
			}),
		},
		{
			Name: "pex-twice", What: "every message of ut_pex is sent twice",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				if m.ExtID == ourPex {
					return []spec.Message{&m, &m}
				}
				return same(&m)
			}),
		},
		{
			Name: "pex-repeats-contacts", What: "contacts are told twice in one message",
			bend: sayPEX(func(d Dict) {
				d["added"] = strings.Repeat(text(d, "added"), 2)
				d["added.f"] = strings.Repeat(text(d, "added.f"), 2)
			}),
		},
		{
			Name: "pex-added-and-dropped", What: "who is added is dropped as well",
			bend: sayPEX(func(d Dict) { d["dropped"] = text(d, "added") + text(d, "dropped") }),
		},
		{
			Name: "pex-under-the-own-id", What: "peers are exchanged under the sender's own id",
			bend: sayType(wire.Extended, func(m wire.Message) []spec.Message {
				if m.ExtID == ourPex {
					m.ExtID = 2
					return []spec.Message{&m, &wire.Message{Type: wire.Extended, ExtID: ourPex, Data: m.Data}}
				}
				return same(&m)
			}),
		},
	}
}

// heardPEX has a rule for the messages of ut_pex that the peer hears.
func heardPEX(drop func(d Dict, err error) bool) func(*bent) {
	return hearType(wire.Extended, func(m wire.Message) []spec.Message {
		v, err := bencode.Parse(m.Data, bencode.Options{Lenient: true})
		d, _ := v.Any().(map[string]any)
		if m.ExtID == 2 && drop(d, err) {
			return nil
		}
		return same(&m)
	})
}

// crashOnPEX ends the program at a message of ut_pex.
func crashOnPEX(when func(d Dict, err error) bool) func(*bent) {
	return func(b *bent) {
		heardPEX(func(d Dict, err error) bool {
			if when(d, err) {
				b.dead = errMemory
			}
			return false
		})(b)
	}
}

func pexReaderMutants() []Mutant {
	return []Mutant{
		{
			Name: "pex-is-not-heard", What: "contacts of ut_pex are not dialled",
			bend: heardPEX(func(Dict, error) bool { return true }),
		},
		{
			Name: "pex-flags-are-mandatory", What: "a message of ut_pex without flags is refused",
			bend: heardPEX(func(d Dict, err error) bool { return err == nil && d["added.f"] == nil }),
		},
		{
			Name: "pex-crashes-on-garbage", What: "a message of ut_pex that is not bencoded ends the program",
			bend: crashOnPEX(func(_ Dict, err error) bool { return err != nil }),
		},
		{
			Name: "pex-lengths-unchecked", What: "lists of ut_pex are read beyond their end",
			bend: crashOnPEX(func(d Dict, err error) bool {
				added, flags := text(d, "added"), text(d, "added.f")
				return err == nil && (len(added)%6 != 0 || d["added.f"] != nil && len(flags) != len(added)/6)
			}),
		},
		{
			Name: "pex-port-zero-crashes", What: "a contact with port 0 ends the program",
			bend: crashOnPEX(func(d Dict, _ error) bool { return strings.HasSuffix(text(d, "added"), "\x00\x00") }),
		},
		{
			Name: "pex-types-unchecked", What: "a number in the place of a list of contacts ends the program",
			bend: crashOnPEX(func(d Dict, _ error) bool {
				_, isNumber := d["added"].(int64)
				return isNumber
			}),
		},
		{
			Name: "pex-dropped-unknown-crashes", What: "a contact that is dropped and was never added ends the program",
			bend: crashOnPEX(func(d Dict, _ error) bool { return text(d, "dropped") != "" }),
		},
		{
			Name: "pex-thousand-crashes", What: "a thousand contacts end the program",
			bend: crashOnPEX(func(d Dict, _ error) bool { return len(text(d, "added")) >= 6000 }),
		},
	}
}

func privacyMutants() []Mutant {
	return []Mutant{
		{
			Name: "private-exchange-heard", What: "contacts of ut_pex are dialled, also of a private torrent",
			bend: func(b *bent) {
				b.hear = func(_ spec.Conn, m spec.Message) []spec.Message {
					if w, ok := m.(*wire.Message); ok && w.Type == wire.Extended && w.ExtID != 0 {
						if p, err := wire.ParsePex(w.Data); err == nil && len(p.Added) > 0 && b.node.Layout().Private {
							b.inputs = append(b.inputs, core.AddPeers{Addrs: []netip.AddrPort{p.Added[0].Addr}})
						}
					}
					return same(m)
				}
			},
		},
		{
			Name: "private-peers-survive-a-switch", What: "the peers of one tracker are kept when another answers",
			bend: func(b *bent) {
				b.ignores = func(in spec.Input) bool {
					_, ok := in.(core.DropPeers)
					return ok
				}
			},
		},
		{
			Name: "private-magnet-keeps-strangers", What: "peers of a magnet link are kept when its torrent is private",
			bend: func(b *bent) {
				learned := time.Duration(-1)
				b.effect = func(e spec.Effect) []spec.Effect {
					if n, ok := e.(spec.Notify); ok {
						if _, ok := n.Event.(core.MetadataReceived); ok {
							learned = b.now
						}
					}
					if _, ok := e.(spec.Close); ok && learned == b.now {
						return nil
					}
					return []spec.Effect{e}
				}
			},
		},
	}
}
