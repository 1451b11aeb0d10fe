package spec

import "net/netip"

// Conn names one stream. A machine numbers the streams it dials 1, 2, 3 and so
// on; a driver numbers those it accepts -1, -2, -3 and so on. A number is never
// used again.
type Conn int64

// Token pairs a storage effect with the input that answers it. The machine
// chooses it, and never uses one again while it is unanswered.
type Token uint64

// Opened says that a stream can be used: the Dial of the same number
// succeeded, or a remote party has connected.
type Opened struct {
	Conn   Conn
	Remote netip.AddrPort
}

// Got is one decoded message that arrived on a stream. If it is lent, the effects
// of the Step may share its bytes: the driver leaves these as they are until it
// has performed the effects.
type Got struct {
	Conn Conn
	Msg  Message
	Lent bool
}

// Drained says that everything written to a stream has left the driver's queue
// and been taken by the network. It follows the last of any run of Writes.
type Drained struct{ Conn Conn }

// Closed says that a stream ended, or was never opened, without the machine's
// asking. Err is nil when the remote party ended it in good order; an error of
// the codec means that it sent what is no message.
type Closed struct {
	Conn Conn
	Err  error
}

// Loaded answers Load. Data has the length that was asked for, unless Err is set,
// and may be lent as the bytes of [Got] are.
type Loaded struct {
	Token Token
	Data  []byte
	Err   error
	Lent  bool
}

// Stored answers Store. Without an error the data is where a later Load and
// Verify find it.
type Stored struct {
	Token Token
	Err   error
}

// Verified answers Verify: OK says that the stored piece has the hash that was
// promised for it. With an error nothing is known about the piece.
type Verified struct {
	Token Token
	OK    bool
	Err   error
}

// Dial asks for a stream to a remote party. Opened or Closed follows.
type Dial struct {
	Conn Conn
	To   netip.AddrPort
}

// Write sends one message on a stream that was opened. Messages of one stream
// arrive in the order in which they were written.
type Write struct {
	Conn Conn
	Msg  Message
}

// Close ends a stream after what was written to it before has been sent. The
// machine hears no more of it.
type Close struct{ Conn Conn }

// Deflate puts compression below a stream, one zlib stream in each direction: what
// is written from now on is compressed with Out, and flushed whenever nothing more
// is to be sent; with In, what follows the message that is being handled is
// inflated before it is decoded. Each direction begins at most once.
type Deflate struct {
	Conn    Conn
	In, Out bool
}

// Load reads Length bytes at Begin of a piece. Loaded follows.
type Load struct {
	Token                Token
	Piece, Begin, Length int32
}

// Store writes Data at Begin of a piece. Stored follows.
type Store struct {
	Token        Token
	Piece, Begin int32
	Data         []byte
}

// Verify hashes a piece as it is stored and compares it with the hash promised
// for it. Verified follows. The driver has the hashes.
type Verify struct {
	Token Token
	Piece int32
}

func (Opened) IsInput()   {}
func (Got) IsInput()      {}
func (Drained) IsInput()  {}
func (Closed) IsInput()   {}
func (Loaded) IsInput()   {}
func (Stored) IsInput()   {}
func (Verified) IsInput() {}

func (Dial) IsEffect()    {}
func (Write) IsEffect()   {}
func (Close) IsEffect()   {}
func (Deflate) IsEffect() {}
func (Load) IsEffect()    {}
func (Store) IsEffect()   {}
func (Verify) IsEffect()  {}

// StreamCodec translates messages to and from the bytes of a stream.
type StreamCodec interface {
	// AppendMessage appends the encoding of m to b. With an error b is
	// returned as it was.
	AppendMessage(b []byte, m Message) ([]byte, error)
	// Decoder returns the reader of what arrives on a new stream.
	Decoder() Decoder
}

// Decoder finds the messages in one direction of one stream. It is pure: it
// remembers where in the protocol the stream is, and never the bytes.
type Decoder interface {
	// Decode reads the first message in b and returns how many bytes it took.
	// n is zero, without an error, while b holds only the beginning of a
	// message; the caller comes again with more. A length beyond what the
	// protocol allows is an error as soon as it is seen, so that what a caller
	// has to keep is bounded. The message borrows from b, and is good until
	// the next call. After an error the stream is beyond use.
	Decode(b []byte) (m Message, n int, err error)
}
