#!/bin/sh
# start.sh IP PORT DIR leaf|ultrapeer "PEERS": GnutellaBun at IP:PORT, with the files in DIR shared and its state
# beneath them; it dials the peers. The folder "installed" beside this script holds its sources and bun.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ip=$1 port=$2 dir=$3 state=$3/.gnutella
ultrapeer=true
[ "$4" != leaf ] || ultrapeer=false
peers=
for peer in $5; do
	peers="$peers${peers:+, }\"$peer\": $(date +%s)"
done
mkdir -p "$state"
cat >"$state/gnutella.json" <<JSON
{
  "config": {
    "listen_ip": "$ip", "listen_port": $port, "advertised_ip": "$ip", "ultrapeer": $ultrapeer,
    "data_dir": "$state", "downloads_dir": "$dir", "gwebcache_urls": ["http://127.0.0.1:9/"]
  },
  "state": { "peers": { $peers } }
}
JSON
exec "$here/installed/bun" run "$here/installed/bin/gnutella.ts" run --config "$state/gnutella.json"
