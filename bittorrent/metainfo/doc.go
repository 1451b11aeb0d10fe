// Package metainfo reads and makes torrents and magnet links.
//
// # Implements
//
// Torrents of version 1 (BEP 3), version 2 (BEP 52) and both at once, with
// tracker tiers (BEP 12), web seeds (BEP 19), the private flag (BEP 27), and
// padding files and attributes (BEP 47); magnet links (BEP 9, BEP 53). The
// info-hash is taken of the bytes of the info dictionary as they were
// received, never of a re-encoding (BEP03-META-014, BEP03-META-015).
//
// # Does not
//
// It neither reads nor writes files, and asks no network. It ignores keys that
// no document above defines, and name.utf-8 and path.utf-8 with them; they
// stay part of the info-hash.
//
// # Driving the package
//
//	t, err := metainfo.Parse(file, metainfo.Options{})
//	if err != nil {
//		return err // an *Error: which key, what, which rule
//	}
//	for i := range t.Info.Pieces() {
//		ok := t.Info.VerifyPiece(i, data)
//	}
//
// Pieces are numbered through one address space of bytes: the files in their
// order, padding files among them. Of a torrent that has version 2 alone,
// every file that is not empty begins on a piece boundary, so that the same
// content has the same addresses in a hybrid torrent with padding.
//
// # Reading order
//
// info.go (what an info dictionary says), torrent.go (what is around it),
// parse.go, files.go and tree.go (reading it), path.go (which paths are safe),
// hybrid.go (both versions agree), layers.go, merkle.go and hashrange.go (hashes
// of version 2), make.go and encode.go (the other way), lint.go (advice),
// magnet.go and escape.go (links).
//
// # State diagram
//
// None: a Torrent and an Info do not change.
//
// # Deviations
//
// A torrent without a single byte of content is refused, as in other clients:
// no document forbids it, and nobody can share it. BEP 3 and BEP 52 state no
// limits; the named constants are ours. A path element that is unsafe is
// refused rather than renamed, unless [Options] say otherwise.
//
// # Guarantees
//
// No input makes the package panic, recurse without bound, or allocate in
// proportion to a length that the input merely claims. No path of an accepted
// torrent leads out of the folder it is joined to, and no two of its files,
// padding aside, are the same or one the folder of the other.
//
// # Compatibility
//
// Exported names and the rule ids in errors are stable; the wording of errors
// is not.
package metainfo
