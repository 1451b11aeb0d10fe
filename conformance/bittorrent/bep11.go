package bittorrent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// pexWithin is how long the first exchange with a peer may take: a minute
// between two, and one round more for what became known just after one.
const pexWithin = 150 * time.Second

// bep11Sender judges what a leecher tells of its peers: BEP 11.
var bep11Sender = []Case{
	{
		ID: "bep11/sender/only-where-negotiated", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-001"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "another peer, which registered ut_pex, is told of its peers",
		Explain: "Of three peers one registers ut_pex under the id 201, one registers nothing, and one takes " +
			"it back by the id 0 at once. The first must get messages under 201 and no other id that it " +
			"did not give; the others must get no extended message but handshakes.",
		Causes: []string{"messages are sent under the sender's own id", "a second handshake is not read"},
		Within: 5 * time.Minute,
		Kills: []string{
			"extension-handshake-late", "extension-handshake-strict", "pex-cannot-be-disabled",
			"pex-under-the-own-id", "pex-without-agreement",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Exchange(3)
			asks, mute, taken := cast[0], cast[1], cast[2]
			register(asks, ourPex)
			mute.Send(encoded(Dict{"m": Dict{}})[0])
			register(taken, ourPex)
			register(taken, 0)
			asks.MustExchange()
			t.Wait(time.Minute)
			for _, p := range cast {
				for _, m := range p.Log {
					if isExtended(m) && m.ExtID != 0 && (p != asks || m.ExtID != ourPex) {
						t.Failf("%v came to a peer that did not register that id", m)
					}
				}
			}
		},
	},
	{
		ID: "bep11/sender/well-formed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-008", "BEP11-PEX-009"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the judged message itself",
		Explain: "The first exchange must be a dictionary with at least one of added, added6, dropped and " +
			"dropped6, whose lists are rows of 6 or 18 bytes; the flags are one byte for each contact.",
		Causes: []string{"flags are left out for some", "IPv6 contacts are put among those of IPv4"},
		Within: 5 * time.Minute,
		Kills:  []string{"pex-flags-of-another-list"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Exchange(3)
			register(cast[0], ourPex)
			if m := cast[0].MustExchange()[0]; m.Fault != nil {
				t.Mismatch("the message", m.Fault, "lists of whole contacts, and a flag for each")
			}
		},
	},
	{
		ID: "bep11/sender/connected-peers-only", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-002", "BEP11-PEX-010"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the connected peers are told",
		Explain: "The tracker names four peers and an address at which nobody listens; one of the peers has " +
			"everything. Whoever registers ut_pex must be told of the others that are connected, and never " +
			"of the dead address; only the one that has everything may be flagged as a seed.",
		Causes: []string{"what the tracker names is handed on", "the flags are those of another list"},
		Within: 6 * time.Minute,
		Kills:  []string{"pex-all-are-seeds", "pex-tells-the-dead"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			dead := t.Listen(nil)
			dead.Close()
			s.named = append(s.named, dead.Addr())
			cast := s.Exchange(4)
			seed := cast[3]
			seed.Send(s.All(seed))
			register(cast[0], ourPex)
			cast[0].MustExchange()
			t.Wait(70 * time.Second)
			for _, m := range cast[0].Exchanges() {
				for _, c := range m.Added {
					if c.Addr == dead.Addr() {
						t.Failf("%v was told, and nobody listens there", c.Addr)
					}
					if c.Flags&wire.PexSeed != 0 && c.Addr != seed.Local() {
						t.Failf("%v is flagged as a seed, and has announced nothing", c.Addr)
					}
				}
			}
		},
	},
	{
		ID: "bep11/sender/dropped-when-gone", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the peer was told as added before",
		Explain: "A peer that was told as added leaves and listens no more. Within two exchanges it must be " +
			"told as dropped.",
		Causes: []string{"dropped is never sent", "a peer is forgotten before it is told that it left"},
		Within: 8 * time.Minute,
		Kills:  []string{"pex-never-drops"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Exchange(3)
			register(cast[0], ourPex)
			cast[0].MustExchange()
			gone := cast[2]
			added := func() bool {
				return cast[0].told(func(m wire.Pex) bool {
					return slices.ContainsFunc(m.Added, func(c wire.PexContact) bool { return c.Addr == gone.Local() })
				})
			}
			if !t.Until(added, pexWithin) {
				t.Inconclusivef("a connected peer was not told as added")
			}
			s.listeners[gone.Local()].Close()
			gone.Close()
			dropped := func() bool {
				return cast[0].told(func(m wire.Pex) bool { return slices.Contains(m.Dropped, gone.Local()) })
			}
			if !t.Until(dropped, pexWithin) {
				t.Failf("%v left %v ago, and was not told as dropped", gone.Local(), pexWithin)
			}
		},
	},
	{
		ID: "bep11/sender/once-a-minute", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-004", "BEP11-PEX-005", "BEP11-PEX-006", "BEP11-PEX-007"},
		Role:         conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "two messages at least came",
		Explain: "Every 25 seconds one of ten peers leaves, for four minutes. Messages of ut_pex must be a " +
			"minute apart. None may have a contact twice, or as added and as dropped, or more than fifty of " +
			"a kind behind the first.",
		Causes: []string{"a message is sent with each change", "a peer that left and came back is told as both"},
		Within: 8 * time.Minute,
		Kills: []string{
			"pex-added-and-dropped", "pex-repeats-contacts", "pex-tells-the-dead", "pex-twice",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Exchange(10)
			register(cast[0], ourPex)
			cast[0].MustExchange()
			for _, p := range cast[1:] {
				s.listeners[p.Local()].Close()
				p.Close()
				t.Wait(25 * time.Second)
			}
			var at []time.Duration
			for _, m := range cast[0].Log {
				if isExtended(m) && m.ExtID == ourPex {
					at = append(at, m.At)
				}
			}
			if len(at) < 2 {
				t.Inconclusivef("%d messages of ut_pex came", len(at))
			}
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] < time.Minute-pexEarly {
					t.Failf("two messages of ut_pex came within %v", at[i]-at[i-1])
				}
			}
			for i, m := range cast[0].Exchanges() {
				m.check(t, i > 0)
			}
		},
	},
}

