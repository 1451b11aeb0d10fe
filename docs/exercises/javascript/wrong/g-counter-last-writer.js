'use strict'
// A wrong node: all write into one register, and of two sums it keeps the later.
// What was added at the same time elsewhere is gone.

const { Node, sleep } = require('../overlay')

const PERIOD = 100 // milliseconds between two exchanges

const node = new Node()
let register = { sum: 0, stamp: 0 }

node.on('add', (src, { delta }) => {
  register = { sum: register.sum + delta, stamp: Math.max(Date.now(), register.stamp + 1) }
})

node.on('read', () => ({ value: register.sum }))

node.on('exchange', (src, { theirs }) => {
  merge(theirs)
  return { theirs: register }
})

function merge(theirs) {
  if (theirs.stamp > register.stamp) register = theirs
}

async function gossip() {
  for (;;) {
    await sleep(PERIOD)
    for (const peer of node.others) {
      node.call(peer, 'exchange', { theirs: register }, PERIOD)
        .then(answer => answer?.theirs && merge(answer.theirs))
    }
  }
}

gossip()
node.run()
