#!/bin/sh
# Makes a static archive of which only the functions of the version script can be seen: neither the sqlite3_* of the SQLite in it, so that a
# program keeps its own, nor the symbols of Rust, so that other Rust libraries can be linked beside it.
#   hide-symbols.sh IN.a OUT.a        LD, OBJCOPY, AR
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^ *\(expmig_[a-z0-9_]*\);$/\1/p' "$packaging/expmig.map" >"$work/shown"
# One object, in which local symbols can satisfy each other. Section groups name a symbol that would be local then, hence none.
${LD:-ld} -r --force-group-allocation --whole-archive "$1" -o "$work/expmig.o"
# The bitcode of Rust's own library is for link-time optimisation by rustc alone.
${OBJCOPY:-objcopy} --keep-global-symbols="$work/shown" --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd "$work/expmig.o"
${AR:-ar} rcsD "$work/expmig.a" "$work/expmig.o"
# What had the name may be the input under another one.
rm -f "$2"
cp "$work/expmig.a" "$2"
