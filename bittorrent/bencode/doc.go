// Package bencode reads and writes bencoding, the encoding of BEP 3.
//
// # Implements
//
// BEP 3 §bencoding, catalogue rows BEP03-BENC-001 to BEP03-BENC-013: byte
// strings, integers of any sign, lists and dictionaries. [Parse] validates a
// buffer in one pass and returns a [Value], a view that borrows the buffer.
// The Append functions write canonical bencoding.
//
// # Does not
//
// It does not map values to Go structs, and uses no reflection: a protocol
// reads the few keys it knows with [Value.Get] and appends its own messages.
// It does not read from a stream; [ParsePrefix] serves messages that carry
// other bytes behind their dictionary, as BEP 9 data messages do.
//
// # Driving the codec
//
//	v, err := bencode.Parse(datagram, bencode.Options{})
//	if err != nil {
//		return err // a *SyntaxError: where, which rule, what
//	}
//	args, _ := v.Get("a")
//	id, _ := args.Get("id")
//	node, ok := id.Bytes()
//
// Every accessor of the zero Value answers "absent", so a chain of lookups
// needs one check, at its end. The info-hash of a torrent is the SHA-1 of
// info.Raw(), the bytes as they were received, whatever their order or form.
//
// # Reading order
//
// value.go (the view), parse.go (the grammar and its rules), unique.go (repeated
// keys among unsorted ones), append.go (the canonical form).
//
// # State diagram
//
// None: the package keeps no state.
//
// # Deviations
//
// Integers are limited to [MaxDigits] digits, and nesting and size to what
// [Options] allows, because hostile input must not exhaust the stack or the
// processor (BEP03-BENC-011). BEP 3 states no limits.
//
// A repeated dictionary key is refused in both modes, so that no two readers
// of an accepted dictionary can disagree about its meaning.
//
// # Guarantees
//
// No input makes the package panic, recurse without bound, or allocate in
// proportion to a length that the input merely claims. Time is linear in the
// input, or n·log n for unsorted dictionaries in lenient mode. Parse, Get,
// Bytes, Int64 and the iterators do not allocate on accepted input; only
// lenient parsing of unsorted dictionaries does, for the search for repeated
// keys. What strict mode accepts, lenient mode accepts with the same meaning.
//
// # Compatibility
//
// Exported names and the clause ids in errors are stable; the wording of
// errors is not.
package bencode
