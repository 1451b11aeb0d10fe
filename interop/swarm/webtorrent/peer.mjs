// peer.mjs TORRENT DIR IP PORT [PEER...]: webtorrent's library as one peer of one torrent, over
// TCP at all addresses. It checks what is in DIR, serves it and fetches what is missing, until it is ended.
import WebTorrent from 'webtorrent'
const [torrent, path, , port, ...peers] = process.argv.slice(2)
const client = new WebTorrent({
  torrentPort: Number(port), dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false
})
client.on('error', err => { console.error(err.message); process.exit(1) })
const t = client.add(torrent, { path })
t.on('ready', () => {
  for (const peer of peers) t.addPeer(peer)
  console.log('ready')
})
t.on('done', () => console.log('done'))
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
