// Package storage keeps the pieces of a torrent in files: what a machine's
// Load, Store and Verify effects ask for.
//
// # What holds
//
// A piece can be loaded only after Verify has looked at it, and stored to only
// until it was verified. So what a store gives away is what the torrent
// promises, unless Verify has just said that it is not, whatever was stored and
// in which order, and however the program ended: the verified pieces are
// recorded in a file beside the content, after the data has reached the disk,
// and the record counts only while the files have the size and the time of
// modification that it names. Everything else is hashed again by [Open].
//
// Calls may be made at once, also for the same piece; they are as if they came
// one after the other.
//
// # What does not
//
// The files are taken to be nobody else's while the store is open: a program
// that writes to them spoils what was verified before. What it leaves behind
// is noticed by the next Verify of the piece, or by Open. A file that is
// removed meanwhile keeps its content until then.
//
// # On the disk
//
// Files are sparse and have their full length from the beginning. Padding files
// are not there (BEP47-PAD-005); empty files, and symbolic links that stay
// within the torrent, are. No path leaves the folder, also not by way of a
// symbolic link that somebody else has put there.
//
// # Reading order
//
// store.go (the calls), files.go (the files behind an address), verify.go
// (hashing), record.go (what survives a crash).
package storage
