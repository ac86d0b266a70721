#!/bin/sh
# Installs what build.sh built, or removes it again. All options are in the environment, as make passes them:
#   PREFIX (/usr/local)  BINDIR (PREFIX/bin)  LIBDIR (PREFIX/lib)  INCLUDEDIR (PREFIX/include)  DATADIR (PREFIX/share)  DOCDIR (DATADIR/doc/expmig)
#   MANDIR (DATADIR/man)  DESTDIR (none): where the tree is put that belongs at /
#   install.sh install FOLDER    what build.sh left is in FOLDER
#   install.sh uninstall
# What it installs can be moved together to another prefix.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${PREFIX:=/usr/local}"
: "${BINDIR:=$PREFIX/bin}"
: "${LIBDIR:=$PREFIX/lib}"
: "${INCLUDEDIR:=$PREFIX/include}"
: "${DATADIR:=$PREFIX/share}"
: "${DOCDIR:=$DATADIR/doc/expmig}"
: "${MANDIR:=$DATADIR/man}"
: "${DESTDIR:=}"
for folder in "$PREFIX" "$BINDIR" "$LIBDIR" "$INCLUDEDIR" "$DATADIR" "$DOCDIR" "$MANDIR"; do
    case $folder in /*) ;; *) echo "install.sh: $folder is not an absolute path" >&2; exit 2 ;; esac
done
# Its own files would be copied onto themselves, and uninstalling would remove them.
for folder in "$INCLUDEDIR" "$DOCDIR"; do
    if [ "$DESTDIR$folder" -ef "$root/include" ] || [ "$DESTDIR$folder" -ef "$root" ]; then
        echo "install.sh: $DESTDIR$folder belongs to this repository, whose own files an uninstall would remove: choose another PREFIX" >&2
        exit 2
    fi
done

field() { # field NAME: of the package, in Cargo.toml
    sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$root/Cargo.toml" | head -1
}
version=$(field version)

lib=$DESTDIR$LIBDIR
include=$DESTDIR$INCLUDEDIR
cmake=$lib/cmake/expmig
doc=$DESTDIR$DOCDIR
manual=$DESTDIR$MANDIR/man3
data=$DESTDIR$DATADIR

# Every file but the library's two links, a line each: how it gets there | from what | where to. What build.sh leaves is taken from "dist".
each_file() {
    echo "program|dist/expmig|$DESTDIR$BINDIR/expmig"
    echo "of-command|man/expmig.1|$DESTDIR$MANDIR/man1/expmig.1"
    echo "of-command|packaging/completions/expmig.bash|$data/bash-completion/completions/expmig"
    echo "of-command|packaging/completions/_expmig|$data/zsh/site-functions/_expmig"
    echo "of-command|packaging/completions/expmig.fish|$data/fish/vendor_completions.d/expmig.fish"
    echo "library|dist/libexpmig.so|$lib/libexpmig.so.$version"
    echo "copy|dist/libexpmig.a|$lib/libexpmig.a"
    echo "copy|include/expmig.h|$include/expmig.h"
    (cd "$root/bindings/cpp" && find expmig.hpp expmig -name '*.hpp') | while read -r header; do
        echo "copy|bindings/cpp/$header|$include/$header"
    done
    echo "fill|packaging/expmig.pc.in|$lib/pkgconfig/expmig.pc"
    echo "fill|packaging/expmigConfig.cmake.in|$cmake/expmigConfig.cmake"
    echo "fill|packaging/expmigConfigVersion.cmake.in|$cmake/expmigConfigVersion.cmake"
    echo "copy|man/expmig.3|$manual/expmig.3"
    for name in $(sed -n 's/^\.\\" Pages that lead here: //p' "$root/man/expmig.3"); do
        echo "link|expmig.3|$manual/$name.3"
    done
    echo "copy|dist/expmig.cdx.json|$doc/expmig.cdx.json"
    # As in the repository, so that they lead to each other. What was built beside the examples is no part of them.
    (cd "$root" && find LICENSE-* THIRD-PARTY-NOTICES.md README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs examples bindings/go bindings/node -name node_modules -prune -o -type f \
        \( -path 'LICENSE-*' -o -name '*.md' -o -path 'docs/*.json' -o -path 'docs/pictures/*.png' -o -name '*.c' -o -name '*.cpp' -o -name '*.go' -o -name go.mod -o -name '*.js' -o -name '*.ipynb' \
        -o -name '*.ts' -o -path 'bindings/go/*.h' -o -path 'bindings/node/*.json' \) -print) | while read -r text; do
        echo "copy|$text|$doc/$text"
    done
}

uninstall() {
    # The link between the two is the one that leads to this version.
    for link in "$lib"/libexpmig.so.*; do
        [ "$(readlink "$link")" != "libexpmig.so.$version" ] || rm -f "$link"
    done
    rm -f "$lib/libexpmig.so"
    each_file | while IFS='|' read -r _ _ file; do
        rm -f "$file"
        # Its folders, if they are ours and nothing else is in them.
        folder=${file%/*}
        while case $folder in "$cmake" | "$include/expmig" | "$doc" | "$doc"/*) true ;; *) false ;; esac; do
            [ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || break
            folder=${folder%/*}
        done
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
        -e "s|@POINTER_SIZE@|$pointer_size|g" "$1" >"$2"
    chmod 644 "$2"
}

install_all() {
    # What build.rs lets programs ask the loader for.
    compatible=$(objdump -p "$1/libexpmig.so" | sed -n 's/^ *SONAME *libexpmig\.so\.//p')
    [ -n "$compatible" ] || { echo "install.sh: $1/libexpmig.so has no name with a version" >&2; exit 1; }
    # Compiler drivers add these two themselves, and with -static there is no libgcc_s.
    static_libs=$(sed -e 's/-lgcc_s//' -e 's/-lc\>//' -e 's/  */ /g' -e 's/^ //' -e 's/ $//' "$1/native-static-libs")
    # Byte 4 of an ELF file: 1 is 32 bits, 2 is 64.
    pointer_size=$(($(od -An -tu1 -j4 -N1 "$1/libexpmig.so") * 4))

    [ -f "$1/expmig" ] || echo "install.sh: without the command, which is not in $1; \`make dist\` builds it" >&2
    each_file | while IFS='|' read -r how from to; do
        # The command may have been left out.
        case $how in program | of-command) [ -f "$1/expmig" ] || continue ;; esac
        install -d "${to%/*}"
        source=$root/$from
        case $from in dist/*) source=$1/${from#dist/} ;; esac
        case $how in
        library | program) install -m 755 "$source" "$to" ;;
        copy | of-command) install -m 644 "$source" "$to" ;;
        fill) fill "$source" "$to" ;;
        link) ln -sf "$from" "$to" ;;
        esac
    done
    ln -sf "libexpmig.so.$version" "$lib/libexpmig.so.$compatible"
    ln -sf "libexpmig.so.$compatible" "$lib/libexpmig.so"
}

case ${1:-} in
install) install_all "$2" ;;
uninstall) uninstall ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
