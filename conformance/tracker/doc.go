// Package tracker holds the suites for trackers: what BEP 3, 7, 15, 23, 24, 31,
// 41 and 48 ask of them, over HTTP and over UDP.
//
// A case speaks through a [Peer], one source address that announces and
// scrapes. Over HTTP its requests are written byte by byte to a stream, so that
// a case can send any shape, right or wrong; the path is /announce or /scrape.
//
// # Reading order
//
// peer.go (who speaks), http.go and reply.go (over HTTP), packet.go (over UDP),
// hash.go (about which torrents), steps.go (what many cases do); then the cases:
// suites.go lists them, and each bep….go holds those of a document and an area.
//
// The rest is about the suites themselves. builtin.go and httphost.go put the
// reference tracker in a target's place, on real sockets and on virtual time.
// mutant.go makes wrong trackers of it, and the other mutant_….go say what each
// gets wrong.
package tracker
