// Package transfer sends and fetches files as Gnutella's servents do among
// themselves, over HTTP, as a pure machine.
//
// # Implements
//
// §4 of the 0.6 draft (Klingberg and Manfredi 2002): requests by index and name,
// ranges, streams that persist, pushes and their GIV, busy servents and their
// queue; HUGE v0.94 §6: requests by urn, the urn of what is sent, alternate
// locations; what a push proxy is asked by HTTP; of HTTP/1.1 (RFC 2616) what these
// need.
//
// # Does not
//
// It opens no stream and no file: these are effects. It asks no push proxy itself. It does not find files, nor
// the way of a push: package gnutella does, and gnutella/servent has both. It sends
// no index of what it shares to browsers, shares nothing that is not complete, and
// knows neither Tiger trees nor transfers of several parts at once.
//
// # Driving the node
//
//	n, err := transfer.New(transfer.Config{Files: shared, Addr: own, ServentID: id}, now)
//	effects := n.Step(now, transfer.Download{Op: 1, Piece: place, Size: size, SHA1: hash, Sources: from}, nil)
//
// and then as any machine on streams, with [Codec]. The piece of a storage effect is
// a place in Config.Files, or that which a Download names.
//
// # Reading order
//
//	message.go   what is said
//	codec.go     how it is written
//	target.go    what requests ask for: names, urns, ranges
//	location.go  who else has a file
//	config.go    limits
//	input.go     commands
//	effect.go    events, errors
//	node.go      Step and the timers
//	conn.go      a stream from begin to end
//	serve.go     answers to requests
//	upload.go    bodies, and who waits for one
//	proxy.go     pushes that are to be passed on
//	download.go  a download from begin to end, and its sources
//	fetch.go     what it asks a source, and what it takes from it
//	state.go     Clone, AppendState and the invariants
//
// # State diagram
//
// Of a stream on which others ask:
//
//	open ──request── sending ──end of the body── open
//	  ├──push-proxy── relaying ──Relayed── open
//	  ├──none in time, or Connection: close── Close
//	  └──no room: 503, with a place in the queue or Close
//
// Of a download:
//
//	resting ── connecting ──Opened── asked ──200, 206── receiving ──all── storing ── verifying ── Done
//	   │           └──not reached── pushing ──GIV──┘└──503 with a place── queued ──poll── asked
//	   └──a source failed: the next, or the same after Config.RetryAfter
//
// # Deviations
//
//  1. A HEAD is the last request of its stream: only so can the answers be read
//     without the requests.
//  2. Alternate locations are remembered only if they are addresses that serve the
//     file by its urn, and are within reach of the host that names them; of requests
//     that are sent before the answer to another, none are.
//  3. Files of 2 GiB and more are not sent, see [MaxSize].
//
// # Guarantees
//
// No message makes the machine panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks, or costs the stream. No path leaves what is
// shared, since names are compared, never opened. A download is told complete only
// when its piece has the hash, where that is known; what is being fetched is not
// sent to anybody.
//
// Memory and the effects of a Step are bounded by Config, see [Config.MaxEffects].
//
// # Compatibility
//
// Exported names and the clause ids in drops are stable; the wording of errors is
// not. New fields and variants may be added.
package transfer
