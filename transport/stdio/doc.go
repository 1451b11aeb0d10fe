// Package stdio carries a protocol over standard input and output, one JSON
// object a line, as Maelstrom's nodes speak it: the codec of lines, the program
// at the other end, and the loop that serves a node on its own stdin and stdout.
//
// A line is an envelope with a body:
//
//	{"src":"c0","dest":"n1","body":{"type":"read","msg_id":7}}
//	{"src":"n1","dest":"c0","body":{"type":"read_ok","in_reply_to":7,"value":3}}
//
// docs/overlay.md describes the conversation. A [Node] is a participant in the
// same process, on a clock that its caller keeps; [Serve] gives it real time.
package stdio
