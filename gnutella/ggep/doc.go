// Package ggep reads and writes the Gnutella Generic Extension Protocol: the
// blocks of named values that messages carry behind what the first documents
// gave them.
//
// # Implements
//
// GGEP 0.51: blocks, extensions, lengths in chunks of six bits, COBS and deflate.
//
// # Does not
//
// Know what extensions mean, beyond the names in [Known]. Neither does it look for
// a block: the message around it says where one may begin.
//
// # Driving the package
//
// [Parse] reads a block at the front of some bytes and says how long it is;
// [Append] writes one. A servent that passes a block on copies its bytes, as they
// came, and need not understand any (GN-PG-18).
//
// # Reading order
//
//	ggep.go     blocks and extensions
//	cobs.go     values without NUL
//	deflate.go  values that are compressed, within bounds
//	known.go    names in use
//
// # State diagram
//
// None: nothing here has states.
//
// # Deviations
//
// A reserved flag is refused; a compressed value is written only where that makes
// it shorter.
//
// # Guarantees
//
// Nothing panics, whatever is parsed. A value takes at most [MaxData] bytes, also
// after inflating, and a block has at most [MaxExtensions].
//
// # Compatibility
//
// What was published as GGEP 0.51 is read.
package ggep
