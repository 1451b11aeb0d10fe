// Package urn names files by their content, as Gnutella's servents do: by the
// SHA-1 of all bytes, written in base 32, and by the root of a Tiger tree, which
// also tells which part of a file is damaged.
//
// # Implements
//
// HUGE v0.94 (urn:sha1 and urn:bitprint), the tree hash of THEX with Tiger, and
// Tiger itself (Anderson and Biham 1996), whose first version THEX uses.
//
// # Does not
//
// Read files: the caller hands over bytes as they come. Other urn schemes are
// unknown, not wrong: [Parse] tells them apart.
//
// # Driving the package
//
// [Sum] names a short file at once. A long one is written to a [Tree] and to a
// SHA-1 of crypto/sha1, piece by piece. [Parse] reads what others name.
//
// # Reading order
//
//	urn.go     the two names, read and written
//	tree.go    the tree over blocks of 1024 bytes
//	tiger.go   the hash
//	sboxes.go  its constants, which a test generates anew
//
// # State diagram
//
// None: nothing here has states. A [Tree] only grows.
//
// # Deviations
//
// None known.
//
// # Guarantees
//
// A [Tree] holds one hash for each bit of the number of blocks: 64 at most.
// Nothing panics, whatever is parsed.
//
// # Compatibility
//
// The names are those of the documents; their spelling never changes.
package urn
