#!/bin/sh
# Builds what `make install` installs: both libraries, of which `make demo` makes its programs, and the command, with no path of this machine in them.
#   build.sh TARGET_DIR [CARGO_OPTION...]        CARGO: the cargo to use; RUSTFLAGS, CFLAGS, LDFLAGS: added to; CC, LD, AR, OBJCOPY, STRIP
# Leaves these in TARGET_DIR/dist: libexpmig.so, libexpmig.a, native-static-libs (what a program that links the archive needs besides),
# expmig.cdx.json (what is in them), and the command expmig. EXPMIG_COMMAND: "yes"; "no" leaves the command out; "later" does so too, and compiles
# the crates so that a later "yes" need not do it again. A command that is there stays if it is of the same libraries.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/dist"
target=$(cd "$1" && pwd)
dist=$target/dist
shift
home=${CARGO_HOME:-$HOME/.cargo}
CARGO=${CARGO:-cargo}
export CARGO

# Cargo optimises a crate as a whole only where it is made for one type, and it compiles every crate again for what is made with other types or
# features: so both are made of a package that has the same sources and one type. What the command alone needs is linked into the command alone.
command=${EXPMIG_COMMAND:-yes}
package=$target/dist-package
mkdir -p "$package"
for name in src benches include build.rs cbindgen.toml Cargo.lock; do
    ln -sfn "$root/$name" "$package/$name"
done
sed 's/^crate-type = .*/crate-type = ["lib"]/' "$root/Cargo.toml" >"$package/Cargo.toml.new"
cmp -s "$package/Cargo.toml.new" "$package/Cargo.toml" || cp "$package/Cargo.toml.new" "$package/Cargo.toml"
# The flags below name the folders of sources. Where there are none yet, they have to come first: with other flags everything would be compiled
# again the next time. What cannot be fetched, the build says.
if [ ! -d "$home/registry/src" ]; then
    "$CARGO" fetch --quiet --locked --manifest-path "$package/Cargo.toml" --target "$(${RUSTC:-rustc} -vV | sed -n 's/^host: //p')" || :
fi

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

compile() { # compile VERB OPTION...: with what both are made with
    verb=$1
    shift
    [ "$command" = no ] || set -- --features cli "$@"
    "$CARGO" "$verb" --manifest-path "$package/Cargo.toml" --locked --release --message-format json-render-diagnostics "$@"
}

# No exception passes through SQLite: its unwind tables would be dead weight.
log=$target/dist-build.log
messages=$target/dist-build.json
export CARGO_TARGET_DIR="$target" CARGO_ENCODED_RUSTFLAGS="$flags" CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables"
compile rustc --lib --crate-type staticlib "$@" -- --print native-static-libs >"$messages" 2>"$log" || { cat "$log" >&2; exit 1; }
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

case $command in
no) rm -f "$dist/expmig" ;;
# A library that was made again is newer.
later) [ "$dist/expmig" -nt "$archive" ] || rm -f "$dist/expmig" ;;
*)
    rm -f "$dist/expmig"
    compile build --bin expmig "$@" >"$messages"
    program=$(sed -n 's/.*"executable":"\([^"]*\/expmig\)".*/\1/p' "$messages")
    [ -n "$program" ] || { echo "build.sh: cargo did not say where the command is" >&2; exit 1; }
    ${STRIP:-strip} -o "$dist/expmig" "$program"
    ;;
esac
