package wire

// Type says which message a [Message] is. The values are the ids on the wire,
// except KeepAlive, which has none.
type Type int16

// The messages of BEP 3, 5, 6, 10 and 52.
const (
	KeepAlive     Type = -1
	Choke         Type = 0
	Unchoke       Type = 1
	Interested    Type = 2
	NotInterested Type = 3
	Have          Type = 4  // Index
	Bitfield      Type = 5  // Data
	Request       Type = 6  // Index, Begin, Length
	Piece         Type = 7  // Index, Begin, Data
	Cancel        Type = 8  // Index, Begin, Length
	Port          Type = 9  // Port: the sender's DHT port (BEP 5)
	Suggest       Type = 13 // Index (BEP 6)
	HaveAll       Type = 14 // (BEP 6)
	HaveNone      Type = 15 // (BEP 6)
	Reject        Type = 16 // Index, Begin, Length (BEP 6)
	AllowedFast   Type = 17 // Index (BEP 6)
	Extended      Type = 20 // ExtID, Data (BEP 10)
	HashRequest   Type = 21 // a *Hashes (BEP 52)
	HashesMessage Type = 22 // a *Hashes (BEP 52)
	HashReject    Type = 23 // a *Hashes (BEP 52)
)

// Message is one message after the handshake. Which fields count depends on
// the Type; the others are zero.
type Message struct {
	Type   Type
	ExtID  uint8  // of an extended message: 0 is the extension handshake
	Port   uint16 // of the DHT
	Index  uint32 // of a piece
	Begin  uint32 // offset in the piece, in bytes
	Length uint32 // of the block, in bytes
	Data   []byte // a bitfield, a block, or an extended message's payload
}

// Handshake opens a stream in either direction (BEP 3).
type Handshake struct {
	Reserved [8]byte
	InfoHash [20]byte
	PeerID   [20]byte
}

// Hashes is a hash request, its answer or its refusal (BEP 52): Count hashes
// of a layer of a file's merkle tree, beginning with Index, and the uncle
// hashes that tie them to the root.
type Hashes struct {
	Type        Type // HashRequest, HashesMessage or HashReject
	PiecesRoot  [32]byte
	BaseLayer   uint32 // 0 is the layer of the blocks
	Index       uint32
	Count       uint32
	ProofLayers uint32
	Hashes      []byte // of a HashesMessage: 32 bytes each
}

// IsMessage makes it a spec.Message.
func (*Message) IsMessage() {}

// IsMessage makes it a spec.Message.
func (*Handshake) IsMessage() {}

// IsMessage makes it a spec.Message.
func (*Hashes) IsMessage() {}
