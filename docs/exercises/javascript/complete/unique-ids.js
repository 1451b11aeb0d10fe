'use strict'
// A complete node that generates unique identifiers, without asking anybody.
//
//     p2pspec check unique-ids --exec 'node complete/unique-ids.js'
//
// The name tells nodes apart, the random part the lives of a node that is killed
// and started again, and the number what one of them has generated.

const { randomBytes } = require('node:crypto')
const { Node } = require('../overlay')

const node = new Node()
const life = randomBytes(8).toString('hex')
let generated = 0

node.on('generate', () => ({ id: `${node.name}-${life}-${++generated}` }))

node.run()
