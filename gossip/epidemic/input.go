package epidemic

import "github.com/p2pspec/p2pspec/spec"

// The commands. Each ends at once, in exactly one [spec.Done] that echoes its
// Op; the comment names the Result and the errors, of which each leaves the state
// unchanged.

// Put gives Key a new value, and makes that a rumor.
//
// Result [Stored]. Errors: [ErrKey], [ErrTooLarge], [ErrFull], [ErrClock].
type Put struct {
	Op    spec.OpID
	Key   string
	Value []byte
}

// Delete issues a death certificate for Key, whether or not a value is known
// here, and makes that a rumor.
//
// Result [Stored]. Errors: [ErrKey], [ErrFull], [ErrClock].
//
// GO-EP-03 (Demers et al. 1987, §2).
type Delete struct {
	Op  spec.OpID
	Key string
}

// Get reads the value of Key at this node.
//
// Result [Value]. Errors: [ErrNotFound].
type Get struct {
	Op  spec.OpID
	Key string
}

// Sync begins anti-entropy with a node now, as Config.AntiEntropy has it.
//
// Result nil. Errors: [ErrPeer].
//
// GO-EP-01 (Demers et al. 1987, §1.3).
type Sync struct {
	Op   spec.OpID
	With int32 // index in Config.Peers
}

func (Put) IsInput()    {}
func (Delete) IsInput() {}
func (Get) IsInput()    {}
func (Sync) IsInput()   {}
