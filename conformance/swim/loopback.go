package swim

import "github.com/p2pspec/p2pspec/conformance"

// listen starts a member on real sockets.
func (b Builtin) listen(conformance.Network, conformance.StartOptions) (conformance.Instance, error) {
	return nil, conformance.ErrUnsupported
}
