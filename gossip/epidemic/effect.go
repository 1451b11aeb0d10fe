package epidemic

import "errors"

// The errors of [spec.Done]. The state is unchanged.
var (
	// ErrKey: the key is empty or longer than MaxKeyBytes.
	ErrKey = errors.New("epidemic: key empty or too long")
	// ErrTooLarge: the value exceeds Config.MaxValueBytes.
	ErrTooLarge = errors.New("epidemic: value too large")
	// ErrFull: Config.MaxEntries keys are held.
	ErrFull = errors.New("epidemic: the database is full")
	// ErrClock: the clock of the stamps is at its end, see MaxCounter.
	ErrClock = errors.New("epidemic: the clock has run out")
	// ErrNotFound: no value of the key is known here.
	ErrNotFound = errors.New("epidemic: no such key")
	// ErrPeer: it is no index of another node in Config.Peers.
	ErrPeer = errors.New("epidemic: no such peer")
)

// Stored is the result of [Put] and [Delete].
type Stored struct{ Stamp Stamp }

// Value is the result of [Get].
type Value struct{ Update Update }

// Learned tells of an update from another node that is now in the database.
type Learned struct{ Update Update }

// Overflow tells of updates of new keys that found no room. Anti-entropy brings them
// again.
type Overflow struct{ Refused int32 }

func (Stored) IsEvent()   {}
func (Value) IsEvent()    {}
func (Learned) IsEvent()  {}
func (Overflow) IsEvent() {}
