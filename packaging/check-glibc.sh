#!/bin/sh
# Prints the least glibc that a library runs with: the latest version among those of the symbols that it needs. It has to be the one that
# the documentation says, unless this machine's glibc is later than that of the documented build, whose headers may ask for more.
#   check-glibc.sh LIBRARY
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
latest() {
    sort -V | tail -1
}
# What is only needed weakly may be absent.
needed=$(readelf --wide --version-info "$1" | grep -v 'Flags:.*WEAK' |
    sed -n '/Version needs section/,$s/.*Name: GLIBC_\([0-9.]*\) .*/\1/p' | latest)
[ -n "$needed" ] || { echo "check-glibc.sh: $1 needs no glibc" >&2; exit 1; }
echo "$needed"
here=$(getconf GNU_LIBC_VERSION | sed 's/.* //')
documented=$(sed -n 's/.*[Bb]uilt with glibc \([0-9.]*[0-9]\) it needs \([0-9.]*[0-9]\) or newer.*/\1 \2/p' "$root/docs/install.md")
[ -n "$documented" ] || { echo "check-glibc.sh: docs/install.md does not say it" >&2; exit 1; }
[ "$(printf '%s\n' "$here" "${documented% *}" | latest)" = "${documented% *}" ] || exit 0
grep -q "glibc ${documented#* } or newer" "$root/README.md" || { echo "check-glibc.sh: README.md does not say glibc ${documented#* } or newer" >&2; exit 1; }
[ "$needed" = "${documented#* }" ] || {
    echo "check-glibc.sh: $1 needs glibc $needed, docs/install.md says ${documented#* }" >&2
    exit 1
}
