package wire

// Format is how the members of one cluster write and read their messages. The
// zero value writes them plainly, and reads those that are compressed too.
//
// It is the [spec.Codec] of packets; [Format.Stream] is that of streams. Both are
// pure: what has to be unpredictable, a [Nonce], comes with the message.
type Format struct {
	Label    string   // the cluster's name, at most [MaxLabel] bytes (GO-WF-15)
	Keys     [][]byte // of 16, 24 or 32 bytes: the first encrypts, each may decrypt (GO-WF-13)
	Compress bool     // writes compressed what gets shorter by it (GO-WF-16)
	Version  uint8    // of the encryption to write: 0 pads, 1 does not (GO-WF-13)
}

// Limits of what is read. Those that memberlist names are memberlist's.
const (
	MaxMeta     = 512      // bytes of metadata (GO-WF-18)
	MaxParts    = 255      // of a compound: its count is one byte (GO-WF-11)
	MaxLabel    = 255      // bytes: its length is one byte (GO-WF-15)
	MaxName     = 255      // bytes of a node's name: ours, as no document names one
	MaxNodes    = 1 << 20  // in a PushPull (GO-WF-18)
	MaxUser     = 20 << 20 // bytes of a user message or state on a stream (GO-WF-18)
	MaxStream   = 20 << 20 // bytes of an encrypted message on a stream (GO-WF-14)
	MaxInflated = 40 << 20 // bytes that a compressed message may become (GO-WF-09)
)
