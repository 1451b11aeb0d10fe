// Package kademlia judges nodes of Kademlia that speak on stdin and stdout, in
// any language, by the 2002 paper: several nodes at once, whose messages the
// harness carries, delays and loses. docs/overlay.md has the protocol.
//
// What the nodes say to each other is their own affair. The cases judge what
// they answer to clients, held against an oracle that knows all members, and of
// their messages only who asks whom and when: a body with msg_id is a request, one
// with in_reply_to an answer.
package kademlia
