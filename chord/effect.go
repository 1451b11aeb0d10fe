package chord

import "errors"

// The errors of [spec.Done]. "State: unchanged" means that the command left no
// trace; otherwise what was learned on the way stays.
var (
	// ErrMember: the node is in a ring, or joining one. State: unchanged.
	ErrMember = errors.New("chord: already a member of a ring")
	// ErrNotMember: the node is in no ring: Create or Join first. State: unchanged.
	ErrNotMember = errors.New("chord: not a member of a ring")
	// ErrBadID: an identifier has bits past Config.IDBits. State: unchanged.
	ErrBadID = errors.New("chord: identifier outside the circle")
	// ErrBadPeer: a peer has an identifier outside the circle or no address that
	// a datagram can be sent to, or two have the same one. State: unchanged.
	ErrBadPeer = errors.New("chord: unusable peer")
	// ErrTooLarge: the value exceeds Config.MaxValueBytes. State: unchanged.
	ErrTooLarge = errors.New("chord: value too large")
	// ErrBusy: Config.MaxOperations is reached. State: unchanged.
	ErrBusy = errors.New("chord: too many operations under way")
	// ErrTaken: another member has the identifier.
	ErrTaken = errors.New("chord: the identifier is taken")
	// ErrNoAnswer: nobody that could know answered.
	ErrNoAnswer = errors.New("chord: no answer")
	// ErrNotFound: the node that the key belongs to has no value for it.
	ErrNotFound = errors.New("chord: value not found")
	// ErrNoQuorum: less than a majority of the replica group answered. A Put may
	// or may not have taken place.
	ErrNoQuorum = errors.New("chord: no majority of the replicas answered")
)

// Joined is the result of [Join].
type Joined struct{ Successor Peer }

// Found is the result of [Lookup].
type Found struct {
	Key      ID
	Owner    Peer
	Hops     int32 // nodes asked or passed on the way, the owner included, the own node not
	Timeouts int32 // nodes on the way that did not answer; a recursive lookup cannot tell
}

// Stored is the result of [Put].
type Stored struct {
	Key    ID
	Copies int32 // nodes that are known to have it
	Hops   int32 // of the lookup
}

// Value is the result of [Get].
type Value struct {
	Key   ID
	Value []byte
	Hops  int32 // of the lookup
}

// SuccessorsChanged and PredecessorChanged tell of the ring's repair.
type (
	SuccessorsChanged  struct{ Successors []Peer }
	PredecessorChanged struct {
		Predecessor Peer
		Known       bool // false: there is none
	}
)

// AssumptionBroken tells that something was seen that the protocol's promises
// exclude. What follows may be wrong.
type AssumptionBroken struct{ What Assumption }

// Assumption is a condition of the protocol's correctness (Zave 2017).
type Assumption uint8

const (
	EnoughMembers Assumption = 1 + iota // fewer than Config.Successors+1 members are known
	LiveSuccessor                       // no entry of the successor list answers
	TimelyAnswers                       // an answer came after its time out: a live node was taken for dead
	UniqueIDs                           // another node has an identifier that is known at another address
)

func (Joined) IsEvent()             {}
func (Found) IsEvent()              {}
func (Stored) IsEvent()             {}
func (Value) IsEvent()              {}
func (SuccessorsChanged) IsEvent()  {}
func (PredecessorChanged) IsEvent() {}
func (AssumptionBroken) IsEvent()   {}
