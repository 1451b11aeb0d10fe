#!/bin/sh
# build.sh [REPOSITORY]: builds OpenNap 0.36 into the folder "installed" beside this script, from a
# clone or the address of its repository; the commit is what is named below, whatever the branch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
repository=${1:-https://github.com/sbcas/opennap}
commit=eb3e2866adc55a1e8876a92e5055d5fa35a013d4

source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git clone -q --no-checkout "$repository" "$source"
git -C "$source" checkout -q "$commit"
(
	cd "$source"
	# Its variables are defined in every file, as compilers before 2020 let them be.
	CFLAGS="-O2 -w -fcommon" ./configure --enable-resume --enable-email >/dev/null
	make opennap >/dev/null 2>&1
)
mkdir -p "$here/installed"
cp "$source/opennap" "$here/installed/opennap"
