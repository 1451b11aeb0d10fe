'use strict'
// A Chord node to write: it knows `init` (overlay.js does that) and nothing else.
//
//     p2pspec check chord --exec 'node chord.js'
//
// Every request without a handler is answered by error 10, "not supported". Take
// the handlers below in their order, and run the check after each one.

const { Node, Refusal, sleep, NOT_NOW, NO_SUCH_KEY } = require('./overlay')

const node = new Node()

// The settings are there once init has come:
//   node.name                  'n0'
//   node.overlay.ids           { n0: 8, n1: 14, … }: where everyone is on the circle
//   node.overlay.bits          the circle has 2**bits points
//   node.overlay.successors    how many successors to remember
//   node.overlay.period_ms     how often to stabilize
//   node.overlay.timeout_ms    who has not answered by then is dead

// Whether x comes strictly after a and strictly before b, going clockwise.
// Where a is b that is the whole circle but a.
function between(a, x, b) {
  return a < b ? a < x && x < b : a < x || x < b
}

// 1. The first member is alone: it is its own successor, and owns every key.
//
// node.on('join', async (src, { via }) => {
//   …           // via: the member to ask for our successor; undefined: a new ring
//   return {}   // becomes { type: 'join_ok', in_reply_to: … }
// })
//
// 2. Who owns a key? The first node whose identifier is the key's or follows it.
//    Until the node has joined: throw new Refusal(NOT_NOW, 'join first')
//
// node.on('lookup', async (src, { key }) => {
//   …
//   return { node: owner, hops }
// })
//
// 3. Others join. Nodes talk to each other by requests of your own choosing:
//
// node.on('find_successor', async (src, { key }) => {
//   const answer = await node.call('n1', 'find_successor', { key })
//   if (answer === null) …   // n1 has not answered: it is dead
//   return { node: answer.node }
// })
//
// 4. Stabilize every period (await sleep(ms), or setTimeout): ask the successor
//    for its predecessor and its successors, take what is better, and notify it.
//
// 5. Survive: a successor that does not answer is replaced by the next of the list.
//
// 6. put and get: the owner keeps the value and copies it to its successors.
//    throw new Refusal(NO_SUCH_KEY, 'no such key')
//
// 7. leave: hand the keys over. state: show what you believe.

node.run()