// pexEarly is how much sooner than after a minute a message may come: clocks
// and networks vary.
const pexEarly = 2 * time.Second

// bep11Receiver judges what a leecher makes of what it is told: BEP 11.
var bep11Receiver = []Case{
	findsBy("with-flags", Dict{"added.f": "\x00"}),
	findsBy("without-flags", Dict{}, "pex-flags-are-mandatory"),
	findsBy("with-unknown-keys", Dict{"added.f": "\x00", "p2pspec": []any{1, "a"}}),
	toldOddly("not-bencoded", "bytes that are not bencoded", "what?", "pex-crashes-on-garbage"),
	toldOddly("odd-length", "seven bytes of added", encodedPex(Dict{"added": "1234567"}), "pex-lengths-unchecked"),
	toldOddly("port-zero", "a contact with port 0",
		encodedPex(Dict{"added": "\x7f\x00\x00\x01\x00\x00", "added.f": "\x00"}), "pex-port-zero-crashes"),
	toldOddly("short-flags", "two contacts and one flag",
		encodedPex(Dict{"added": "\x7f\x00\x00\x01\x00\x09\x7f\x00\x00\x02\x00\x09", "added.f": "\x00"}),
		"pex-lengths-unchecked"),
	toldOddly("numbers", "numbers for lists", encodedPex(Dict{"added": 6, "dropped": 12}), "pex-types-unchecked"),
	toldOddly("dropped-unknown", "contacts dropped that were never added",
		encodedPex(Dict{"dropped": "\x7f\x00\x00\x01\x00\x09"}), "pex-dropped-unknown-crashes"),
	toldOddly("thousand-contacts", "a thousand contacts that nobody is at", thousand(), "pex-thousand-crashes"),
}

func encodedPex(d Dict) string { return string(bencode.MustAppend(nil, d)) }

// thousand is a message with a thousand contacts, at the discard port of
// addresses that are nobody's.
func thousand() string {
	var added []byte
	for i := range 1000 {
		added = append(added, 127, 9, byte(i>>8), byte(i), 0, 9)
	}
	return encodedPex(Dict{"added": added, "added.f": make([]byte, 1000)})
}

// Exchange starts the target and waits until it has met n peers that have the
// extension protocol and no pieces.
func (s *Swarm) Exchange(n int) []*Peer {
	cast := make([]*Peer, n)
	s.listeners = map[netip.AddrPort]*conformance.Listener{}
	for i := range cast {
		l := s.Add([]wire.Feature{wire.FeatureExtension}, func(p *Peer) { cast[i] = p })
		s.listeners[l.Addr()] = l
	}
	s.Gather(cast)
	cast[0].mustExtend()
	cast[0].extends()
	if id, ok := cast[0].Extensions.Lookup(wire.ExtPex); !ok || id == 0 {
		s.t.Unsupportedf("the target does not offer ut_pex")
	}
	return cast
}

