#!/bin/sh
# Builds the libraries that `make install` installs, with the profile "dist", so that no path of this machine is in them.
#   build.sh TARGET_DIR [CARGO_OPTION...]        CARGO: the cargo to use; RUSTFLAGS: added to
# Leaves libexpmig.so, libexpmig.a and native-static-libs (what a program that links the archive needs besides) in TARGET_DIR/dist.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
target=$(cd "$1" && pwd)
shift
home=${CARGO_HOME:-$HOME/.cargo}

# Source paths are in the messages of panics. Of this package they are relative already; later flags go before earlier ones.
separator=$(printf '\037')
flags=
add() {
    flags=$flags${flags:+$separator}$1
}
for flag in ${RUSTFLAGS:-}; do
    add "$flag"
done
add "--remap-path-prefix=$home=/cargo"
add "--remap-path-prefix=$root=/expmig"
add "--remap-path-prefix=$target=/expmig/target"
for folder in "$home/registry/src"/*; do
    add "--remap-path-prefix=$folder=/cargo"
done
# No exception passes through SQLite: its unwind tables would be dead weight.
export CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables"
CARGO_ENCODED_RUSTFLAGS=$flags
export CARGO_ENCODED_RUSTFLAGS

# Only without the "lib" of Cargo.toml can the libraries be optimised as a whole.
log=$target/dist-build.log
CARGO_TARGET_DIR=$target "${CARGO:-cargo}" rustc --manifest-path "$root/Cargo.toml" --locked --lib --profile dist \
    --crate-type cdylib,staticlib "$@" -- --print native-static-libs 2>"$log" || { cat "$log" >&2; exit 1; }
grep -v native-static-libs "$log" >&2 || :
sed -n 's/^note: native-static-libs: *//p' "$log" | tail -1 >"$target/dist/native-static-libs"
[ -s "$target/dist/native-static-libs" ] || { echo "rustc did not say what the archive needs" >&2; exit 1; }
