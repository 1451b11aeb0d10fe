// Package napster is the ancestor of the overlays: clients who share files, and a
// server with the index of all of them. Searches go to the server; files go from
// client to client.
//
// # Implements
//
// The Napster protocol as drscholl's document of 2000 has it, and as OpenNap speaks
// it: login and registration, sharing, searching, browsing, the negotiation of
// downloads with and without a firewall, who else has a file of which a part is
// missing, whois, lines, ping, statistics; the line of the meta server; what clients
// say to each other. Catalogue rows NP-….
//
// # Does not
//
// Have chat, hot lists, the commands of operators, or links between servers. Move
// files: it has the words of a transfer, and the data is the driver's.
//
// # Driving the machines
//
//	s, err := napster.NewServer(napster.ServerConfig{MOTD: motd}, now)
//	effects := s.Step(now, spec.Opened{Conn: -1, Remote: client}, nil)
//	// hand each message that arrives to Step as a spec.Got, perform each
//	// spec.Write and spec.Close, and hand a spec.Wake to Step at s.Deadline()
//
//	c, err := napster.NewClient(napster.ClientConfig{Server: server, User: user}, now)
//	effects = c.Step(now, napster.Enter{Op: 1}, nil) // a spec.Dial
//	effects = c.Step(now, napster.Find{Op: 2, Search: napster.Search{Words: "song"}}, nil)
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
// The server: server_config.go; server.go (Step, who comes and goes), server_login.go,
// server_file.go (sharing, searches, browsing), server_user.go (whois, lines, pings),
// server_get.go (downloads); index.go (files by word and by content);
// server_state.go (Clone, AppendState, the invariants).
//
// The client: client_config.go (commands and events too); client.go (Step, commands),
// client_got.go (what the server says); client_state.go.
//
// # State diagram
//
// Of a stream to the server; whatever else comes before the login ends it:
//
//	opened —7 nick check→ opened —2 login or 6 new user→ there —close→ gone
//
// Of a download, and who is told; it ends in 206 when the uploader leaves, takes the
// file back or says nothing:
//
//	—203→ server —607→ uploader —608→ server —204→ downloader, who connects
//	if the uploader's port is 0: —203→ server —204→ downloader
//	—500→ server —607→ uploader —608→ server —501→ uploader, who connects
//
// Of a transfer: connect → [Greeting] → GET or SEND with its line → number → data.
//
// # Deviations
//
//  1. A text is at most [MaxText] bytes, as in OpenNap; the length field allows more.
//  2. What cannot be written is refused where it would be written: the protocol has
//     no escape for a quote.
//  3. A word matches a word of the file's name, not a part of one; OpenNap looks for
//     parts among the files that its index of words has found. A search without a
//     word finds nothing, and nobody finds his own files.
//  4. A nick that nobody registered may be used by anybody, as in OpenNap; a second
//     login of a nick that is there is refused, where OpenNap ends the first.
//  5. A nick has 1 to [MaxNick] characters; the document does not say what one is.
//  6. An error 404 does not say what it is about: the client tells it to the user, and
//     the command that it may end waits until its time is up.
//  7. When both are behind firewalls a 203 or 500 is answered 404. OpenNap answers 500
//     with a 204 of port 0 that has the word firewallerror for a sum.
//  8. Of those who have the file of a sum and a size at most [MaxResults] are named.
//  9. A condition stands once in a search; OpenNap lets the last one win.
//
// # Guarantees
//
// Nothing that arrives makes a parser or a machine panic, and errors name the message
// and the field. Every table is bounded by the machine's Config, and so are the
// effects of a Step. Who leaves, leaves nothing in the index. What is kept of an
// unfinished message is at most [MaxText] and its header.
//
// # Compatibility
//
// The bytes are the network's.
package napster
