// Package napster is the ancestor of the overlays: clients who share files, and a
// server with the index of all of them. Searches go to the server; files go from
// client to client.
//
// # Implements
//
// The Napster protocol as drscholl's document of 2000 has it, and as OpenNap speaks
// it: login and registration, sharing, searching, browsing, the negotiation of
// downloads with and without a firewall, whois, ping, statistics; the line of the
// meta server; what clients say to each other. Catalogue rows NP-….
//
// # Does not
//
// Have chat, hot lists, the commands of operators, or links between servers. Move
// files: it has the words of a transfer, and the data is the driver's.
//
// # Driving the package
//
// [Codec] translates between a stream and each [Message]; Parse… functions read the
// text of one, and the Message method of a form writes it. [ParseOffer] and
// [ParseNumber] are for the streams between clients.
//
// # Reading order
//
//	message.go   types, framing
//	text.go      fields: blanks, quotes, numbers, addresses, nicks
//	form.go      the text of each type
//	search.go    searches, their conditions and words
//	meta.go      the line of the meta server
//	transfer.go  between clients
//
// # State diagram
//
// Of a transfer: connect → [Greeting] → GET or SEND with its line → number → data.
//
// # Deviations
//
//  1. A text is at most [MaxText] bytes, as in OpenNap; the length field allows more.
//  2. What cannot be written is refused where it would be written: the protocol has
//     no escape for a quote.
//  3. A condition stands once in a search; OpenNap lets the last one win.
//
// # Guarantees
//
// Nothing that arrives makes a parser panic, and errors name the message and the
// field. What is kept of an unfinished message is at most [MaxText] and its header.
//
// # Compatibility
//
// The bytes are the network's.
package napster
