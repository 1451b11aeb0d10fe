package hyparview

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// The commands. Each ends in exactly one [spec.Done] that echoes its Op; the
// comment names the errors. A command that fails at once leaves the state
// unchanged.

// Enter enters the overlay of the node at Contact. It may be given again: after
// [Isolated], or to bring two overlays together. It is done when Contact is a
// neighbour, at once if it is one already.
//
// Errors: [ErrBadPeer], [ErrBusy] while another one is under way, [ErrNoAnswer].
//
// GO-PX-02 (HyParView §4.2).
type Enter struct {
	Op      spec.OpID
	Contact netip.AddrPort
}

// Leave ends every stream, and forgets both views. The neighbours take it for a
// failure that they notice at once. The node is as new, and may join again.
type Leave struct{ Op spec.OpID }

func (Enter) IsInput() {}
func (Leave) IsInput() {}
