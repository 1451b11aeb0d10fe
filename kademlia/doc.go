// Package kademlia is a pure reference core of Kademlia (Maymounkov and
// Mazières, IPTPS 2002), and the routing table and node lookup that other
// protocols of the family build on.
package kademlia
