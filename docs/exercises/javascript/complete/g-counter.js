'use strict'
// A complete G-counter node: every process counts in a row of its own, and of two
// copies of a row the greater is the newer.
//
//     p2pspec check g-counter --exec 'node complete/g-counter.js'
//
// A node that is started again has forgotten its row, and begins a new one; to go
// on from zero in the old one would hide what it adds.

const { randomBytes } = require('node:crypto')
const { Node, Refusal, sleep, MALFORMED } = require('../overlay')

const PERIOD = 200 // milliseconds between two exchanges
const PATIENCE = 500 // milliseconds to wait for an answer

const node = new Node(['recovers'])
const life = randomBytes(6).toString('hex')
const rows = new Map() // 'n0 1f…': what that process has added

node.on('add', (src, { delta }) => {
  if (!Number.isInteger(delta) || delta < 0) {
    throw new Refusal(MALFORMED, `delta is ${JSON.stringify(delta)}, want a whole number from 0 on`)
  }
  const row = `${node.name} ${life}`
  rows.set(row, (rows.get(row) ?? 0) + delta)
})

node.on('read', () => ({ value: [...rows.values()].reduce((a, b) => a + b, 0) }))

// Merges another's rows, and answers with what both make.
node.on('exchange', (src, body) => {
  merge(body.rows)
  return { rows: [...rows] }
})

function merge(more) {
  for (const [row, n] of more) rows.set(row, Math.max(rows.get(row) ?? 0, n))
}

async function gossip() {
  for (;;) {
    await sleep(PERIOD)
    if (!node.others.length) continue
    const peer = node.others[Math.floor(Math.random() * node.others.length)]
    const answer = await node.call(peer, 'exchange', { rows: [...rows] }, PATIENCE)
    merge(answer?.rows ?? [])
  }
}

gossip()
node.run()
