#!/bin/sh
# transmission.sh TORRENT DIR PORT: transmission as one peer of one torrent, over TCP. It
# checks what is in DIR, serves it and fetches what is missing, until it is ended. Its own
# files are in DIR.state; its remote control listens on PORT + 1000. The variable ENCRYPTION
# may be "require". It takes no addresses of peers: others dial it.
set -eu
torrent=$1 dir=$2 port=$3 rpc=$(($3 + 1000)) state=$2.state
encryption=0
[ "${ENCRYPTION-}" != require ] || encryption=2
mkdir -p "$state"
cat >"$state/settings.json" <<SETTINGS
{ "peer-port": $port, "bind-address-ipv4": "127.0.0.1", "bind-address-ipv6": "::1",
  "encryption": $encryption, "dht-enabled": false, "lpd-enabled": false, "pex-enabled": true,
  "utp-enabled": false, "port-forwarding-enabled": false, "rpc-bind-address": "127.0.0.1",
  "rpc-port": $rpc, "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
  "download-dir": "$dir", "preallocation": 0, "blocklist-enabled": false,
  "ratio-limit-enabled": false, "upload-slots-per-torrent": 14 }
SETTINGS
(
	until transmission-remote "127.0.0.1:$rpc" -si >/dev/null 2>&1; do sleep 0.05; done
	transmission-remote "127.0.0.1:$rpc" -a "$torrent" -w "$dir"
) &
exec transmission-daemon -f -g "$state" --log-error
