package ggep

// Known says what an extension is for, by its name; "" when the name is not among
// those that servents of our day and the documents use.
func Known(id string) string {
	switch id {
	case "A", "A6":
		return "alternate locations that need no push, IPv4 or IPv6"
	case "ALT", "ALT6":
		return "alternate locations, IPv4 or IPv6"
	case "BH":
		return "the sender can be browsed"
	case "CT":
		return "when the file came into the network"
	case "D":
		return "free text"
	case "DHT", "DHTIPP":
		return "the sender's place in a DHT, or others'"
	case "DU":
		return "average time of being up, in seconds"
	case "FW":
		return "version of transfers between firewalled hosts"
	case "GTKGV", "GTKGV1":
		return "version of gtk-gnutella"
	case "GUE":
		return "GUESS is understood"
	case "H":
		return "hash of the file"
	case "HNAME":
		return "host name"
	case "IP":
		return "the address that the receiver is seen at"
	case "IPP", "IPP6":
		return "addresses of ultrapeers with free slots"
	case "LF":
		return "large file: its size"
	case "LOC":
		return "locale"
	case "M":
		return "answers may be of one kind of media"
	case "PATH":
		return "where the file lies"
	case "PHC":
		return "packed host caches"
	case "PR", "PR0", "PR1", "PR2", "PR3", "PR4", "PRU":
		return "the file is not complete: which parts"
	case "PUSH", "PUSH6":
		return "push proxies, IPv4 or IPv6"
	case "SCP":
		return "a ping that wants addresses of ultrapeers in its pong"
	case "SO":
		return "token of a search out of band"
	case "T", "TLS":
		return "TLS is understood"
	case "TT":
		return "root of the Tiger tree"
	case "u":
		return "a URN without its urn: in front"
	case "UDPHC":
		return "the sender is a host cache"
	case "UP":
		return "ultrapeer: its free slots"
	case "VC":
		return "vendor and version"
	case "VMSG":
		return "vendor messages that are understood"
	}
	return ""
}
