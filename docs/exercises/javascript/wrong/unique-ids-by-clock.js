'use strict'
// A wrong node: two of them count to the same number within the same second.

const { Node } = require('../overlay')

const node = new Node()
let generated = 0

node.on('generate', () => ({ id: `${Math.floor(Date.now() / 1000)}-${++generated}` }))

node.run()
