package conformance

import (
	"strings"
	"time"
)

// Level is how strongly the document asks for the behaviour. It decides what
// a case that is not met counts as: see [Level.Unmet].
type Level string

const (
	Must    Level = "must"    // unmet: fail
	Should  Level = "should"  // unmet: warn
	May     Level = "may"     // unmet: info
	Defacto Level = "defacto" // common practice beside or against the text; unmet: warn
)

// Unmet is the verdict of a case of this level whose expectation did not hold.
func (l Level) Unmet() Verdict {
	switch l {
	case Must:
		return Fail
	case May:
		return Info
	default:
		return Warn
	}
}

// Kind says what a case observes, and with it what a pass has to rest on.
type Kind string

const (
	Reply     Kind = "reply"     // one answer is judged
	Silence   Kind = "silence"   // no answer is judged, between two answered controls
	State     Kind = "state"     // an effect that shows in later answers
	Behaviour Kind = "behaviour" // what the target does of itself: lookups, refreshes, announces
)

// Role is the part that the target plays.
type Role string

const (
	Responder Role = "responder" // it answers what the harness sends
	Querier   Role = "querier"   // it asks, and the harness plays the network
	Seeder    Role = "seeder"    // it has a torrent's content, and the harness plays the other peers
	Leecher   Role = "leecher"   // it downloads a torrent from the peers and trackers of the harness
	Tracker   Role = "tracker"   // it is announced to and scraped
	Parser    Role = "parser"    // it reads a torrent or a magnet and says what it found
	Member    Role = "member"    // it is one of several nodes, and the harness carries their messages
	Servent   Role = "servent"   // it is a Gnutella node of any mode, among those of the harness
	Ultrapeer Role = "ultrapeer" // it is one that stands for leaves
	Leaf      Role = "leaf"      // it is one behind ultrapeers
	Index     Role = "index"     // it is a Napster server, and the harness plays its clients
)

// Need is something a case cannot be judged without. A target that lacks it
// makes the case unsupported (a verb that its adapter does not offer, a version
// that it does not know) or skipped (a way of running that the user did not
// choose), never passed.
type Need string

const (
	NeedFresh     Need = "fresh"     // a target started for this case alone
	NeedBootstrap Need = "bootstrap" // a target told of the harness's first node
	NeedClock     Need = "clock"     // virtual time, or --slow with a live target
	NeedRestart   Need = "restart"   // stop and start again with the same state folder
	NeedIPv6      Need = "ipv6"      // a target that also listens on ::1
	NeedAddresses Need = "addresses" // several source addresses, as a loopback network has

	NeedMagnet     Need = "magnet"     // a leecher that takes a magnet link
	NeedEncryption Need = "encryption" // a peer that can be told what StartOptions.Encryption says
	NeedFiles      Need = "files"      // a peer whose content the harness can read: T.ReadFile
	NeedV2         Need = "v2"         // a peer that knows torrents of version 2: BEP 52
	NeedMaxPeers   Need = "max_peers"  // a peer that keeps to StartOptions.MaxPeers
	NeedLabel      Need = "label"      // a member that can be told what StartOptions.Label says
	NeedKey        Need = "key"        // a member that can be told what StartOptions.Key says

	// NeedNeighbours is several source addresses in the networks around the
	// target's own, as a target at 127.0.0.1 has them.
	NeedNeighbours Need = "neighbours"
)

// NeedVerb is the need for an adapter verb, such as NeedVerb("announce").
func NeedVerb(verb string) Need { return Need(verbPrefix + verb) }

const verbPrefix = "verb:"

// verb is the adapter verb that the need names, or "".
func (n Need) verb() string {
	if verb, ok := strings.CutPrefix(string(n), verbPrefix); ok {
		return verb
	}
	return ""
}

// Case is one judged behaviour.
type Case struct {
	// ID is suite/area/behaviour, a lower-case slug that names the behaviour.
	// It is never numbered and never reused.
	ID string
	// Rev rises whenever a verdict could change for an unchanged target.
	Rev int
	// Since is the release in which the case first appeared.
	Since string
	Level Level
	// Requirements are the catalogue ids that the case judges.
	Requirements []string
	Role         Role
	Kind         Kind
	Needs        []Need
	// Control says in a phrase which answered exchange shows that the path
	// and the target were well when the judged behaviour was absent or present.
	Control string
	// Explain says what is sent, what is accepted and why, in a few sentences.
	Explain string
	// Causes are the usual mistakes behind a failure, most likely first.
	Causes []string
	// Kills are the mutants that this case finds.
	Kills []string
	// Unkillable is the reason why no mutant can be killed; empty when Kills is not.
	Unkillable string
	// Waits says that the case spends its time waiting. Where targets can be started
	// it has one to itself, and several such cases run at once.
	Waits bool
	// Within bounds the case; zero means DefaultCaseTimeout.
	Within time.Duration
	// Run plays the case. It returns normally when the expectation held.
	Run func(*T)
}

// DefaultCaseTimeout bounds a case that does not state its own bound. It is
// generous against a healthy target (milliseconds) and short enough that a
// dead one does not hold up a run.
const DefaultCaseTimeout = 20 * time.Second

// Suite is the cases of one document for one family of targets. Two families
// may have a suite for the same document, and then of the same name.
type Suite struct {
	Name   string // "bep5"
	Family string // "dht": selects every suite of the family
	Title  string
	// Control is the sanity exchange that a healthy target answers, in the role
	// that t.Case() has. It runs before the first case and after a failure. It
	// must not change state.
	Control func(*T)
	// Shared is how the instance that cases share is started; suites with the
	// same pointer share one. Nil asks for nothing.
	Shared *StartOptions
	// Probe tells when a target that was just started is ready, or Ready does: it
	// tries once whether the target answers. With neither, it is ready when it
	// accepts a stream.
	Probe *Probe
	Ready func(*T) bool
	// Decode renders a payload for the transcript: nil or a JSON-friendly value.
	Decode func(payload []byte) any
	// Lint reports why a payload is not something a correct peer may send. The
	// engine applies it to all that the harness sends, except what a case
	// marks as deliberately malformed.
	Lint func(payload []byte) error
	// Frame finds the first message in bytes that were read from or are written
	// to a stream, so that the transcript shows messages: how many bytes it
	// has, and a JSON-friendly value or nil. Zero means that more has to come.
	// At is the offset of buf in its direction, so that 0 is the handshake.
	Frame func(s *Stream, at int64, buf []byte) (n int, decoded any)
	// LintStream is Lint for what [Stream.Write] sends; at is as in Frame.
	LintStream func(s *Stream, at int64, b []byte) error
	Cases      []Case
}
