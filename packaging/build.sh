#!/bin/sh
# Builds what `make install` installs and `make demo` uses: both libraries, with no path of this machine in them.
#   build.sh TARGET_DIR [CARGO_OPTION...]        CARGO: the cargo to use; RUSTFLAGS, CFLAGS, LDFLAGS: added to; CC, LD, AR, OBJCOPY, STRIP
# Leaves these in TARGET_DIR/dist: libexpmig.so, libexpmig.a, native-static-libs (what a program that links the archive needs besides),
# expmig.cdx.json (what is in them), and, if EXPMIG_COMMAND is "yes", the command expmig.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/dist"
target=$(cd "$1" && pwd)
dist=$target/dist
shift
home=${CARGO_HOME:-$HOME/.cargo}
CARGO=${CARGO:-cargo}
export CARGO

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

# Only without the other types of Cargo.toml can the library be optimised as a whole. No exception passes through SQLite: its unwind tables
# would be dead weight.
log=$target/dist-build.log
messages=$target/dist-build.json
export CARGO_TARGET_DIR="$target" CARGO_ENCODED_RUSTFLAGS="$flags" CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables"
"$CARGO" rustc --manifest-path "$root/Cargo.toml" --locked --release --lib --crate-type staticlib \
    --message-format json-render-diagnostics "$@" -- --print native-static-libs >"$messages" 2>"$log" || { cat "$log" >&2; exit 1; }
grep -v native-static-libs "$log" >&2 || :
system=$(sed -n 's/^note: native-static-libs: *//p' "$log" | tail -1)
[ -n "$system" ] || { echo "build.sh: rustc did not say what the archive needs" >&2; exit 1; }
echo "$system" >"$dist/native-static-libs"
archive=$(sed -n 's/.*"filenames":\["\([^"]*\/libexpmig\.a\)"\].*/\1/p' "$messages")
soname=$(sed -n 's/.*\["EXPMIG_SONAME","\([^"]*\)"\].*/\1/p' "$messages")
[ -n "$archive" ] && [ -n "$soname" ] || { echo "build.sh: cargo did not say what it made" >&2; exit 1; }

# shellcheck disable=SC2086 # a list of options
sh "$root/packaging/link-shared.sh" "$archive" "$dist/libexpmig.so" "$soname" $system
sh "$root/packaging/hide-symbols.sh" "$archive" "$dist/libexpmig.a"
sh "$root/packaging/sbom.sh" "$archive" "$@" >"$dist/expmig.cdx.json"

# The command is a program of its own, with the library in it and the crates that it alone needs. Cargo compiles all crates once more for it,
# because the library that it depends on has all types of Cargo.toml: so it is made only for who wants it.
rm -f "$dist/expmig"
[ "${EXPMIG_COMMAND:-no}" = yes ] || exit 0
"$CARGO" build --manifest-path "$root/Cargo.toml" --locked --release --bin expmig --features cli --message-format json-render-diagnostics "$@" >"$messages"
command=$(sed -n 's/.*"executable":"\([^"]*\/expmig\)".*/\1/p' "$messages")
[ -n "$command" ] || { echo "build.sh: cargo did not say where the command is" >&2; exit 1; }
${STRIP:-strip} -o "$dist/expmig" "$command"
