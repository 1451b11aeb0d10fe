'use strict'
// A wrong node: one that is killed and started again counts from the beginning.

const { Node } = require('../overlay')

const node = new Node()
let generated = 0

node.on('generate', () => ({ id: `${node.name}-${++generated}` }))

node.run()
