'use strict'
// A complete Kademlia node, after the paper of 2002.
//
//     p2pspec check kademlia --exec 'node complete/kademlia.js'
//
// From top to bottom: what clients ask, what nodes ask each other, the lookup,
// whom we know, the values, and what happens by itself.

const { Node, Refusal, number, sleep, NOT_NOW, NO_SUCH_KEY } = require('../overlay')

const HOUR = 3_600_000, DAY = 24 * HOUR
const MISSES = 2 // questions in a row without an answer, after which a contact is not relied on

const node = new Node(['state', 'advance_clock'])
let awake = false // told to join: we answer other nodes
let joined = false // and have found our place: we answer clients
let skipped = 0 // how far advance_clock has moved the clock, in milliseconds
const buckets = new Map() // contacts by the length of their distance: least recently seen first
const spares = new Map() // those that found their bucket full: the latest last
const misses = new Map() // contact: questions in a row that it has not answered
const pairs = new Map() // key: { value, expires, replicate, cached }, what we keep for others
const published = new Map() // key: { value, again }, from our own clients

// What clients ask.

node.on('join', async (src, { via }) => {
  awake = true
  if (via) {
    if (!await ask(via, 'ping') && !await ask(via, 'ping')) {
      awake = joined
      throw new Refusal(NOT_NOW, `${via} does not answer`)
    }
    await lookup(me())
    await refresh()
  }
  if (!joined) {
    joined = true
    tend()
  }
})

client('find_node', async body => {
  const target = identifier(body, 'target')
  const { closest } = await lookup(target)
  return { nodes: nearest([...closest, node.name], target) }
})

client('store', async body => {
  const key = identifier(body, 'key')
  published.set(key, { value: body.value, again: clock() + DAY })
  await publish(key, body.value, DAY)
})

client('find_value', async body => {
  const key = identifier(body, 'key')
  const pair = kept(key)
  if (pair) return { value: pair.value }
  const { found } = await lookup(key, 'fetch')
  if (!found) throw new Refusal(NO_SUCH_KEY, `nobody has key ${key}`)
  return { value: found.value }
})

// Answers when what has become due is done.
node.on('advance_clock', async (src, body) => {
  skipped += number(body, 'ms', 36500 * DAY)
  await keepValues()
})

node.on('state', () => ({ contacts: contacts(), keys: [...pairs.keys()].filter(kept).sort((a, b) => a - b) }))

// Refuses clients' requests until the node has joined.
function client(type, handler) {
  node.on(type, (src, body) => {
    if (!joined) throw new Refusal(NOT_NOW, 'not a member yet: join first')
    return handler(body)
  })
}

// What nodes ask each other. Whoever asks or answers is seen to be alive.

peer('ping', () => {})

peer('closest', (src, { target }) => ({ nodes: closest(target, src) }))

peer('fetch', (src, { target }) => {
  const pair = kept(target)
  return pair ? { value: pair.value, life: pair.expires - clock() } : { nodes: closest(target, src) }
})

peer('keep', (src, { key, value, life, cached }) => put(key, value, life, cached))

function peer(type, handler) {
  node.on(type, (src, body) => {
    if (!awake) throw new Refusal(NOT_NOW, 'not told to join yet')
    seen(src)
    return handler(src, body)
  })
}

// Asks another node. null: there was no answer.
async function ask(name, type, fields) {
  const answer = await node.call(name, type, fields)
  if (answer && answer.type !== 'error') {
    seen(name)
    return answer
  }
  misses.set(name, (misses.get(name) ?? 0) + 1)
  replace(name)
  return null
}

// The lookup.

// Asks ever closer nodes, alpha of them at once. Promises the k closest that have
// answered, the node itself not counted, and for 'fetch' the answer that brought
// a value.
function lookup(target, type = 'closest') {
  const heard = new Set(known()), asked = new Set(), answered = new Set(), failed = new Set()
  return new Promise(resolve => {
    let done = false

    function advance() {
      if (done) return
      const best = nearest([...heard].filter(name => !failed.has(name)), target)
      if (best.every(name => answered.has(name))) return end({ closest: best })
      for (const name of best) {
        const open = asked.size - answered.size - failed.size
        if (open < node.overlay.alpha && !asked.has(name)) question(name)
      }
    }

    async function question(name) {
      asked.add(name)
      const answer = await ask(name, type, { target })
      if (!answer) {
        failed.add(name)
        for (const other of known()) heard.add(other)
      } else if ('value' in answer) {
        const without = nearest([...answered], target)
        if (!done && without.length > 0) cache(target, answer, without[0])
        return end({ closest: without, found: answer })
      } else {
        answered.add(name)
        for (const other of answer.nodes.filter(usable)) heard.add(other)
      }
      advance()
    }

    function end(result) {
      done = true
      resolve(result)
    }

    advance()
  })
}

