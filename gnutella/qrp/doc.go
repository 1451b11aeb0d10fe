// Package qrp is Gnutella's query routing: a leaf tells its ultrapeer which words
// its files have, as a table of hashes, so that it is asked only what it may know.
//
// # Implements
//
// Query Routing for the Gnutella Network v1.0 (Rohrs 2002): the hash, tables,
// RESET and PATCH; Ultrapeer Query Routing v0.1 (Fisk 2003): the union of tables;
// and patches of one and two bits, which gtk-gnutella added.
//
// # Does not
//
// Send anything: a [Message] is the payload of a descriptor of type 0x30, and the
// servent decides when to write it and to whom. Forward between hosts what comes
// from more than one hop away: tables of today say yes or no.
//
// # Driving the package
//
// A leaf fills a [Table] by [Table.Add] for each file and sends what
// [Table.Update] makes of it. Its ultrapeer keeps a [Receiver] per leaf, hands it
// each message, and asks [Table.Match] whether a query may be for the leaf. The
// words of a query are hashed once, by [Keys], for tables of all sizes.
//
// # Reading order
//
//	word.go     which words a name has, and their keys
//	table.go    the table
//	message.go  RESET and PATCH as bytes
//	update.go   what is sent of a table
//	receive.go  what is made of it
//
// # State diagram
//
// Of a Receiver: no table —RESET→ empty table —PATCH 1 of n→ within a sequence
// —PATCH n of n→ table. RESET is taken in any state but the third.
//
// # Deviations
//
// The bytes of the document's own examples put "qrp" into slot 6, where its hash
// puts it into 7: ours is the hash's. Accents are taken off the letters of Latin-1
// only.
//
// # Guarantees
//
// A word of at least [MinWord] letters that was added is always found: there are no
// false negatives. A table has at most [MaxSlots] slots of one byte; a Receiver
// holds a table and one compressed patch. Nothing panics, whatever is received.
//
// # Compatibility
//
// The hash is the network's, and never changes.
package qrp
