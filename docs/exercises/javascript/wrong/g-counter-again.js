'use strict'
// A wrong node: it tells others each addition until they confirm. Where only the
// confirmation was lost, they add a second time.

const { Node } = require('../overlay')

const PATIENCE = 1500 // milliseconds until what is not confirmed is sent again

const node = new Node()
let sum = 0

node.on('add', (src, { delta }) => {
  sum += delta
  for (const peer of node.others) tell(peer, delta)
})

node.on('read', () => ({ value: sum }))

node.on('added', (src, { delta }) => {
  sum += delta
})

async function tell(peer, delta) {
  while (await node.call(peer, 'added', { delta }, PATIENCE) === null);
}

node.run()