// register sends an extension handshake that gives ut_pex an id.
func register(p *Peer, id int) { p.Send(encoded(Dict{"m": Dict{"ut_pex": id}})[0]) }

// Exchanges are the messages of ut_pex so far.
func (p *Peer) Exchanges() (all []exchange) {
	for _, m := range p.Log {
		if isExtended(m) && m.ExtID == ourPex {
			pex, err := wire.ParsePex(m.Data)
			if err != nil {
				p.t.Mismatch("a message of ut_pex", err, "a bencoded dictionary")
			}
			all = append(all, exchange{pex})
		}
	}
	return all
}

// exchange is one message of ut_pex.
type exchange struct{ wire.Pex }

// check fails the case for contacts that may not be in one message.
func (m exchange) check(t *T, later bool) {
	var addrs []netip.AddrPort
	for _, c := range m.Added {
		addrs = append(addrs, c.Addr)
	}
	for _, list := range [][]netip.AddrPort{addrs, m.Dropped} {
		sorted := slices.SortedFunc(slices.Values(list), netip.AddrPort.Compare)
		if len(slices.Compact(sorted)) != len(list) {
			t.Failf("a contact is twice in one list: %v", list)
		}
		if later && len(list) > 50 {
			t.Failf("%d contacts are in one list of a message behind the first", len(list))
		}
	}
	for _, a := range addrs {
		if slices.Contains(m.Dropped, a) {
			t.Failf("%v is added and dropped in one message", a)
		}
	}
}

// told reports whether a message so far satisfies the condition.
func (p *Peer) told(want func(wire.Pex) bool) bool {
	return slices.ContainsFunc(p.Exchanges(), func(m exchange) bool { return want(m.Pex) })
}

// MustExchange waits for the first message of ut_pex, or ends the case as
// inconclusive.
func (p *Peer) MustExchange() []exchange {
	p.t.Until(func() bool { return len(p.Exchanges()) > 0 || p.Gone() }, pexWithin)
	all := p.Exchanges()
	if len(all) == 0 {
		p.t.Inconclusivef("no message of ut_pex came within %v to a peer that registered it: %s", pexWithin, p.Last())
	}
	p.t.Earn()
	return all
}

// offer tells the target of a contact.
func (p *Peer) offer(payload string) {
	id, _ := p.Extensions.Lookup(wire.ExtPex)
	p.Send(extended(id, []byte(payload)))
}

// findsBy tells the target of a seeder that no tracker names.
func findsBy(slug string, more Dict, kills ...string) Case {
	return Case{
		ID: "bep11/receiver/finds-a-peer-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP11-PEX-009", "BEP11-PEX-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target offers ut_pex",
		Explain: "A peer without pieces tells the target of a seeder by ut_pex, in a message that is " +
			slug + ". The target should connect to it: flags may be there or not.",
		Causes: []string{"messages without flags are refused", "contacts are kept and never dialled"},
		Within: 2 * downloadWithin,
		Kills:  append([]string{"extension-ids-shared", "pex-is-not-heard", "private-is-public"}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.Exchange(1)[0]
			register(p, ourPex)
			met := 0
			l := t.Listen(func(*conformance.Stream) { met++ })
			p.offer(encodedPex(merged(Dict{"added": compactOf(l.Addr())}, more)))
			if !t.Until(func() bool { return met > 0 }, downloadWithin) {
				t.Failf("the target does not connect to the peer that it was told of")
			}
			t.Earn()
		},
	}
}

func compactOf(a netip.AddrPort) string {
	b := a.Addr().As4()
	return string(append(b[:], byte(a.Port()>>8), byte(a.Port())))
}

// toldOddly sends a message of ut_pex that makes no sense.
func toldOddly(slug, what, payload string, kills ...string) Case {
	return Case{
		ID: "bep11/receiver/survives-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP11-PEX-013", "BEP11-PEX-012"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target asks another peer for pieces afterwards",
		Explain: "A peer sends a message of ut_pex with " + what + ". The target may close the connection, and " +
			"must go on with the others: what peers tell is not to be trusted.",
		Causes: []string{"lists are cut into contacts without a look at their length"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			cast := s.Exchange(2)
			register(cast[0], ourPex)
			cast[0].offer(payload)
			t.Wait(time.Second)
			cast[1].Send(s.All(cast[1]))
			cast[1].MustAsk()
		},
	}
}
