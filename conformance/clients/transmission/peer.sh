#!/bin/sh
# peer.sh IP PORT DIR ENCRYPTION TORRENT|MAGNET: transmission as one peer of one torrent on
# IP:PORT, with its content in DIR. The daemon takes torrents from a watched folder, and no magnet
# links: these are given to transmission-cli, which is the same library. The variable
# ON_COMPLETE may name a program to be run when nothing is missing, and MAX_PEERS say how many
# connections it has at most. It takes no addresses of peers: others dial it.
set -eu
ip=$1 port=$2 dir=$3 state=$3/.transmission
case $4 in
required) encryption=2 ;;
preferred) encryption=1 ;;
*) encryption=0 ;; # prefers plaintext; it has no way to refuse encryption
esac
hook=false
[ -z "${ON_COMPLETE-}" ] || hook=true
mkdir -p "$state/watch"
cat >"$state/settings.json" <<JSON
{
  "bind-address-ipv4": "$ip", "bind-address-ipv6": "::1",
  "peer-port": $port, "peer-port-random-on-start": false, "encryption": $encryption,
  "dht-enabled": false, "lpd-enabled": false, "pex-enabled": true, "utp-enabled": false,
  "port-forwarding-enabled": false, "rpc-enabled": false, "blocklist-enabled": false,
  "download-dir": "$dir", "watch-dir": "$state/watch", "watch-dir-enabled": true,
  "script-torrent-done-enabled": $hook, "script-torrent-done-filename": "${ON_COMPLETE-}",
  "peer-limit-per-torrent": ${MAX_PEERS:-50}, "ratio-limit-enabled": false, "message-level": 2
}
JSON
case $5 in
magnet:*) exec transmission-cli -g "$state" "$5" >/dev/null ;; # a line of progress five times a second
esac
cp "$5" "$state/watch/judged.torrent"
exec transmission-daemon -f -g "$state"
