#!/bin/sh
# Links the shared library from the static one that cargo built. rustc would tell the linker what to show without versions, and GNU ld takes
# no second list beside that one.
#   link-shared.sh IN.a OUT.so SONAME [SYSTEM_LIBRARY...]        CC, LDFLAGS
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
archive=$1 out=$2 soname=$3
shift 3
# Unloading a Rust library whose thread-local destructors still have to run would crash: nodelete.
# shellcheck disable=SC2086 # lists of words, as in CC="ccache cc"
${CC:-cc} -shared -o "$out" \
    -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -Wl,--gc-sections -Wl,-s -Wl,-O1 \
    "-Wl,--version-script=$packaging/expmig.map" "-Wl,-soname,$soname" -Wl,-z,nodelete -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now \
    ${LDFLAGS:-} -Wl,--as-needed "$@"
