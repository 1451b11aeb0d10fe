// Puts bittorrent-dht behind p2pspec's adapter protocol: one JSON object a line
// on stdin and stdout. Logs go to stderr.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import DHT from 'bittorrent-dht'
import bencode from 'bencode'

const NOT_SUPPORTED = 10
const UNAVAILABLE = 11
const MALFORMED = 12
const NO_SUCH_KEY = 20

const STATE_FILE = 'state.json'

const commands = { hello, start, bootstrap, get_peers: getPeers, announce, get, put, put_mutable: putMutable }
const CAPABILITIES = ['bootstrap', 'get_peers', 'announce', 'get', 'put', 'put_mutable', 'restart']

let dht = null
let dir = '.'

class Refused extends Error {
  constructor (code, text) {
    super(text)
    this.code = code
  }
}

const lines = createInterface({ input: process.stdin })
lines.on('line', line => {
  let body
  try {
    body = JSON.parse(line).body
    if (typeof body.type !== 'string' || !Number.isInteger(body.msg_id)) throw new Error('no type or msg_id')
  } catch (err) {
    console.error('not a command: %s: %s', err.message, line)
    return
  }
  if (body.type === 'stop') return stop(() => reply(body, 'stop_ok'))
  run(body)
})
lines.on('close', () => stop(() => {}))

// run answers one command when it ends; others go on meanwhile.
async function run (body) {
  try {
    if (!Object.hasOwn(commands, body.type)) throw new Refused(NOT_SUPPORTED, `unknown command ${body.type}`)
    if (!dht && body.type !== 'hello' && body.type !== 'start') {
      throw new Refused(UNAVAILABLE, `${body.type} before start`)
    }
    reply(body, body.type + '_ok', await commands[body.type](body))
  } catch (err) {
    reply(body, 'error', { code: err.code > 0 ? err.code : MALFORMED, text: String(err.message) })
  }
}

function reply (to, type, fields) {
  const body = { type, in_reply_to: to.msg_id, ...fields }
  process.stdout.write(JSON.stringify({ src: 'n0', dest: 'c0', body }) + '\n')
}

function hello () {
  const manifest = new URL('node_modules/bittorrent-dht/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  return { name: 'bittorrent-dht', version, capabilities: CAPABILITIES }
}

async function start (body) {
  if (dht) throw new Refused(MALFORMED, 'already started')
  if (body.read_only) throw new Refused(NOT_SUPPORTED, 'bittorrent-dht has no read-only mode')
  if (body.ipv6) throw new Refused(NOT_SUPPORTED, 'bittorrent-dht has no IPv6')
  dir = body.dir || '.'
  const saved = load()
  dht = new DHT({
    bootstrap: body.bootstrap?.length ? body.bootstrap : false,
    verify: verified
  })
  dht.on('warning', err => console.error('warning: %s', err.message))
  dht.on('error', err => {
    console.error(err)
    process.exit(1)
  })
  await new Promise(resolve => dht.listen(body.port, body.ip, resolve))
  for (const node of saved.nodes ?? []) dht.addNode(node)
  const { address, port } = dht.address()
  return { addr: `${address}:${port}` }
}

function bootstrap (body) {
  const [host, port] = hostPort(body.addr)
  dht.addNode({ host, port })
}

async function getPeers (body) {
  const infoHash = hex(body.info_hash, 20)
  const peers = new Set()
  const onPeer = (peer, of) => {
    if (Buffer.from(of).equals(infoHash)) peers.add(`${peer.host}:${peer.port}`)
  }
  dht.on('peer', onPeer)
  try {
    await until(done => dht.lookup(infoHash, done))
  } finally {
    dht.off('peer', onPeer)
  }
  return { peers: [...peers] }
}

async function announce (body) {
  if (body.seed) throw new Refused(NOT_SUPPORTED, 'bittorrent-dht does not announce seeds')
  const infoHash = hex(body.info_hash, 20)
  const port = body.implied_port ? 0 : body.port // 0 is how it is told to imply the port
  await until(done => dht.announce(infoHash, port, done))
}

async function get (body) {
  const opts = { cache: false, salt: body.salt ? hex(body.salt) : undefined }
  const found = await until(done => dht.get(hex(body.target, 20), opts, done))
  if (!found) throw new Refused(NO_SUCH_KEY, 'no node of the lookup had a valid value')
  const fields = { v: encoded(found.v) }
  if (found.k) Object.assign(fields, { k: found.k.toString('hex'), sig: found.sig.toString('hex'), seq: found.seq })
  return fields
}

async function put (body) {
  const v = bencode.decode(hex(body.v))
  return stored(done => dht.put({ v }, done), createHash('sha1').update(hex(body.v)).digest())
}

async function putMutable (body) {
  const secret = privateKey(hex(body.secret, 32))
  const opts = {
    k: rawPublicKey(secret),
    v: bencode.decode(hex(body.v)),
    seq: body.seq,
    sign: message => sign(null, message, secret)
  }
  if (body.salt) opts.salt = hex(body.salt)
  if (body.cas !== undefined && body.cas !== null) opts.cas = body.cas
  const target = createHash('sha1').update(opts.k).update(opts.salt ?? '').digest()
  return stored(done => dht.put(opts, done), target)
}

// stop saves what a later start with the same folder takes up again.
function stop (then) {
  if (!dht) {
    then()
    process.exitCode = 0
    lines.close()
    return
  }
  const old = dht
  dht = null
  if (!old.destroyed) writeFileSync(join(dir, STATE_FILE), JSON.stringify({ nodes: old.toJSON().nodes }))
  old.destroy(() => {
    then()
    lines.close()
  })
}

function load () {
  try {
    return JSON.parse(readFileSync(join(dir, STATE_FILE), 'utf8'))
  } catch (err) {
    if (err.code === 'ENOENT') return {}
    throw err
  }
}

async function stored (begin, target) {
  await until(begin)
  return { target: target.toString('hex') }
}

// until turns a callback into a promise. That no node answered, or that one
// refused, ends a lookup or a store; it does not fail the command.
function until (begin) {
  return new Promise((resolve, reject) => {
    begin((err, result) => {
      if (err) console.error('ended with: %s', err.message)
      resolve(err ? undefined : result)
    })
  })
}

function hostPort (addr) {
  const at = addr.lastIndexOf(':')
  return [addr.slice(0, at), Number(addr.slice(at + 1))]
}

function hex (text, size) {
  const raw = Buffer.from(text, 'hex')
  if (raw.length * 2 !== text.length || (size && raw.length !== size)) {
    throw new Refused(MALFORMED, `${JSON.stringify(text)} is not ${size ?? 'any number of'} bytes in hex`)
  }
  return raw
}

function encoded (v) {
  return Buffer.from(bencode.encode(v)).toString('hex')
}

// Raw Ed25519 keys in the DER wrapping that Node wants (RFC 8410 §7, §4).
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

function privateKey (seed) {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
}

function publicKey (raw) {
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
}

// A key or signature of a wrong size or type is as good as a wrong one.
function verified (signature, message, key) {
  try {
    return verify(null, message, publicKey(key), signature)
  } catch {
    return false
  }
}

function rawPublicKey (secret) {
  return createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
}
