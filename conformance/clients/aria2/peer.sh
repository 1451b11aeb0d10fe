#!/bin/sh
# peer.sh IP PORT DIR ENCRYPTION TORRENT|MAGNET: aria2 as one peer of one torrent on IP:PORT. It
# checks what is in DIR, fetches what is missing and goes on seeding. Its UDP trackers share the
# socket of its DHT, which is on for them and knows nobody. The variable ON_COMPLETE may name a
# program to be run when nothing is missing, and MAX_PEERS say how many connections it has at most.
# It takes no addresses of peers: others dial it.
set -eu
ip=$1 port=$2 dir=$3 encryption=$4 torrent=$5
set --
if [ "$encryption" = required ]; then
	set -- --bt-force-encryption=true
fi
if [ -n "${ON_COMPLETE-}" ]; then
	set -- "$@" --on-bt-download-complete="$ON_COMPLETE"
fi
exec aria2c --no-conf=true --dir="$dir" --interface="$ip" --listen-port="$port" \
	--disable-ipv6=true --enable-dht=true --dht-listen-port="$port" --dht-file-path="$dir/.dht" \
	--bt-enable-lpd=false --enable-peer-exchange=true \
	--check-integrity=true --allow-overwrite=true --file-allocation=none --seed-ratio=0.0 \
	--bt-max-peers="${MAX_PEERS:-55}" --summary-interval=0 --console-log-level=warn "$@" "$torrent"
