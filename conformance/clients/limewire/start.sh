#!/bin/sh
# start.sh PORT DIR leaf|ultrapeer "PEERS": LimeWire's core listening on PORT, with the files in DIR shared. The
# folder "installed" beside this script holds its classes and the libraries that it is built with.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
opens=
for package in java.lang java.util java.util.concurrent java.net java.nio sun.nio.ch; do
	opens="$opens --add-opens java.base/$package=ALL-UNNAMED"
done
# It writes files wherever it is started.
mkdir -p "$2/.limewire"
cd "$2/.limewire"
# shellcheck disable=SC2086
exec java $opens -Djava.awt.headless=true -Duser.home="$PWD" -Xmx256m -XX:TieredStopAtLevel=1 \
	-cp "$here/installed/classes:$here/installed/lib/*" "$here/Servent.java" "$1" "$2" "$3" $4
