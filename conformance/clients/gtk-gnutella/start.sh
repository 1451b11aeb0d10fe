#!/bin/sh
# start.sh IP PORT DIR leaf|ultrapeer "PEERS": gtk-gnutella at IP:PORT, with the files in DIR shared and its state
# beneath them; it dials the peers. The folder "installed" beside this script is the prefix that it was
# installed with.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ip=$1 port=$2 dir=$3 state=$3/.gtk-gnutella
mode=2
[ "$4" != leaf ] || mode=0
mkdir -p "$state"
cat >"$state/config_gnet" <<CONFIG
listen_port = $port
network_protocol = 4
force_local_ip = TRUE
forced_local_ip = "$ip"
bind_to_forced_local_ip = TRUE
configured_peermode = $mode
enable_dht = FALSE
enable_guess = FALSE
enable_g2 = FALSE
enable_upnp = FALSE
enable_natpmp = FALSE
allow_private_network_connection = TRUE
allow_firewalled_ultra = TRUE
shared_dirs = "$dir"
scan_extensions = "*"
CONFIG

program="$here/installed/bin/gtk-gnutella"
as= # it refuses to run as root
if [ "$(id -u)" -eq 0 ]; then
	chown -R 65534:65534 "$dir"
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
export GTK_GNUTELLA_DIR="$state" HOME="$state"
# It takes addresses to dial from its shell alone, once that answers.
if [ -n "$5" ]; then
	(
		for _ in $(seq 100); do
			# shellcheck disable=SC2086
			printf 'node add %s\n' $5 | $as "$program" --shell >/dev/null 2>&1 && break
			sleep 0.2
		done
	) &
fi
# A build of its age calls itself too ancient and turns leaf, so its clock runs behind: it starts on 2024-03-10.
# Up to one process in three gets another clock out of that, several one after the other. Each line of its log
# begins with the date.
log=$state/log
trap 'kill "$child"; wait "$child"; exit' TERM INT
for _ in $(seq 20); do
	# shellcheck disable=SC2086
	$as env LD_PRELOAD="/usr/lib/$(uname -m)-linux-gnu/faketime/libfaketimeMT.so.1" \
		FAKETIME="-$(($(date +%s) - 1710028800))" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		"$program" --no-supervise --no-restart >"$log" 2>&1 &
	child=$!
	until grep -q '^[-0-9]' "$log" || ! kill -0 "$child"; do sleep 0.1; done
	if grep -m1 '^[-0-9]' "$log" | grep -q '^24-'; then
		break
	fi
	kill "$child"
	wait "$child" || true
done
wait "$child"
