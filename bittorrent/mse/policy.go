package mse

// Policy is how a client deals with encryption.
type Policy uint8

// The policies, as the settings of clients name them (MSE-HS-016).
const (
	// Disabled speaks and takes plain BitTorrent alone.
	Disabled Policy = iota
	// Allowed speaks plain BitTorrent, and takes both.
	Allowed
	// Preferred tries encryption first, and takes both.
	Preferred
	// Required speaks and takes RC4 alone.
	Required
)

// Provide is what an initiator offers; zero means a plain handshake.
func (p Policy) Provide() Method { // MSE-HS-016
	switch p {
	case Preferred:
		return Plaintext | RC4
	case Required:
		return RC4
	default:
		return 0
	}
}

// Retry reports whether an initiator whose encrypted handshake failed may try
// a plain one. That needs a connection and a machine of its own (MSE-HS-015).
func (p Policy) Retry() bool { return p == Preferred }

// Accept is what a responder accepts, the preferred first.
func (p Policy) Accept() []Method { // MSE-HS-016
	switch p {
	case Allowed:
		return []Method{Plaintext, RC4}
	case Preferred:
		return []Method{RC4, Plaintext}
	case Required:
		return []Method{RC4}
	default:
		return nil
	}
}

// Open reports whether a responder takes a plain handshake.
func (p Policy) Open() bool { return p != Required }
