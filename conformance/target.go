package conformance

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Identity says what was judged.
type Identity struct {
	Name    string `json:"name"`              // "libtorrent", or the address of a live target
	Version string `json:"version,omitempty"` // as the target or its description states it
	How     string `json:"how"`               // "live", "exec", "client", "built-in", "built-in, virtual time"
	Address string `json:"address,omitempty"`
	// Quirks are what a reader of the report should know about the target.
	Quirks []string `json:"quirks,omitempty"`
}

// Target is somebody's client: how to reach it, and how to start it afresh
// where that is possible.
type Target interface {
	Identity() Identity
	// Can reports whether the target meets a need; the reason why not is for
	// the reader of the report.
	Can(Need) (ok bool, why string)
	// PerCase reports that a fresh instance for every case costs nothing, so
	// that cases need not share one and may run at once.
	PerCase() bool
	// Network makes the path on which the next instance is judged.
	Network() (Network, error)
	// Start returns an instance. A target that is not ours to start returns
	// the running one and ignores the options that it cannot honour; Can has
	// said so before.
	Start(ctx context.Context, net Network, opt StartOptions) (Instance, error)
}

// Commanded is a target that can be told what to do. A verb that it leaves out
// is its own word that it does not support it.
type Commanded interface {
	Target
	Verbs() []string
}

// Chooser is a target that lets different stand-ins play different cases. All of
// them are PerCase, or none is.
type Chooser interface {
	Target
	For(*Suite, *Case) Target
}

// Player is a target that plays some roles only. Another plays all.
type Player interface {
	Target
	// Plays reports whether the target plays a role; the reason why not is for
	// the reader of the report.
	Plays(Role) (ok bool, why string)
}

// Bearer is a target that brings its own content: the metainfo file, or nil.
type Bearer interface {
	Target
	Torrent() []byte
}

// Learner is a target that says how its leecher finds peers.
type Learner interface {
	Target
	Learns() PeerSource
}

// PeerSource is how a leecher finds the peers of the harness.
type PeerSource string

const (
	FromTracker PeerSource = "tracker" // it asks the torrent's tracker; the default
	FromCommand PeerSource = "command" // StartOptions.Peers tells it
	FromDial    PeerSource = "dial"    // it believes nobody: they have to dial it
)

// StartOptions is what a case asks of a fresh instance. The zero value of each
// field asks for nothing.
type StartOptions struct {
	Role Role   // the part that it plays; the engine fills in the case's
	Dir  string // state folder; empty means a new empty one

	// Of a DHT node.
	Bootstrap []netip.AddrPort // first contacts
	ReadOnly  bool             // BEP 43
	IPv6      bool             // listen on ::1 as well

	// Of a seeder, a leecher, a tracker or a servent.
	Torrent    []byte            // a metainfo file
	Magnet     string            // in the place of Torrent
	Files      map[string][]byte // put into the folder of content before the start, by slash path
	Trackers   []string          // announce URLs, beside those of the torrent
	Peers      []netip.AddrPort  // to connect to
	InfoHashes []string          // in hex: what a tracker that keeps a list has to serve
	Encryption Encryption
	MaxPeers   int // connections at once; 0 leaves that to the target

	// Of a servent.
	Flat bool // neither ultrapeer nor leaf, as all were in 0.4

	// Of a member.
	Label string // of its cluster
	Key   []byte // that encrypts what the cluster's members say
}

// Encryption is what a peer is told about MSE/PE. Empty leaves it at its default.
type Encryption string

const (
	PlaintextOnly       Encryption = "plaintext" // neither offer it nor take it
	EncryptionPreferred Encryption = "preferred" // offer it, and take plaintext
	EncryptionRequired  Encryption = "required"  // refuse plaintext
)

// warming is an instance that cannot tell when it is ready: the engine probes
// it for at most the given time. The words are what it has said of itself.
type warming interface {
	warmUp() (within time.Duration, words string)
}

// Probe is an exchange of datagrams that a target answers once it is ready.
type Probe struct {
	Payload []byte
	Answers func(payload []byte) bool
}

// Instance is one running target.
type Instance interface {
	Addr() netip.AddrPort
	// Addr6 is the IPv6 address, or the zero value.
	Addr6() netip.AddrPort
	// Do begins a command. The network is woken when it ends.
	Do(Command) (*Pending, error)
	// Exited is non-nil once an instance that we own has ended by itself.
	Exited() error
	// Stop ends an instance that we own, and is a no-op on another's.
	Stop() error
}

// Filer is an instance whose content can be read while it runs, or after it has
// ended by itself.
type Filer interface {
	ReadFile(name string) ([]byte, error)
}

// Finisher is an instance that may end by itself in good order. Its Exited is
// nil then.
type Finisher interface {
	Finished() bool
}

// ErrUnsupported is the answer of a target that does not know a command. It
// is the target's own word, and therefore the unsupported verdict.
var ErrUnsupported = errors.New("the target does not support this command")

// Command asks an instance to act, in the words of the adapter protocol: the
// verb is the body's type and the arguments its other fields.
type Command struct {
	Verb string
	Args map[string]any
}

// Pending is a command under way. It is safe for concurrent use.
type Pending struct {
	mu    sync.Mutex
	done  bool
	reply map[string]any
	err   error
}

// Finish records the outcome; only the first call counts.
func (p *Pending) Finish(reply map[string]any, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.done, p.reply, p.err = true, reply, err
	}
}

// Done reports whether the command has ended.
func (p *Pending) Done() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Result is the outcome of an ended command.
func (p *Pending) Result() (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reply, p.err
}
