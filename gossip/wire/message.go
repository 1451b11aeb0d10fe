package wire

import (
	"net/netip"
	"strconv"

	"github.com/p2pspec/p2pspec/spec"
)

// Type is the first byte of a message (GO-WF-01).
type Type byte

// The types of memberlist v0.7.
const (
	TypePing         Type = 0
	TypeIndirectPing Type = 1
	TypeAck          Type = 2
	TypeSuspect      Type = 3
	TypeAlive        Type = 4
	TypeDead         Type = 5
	TypePushPull     Type = 6
	TypeCompound     Type = 7
	TypeUser         Type = 8
	TypeCompress     Type = 9
	TypeEncrypt      Type = 10
	TypeNack         Type = 11
	TypeCRC          Type = 12
	TypeError        Type = 13
	TypeLabel        Type = 244
)

// String is the type in words.
func (t Type) String() string {
	switch t {
	case TypePing:
		return "ping"
	case TypeIndirectPing:
		return "indirect ping"
	case TypeAck:
		return "ack"
	case TypeSuspect:
		return "suspect"
	case TypeAlive:
		return "alive"
	case TypeDead:
		return "dead"
	case TypePushPull:
		return "push/pull"
	case TypeCompound:
		return "compound"
	case TypeUser:
		return "user message"
	case TypeCompress:
		return "compression"
	case TypeEncrypt:
		return "encryption"
	case TypeNack:
		return "nack"
	case TypeCRC:
		return "checksum"
	case TypeError:
		return "error"
	case TypeLabel:
		return "label"
	}
	return "type " + strconv.Itoa(int(t))
}

// Message is one message of a member: what a [Packet] is made of, and what a
// [Frame] holds.
type Message interface {
	spec.Message
	// Type is the byte that names the message on the wire.
	Type() Type
}

// Source is where the answer to a ping has to go, and who asks. The zero value
// leaves it out: the answer goes to where the packet came from (GO-FD-02).
type Source struct {
	Addr netip.AddrPort
	Node string
}

// Ping asks whether Node lives (GO-WF-03).
type Ping struct {
	SeqNo  uint32
	Node   string // whom it is for; empty asks whoever it reaches
	Source Source
}

// IndirectPing asks the receiver to ping Node at Target on the sender's behalf
// (GO-WF-04).
type IndirectPing struct {
	SeqNo  uint32
	Target netip.AddrPort
	Node   string
	Nack   bool // the sender wants to be told of a silence
	Source Source
}

// Ack answers a Ping, and an IndirectPing whose target has answered (GO-WF-05).
type Ack struct {
	SeqNo   uint32
	Payload []byte
}

// Nack answers an IndirectPing whose target was silent (GO-WF-05, Lifeguard).
type Nack struct{ SeqNo uint32 }

// Error ends a stream that could not be understood (GO-AE-06).
type Error struct{ Text string }

// Suspect says that From has had no answer from Node (GO-WF-06).
type Suspect struct {
	Incarnation uint32
	Node, From  string
}

// Dead says that Node has failed, or, when From is Node itself, that it has left
// (GO-WF-06, GO-FD-17).
type Dead struct {
	Incarnation uint32
	Node, From  string
}

// Alive says that Node can be reached, and how (GO-WF-06).
type Alive struct {
	Incarnation uint32
	Node        string
	Addr        netip.AddrPort
	Meta        []byte // the application's, at most [MaxMeta] bytes
	Versions    Versions
}

// Versions are what a member understands and speaks: of this protocol, and of
// the application's above it. The zero value stands for a message without them.
type Versions struct {
	ProtocolMin, ProtocolMax, Protocol uint8
	DelegateMin, DelegateMax, Delegate uint8
}

// User carries the application's bytes (GO-WF-08).
type User struct{ Payload []byte }

// PushPull is the whole state of a member, over a stream (GO-WF-07).
type PushPull struct {
	Join  bool // the sender is about to become a member
	Nodes []NodeState
	User  []byte // the application's
}

// NodeState is what a member believes of one node.
type NodeState struct {
	Name        string
	Addr        netip.AddrPort
	Meta        []byte
	Incarnation uint32
	State       State
	Versions    Versions
}

// State is what is believed of a node.
type State uint8

// The states, as they are numbered on the wire (GO-WF-07, GO-FD-17).
const (
	StateAlive   State = 0
	StateSuspect State = 1
	StateDead    State = 2
	StateLeft    State = 3
)

// Packet is one datagram: a message, or several as a compound.
type Packet struct {
	Parts []Message // at least one, at most [MaxParts]
	CRC   bool      // a checksum goes with it: the receiver's protocol is 5 or above (GO-WF-12)
	Nonce Nonce     // for the encryption, if there is one

	// Faults are of a packet read, at most [MaxFaults]: why some of its messages
	// were lost. They are not written.
	Faults []*Fault
}

// Frame is one message on a stream.
type Frame struct {
	Msg   Message
	Nonce Nonce

	// Opens marks the first message of who dialled the stream: the label goes
	// before it, and without its label it is another cluster's. What the other
	// side answers has none (GO-WF-15).
	Opens bool

	// Fault, instead of a Msg, is of a frame read: why its layers could not be
	// taken off. A member answers with an [Error] and closes; nothing more can be
	// read (GO-AE-06).
	Fault *Fault
}

// Nonce is what makes two encryptions of the same text differ. It must never
// come twice with one key.
type Nonce [12]byte

// Type is [TypePing].
func (Ping) Type() Type { return TypePing }

// Type is [TypeIndirectPing].
func (IndirectPing) Type() Type { return TypeIndirectPing }

// Type is [TypeAck].
func (Ack) Type() Type { return TypeAck }

// Type is [TypeNack].
func (Nack) Type() Type { return TypeNack }

// Type is [TypeError].
func (Error) Type() Type { return TypeError }

// Type is [TypeSuspect].
func (Suspect) Type() Type { return TypeSuspect }

// Type is [TypeDead].
func (Dead) Type() Type { return TypeDead }

// Type is [TypeAlive].
func (Alive) Type() Type { return TypeAlive }

// Type is [TypeUser].
func (User) Type() Type { return TypeUser }

// Type is [TypePushPull].
func (PushPull) Type() Type { return TypePushPull }

func (Ping) IsMessage()         {}
func (IndirectPing) IsMessage() {}
func (Ack) IsMessage()          {}
func (Nack) IsMessage()         {}
func (Error) IsMessage()        {}
func (Suspect) IsMessage()      {}
func (Dead) IsMessage()         {}
func (Alive) IsMessage()        {}
func (User) IsMessage()         {}
func (PushPull) IsMessage()     {}
func (Packet) IsMessage()       {}
func (Frame) IsMessage()        {}
