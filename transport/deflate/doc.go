// Package deflate compresses the two directions of a stream, each as one zlib
// stream (RFC 1950) that is flushed so often that nobody waits for a message
// (GN-HS-24, GN-HS-26). A [Deflater] turns bytes into bytes; an [Inflater] takes
// bytes as they arrive, however they are cut, where a [zlib.Reader] would block for
// more.
//
// # Does not
//
// A Deflater never ends its stream. An Inflater gives what was compressed when its
// sender flushes as zlib's Z_SYNC_FLUSH and Z_FULL_FLUSH do, ends the stream, or has
// sent more than the window of 32 KiB: compress/flate keeps back the end of a block
// that nothing follows, as Z_PARTIAL_FLUSH leaves it.
package deflate
