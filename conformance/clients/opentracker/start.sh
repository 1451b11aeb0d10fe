#!/bin/sh
# start.sh IP PORT DIR "INFO_HASHES": opentracker over HTTP and UDP on IP:PORT.
# Debian's build serves the torrents of a list alone. It confines itself to DIR.
set -eu
ip=$1 port=$2 dir=$3
chmod 755 "$dir"
for hash in $4; do
	echo "$hash"
done >"$dir/whitelist.txt"
chmod 644 "$dir/whitelist.txt"
exec opentracker -i "$ip" -p "$port" -P "$port" -d "$dir" -u nobody -w whitelist.txt
