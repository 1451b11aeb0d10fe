package swim

import (
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// The errors of [spec.Done]. "State: unchanged" means that the command left no
// trace; otherwise what was learned on the way stays.
var (
	// ErrLeft: the node has left, or is leaving. State: unchanged.
	ErrLeft = errors.New("swim: the node has left the cluster")
	// ErrBadAddr: an address cannot be sent to, or there are none or too many.
	// State: unchanged.
	ErrBadAddr = errors.New("swim: unusable address")
	// ErrTooLarge: a payload exceeds its limit. State: unchanged.
	ErrTooLarge = errors.New("swim: payload too large")
	// ErrBusy: a limit on commands, streams or queued broadcasts is reached.
	// State: unchanged.
	ErrBusy = errors.New("swim: too much under way")
	// ErrNoAnswer: nobody answered.
	ErrNoAnswer = errors.New("swim: no answer")
	// ErrTimeout: the news has not been told as often as it should have been.
	ErrTimeout = errors.New("swim: time out")
)

// Member is what the node believes of a member. Meta is not to be changed.
type Member struct {
	Name        string
	Addr        netip.AddrPort
	Meta        []byte
	Versions    wire.Versions
	Incarnation uint32
	State       wire.State
}

// Contacted is the result of [Join]: with how many of its addresses state was
// exchanged.
type Contacted struct{ Nodes int32 }

// The events of membership.
type (
	// Joined tells of a member that is new, or back.
	Joined struct{ Member Member }
	// Left tells that a member has left by itself.
	Left struct{ Member Member }
	// Failed tells that a member is declared dead: From, perhaps the node itself,
	// says so.
	Failed struct {
		Member Member
		From   string
	}
	// Suspected tells that a member has come under suspicion: From accuses it. A
	// higher incarnation of the member ends that in silence.
	Suspected struct {
		Member Member
		From   string
	}
	// Refuted tells that the node itself was accused, and answers with the
	// incarnation.
	Refuted struct{ Incarnation uint32 }
	// Updated tells of a member whose metadata is new.
	Updated struct{ Member Member }
	// Conflict tells that somebody claims the name of Member at another address.
	// The claim is refused.
	Conflict struct {
		Member Member
		Addr   netip.AddrPort
	}
)

// The events of the application.
type (
	// UserMessage is what somebody has sent with [Broadcast] or [SendUser].
	UserMessage struct {
		From    netip.AddrPort // from whom it came, who need not be who wrote it
		Payload []byte
	}
	// Merged is the application's state of another member, from an exchange.
	Merged struct {
		From  netip.AddrPort
		State []byte
		Join  bool // the exchange was one member's Join
	}
)

func (Contacted) IsEvent()   {}
func (Joined) IsEvent()      {}
func (Left) IsEvent()        {}
func (Failed) IsEvent()      {}
func (Suspected) IsEvent()   {}
func (Refuted) IsEvent()     {}
func (Updated) IsEvent()     {}
func (Conflict) IsEvent()    {}
func (UserMessage) IsEvent() {}
func (Merged) IsEvent()      {}
