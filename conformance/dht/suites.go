package dht

import (
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/annotate"
)

// Family selects all suites of this package.
const Family = "dht"

// Suites are the suites of the Mainline DHT, in the order of their documents.
func Suites() []conformance.Suite {
	return []conformance.Suite{
		suite("bep5", "DHT protocol",
			bep5KRPC, bep5Answers, bep5Announce, bep5Token, bep5Table, bep5Hostile,
			bep5Query, bep5Lookup, bep5Replies, bep5Announcing, bep5Upkeep),
		suite("bep32", "IPv6 extension for DHT", bep32, bep32Query),
		suite("bep33", "DHT scrapes", bep33, bep33Announcing),
		suite("bep42", "DHT security extension", bep42, bep42Own),
		suite("bep43", "read-only DHT nodes", bep43, bep43Query),
		suite("bep44", "storing arbitrary data in the DHT", bep44Immutable, bep44Mutable, bep44Requester),
		suite("bep51", "DHT infohash indexing", bep51, bep51Indexer),
	}
}

func suite(name, title string, areas ...[]Case) conformance.Suite {
	return conformance.Suite{
		Name: name, Family: Family, Title: title,
		Control: func(t *T) { NewPeer(t).Ping() },
		Probe:   readiness(),
		Decode:  decode, Lint: Lint,
		Cases: slices.Concat(areas...),
	}
}

// readiness is a ping, read-only so that the target need not file its sender.
func readiness() *conformance.Probe {
	ping := Dict{"t": "probe", "y": "q", "q": "ping", "ro": 1, "a": Dict{"id": "p2pspec is it ready?"}}
	return &conformance.Probe{
		Payload: Encode(ping),
		Answers: func(payload []byte) bool {
			msg, err := bencode.Parse(payload, bencode.Options{Lenient: true})
			kind, _ := field(msg, "y")
			tx, _ := field(msg, "t")
			return err == nil && kind == "r" && tx == ping["t"]
		},
	}
}

// decode renders a datagram for a transcript: nil unless it is bencoded.
func decode(payload []byte) any {
	v, rest := annotate.Readable(payload)
	if len(rest) > 0 {
		return nil
	}
	return v
}
