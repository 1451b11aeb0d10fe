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
//
// # Datagrams and streams
//
// A case runs on one goroutine and sees the network by pumping it: [T.Until]
// hands what arrives to [Socket.Handle] and [Stream.Handle], whether the
// network is real sockets or virtual time.
//
//	s := t.Dial()                            // to the target, or the case ends as inconclusive
//	s.Write(handshake, "our handshake")      // linted; WriteMalformed is not
//	t.Until(func() bool { return len(s.Buffered()) >= 68 || s.Ended() }, time.Second)
//	s.Discard(68)                            // consume; the window is StreamWindow bytes
//	s.Handle = func(s *conformance.Stream) { … }             // from now on, at each arrival or end
//	s.CloseWrite(); s.Close(); s.Abort()     // half, in good order, reset
//	l := t.Listen(func(s *conformance.Stream) { s.Handle = … })   // give the target l.Addr()
//	other := t.DialTo(addr)                  // its Opened and Err are facts to judge
//	s.Encrypt(enc, dec)                      // all that follows passes through two ciphers
//
// What the target has or is to do is in [StartOptions]: T.Start(T.Standard() and a
// little more) for a case with [NeedFresh], Suite.Shared for the instance that the
// others share. A [Leecher] is started for each case; T.Learns says how it finds
// the harness's peers, T.ReadFile what it wrote, T.Exited whether it has ended.
// T.Torrent is the torrent of any peer, also of one that somebody else runs.
//
// Suite.Frame cuts the transcript of a stream into messages, Suite.LintStream
// checks what Write sends. On virtual time a [MachineHost] with Streams and
// Storage plays a core; any other [StreamHost] speaks bytes.
package conformance
