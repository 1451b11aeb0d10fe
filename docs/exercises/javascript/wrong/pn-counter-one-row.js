'use strict'
// A wrong node: of two copies of a row it keeps the greater, also where the row
// has fallen since.

const { Node, sleep } = require('../overlay')

const PERIOD = 100 // milliseconds between two rounds

const node = new Node()
const rows = new Map() // by name

node.on('add', (src, { delta }) => {
  rows.set(node.name, (rows.get(node.name) ?? 0) + delta)
})

node.on('read', () => ({ value: [...rows.values()].reduce((a, b) => a + b, 0) }))

node.on('merge', (src, body) => {
  for (const [name, n] of body.rows) rows.set(name, Math.max(rows.get(name) ?? n, n))
})

async function gossip() {
  for (;;) {
    await sleep(PERIOD)
    for (const peer of node.others) node.send(peer, { type: 'merge', rows: [...rows] })
  }
}

gossip()
node.run()
