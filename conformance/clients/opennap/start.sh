#!/bin/sh
# start.sh IP PORT DIR: OpenNap on IP:PORT, with what it keeps in DIR, as whoever starts it. build.sh
# makes the program.
set -eu
ip=$1 port=$2 dir=$3
cat >"$dir/config" <<CONFIG
server_name localhost
config_dir $dir
stats_port 0
uid $(id -u)
gid $(id -g)
CONFIG
: >"$dir/users"
exec "$(dirname "$0")/installed/opennap" -c "$dir/config" -l "$ip" -p "$port"
