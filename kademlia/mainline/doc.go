// Package mainline is a node of the Mainline DHT: BEP 5 with its extensions
// BEP 32 (IPv6), 33 (scrapes), 42 (node ids bound to addresses), 43 (read-only
// nodes), 44 (storing items) and 51 (sampling info-hashes).
package mainline
