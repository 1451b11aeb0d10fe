'use strict'
// A wrong node: one that is killed and started again counts from zero, and what
// others remember of its former life hides that.

const { Node, sleep } = require('../overlay')

const PERIOD = 100 // milliseconds between two rounds

const node = new Node(['recovers'])
let own = 0
const theirs = new Map() // by name

node.on('add', (src, { delta }) => {
  own += delta
})

node.on('read', () => ({ value: [...theirs.values()].reduce((a, b) => a + b, own) }))

node.on('count', (src, { count }) => {
  theirs.set(src, Math.max(theirs.get(src) ?? 0, count))
})

async function tell() {
  for (;;) {
    await sleep(PERIOD)
    for (const peer of node.others) node.send(peer, { type: 'count', count: own })
  }
}

tell()
node.run()
