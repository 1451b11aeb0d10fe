// peer.mjs PORT DIR ENCRYPTION TORRENT|MAGNET [PEER...]: webtorrent's library as one peer of one
// torrent, over TCP at all addresses. It checks what is in DIR, fetches what is missing, says "done"
// and goes on seeding until SIGTERM. Options are the defaults, but for what would look beyond the
// torrent's trackers and the given peers, uTP and encryption.
import WebTorrent from 'webtorrent'
const [port, path, encryption, torrent, ...peers] = process.argv.slice(2)
const client = new WebTorrent({
  torrentPort: Number(port), dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false,
  // Its default encrypts every connection that it makes, and never falls back to plaintext.
  secure: { preferred: 1, required: 2 }[encryption] ?? 0
})
client.on('error', err => { console.error(err); process.exit(1) })
const t = client.add(torrent, { path })
t.on('infoHash', () => { for (const peer of peers) t.addPeer(peer) })
t.on('done', () => console.log('done'))
process.on('SIGTERM', () => {
  client.destroy(() => process.exit(0))
})
