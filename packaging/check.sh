#!/bin/sh
# Checks what build.sh built: the libraries name no folder of this machine, show their functions with versions and nothing else, run with the
# glibc that is documented, and are small; the command, if it was built, is small too and starts at once.
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

for library in libexpmig.so libexpmig.a; do
    for path in "$root" "$folder" "${CARGO_HOME:-$HOME/.cargo}" "$HOME/"; do
        ! strings -a "$folder/$library" | grep -F -- "$path" || fail "$library names $path"
    done
done

# Function@@NODE, as the version script has it.
awk '$2 == "{" { node = $1 } /^ *expmig_/ { sub(";", "", $1); print $1 "@@" node }' "$root/packaging/expmig.map" | sort >"$work/listed"
nm -D --defined-only "$folder/libexpmig.so" | sed -e 's/.* //' -e '/^EXPMIG_/d' | sort >"$work/shared"
diff "$work/listed" "$work/shared" || fail "the shared library shows something else than packaging/expmig.map"
nm -g --defined-only --format=posix "$folder/libexpmig.a" | sed -n 's/^\([^ ]*\) [A-Z] .*/\1/p' | sort >"$work/static"
sed 's/@@.*//' "$work/listed" | diff - "$work/static" || fail "the static library shows something else than packaging/expmig.map"
readelf -d "$folder/libexpmig.so" >"$work/dynamic"
grep -q 'NODELETE' "$work/dynamic" || fail "dlclose would unload the library"
! grep -E 'RPATH|RUNPATH|TEXTREL' "$work/dynamic" || fail "the library has a path or relocations in it"
sh "$root/packaging/check-glibc.sh" "$folder/libexpmig.so"

size=$(stat -c %s "$folder/libexpmig.so")
echo "libexpmig.so: $size bytes, of at most $2 MiB"
[ "$size" -le $(($2 * 1024 * 1024)) ] || fail "libexpmig.so is too large"
[ ! -f "$folder/expmig" ] || python3 "$root/benches/start.py" --command "$folder/expmig" --database "$root/tests/data/digits.db"
python3 "$root/benches/load.py" --library "$folder/libexpmig.so" --database "$root/tests/data/digits.db"
