// Package conformance judges somebody else's peer-to-peer client, clause by
// clause, and keeps the bytes that each verdict rests on.
//
// A [Case] is one judged behaviour; a [Suite] is the cases of one document; a
// [Target] is a client: live at an address, started by a command, described by
// a file, or the built-in reference node. [Run] never prints and never exits.
//
// A verdict is earned. A case that saw nothing well-formed from its target is
// inconclusive whatever it returned. Silence counts only between two answered
// controls on the same path. A target that died did not refuse anything. What
// the harness sends is checked by the verified core first.
package conformance
