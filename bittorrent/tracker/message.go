package tracker

import (
	"net/netip"
	"strconv"
	"time"
)

// Hash is an info-hash: the SHA-1 of a torrent's info dictionary, or the first
// 20 bytes of its SHA-256 (BEP 52).
type Hash [20]byte

// PeerID is what a peer calls itself (BEP 20).
type PeerID [20]byte

// Event says why a peer announces. The values are those of BEP 15.
//
// BEP03-TRK-006 to BEP03-TRK-010, BEP15-UDP-011
type Event uint8

// The events. HTTP has no word for None: the key is absent or empty.
const (
	None      Event = 0 // a regular announce
	Completed Event = 1 // the download is complete now
	Started   Event = 2 // the first announce
	Stopped   Event = 3 // the last announce
)

func (e Event) String() string {
	switch e {
	case None:
		return ""
	case Completed:
		return "completed"
	case Started:
		return "started"
	case Stopped:
		return "stopped"
	default:
		return "event " + strconv.Itoa(int(e))
	}
}

// Form is the form of the peers in an HTTP response (BEP 23).
type Form uint8

// The forms. A request with AnyForm leaves the choice to the tracker.
const (
	AnyForm Form = iota
	Compact      // strings of 6 and 18 bytes a peer (compact=1)
	List         // a list of dictionaries (compact=0)
)

// LeftUnknown is the Left of a peer that cannot tell, for example because it
// has no metadata yet, and of a request that does not say.
const LeftUnknown int64 = -1

// AnnounceRequest is what a peer tells a tracker, over HTTP or UDP.
//
// BEP03-TRK-001, BEP15-UDP-010
type AnnounceRequest struct {
	InfoHash Hash
	PeerID   PeerID
	Port     uint16 // on which the peer listens

	Uploaded, Downloaded int64 // bytes since Started
	Left                 int64 // bytes still to fetch, or LeftUnknown

	Event   Event
	NumWant int32      // peers wanted; below 0: as the tracker sees fit
	Key     uint32     // names the peer across its addresses; 0 over HTTP: none (BEP07-TRK-002)
	IP      netip.Addr // the peer's address if it is not the sender's; zero: it is

	// These exist over HTTP alone.
	Form      Form
	NoPeerID  bool   // leave the ids out of the List form
	TrackerID string // what an earlier response has asked to repeat
}

// Peer is one entry of an announce response.
type Peer struct {
	Addr netip.AddrPort
	// Host is a DNS name in the place of an address, which Addr then has only
	// the port of. BEP03-TRK-017
	Host string
	// ID is zero where it is not told, as in the Compact form.
	ID PeerID
}

// RetryIn says how long a peer that was refused has to stay away, in minutes
// (BEP 31).
type RetryIn int32

// RetryNever is for good; 0 means that the response does not say.
const RetryNever RetryIn = -1

// AnnounceResponse is what a tracker answers over HTTP.
//
// BEP03-TRK-013
type AnnounceResponse struct {
	// Failure is why the request was refused; then only RetryIn counts, too.
	Failure string
	RetryIn RetryIn

	Warning     string        // for people to read; the response is good
	Interval    time.Duration // between announces, whole seconds; 0: not told
	MinInterval time.Duration // below which announces are not wanted; 0: not told
	TrackerID   string
	Complete    int64 // seeds; below 0: not told
	Incomplete  int64 // the other peers; below 0: not told
	Peers       []Peer
	ExternalIP  netip.Addr // of the requester as the tracker sees it (BEP 24)
}

// ScrapeResponse is what a tracker answers to a scrape over HTTP (BEP 48).
type ScrapeResponse struct {
	Failure string
	Files   []ScrapeFile
}

// ScrapeFile tells how many peers a torrent has.
type ScrapeFile struct {
	InfoHash Hash
	ScrapeStats
}

// ScrapeStats are the numbers of a torrent.
type ScrapeStats struct {
	Complete   int64 // seeds
	Downloaded int64 // completed downloads ever
	Incomplete int64 // the other peers
}

// ParseError says which part of a message is malformed. State: unchanged.
type ParseError struct {
	Clause string // catalogue id, such as BEP03-TRK-002
	What   string // the fault, in words
}

func (e *ParseError) Error() string { return "tracker: " + e.What + " (" + e.Clause + ")" }

func malformed(clause, what string) *ParseError { return &ParseError{clause, what} }
