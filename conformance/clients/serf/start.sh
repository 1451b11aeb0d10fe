#!/bin/sh
# start.sh IP PORT DIR "MEMBERS" KEY: serf's agent at IP:PORT for UDP and TCP, which joins the
# members; KEY is in hexadecimal, or empty. Its commands reach it at a free port of the same IP. It
# leaves on SIGTERM.
set -eu
ip=$1 port=$2 dir=$3 members=$4 key=$5
printf '{"leave_on_terminate": true}\n' >"$dir/serf.json"
set -- -node=target -bind="$ip:$port" -rpc-addr="$ip:0" -profile=local -tag role=target -config-file="$dir/serf.json"
for member in $members; do
	set -- "$@" -retry-join="$member" -retry-interval=1s
done
if [ -n "$key" ]; then
	set -- "$@" -encrypt="$(printf %s "$key" | tr a-f A-F | basenc --base16 -d | base64 -w 0)"
fi
exec serf agent "$@"
