#!/bin/sh
# start.sh IP PORT DIR "BOOTSTRAP…" INFO_HASH: aria2 with its DHT on IP:PORT.
# The DHT runs beside a download only; a magnet link nobody serves keeps it
# searching. It knows a single entry point, so only the first one is given.
set -eu
ip=$1 port=$2 dir=$3 hash=$5
entry=${4%% *}
set -- "magnet:?xt=urn:btih:$hash"
if [ -n "$entry" ]; then
	set -- "--dht-entry-point=$entry" "$@"
fi
exec aria2c --no-conf=true --dir="$dir" --interface="$ip" --disable-ipv6=true \
	--listen-port="$port" --enable-dht=true --dht-listen-port="$port" \
	--dht-file-path="$dir/dht.dat" --bt-enable-lpd=false --enable-peer-exchange=false \
	--bt-stop-timeout=0 --summary-interval=0 "$@"