// Leaves a copy with the closest node that did not have the value; the more
// nodes are closer to the key, the shorter it lives.
function cache(key, { value, life }, holder) {
  const closer = contacts().filter(name => distance(name, key) < distance(holder, key)).length
  ask(holder, 'keep', { key, value, life: Math.floor(life / 2 ** Math.floor(closer / node.overlay.k)), cached: true })
}

// Whom we know.

function me() {
  return node.overlay.ids[node.name]
}

function identifier(body, field) {
  return number(body, field, 2 ** node.overlay.bits)
}

function distance(name, target) {
  return (node.overlay.ids[name] ^ target) >>> 0
}

function bucketOf(name) {
  return 32 - Math.clz32(distance(name, me()))
}

function nearest(names, target) {
  return names.sort((a, b) => distance(a, target) - distance(b, target)).slice(0, node.overlay.k)
}

function contacts() {
  return [...buckets.values()].flat()
}

function usable(name) {
  return name !== node.name && name in node.overlay.ids && (misses.get(name) ?? 0) < MISSES
}

// All who can be relied on, those without a place in a bucket included.
function known() {
  return [...contacts(), ...[...spares.values()].flat()].filter(usable)
}

function closest(target, but) {
  return nearest(contacts().filter(name => usable(name) && name !== but), target)
}

// Notes that a node is alive: it moves to the end of its bucket. Where the bucket
// is full, it gets in only if the one not seen for longest is dead.
function seen(name) {
  misses.delete(name)
  if (!usable(name)) return
  const index = bucketOf(name)
  const others = list => (list ?? []).filter(other => other !== name)
  const bucket = buckets.get(index) ?? []
  if (bucket.includes(name)) {
    buckets.set(index, [...others(bucket), name])
  } else if (bucket.length < node.overlay.k) {
    buckets.set(index, [...bucket, name])
    greet(name)
  } else {
    const spare = spares.get(index) ?? []
    if (spare.length === 0) ask(bucket[0], 'ping')
    spares.set(index, [...others(spare), name].slice(-node.overlay.k))
  }
}

// A contact that does not answer makes room, if there is somebody for it. With
// nobody to take its place it stays: it may come back.
function replace(name) {
  const bucket = buckets.get(bucketOf(name)) ?? [], spare = spares.get(bucketOf(name)) ?? []
  const at = bucket.indexOf(name)
  if (at >= 0 && spare.length > 0) {
    bucket.splice(at, 1)
    bucket.push(spare.pop())
  }
}

// The values.

function clock() {
  return Math.floor(performance.now()) + skipped
}

function kept(key) {
  if (pairs.get(key)?.expires <= clock()) pairs.delete(key)
  return pairs.get(key)
}

// Keeps a value, unless the one that is there lives longer.
function put(key, value, life, cached) {
  const fresh = { value, cached, expires: clock() + life, replicate: clock() + HOUR }
  const old = kept(key)
  if (old?.expires > fresh.expires) old.replicate = fresh.replicate
  else pairs.set(key, fresh)
}

// Has the k closest keep a value, this node too if it is one of them.
async function publish(key, value, life) {
  const { closest } = await lookup(key)
  await Promise.all(nearest([...closest, node.name], key).map(name =>
    name === node.name ? put(key, value, life, false) : ask(name, 'keep', { key, value, life, cached: false })))
}

// Gives a new contact the pairs that it should keep, those of them to which
// nobody else that we know is closer than we are.
function greet(newcomer) {
  const all = [...contacts(), node.name]
  for (const key of [...pairs.keys()]) {
    const pair = kept(key)
    const first = nearest(all.filter(name => name !== newcomer), key)[0]
    if (pair && !pair.cached && first === node.name && nearest([...all], key).includes(newcomer)) {
      ask(newcomer, 'keep', { key, value: pair.value, life: pair.expires - clock(), cached: false })
    }
  }
}

// What happens by itself.

// Refreshes the buckets every period, and asks a contact that had failed.
async function tend() {
  for (;;) {
    await sleep(node.overlay.period_ms)
    await refresh()
    const lost = contacts().filter(name => !usable(name))
    if (lost.length > 0) await ask(lost[Math.floor(Math.random() * lost.length)], 'ping')
    await keepValues()
  }
}

// Looks up an identifier of each bucket from that of our closest neighbour on.
async function refresh() {
  const lowest = Math.min(...[...buckets.keys()])
  for (let index = lowest; index <= node.overlay.bits; index++) {
    const far = 2 ** (index - 1) + Math.floor(Math.random() * 2 ** (index - 1))
    await lookup((me() ^ far) >>> 0)
  }
}

// Replicates hourly what nobody else has, and publishes our own daily.
async function keepValues() {
  for (const key of [...pairs.keys()]) {
    const pair = kept(key)
    if (pair && !pair.cached && pair.replicate <= clock()) {
      pair.replicate = clock() + HOUR
      await publish(key, pair.value, pair.expires - clock())
    }
  }
  for (const [key, publication] of published) {
    if (publication.again <= clock()) {
      publication.again = clock() + DAY
      await publish(key, publication.value, DAY)
    }
  }
}

node.run()
