package metainfo

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// Torrent is a metainfo file. Absent texts are "", absent lists nil.
type Torrent struct {
	Info *Info
	// Announce is the tracker's URL. BEP03-META-001
	Announce string
	// AnnounceList are the tiers of trackers, without empty URLs and tiers.
	AnnounceList [][]string
	// URLList are the web seeds. BEP19-WEB-001
	URLList []string
	// Nodes are first contacts in the DHT. BEP05-META-001
	Nodes []HostPort
	// CreationDate is in seconds since 1970, or 0.
	CreationDate int64
	Comment      string
	CreatedBy    string
}

// HostPort is the name or address of a host with a port.
type HostPort struct {
	Host string
	Port uint16
}

// Trackers are the tiers to announce to: those of announce-list, and only if
// it has none the tracker of announce (BEP12-MULTI-001, BEP12-MULTI-005). The
// result is new where it is not AnnounceList itself.
func (t *Torrent) Trackers() [][]string {
	switch {
	case len(t.AnnounceList) > 0:
		return t.AnnounceList
	case t.Announce != "":
		return [][]string{{t.Announce}}
	default:
		return nil
	}
}

// Options selects how torrents are read. The zero value is strict.
type Options struct {
	// Lenient accepts what deployed software emits and strict mode refuses:
	//
	//   - what bencode.Options.Lenient lists: unsorted keys (but not in a file
	//     tree, where the order numbers the pieces), leading zeros, trailing
	//     bytes
	//   - optional keys of a wrong type, which are ignored; a private flag of
	//     any form but the integer 0 counts as set
	//   - unsafe path elements: separators and NUL bytes become "_", and so do
	//     ".", ".." and the empty element as a whole
	//   - piece layers that are absent, to be asked of peers
	//
	// Hashes that contradict one another, counts that do not fit, paths that
	// occur twice and exceeded limits are refused in both modes.
	Lenient bool
}

// Error says what in a torrent or magnet link breaks which rule.
type Error struct {
	Path string // the key, such as info.files[3].path[0]
	Rule string // catalogue id of the clause, such as BEP03-META-012
	What string // the fault, in words
}

func (e *Error) Error() string {
	return fmt.Sprintf("metainfo: %s: %s; %s", e.Path, e.What, e.Rule)
}

// Limits on torrents, beside those of package bencode.
const (
	// MaxFiles keeps a file of 16 MB, which could list 40 times as many, from
	// taking more than some ten times its size. The largest archives have
	// some ten thousand.
	MaxFiles = 250_000
	// MaxPieces keeps the bitfield of every peer below 256 KiB. It is the
	// limit of libtorrent, too.
	MaxPieces = 1 << 21
	// MaxPieceLength, in bytes, is what a client may have to hold of one piece.
	MaxPieceLength = 512 << 20
	// MaxLength is the limit of the address space, in bytes: as MaxPieces
	// pieces of 128 MB.
	MaxLength = 1 << 48
	// MaxPathBytes is the limit of a path, with one byte between two elements:
	// the longest that systems take.
	MaxPathBytes = 4096
	// MaxURLs is the limit of trackers, of web seeds and of nodes each.
	MaxURLs = 10_000
)

// fault is an Error as an error.
func fault(path, rule, format string, args ...any) error {
	return &Error{Path: path, Rule: rule, What: fmt.Sprintf(format, args...)}
}

// wrongType is the fault of a key that has no value of the right type.
func wrongType(v bencode.Value, path, rule, want string) error {
	if v.Kind() == bencode.Invalid {
		return fault(path, rule, "the key is missing; it must be %s", want)
	}
	return fault(path, rule, "it must be %s, found: %v", want, v.Kind())
}
