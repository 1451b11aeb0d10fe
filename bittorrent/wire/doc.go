// Package wire is the peer wire protocol of BitTorrent: the handshake and the
// messages of BEP 3, the fast extension (BEP 6), the extension protocol
// (BEP 10) with its payloads (BEP 9, 11, 21, 54, 55), the hash messages of
// BEP 52, and peer ids (BEP 20). It is a codec: it knows what bytes mean, and
// nothing of what a peer should do about them.
package wire
