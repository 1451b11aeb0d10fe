'use strict'
// A Kademlia node to write: it knows `init` (overlay.js does that) and nothing else.
//
//     p2pspec check kademlia --exec 'node kademlia.js'
//
// Every request without a handler is answered by error 10, "not supported". Take
// the handlers below in their order, and run the check after each one.

const { Node, Refusal, sleep, NOT_NOW, NO_SUCH_KEY } = require('./overlay')

const node = new Node()

// The settings are there once init has come:
//   node.name                  'n0'
//   node.overlay.ids           { n0: 8, n1: 14, … }: everyone's identifier
//   node.overlay.bits          identifiers are below 2**bits, at most 32
//   node.overlay.k             contacts in a bucket, and nodes that keep a value
//   node.overlay.alpha         questions of one lookup that may be open at once
//   node.overlay.period_ms     how often to refresh
//   node.overlay.timeout_ms    who has not answered by then is dead

// How far a node is from an identifier: their exclusive or, read as a number.
// (>>> 0 because JavaScript's ^ gives a signed one.)
function distance(name, target) {
  return (node.overlay.ids[name] ^ target) >>> 0
}

// 1. The first member knows nobody else.
//
// node.on('join', async (src, { via }) => {
//   …           // via: the only contact at first; look up the own identifier
//   return {}   // becomes { type: 'join_ok', in_reply_to: … }
// })
//
// 2. Answer from what is known. Until the node has joined:
//    throw new Refusal(NOT_NOW, 'join first')
//
// node.on('find_node', async (src, { target }) => {
//   …           // the k closest to target, nearest first, ourselves included
//   return { nodes }
// })
//
// 3. Look around: nodes talk to each other by requests of your own choosing, and
//    who asks or answers is a contact to remember.
//
// node.on('closest', (src, { target }) => {
//   return { nodes }
// })
//
//    const answer = await node.call('n1', 'closest', { target: 5 })
//    if (answer === null) …   // n1 has not answered: it is dead
//
//    A lookup asks the closest nodes that it has heard of, alpha at once, until
//    the k closest have answered.
//
// 4. Buckets: of all contacts whose distance has the same highest bit keep k,
//    those known longest; a newcomer gets in when the oldest no longer answers.
//
// 5. store: the k closest keep the value. find_value: ask until one has it.
//    throw new Refusal(NO_SUCH_KEY, 'no such key')
//
// 6. Values grow old: advance_clock, and new Node(['advance_clock']).
//    state: show what you know.

node.run()
