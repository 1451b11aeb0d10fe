'use strict'
// A wrong node: two nodes may be asked in the same millisecond.

const { Node } = require('../overlay')

const node = new Node()
let last = 0

node.on('generate', () => ({ id: last = Math.max(Date.now(), last + 1) }))

node.run()
