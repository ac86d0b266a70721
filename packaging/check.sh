#!/bin/sh
# Checks the libraries of the profile "dist": they name no folder of this machine, show nothing but expmig_*, and are small.
#   check.sh FOLDER MAX_MIB
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check.sh: $*" >&2
    exit 1
}

sh "$root/packaging/hide-symbols.sh" "$folder/libexpmig.a" "$work/libexpmig.a"
cp "$folder/libexpmig.so" "$work"
for library in libexpmig.so libexpmig.a; do
    for path in "$root" "$folder" "${CARGO_HOME:-$HOME/.cargo}" "$HOME/"; do
        ! strings -a "$work/$library" | grep -F -- "$path" || fail "$library names $path"
    done
done

nm -D --defined-only "$work/libexpmig.so" | sed 's/.* //' | sort >"$work/shared"
nm -g --defined-only --format=posix "$work/libexpmig.a" | sed -n 's/^\([^ ]*\) [A-Z] .*/\1/p' | sort >"$work/static"
sort "$root/tests/abi/symbols.txt" >"$work/listed"
diff "$work/listed" "$work/shared" || fail "the shared library has other symbols than tests/abi/symbols.txt"
diff "$work/listed" "$work/static" || fail "the static library has other symbols than tests/abi/symbols.txt"
readelf -d "$work/libexpmig.so" >"$work/dynamic"
grep -q 'NODELETE' "$work/dynamic" || fail "dlclose would unload the library"
! grep -E 'RPATH|RUNPATH|TEXTREL' "$work/dynamic" || fail "the library has a path or relocations in it"

size=$(stat -c %s "$work/libexpmig.so")
echo "libexpmig.so: $size bytes, of at most $2 MiB"
[ "$size" -le $(($2 * 1024 * 1024)) ] || fail "libexpmig.so is too large"
python3 "$root/benches/load.py" --library "$work/libexpmig.so" --database "$root/tests/data/digits.db"
