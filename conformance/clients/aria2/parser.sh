#!/bin/sh
# parser.sh TORRENT: has aria2c print what it reads of a torrent, and tells a
# refusal by the exit status, which aria2c does not.
out=$(aria2c --no-conf --show-files "$1" 2>&1)
status=$?
echo "$out"
[ "$status" -eq 0 ] || exit "$status"
case "$out" in
*"Info Hash"*) ;;
*) exit 1 ;;
esac
