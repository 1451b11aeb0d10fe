// parser.mjs TORRENT|MAGNET: prints the info-hash of a torrent or a magnet link, as webtorrent's own
// parser has it.
import { readFileSync } from 'node:fs'
import parseTorrent from 'parse-torrent'
const what = process.argv[2]
let parsed
try {
  parsed = await parseTorrent(what.startsWith('magnet:') ? what : readFileSync(what))
} catch (err) {
  console.error(err.message) // in good order: an uncaught exception would be a crash
  process.exit(1)
}
console.log(parsed.infoHash)
