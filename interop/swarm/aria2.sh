#!/bin/sh
# aria2.sh TORRENT DIR IP PORT: aria2 as one peer of one torrent, over TCP. It checks what is in
# DIR, serves it and fetches what is missing, until it is ended. The variable ENCRYPTION may be
# "require"; DONE may name a file to be made when nothing is missing. It takes no addresses of
# peers: others dial it.
set -eu
torrent=$1 dir=$2 ip=$3 port=$4
shift 4
if [ "${ENCRYPTION-}" = require ]; then
	set -- --bt-require-crypto=true --bt-min-crypto-level=arc4
fi
if [ -n "${DONE-}" ]; then
	set -- "$@" --on-bt-download-complete="$(dirname "$0")/done.sh"
fi
exec aria2c --no-conf=true --dir="$dir" --interface="$ip" --listen-port="$port" --enable-dht=false \
	--bt-enable-lpd=false --disable-ipv6=true --summary-interval=0 --console-log-level=warn \
	--check-integrity=true --bt-seed-unverified=false --allow-overwrite=true \
	--file-allocation=none --seed-ratio=0.0 "$@" "$torrent"
