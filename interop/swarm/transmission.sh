#!/bin/sh
# transmission.sh TORRENT DIR IP PORT: transmission as one peer of one torrent, over TCP. It
# checks what is in DIR, serves it and fetches what is missing, until it is ended. Its own
# files are in DIR.state; its remote control listens on IP:9091. The variable ENCRYPTION may
# be "require"; DONE may name a file to be made when nothing is missing. It takes no addresses
# of peers: others dial it.
set -eu
torrent=$1 dir=$2 ip=$3 port=$4 state=$2.state
rpc=$ip:9091
here=$(cd "$(dirname "$0")" && pwd)
encryption=0 hook=false
[ -z "${DONE-}" ] || hook=true
[ "${ENCRYPTION-}" != require ] || encryption=2
mkdir -p "$state"
cat >"$state/settings.json" <<SETTINGS
{ "peer-port": $port, "bind-address-ipv4": "$ip", "bind-address-ipv6": "::1",
  "encryption": $encryption, "dht-enabled": false, "lpd-enabled": false, "pex-enabled": true,
  "utp-enabled": false, "port-forwarding-enabled": false, "rpc-bind-address": "$ip", "rpc-port": 9091,
  "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
  "download-dir": "$dir", "preallocation": 0, "blocklist-enabled": false,
  "script-torrent-done-enabled": $hook, "script-torrent-done-filename": "$here/done.sh",
  "ratio-limit-enabled": false, "upload-slots-per-torrent": 14 }
SETTINGS
(
	until transmission-remote "$rpc" -si >/dev/null 2>&1; do sleep 0.05; done
	transmission-remote "$rpc" -a "$torrent" -w "$dir"
) &
exec transmission-daemon -f -g "$state" --log-error
