package swim

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// The commands. Each ends in exactly one [spec.Done] that echoes its Op; the
// comment names the Result and the errors. A command that fails at once leaves
// the state unchanged.

// Join exchanges all state with the members at Addrs, one after another.
//
// Result [Contacted]. Errors: [ErrLeft], [ErrBadAddr], [ErrBusy],
// [ErrNoAnswer] when not one exchange succeeded.
//
// GO-AE-04 (memberlist Join).
type Join struct {
	Op    spec.OpID
	Addrs []netip.AddrPort // 1…[MaxJoin]
}

// Leave tells the others that the node leaves, and ends when that has been told
// as often as rumors are, or when there is nobody to tell. The node goes on to
// answer; a driver may stop it.
//
// Result nil. Errors: [ErrLeft], [ErrTimeout]: the node has left, though perhaps
// nobody knows.
//
// GO-AE-07 (memberlist Leave).
type Leave struct{ Op spec.OpID }

// Update gives the node new metadata and ends when that has been told as often
// as rumors are, or when there is nobody to tell.
//
// Result nil. Errors: [ErrLeft], [ErrTooLarge], [ErrBusy], [ErrTimeout]: the
// metadata is new, though perhaps nobody knows.
type Update struct {
	Op   spec.OpID
	Meta []byte // at most [wire.MaxMeta] bytes
}

// Broadcast spreads Payload to all members by gossip, and ends when it is
// queued. Members receive it as [UserMessage], some never, some several times.
//
// Result nil. Errors: [ErrLeft], [ErrTooLarge] when it does not fit a datagram,
// [ErrBusy] when Config.MaxUser are queued.
type Broadcast struct {
	Op      spec.OpID
	Payload []byte
}

// SendUser sends Payload to the member at To: as a datagram, and ends when that
// is sent; or over a stream if it is Reliable, and ends when that is written.
//
// Result nil. Errors: [ErrBadAddr], [ErrTooLarge], [ErrBusy], [ErrNoAnswer] when
// no stream could be opened.
//
// GO-WF-08 (memberlist SendBestEffort, SendReliable).
type SendUser struct {
	Op       spec.OpID
	To       netip.AddrPort
	Payload  []byte
	Reliable bool
}

// Share sets the application's state that goes with each exchange of state from
// now on, and that others receive as [Merged].
//
// Result nil. Errors: [ErrTooLarge].
type Share struct {
	Op    spec.OpID
	State []byte
}

func (Join) IsInput()      {}
func (Leave) IsInput()     {}
func (Update) IsInput()    {}
func (Broadcast) IsInput() {}
func (SendUser) IsInput()  {}
func (Share) IsInput()     {}
