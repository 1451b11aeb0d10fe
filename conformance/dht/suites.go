package dht

import (
	"slices"

	"github.com/p2pspec/p2pspec/conformance"
)

// Family selects all suites of this package.
const Family = "dht"

// Suites are the suites of the Mainline DHT, in the order of their documents.
func Suites() []conformance.Suite {
	return []conformance.Suite{
		suite("bep5", "DHT protocol",
			bep5KRPC, bep5Answers, bep5Announce, bep5Token, bep5Table, bep5Hostile),
		suite("bep32", "IPv6 extension for DHT", bep32),
		suite("bep33", "DHT scrapes", bep33),
		suite("bep42", "DHT security extension", bep42),
		suite("bep43", "read-only DHT nodes", bep43),
		suite("bep44", "storing arbitrary data in the DHT", bep44Immutable, bep44Mutable),
		suite("bep51", "DHT infohash indexing", bep51),
	}
}

func suite(name, title string, areas ...[]Case) conformance.Suite {
	return conformance.Suite{
		Name: name, Family: Family, Title: title,
		Control: func(t *T) { NewPeer(t).Ping() },
		Decode:  Decode, Lint: Lint,
		Cases: slices.Concat(areas...),
	}
}
