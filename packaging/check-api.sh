#!/bin/sh
# Compares what the library promises with an earlier state of it: the C ABI, by the types and functions in its debugging information (abidiff),
# and the Rust API (cargo-semver-checks).
#   check-api.sh REVISION FOLDER
# REVISION: a tag or commit of this repository. FOLDER: where both are built.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
revision=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
for tool in abidiff cargo-semver-checks; do
    command -v $tool >/dev/null || {
        echo "check-api.sh: $tool is missing (Debian: abigail-tools; cargo install cargo-semver-checks)" >&2
        exit 1
    }
done

before=$folder/before
rm -rf "$before"
mkdir "$before"
git -C "$root" archive "$revision" | tar -x -C "$before"
# Types are what abidiff compares. What both depend on is compiled once. The package itself is always compiled anew: cargo takes two folders of one
# package for the same one where their files are older than what was made of the other.
build() {
    (
        cd "$1"
        export CARGO_PROFILE_DEV_DEBUG=full CARGO_TARGET_DIR="$folder/target"
        ${CARGO:-cargo} clean --quiet --locked --package expmig
        ${CARGO:-cargo} build --locked --lib
    )
    cp "$folder/target/debug/libexpmig.so" "$folder/$2"
}
build "$before" before.so
build "$root" now.so
# 0: the same; 4: something was added or changed in a way that programs do not notice; more: something that they do.
status=0
abidiff --drop-private-types --headers-dir1 "$before/include" --headers-dir2 "$root/include" "$folder/before.so" "$folder/now.so" || status=$?
[ $((status & ~4)) -eq 0 ] || {
    echo "check-api.sh: programs that were built with $revision would notice (abidiff: $status)" >&2
    exit 1
}
cd "$root"
# What is built by default: all features at once cannot be had.
cargo semver-checks --manifest-path Cargo.toml --baseline-root "$before" --default-features
