#!/bin/sh
# make sanitize: looks for data races with ThreadSanitizer. Usage: sanitize.sh FOLDER, which is for what is built.
#
# The library, SQLite with it, and the C programs that use threads are compiled with it. The runtime is that of rustc. Rust's standard library
# is not compiled anew, so what happens within it is not seen; tests/sanitize.supp has what would be reported wrongly for that.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
target=$(cd "$1" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
runtime=$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc-stable_rt.tsan.a
[ -f "$runtime" ] || { echo "this Rust toolchain has no ThreadSanitizer for $host: $runtime is missing" >&2; exit 1; }
# With a target, build scripts are not compiled with it.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" CC=clang CFLAGS=-fsanitize=thread \
    CARGO_PROFILE_DEV_DEBUG=line-tables-only "${CARGO:-cargo}" build --manifest-path "$root/Cargo.toml" --locked --lib \
    --target "$host" --target-dir "$target"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$target/$host/debug/libexpmig.so" "$work/libexpmig.so"
soname=$(readelf -d "$work/libexpmig.so" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
ln -s libexpmig.so "$work/$soname"

# build SOURCE PROGRAM
build() {
    clang -fsanitize=thread -std=c99 -g -I "$root/include" -c "$1" -o "$work/program.o"
    clang "$work/program.o" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive -Wl,--export-dynamic -L"$work" -lexpmig \
        -Wl,-rpath,"$work" -lgcc_s -lpthread -lrt -lm -ldl -o "$2"
}

# A race that is there is found.
cat >"$work/race.c" <<'RACE'
#include <expmig.h>
#include <pthread.h>
#include <stdio.h>
static const char *version;
static void *write(void *data) { version = expmig_version(); return data; }
int main(void)
{
    pthread_t one, two;
    return pthread_create(&one, NULL, write, NULL) || pthread_create(&two, NULL, write, NULL) || pthread_join(one, NULL)
        || pthread_join(two, NULL) || puts(version) < 0;
}
RACE
build "$work/race.c" "$work/race"
if "$work/race" >"$work/found" 2>&1 || ! grep -q "data race .* in write" "$work/found"; then
    cat "$work/found" >&2
    echo "ThreadSanitizer does not find the race of a program that has one" >&2
    exit 1
fi

for source in $(grep -l pthread_create "$root"/tests/c/*.c); do
    name=$(basename "$source" .c)
    build "$source" "$work/$name"
    mkdir "$work/run-$name"
    cp "$root/tests/data/digits.db" "$work/run-$name/digits.db"
    cp "$root/tests/data/digits.db" "$work/run-$name/small.db"
    sqlite3 "$work/run-$name/small.db" <"$root/tests/c/small.sql"
    (cd "$work/run-$name" && TSAN_OPTIONS="second_deadlock_stack=1 suppressions='$root/tests/sanitize.supp'" "$work/$name")
    echo "$name: no data race"
done
