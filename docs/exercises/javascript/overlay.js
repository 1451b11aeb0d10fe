'use strict'
// What every overlay node needs: lines in, lines out, questions to others.
//
// A handler is given the sender's name and the body of a request, and returns
// the fields of the answer. It may be async: `await node.call(…)` asks another
// node while everything else goes on.
//
// The lines are those of Maelstrom's nodes; docs/overlay.md describes them.

const readline = require('node:readline')

const NOT_SUPPORTED = 10, NOT_NOW = 11, MALFORMED = 12, CRASH = 13, NO_SUCH_KEY = 20

// Throw it in a handler to answer with an error.
class Refusal extends Error {
  constructor(code, text) {
    super(text)
    this.code = code
  }
}

class Node {
  #handlers = new Map([['init', (src, body) => this.#init(body)]])
  #calls = new Map() // our open questions, by msg_id
  #lastID = 0

  constructor(capabilities = []) {
    this.name = null // 'n0', known from init on
    this.others = [] // the names of all other nodes
    this.overlay = {} // the settings that init brings: bits, ids, period_ms, …
    this.capabilities = capabilities
  }

  // Sets the handler of requests of a type.
  on(type, handler) {
    this.#handlers.set(type, handler)
  }

  send(dest, body) {
    process.stdout.write(JSON.stringify({ src: this.name, dest, body }) + '\n')
  }

  // Asks another node. The promise is of the answer's body (it may be an
  // error), or of null when none has come within so many milliseconds.
  call(dest, type, fields = {}, patience = this.overlay.timeout_ms) {
    const id = ++this.#lastID
    this.send(dest, { type, msg_id: id, ...fields })
    return new Promise(resolve => {
      this.#calls.set(id, resolve)
      setTimeout(() => this.#resolve(id, null), patience)
    })
  }

  // Serves until the standard input ends.
  run() {
    const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })
    lines.on('line', line => this.#receive(line))
    lines.on('close', () => process.exit(0))
  }

  #receive(line) {
    let src, body
    try {
      ({ src, body } = JSON.parse(line))
      if (typeof body.type !== 'string') throw new Error('a body without a type')
    } catch (error) {
      console.error('not a message:', line, error.message)
      return
    }
    if (body.in_reply_to !== undefined) this.#resolve(body.in_reply_to, body)
    else this.#answer(src, body)
  }

  #resolve(id, answer) {
    this.#calls.get(id)?.(answer)
    this.#calls.delete(id)
  }

  async #answer(src, body) {
    let answer
    try {
      const handler = this.#handlers.get(body.type)
      if (!handler) {
        throw new Refusal(NOT_SUPPORTED, `no handler for '${body.type}': write one with node.on('${body.type}', …)`)
      }
      answer = { type: body.type + '_ok', ...await handler(src, body) }
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error) // the node's own: say so, and go on
      answer = { type: 'error', code: error.code ?? CRASH, text: error.message }
    }
    if (body.msg_id !== undefined) this.send(src, { ...answer, in_reply_to: body.msg_id })
  }

  #init(body) {
    this.name = body.node_id
    this.overlay = body.overlay ?? {}
    this.others = body.node_ids.filter(name => name !== this.name)
    return this.capabilities.length ? { capabilities: this.capabilities } : {}
  }
}

// A field of a request that has to be a whole number from 0 to below limit.
function number(body, field, limit) {
  const value = body[field]
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new Refusal(MALFORMED, `${field} is ${JSON.stringify(value)}, want a number from 0 to ${limit - 1}`)
  }
  return value
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

module.exports = { Node, Refusal, number, sleep, NOT_SUPPORTED, NOT_NOW, MALFORMED, CRASH, NO_SUCH_KEY }
