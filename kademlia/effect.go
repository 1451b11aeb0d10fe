package kademlia

import (
	"errors"
	"time"
)

// The errors of [spec.Done]. "State: unchanged" means that the command left no
// trace; otherwise what was learned on the way stays.
var (
	// ErrNoContacts: the routing table is empty. State: unchanged.
	ErrNoContacts = errors.New("kademlia: no contacts: join first")
	// ErrBusy: Config.MaxLookups or MaxPings is reached. State: unchanged.
	ErrBusy = errors.New("kademlia: too many operations under way")
	// ErrBadID: an identifier has bits past Config.IDBits. State: unchanged.
	ErrBadID = errors.New("kademlia: identifier outside the space")
	// ErrBadAddress: no datagram can be sent there. State: unchanged.
	ErrBadAddress = errors.New("kademlia: unusable address")
	// ErrTooLarge: the value exceeds Config.MaxValueBytes. State: unchanged.
	ErrTooLarge = errors.New("kademlia: value too large")
	// ErrFull: Config.MaxPublished is reached. State: unchanged.
	ErrFull = errors.New("kademlia: too many published values")
	// ErrNoAnswer: nobody that was asked answered.
	ErrNoAnswer = errors.New("kademlia: no answer")
	// ErrNotFound: no node that answered had the value.
	ErrNotFound = errors.New("kademlia: value not found")
)

// Joined is the result of [Join].
type Joined struct {
	Neighbours []Contact // the K closest to the own node, nearest first
}

// Ponged is the result of [Ping].
type Ponged struct{ Contact Contact }

// Found is the result of [FindNode]: the K closest nodes that answered,
// nearest first.
type Found struct {
	Target   ID
	Contacts []Contact
	Hops     int32 // length of the chain of answers that led to the closest
	Asked    int32 // nodes asked
	Failed   int32 // of these, how many let the time out pass
}

// Value is the result of [FindValue].
type Value struct {
	Key   ID
	Value []byte
	TTL   time.Duration // what is left of its life
	Hops  int32         // length of the chain of answers that led to it; 0: here
	Asked int32         // nodes asked
}

// Stored is the result of [Store].
type Stored struct {
	Key    ID
	Copies int32 // nodes that took the value, the own one included
}

func (Joined) IsEvent() {}
func (Ponged) IsEvent() {}
func (Found) IsEvent()  {}
func (Value) IsEvent()  {}
func (Stored) IsEvent() {}
