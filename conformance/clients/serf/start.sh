#!/bin/sh
# start.sh IP PORT DIR "MEMBERS": serf's agent at IP:PORT for UDP and TCP, which joins the members.
# Its commands reach it at a free port of the same IP. It leaves on SIGTERM.
set -eu
ip=$1 port=$2 dir=$3 members=$4
printf '{"leave_on_terminate": true}\n' >"$dir/serf.json"
set -- -node=target -bind="$ip:$port" -rpc-addr="$ip:0" -profile=local -tag role=target -config-file="$dir/serf.json"
for member in $members; do
	set -- "$@" -retry-join="$member" -retry-interval=1s
done
exec serf agent "$@"
