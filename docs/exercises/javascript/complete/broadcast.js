'use strict'
// A complete broadcast node: it spreads nothing by itself, and compares often.
//
//     p2pspec check broadcast --exec 'node complete/broadcast.js'
//
// Each process numbers the values that its own clients bring. What a node knows
// of another is then a prefix of that one's log, and its length says it all: a
// comparison sends lengths, and back comes exactly what is missing. Who is asked
// is drawn by chance, so that a value is everywhere after some log N rounds. What
// was lost, by the network or by a node that died, is asked for again by itself.

const { randomBytes } = require('node:crypto')
const { Node, sleep } = require('../overlay')

const PERIOD = 100 // milliseconds between two rounds
const PATIENCE = 1000 // milliseconds to wait for an answer; rounds do not wait for each other

const node = new Node(['recovers'])
const life = randomBytes(6).toString('hex') // a process that starts again begins a new log
const logs = new Map() // 'n0 1f…': the values that came first to that process, in their order
const read = new Map() // all values by their JSON text: a value may come from two clients

// What clients ask.

node.on('broadcast', (src, { message }) => {
  const origin = `${node.name} ${life}`
  append(origin, logs.get(origin)?.length ?? 0, [message])
})

node.on('read', () => ({ messages: [...read.values()] }))

node.on('topology', () => {}) // everybody may be asked

// What nodes ask each other: what they have and the other has not. The answer
// tells in turn what it lacks, which is then given.

node.on('compare', (src, { lengths }) => ({ missing: missing(lengths), lengths: ownLengths() }))

node.on('give', (src, { missing }) => take(missing))

const ownLengths = () => Object.fromEntries([...logs].map(([origin, log]) => [origin, log.length]))

function missing(lengths) {
  return [...logs]
    .map(([origin, log]) => ({ origin, from: lengths[origin] ?? 0, values: log.slice(lengths[origin] ?? 0) }))
    .filter(({ values }) => values.length)
}

function take(parts) {
  for (const { origin, from, values } of parts) append(origin, from, values)
}

// Adds to a log what it lacks of values that begin at a place of it. Another
// answer may have brought them meanwhile.
function append(origin, from, values) {
  if (!logs.has(origin)) logs.set(origin, [])
  const log = logs.get(origin)
  for (const value of from <= log.length ? values.slice(log.length - from) : []) {
    log.push(value)
    read.set(JSON.stringify(value), value)
  }
}

async function compare(peer) {
  const answer = await node.call(peer, 'compare', { lengths: ownLengths() }, PATIENCE)
  if (!answer?.missing) return
  take(answer.missing)
  const give = missing(answer.lengths)
  if (give.length) node.send(peer, { type: 'give', missing: give })
}

async function rounds() {
  for (;;) {
    await sleep(PERIOD)
    if (node.others.length) compare(node.others[Math.floor(Math.random() * node.others.length)])
  }
}

rounds()
node.run()
