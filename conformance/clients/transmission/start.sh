#!/bin/sh
# start.sh IP PORT DIR "BOOTSTRAP…" INFO_HASH: transmission with its DHT on IP:PORT.
# It reads its first contacts from a file, and the magnet link that gives it
# something to announce from a watched folder.
set -eu
ip=$1 port=$2 dir=$3 hash=$5
: >"$dir/dht.bootstrap"
for node in $4; do
	echo "${node%:*} ${node##*:}" >>"$dir/dht.bootstrap"
done
mkdir -p "$dir/watch" "$dir/downloads"
echo "magnet:?xt=urn:btih:$hash" >"$dir/watch/searched.magnet"
cat >"$dir/settings.json" <<JSON
{
  "bind-address-ipv4": "$ip", "bind-address-ipv6": "::1",
  "peer-port": $port, "peer-port-random-on-start": false,
  "dht-enabled": true, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
  "port-forwarding-enabled": false, "rpc-enabled": false,
  "download-dir": "$dir/downloads", "watch-dir": "$dir/watch", "watch-dir-enabled": true,
  "message-level": 2
}
JSON
exec transmission-daemon -f -g "$dir"
