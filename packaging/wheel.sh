#!/bin/sh
# Builds a wheel of the Python package, for every Python 3 on Linux with a glibc that has what the library needs: which one that is, auditwheel
# computes and says in the wheel's name. The same sources make the same wheel.
#   wheel.sh FOLDER        where it is put, alone
# PYTHON is an interpreter that has wheel-requirements.txt, EXPMIG_LIBRARY the library if it is built already, SOURCE_DATE_EPOCH the time of all files.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
: "${PYTHON:=python3}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The system's SQLite would have to go along, and be a second one again.
unset EXPMIG_SYSTEM_SQLITE
: "${SOURCE_DATE_EPOCH:=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/Cargo.toml")}"
export SOURCE_DATE_EPOCH
umask 022
"$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$work" "$root/bindings/python"
PATH=$(dirname "$("$PYTHON" -c 'import sys; print(sys.executable)')"):$PATH
"$PYTHON" -m auditwheel repair --only-plat --wheel-dir "$work/repaired" "$work"/expmig-*.whl >"$work/said" 2>&1 || {
    cat "$work/said" >&2
    exit 1
}
# It would put libraries that the library needs beside it. There are none but the C library's.
if "$PYTHON" -m zipfile -l "$work"/repaired/expmig-*.whl | grep 'expmig\.libs/' >&2; then
    echo "wheel.sh: the library needs more than the C library" >&2
    exit 1
fi
rm -f "$folder"/expmig-*.whl
mv "$work"/repaired/expmig-*.whl "$folder"
ls "$folder"/expmig-*.whl
