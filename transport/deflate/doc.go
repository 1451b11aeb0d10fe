// Package deflate compresses the two directions of a stream, each as one zlib
// stream (RFC 1950) that is flushed so often that nobody waits for a message
// (GN-HS-24, GN-HS-26). A [Deflater] turns bytes into bytes; an [Inflater] takes
// bytes as they arrive, however they are cut, where a [zlib.Reader] would block for
// more.
//
// An Inflater gives all that can be known of what has arrived. compress/zlib keeps
// back the end of a block that nothing follows, so that what was flushed as zlib's
// Z_PARTIAL_FLUSH does, which LimeWire uses, waits for the next message.
//
// # Does not
//
// A Deflater never ends its stream.
package deflate
