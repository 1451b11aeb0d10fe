#!/bin/sh
# done.sh: what clients run when a download is complete. It makes the file that $DONE names.
: >"${DONE:?}"
