package dht

import (
	"bytes"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// bep5Token judges who may announce with which token: BEP 5 §get_peers.
var bep5Token = []Case{
	{
		ID: "bep5/token/announce-needs-one", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces without a token and with an empty one. Nothing may be stored: the " +
			"token is what keeps one host from signing up others.",
		Causes: []string{"the token is only compared if it is there"},
		Kills: []string{
			"accepts-any-token", "announces-need-no-token", "no-token-for-unknown-hashes",
			"peers-listed-twice", "put-needs-no-token", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				p.Attempt("no token", infoHash, nil, Dict{"token": nil})
				p.Attempt("empty token", infoHash, []byte{}, nil)
			})
		},
	},
	{
		ID: "bep5/token/invented-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces with random tokens, one as long as those of the target. Nothing " +
			"may be stored.",
		Causes: []string{"tokens are not checked", "the length alone is checked"},
		Kills: []string{
			"accepts-any-token", "no-token-for-unknown-hashes", "peers-listed-twice",
			"values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				token := p.WriteToken(infoHash)
				p.Attempt("a random token", infoHash, randomBytes(t, len(token)), nil)
				p.Attempt("another random token", infoHash, randomBytes(t, 8), nil)
			})
		},
	},
	{
		ID: "bep5/token/altered-is-refused", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces with its own token after one bit was flipped, the last byte cut " +
			"off or one added. Nothing may be stored.",
		Causes: []string{
			"a prefix of the token is compared",
			"one side's length bounds the comparison",
		},
		Kills: []string{
			"accepts-any-token", "no-token-for-unknown-hashes", "peers-listed-twice",
			"token-compared-by-its-start", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				token := p.WriteToken(infoHash)
				if len(token) == 0 {
					t.Inconclusivef("the target's token is empty")
				}
				flipped := bytes.Clone(token)
				flipped[len(flipped)-1] ^= 1
				p.Attempt("one bit flipped", infoHash, flipped, nil)
				p.Attempt("cut short", infoHash, token[:len(token)-1], nil)
				p.Attempt("one byte longer", infoHash, append(bytes.Clone(token), 'x'), nil)
			})
		},
	},
	{
		ID: "bep5/token/bound-to-the-address", Rev: 1, Since: "0.1.0", Level: conformance.Must,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedAddresses},
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces with a token that the target gave to another address for the same " +
			"info-hash. Nothing may be stored.",
		Causes: []string{"the token does not depend on the address", "one token serves everybody"},
		Kills: []string{
			"accepts-any-token", "no-token-for-unknown-hashes", "peers-listed-twice",
			"token-not-bound-to-ip", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				giver := NewPeer(t)
				p.Attempt("the token of "+giver.Addr().Addr().String(), infoHash, giver.WriteToken(infoHash), nil)
			})
		},
	},
	{
		ID: "bep5/token/bound-to-the-info-hash", Rev: 1, Since: "0.1.0", Level: conformance.Defacto,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a well-formed announce to the same hash, which is stored",
		Explain: "A peer announces with the token that it got for another info-hash. BEP 5 binds the " +
			"token to the address alone; binding it to the hash as well keeps one query from paying for " +
			"a thousand writes.",
		Causes: []string{"the token depends on the address alone, as the document describes it"},
		Kills: []string{
			"accepts-any-token", "no-token-for-unknown-hashes", "one-store-for-all-hashes",
			"peers-listed-twice", "token-not-bound-to-hash", "values-as-one-string",
		},
		Run: func(t *T) {
			refuses(t, func(p *Peer, infoHash kademlia.ID) {
				p.Attempt("the token of another hash", infoHash, p.WriteToken(randomID(t)), nil)
			})
		},
	},
	{
		ID: "bep5/token/bad-one-is-error-203", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-005", "BEP05-KRPC-005"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "a ping right after, if no answer comes",
		Explain: "An announce with an invented token should be answered by error 203, which names bad " +
			"tokens as a reason, so that an honest peer learns that it has to ask again.",
		Causes: []string{
			"the announce is dropped",
			"the announce is answered as if it had been stored",
		},
		Kills: []string{
			"accepts-any-token", "bad-token-is-error-201", "no-token-for-unknown-hashes",
			"refuses-in-silence",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			bad := p.announcement(infoHash, randomBytes(t, len(p.WriteToken(infoHash))), nil)
			a := p.Ask("announce_peer", bad)
			p.Answered(a)
			a.Refused(203)
		},
	},
	{
		ID:  "bep5/token/good-for-more-than-one-announce",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-006"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the first announce, which is answered",
		Explain: "A peer announces twice with one token, with two ports. Both should be accepted: a " +
			"token is good for some minutes, not for one use, and a datagram may have to be repeated.",
		Causes: []string{"the token is deleted when it is used"},
		Kills: []string{
			"first-announce-counts", "no-token-for-unknown-hashes", "token-used-once",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			token := p.WriteToken(infoHash)
			p.Expect("announce_peer", p.announcement(infoHash, token, Dict{"port": 7004}))
			p.Expect("announce_peer", p.announcement(infoHash, token, nil))
			mustHold(t, infoHash, p.Addr())
		},
	},
	{
		ID: "bep5/token/good-from-another-port", Rev: 1, Since: "0.1.0", Level: conformance.May,
		Requirements: []string{"BEP05-RPC-005"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "get_peers for a token, which is answered",
		Explain: "A peer announces with a token that was given to another port of its address. The " +
			"document binds tokens to the address; a target that binds them to the port too is recorded.",
		Kills: []string{
			"no-token-for-unknown-hashes", "token-bound-to-port", "values-as-one-string",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			other := p.Sibling()
			other.Attempt("the token of another port", infoHash, p.WriteToken(infoHash), nil)
			if got := PeersOf(t, infoHash, nil); len(got) == 0 {
				t.Infof("a token given to one port is refused from another port of the same address")
			}
		},
	},
	{
		ID: "bep5/token/accepted-for-minutes", Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-006"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "get_peers for a token, which is answered", Within: 6 * time.Minute,
		Explain: "A peer announces with a token that it got four and a half minutes ago. It should be " +
			"accepted: a lookup takes its time, and the document's own scheme accepts tokens of up to " +
			"ten minutes.",
		Causes: []string{"the secret rotates and the previous one is not tried"},
		Kills: []string{
			"no-token-for-unknown-hashes", "tokens-last-a-minute", "values-as-one-string",
			"values-in-host-order",
		},
		Run: func(t *T) {
			infoHash, p := randomID(t), NewPeer(t)
			token := p.WriteToken(infoHash)
			t.Wait(4*time.Minute + 30*time.Second)
			p.Expect("announce_peer", p.announcement(infoHash, token, nil))
			mustHold(t, infoHash, p.Addr())
		},
	},
	{
		ID:  "bep5/token/refused-after-twenty-minutes",
		Rev: 1, Since: "0.1.0", Level: conformance.Should,
		Requirements: []string{"BEP05-RPC-006"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a well-formed announce to the same hash, which is stored", Within: 25 * time.Minute,
		Explain: "A peer announces with a token that is twenty minutes old, twice what the document's " +
			"scheme accepts. It should no longer do: a token that never expires is a licence for whoever " +
			"overhears it.",
		Causes: []string{"the secret never changes", "all past secrets are tried"},
		Kills: []string{
			"accepts-any-token", "no-token-for-unknown-hashes", "peers-listed-twice",
			"token-not-bound-to-hash", "token-not-bound-to-ip", "tokens-last-for-hours",
			"values-as-one-string", "values-in-host-order",
		},
		Run: func(t *T) {
			key, old := randomID(t), NewPeer(t)
			token := old.WriteToken(key)
			t.Wait(20 * time.Minute)
			twin := NewPeer(t)
			twin.Announce(key, nil)
			old.Attempt("a token of twenty minutes", key, token, nil)
			mustHold(t, key, twin.Addr())
			if got := PeersOf(t, key, nil); len(got) > 1 {
				t.Mismatch("r.values", show(got), twin.Addr().String()+" alone")
			}
		},
	},
}
