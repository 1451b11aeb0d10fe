#!/bin/sh
# version.sh: what gtk-gnutella calls itself, which it does not tell root.
as=
[ "$(id -u)" -ne 0 ] || as="setpriv --reuid=65534 --regid=65534 --clear-groups"
# shellcheck disable=SC2086
exec $as "$(dirname "$0")/installed/bin/gtk-gnutella" --version
