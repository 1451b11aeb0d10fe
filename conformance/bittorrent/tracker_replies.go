package bittorrent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep7Announce judges what a leecher with several addresses tells its tracker:
// BEP 7.
var bep7Announce = []Case{
	{
		ID: "bep7/announce/has-a-key", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP07-TRK-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The announce should have a key, by which the tracker knows the peer again when it comes from " +
			"another of its addresses. It should have 32 bits or more: eight hexadecimal digits do.",
		Causes: []string{"no key is sent"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-without-key"},
		Run: func(t *T) {
			a := NewSwarm(t, Standard).FirstAnnounce()
			if key, ok := a.Get("key"); !ok || key == "" {
				t.Failf("the announce has no key: %s", a.Query)
			}
		},
	},
	{
		ID: "bep7/announce/key-stays", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP07-TRK-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a second announce",
		Explain: "The tracker's interval is five minutes. The second announce should have the key of the first.",
		Causes:  []string{"a key is drawn for each announce"},
		Within:  30 * time.Minute,
		Kills:   []string{"announce-key-each-time"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Raw = func(*Announce) []byte { return OK([]byte("d8:intervali300e5:peers0:e")) }
			s.FirstAnnounce()
			if !t.Until(func() bool { return len(s.Announces) >= 2 }, 20*time.Minute) {
				t.Inconclusivef("no second announce came within 20 minutes")
			}
			first, ok := s.Announces[0].Get("key")
			if !ok {
				t.Unsupportedf("the target sends no key")
			}
			if second, _ := s.Announces[1].Get("key"); first != second {
				t.Mismatch("the key of the second announce", second, first)
			}
		},
	},
	{
		ID: "bep7/announce/tells-no-address", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP07-TRK-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged request itself",
		Explain: "The announce should have no ipv4= and no ipv6=: the document has taken them back, for an " +
			"address that nobody checks serves to send others somewhere.",
		Causes: []string{"an older edition of the document is followed"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announce-tells-ipv4"},
		Run: func(t *T) {
			a := NewSwarm(t, Standard).FirstAnnounce()
			for _, key := range []string{"ipv4", "ipv6"} {
				if v, ok := a.Get(key); ok {
					t.Failf("the announce has %s=%s", key, v)
				}
			}
		},
	},
	takesReply("bep7/peers6/beside-peers", "BEP07-TRK-005", conformance.Must,
		"has peers6 with two addresses of IPv6, and peers with the seeder's",
		func(s *Swarm) map[string]any {
			return map[string]any{"peers": s.compact(), "peers6": bytes.Repeat([]byte{0xFD}, 36)}
		},
		"peers-compact-unknown", "peers6-in-the-place-of-peers"),
	takesReply("bep7/peers6/empty-beside-peers", "BEP07-TRK-005", conformance.Must,
		"has peers6 without an entry, and peers with the seeder's",
		func(s *Swarm) map[string]any {
			return map[string]any{"peers": s.compact(), "peers6": ""}
		},
		"peers-compact-unknown", "peers6-in-the-place-of-peers"),
	takesReply("bep7/peers6/cut-short-beside-peers", "BEP07-TRK-005", conformance.Should,
		"has seventeen bytes of peers6, and peers with the seeder's; or, when the target refuses that as a whole, "+
			"the next answer has the peers alone",
		func(s *Swarm) map[string]any {
			r := map[string]any{"peers": s.compact()}
			if len(s.Announces) == 1 {
				r["peers6"] = bytes.Repeat([]byte{0xFD}, 17)
			}
			return r
		},
		"announce-compact-unchecked", "announce-once", "peers-compact-unknown"),
}

// bep23Client judges which forms of a list of peers a leecher takes: BEP 23.
var bep23Client = []Case{
	takesReply("bep23/client/compact", "BEP23-COMPACT-004", conformance.Must, "has its peers in the compact form",
		func(s *Swarm) map[string]any { return map[string]any{"peers": s.compact()} },
		"peers-compact-unknown"),
	takesReply("bep23/client/list", "BEP23-COMPACT-004", conformance.Must,
		"has its peers as a list of dictionaries, although the compact form may have been asked for",
		func(s *Swarm) map[string]any {
			var list []any
			for _, at := range s.named {
				list = append(list, map[string]any{
					"ip": at.Addr().String(), "port": int(at.Port()), "peer id": "-XX0000-abcdefghijkl",
				})
			}
			return map[string]any{"peers": list}
		},
		"announce-malformed-entries-crash", "list-form-is-not-read", "peers-as-list-unknown"),
	takesReply("bep23/client/list-without-ids", "BEP23-COMPACT-004", conformance.Should,
		"has its peers as a list of dictionaries without their ids, as one may be that was asked for none",
		func(s *Swarm) map[string]any {
			var list []any
			for _, at := range s.named {
				list = append(list, map[string]any{"ip": at.Addr().String(), "port": int(at.Port())})
			}
			return map[string]any{"peers": list}
		},
		"announce-malformed-entries-crash", "list-form-is-not-read", "peers-as-list-needs-ids",
		"peers-as-list-unknown"),
	takesReply("bep23/client/one-byte-too-many", "BEP23-COMPACT-005", conformance.Should,
		"has one byte behind the last of its compact peers; or, when the target refuses that as a whole, the next "+
			"answer is right",
		func(s *Swarm) map[string]any {
			r := map[string]any{"peers": s.compact()}
			if len(s.Announces) == 1 {
				r["peers"] = append(s.compact(), 7)
			}
			return r
		},
		"announce-compact-unchecked", "announce-once", "peers-compact-unknown"),
}

// bep24Client judges what a leecher makes of its own address: BEP 24.
var bep24Client = []Case{
	takesReply("bep24/client/four-bytes", "BEP24-EXTIP-002", conformance.Must,
		"tells the target's address in four bytes",
		func(s *Swarm) map[string]any {
			return map[string]any{"peers": s.compact(), "external ip": []byte{127, 0, 0, 1}}
		},
		"external-ip-refused", "peers-compact-unknown"),
	takesReply("bep24/client/three-bytes", "BEP24-EXTIP-002", conformance.Must,
		"has an external ip of three bytes, which is to be ignored",
		func(s *Swarm) map[string]any {
			return map[string]any{"peers": s.compact(), "external ip": []byte{127, 0, 1}}
		},
		"external-ip-of-any-length", "external-ip-refused", "peers-compact-unknown"),
	takesReply("bep24/client/a-number", "BEP24-EXTIP-002", conformance.Must,
		"has a number in the place of the external ip, which is to be ignored",
		func(s *Swarm) map[string]any { return map[string]any{"peers": s.compact(), "external ip": 2130706433} },
		"external-ip-of-any-length", "external-ip-refused", "peers-compact-unknown"),
	takesReply("bep24/client/text", "BEP24-EXTIP-002", conformance.Should,
		"has the external ip in dotted text, as some trackers have it",
		func(s *Swarm) map[string]any { return map[string]any{"peers": s.compact(), "external ip": "127.0.0.1"} },
		"external-ip-of-any-length", "external-ip-refused", "peers-compact-unknown"),
}

// takesReply has the tracker answer in some form that names a seeder, which the
// target must ask for pieces.
func takesReply(
	id, clause string, level conformance.Level, what string, reply func(*Swarm) map[string]any, kills ...string,
) Case {
	c := Case{
		ID: id, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the handshake with the seeder that the answer names",
		Explain: fmt.Sprintf("The tracker's answer %s. The target must not crash, and must ask the seeder that "+
			"the answer names for pieces.", what),
		Causes: []string{"one form is expected, and the other not looked for", "a length is trusted"},
		Kills:  kills,
		Within: 3 * downloadWithin,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Raw = func(*Announce) []byte {
				r := merged(map[string]any{"interval": 5}, reply(s))
				return OK(bencode.MustAppend(nil, r))
			}
			s.FirstAnnounce()
			if !t.Until(s.Asked, 2*downloadWithin) {
				t.Failf("the seeder is asked for nothing; the answer %s: %s", what, s.standing())
			}
		},
	}
	if strings.Contains(what, "the next answer") {
		c.Needs = []conformance.Need{conformance.NeedClock} // it may come half a minute later
	}
	return c
}

// compact are the peers of the swarm in the compact form.
func (s *Swarm) compact() []byte {
	var b []byte
	for _, at := range s.named {
		b = append(b, at.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, at.Port())
	}
	return b
}
