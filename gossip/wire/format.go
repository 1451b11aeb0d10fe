package wire

import "crypto/aes"

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

	// Strict refuses a message that memberlist reads, but writes otherwise (GO-WF-02).
	// What it refuses, and what is read without it, the package's Deviations say.
	Strict bool
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

	MaxText     = 4 << 10 // bytes of an Error: ours, a line or two
	MaxNesting  = 8       // compounds and compressions inside each other: ours; two occur
	MaxMessages = 1 << 14 // in a packet read: ours; no datagram holds more uncompressed
	MaxFaults   = 16      // told of one packet: ours
)

// Check reports what makes a format unusable: nothing is written or read with it.
func (f *Format) Check() error {
	if fault := f.check(); fault != nil {
		return fault
	}
	return nil
}

func (f *Format) check() *Fault {
	if len(f.Label) > MaxLabel {
		return newFault("GO-WF-15", "format", 0, "its label is longer than 255 bytes")
	}
	if f.Version > versionMax {
		return newFault("GO-WF-13", "format", 0, "a version of the encryption that is not known")
	}
	for _, key := range f.Keys {
		if n := len(key); n != 16 && n != 24 && n != 32 {
			return newFault("GO-WF-13", "format", 0, "a key of neither 16, 24 nor 32 bytes")
		}
	}
	return nil
}

// Overhead is how many bytes at most the format adds to a packet around its parts:
// the label and the encryption. GO-WF-13, GO-WF-15
func (f *Format) Overhead() (n int) {
	if f.Label != "" {
		n += 2 + len(f.Label)
	}
	if len(f.Keys) > 0 {
		n += sealLen + tagLen
		if f.Version == versionPadded {
			n += aes.BlockSize
		}
	}
	return n
}
