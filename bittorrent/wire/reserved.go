package wire

// Feature is a bit of the reserved bytes of a handshake, numbered from the
// right, counting from 0, as the documents do.
type Feature uint8

// The features whose bits are assigned. A peer ignores the bits that it does
// not know (BEP03-PEER-008), and uses a feature only if both ends offer it.
const (
	FeatureDHT       Feature = 0  // it has a DHT port (BEP05-PEER-001)
	FeatureFast      Feature = 2  // the fast extension (BEP06-FAST-001)
	FeatureV2        Feature = 4  // this v1 torrent can be continued as v2 (BEP52-PEER-001)
	FeatureExtension Feature = 20 // the extension protocol (BEP10-EXT-001)
)

// Offers reports whether the sender of the handshake has set the bit.
func (h *Handshake) Offers(f Feature) bool { return h.Reserved[7-f/8]&(1<<(f%8)) != 0 }

// Offer sets the bit. It panics on a feature beyond the 64 bits.
func (h *Handshake) Offer(f Feature) { h.Reserved[7-f/8] |= 1 << (f % 8) }
