#!/bin/sh
# Installs what build.sh built, or removes it again. All options are in the environment, as make passes them:
#   PREFIX (/usr/local)  LIBDIR (PREFIX/lib)  INCLUDEDIR (PREFIX/include)  MANDIR (PREFIX/share/man)
#   DESTDIR (none): where the tree is put that belongs at /
#   install.sh install FOLDER    the libraries and native-static-libs are in FOLDER
#   install.sh uninstall
# What it installs can be moved together to another prefix.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${PREFIX:=/usr/local}"
: "${LIBDIR:=$PREFIX/lib}"
: "${INCLUDEDIR:=$PREFIX/include}"
: "${MANDIR:=$PREFIX/share/man}"
: "${DESTDIR:=}"
for folder in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$MANDIR"; do
    case $folder in /*) ;; *) echo "install.sh: $folder is not an absolute path" >&2; exit 2 ;; esac
done

field() { # field NAME: of the package, in Cargo.toml
    sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$root/Cargo.toml" | head -1
}
version=$(field version)

lib=$DESTDIR$LIBDIR
include=$DESTDIR$INCLUDEDIR
cmake=$lib/cmake/expmig

# The man page, and the names of all functions, which lead to it.
manual=$DESTDIR$MANDIR/man3
functions=$(sed -n 's/^\.\\" Pages that lead here: //p' "$root/man/expmig.3")

install_manual() {
    install -d "$manual"
    install -m 644 "$root/man/expmig.3" "$manual/expmig.3"
    for name in $functions; do
        ln -sf expmig.3 "$manual/$name.3"
    done
}

uninstall_manual() {
    for name in expmig $functions; do
        rm -f "$manual/$name.3"
    done
}

uninstall() {
    uninstall_manual
    # The link between the two is the one that leads to this version.
    for link in "$lib"/libexpmig.so.*; do
        [ "$(readlink "$link")" != "libexpmig.so.$version" ] || rm -f "$link"
    done
    rm -f "$lib/libexpmig.so" "$lib/libexpmig.so.$version" "$lib/libexpmig.a" \
        "$lib/pkgconfig/expmig.pc" "$cmake/expmigConfig.cmake" "$cmake/expmigConfigVersion.cmake" \
        "$include/expmig.h" "$include/expmig.hpp"
    for header in "$root/bindings/cpp/expmig"/*.hpp; do
        rm -f "$include/expmig/${header##*/}"
    done
    for folder in "$cmake" "$include/expmig"; do
        [ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || :
    done
}

relative() { # relative TO FROM: in names only, whatever is there
    realpath -ms --relative-to="$2" "$1"
}

fill() { # fill TEMPLATE OUT
    sed -e "s|@VERSION@|$version|g" -e "s|@COMPATIBLE_VERSION@|$compatible|g" -e "s|@DESCRIPTION@|$(field description)|g" \
        -e "s|@LIBDIR@|$(relative "$LIBDIR" "$PREFIX")|g" -e "s|@INCLUDEDIR@|$(relative "$INCLUDEDIR" "$PREFIX")|g" \
        -e "s|@PREFIX_FROM_PC@|$(relative "$PREFIX" "$LIBDIR/pkgconfig")|g" \
        -e "s|@PREFIX_FROM_CMAKE@|$(relative "$PREFIX" "$LIBDIR/cmake/expmig")|g" \
        -e "s|@STATIC_LIBS@|$static_libs|g" -e "s|@STATIC_LIBS_CMAKE@|$(echo "$static_libs" | tr ' ' ';')|g" \
        -e "s|@POINTER_SIZE@|$pointer_size|g" "$root/packaging/$1" >"$work/filled"
    install -m 644 "$work/filled" "$2"
}

install_all() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # What build.rs lets programs ask the loader for.
    compatible=$(objdump -p "$1/libexpmig.so" | sed -n 's/^ *SONAME *libexpmig\.so\.//p')
    [ -n "$compatible" ] || { echo "install.sh: $1/libexpmig.so has no name with a version" >&2; exit 1; }
    # Compiler drivers add these two themselves, and with -static there is no libgcc_s.
    static_libs=$(sed -e 's/-lgcc_s//' -e 's/-lc\>//' -e 's/  */ /g' -e 's/^ //' -e 's/ $//' "$1/native-static-libs")
    # Byte 4 of an ELF file: 1 is 32 bits, 2 is 64.
    pointer_size=$(($(od -An -tu1 -j4 -N1 "$1/libexpmig.so") * 4))
    sh "$root/packaging/hide-symbols.sh" "$1/libexpmig.a" "$work/libexpmig.a"

    install -d "$lib/pkgconfig" "$cmake" "$include/expmig"
    install -m 755 "$1/libexpmig.so" "$lib/libexpmig.so.$version"
    ln -sf "libexpmig.so.$version" "$lib/libexpmig.so.$compatible"
    ln -sf "libexpmig.so.$compatible" "$lib/libexpmig.so"
    install -m 644 "$work/libexpmig.a" "$lib/libexpmig.a"
    install -m 644 "$root/include/expmig.h" "$root/bindings/cpp/expmig.hpp" "$include"
    install -m 644 "$root/bindings/cpp/expmig"/*.hpp "$include/expmig"
    install_manual
    fill expmig.pc.in "$lib/pkgconfig/expmig.pc"
    fill expmigConfig.cmake.in "$cmake/expmigConfig.cmake"
    fill expmigConfigVersion.cmake.in "$cmake/expmigConfigVersion.cmake"
}

case ${1:-} in
install) install_all "$2" ;;
uninstall) uninstall ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
