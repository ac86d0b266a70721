#!/bin/sh
# Installs what the demo, the tests, the guests, the benches or the wheel need and this machine lacks. Debian and Ubuntu; elsewhere it says what is missing.
#   install-tools.sh demo|test|guests|browser|bench|wheel
set -eu
what=$1
missing=
may_need=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need cc gcc
need make make
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
case $what in
test)
    need gcc gcc
    need g++ g++
    need clang clang
    need valgrind valgrind
    # Debian has clang's sanitizers in a package of their own; elsewhere they come with it.
    [ -e "$(clang --print-file-name="libclang_rt.asan-$(uname -m).a" 2>/dev/null)" ] || may_need="$may_need libclang-rt-dev"
    need cmake cmake
    need pkg-config pkg-config
    [ -e /usr/include/sqlite3.h ] || missing="$missing libsqlite3-dev"
    need sqlite3 sqlite3
    need mariadbd mariadb-server-core
    need mariadb mariadb-client-core
    # Galera's library, for clusters of them.
    [ -e /usr/lib/galera/libgalera_smm.so ] || may_need="$may_need galera-4"
    need openssl openssl
    need groff groff-base
    need lexgrog man-db
    need mariadb-install-db mariadb-server-core
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
    need psql postgresql-client
    test -x /usr/sbin/pgbouncer || need pgbouncer pgbouncer
    need setpriv util-linux
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
    ;;
guests)
    need go golang-go
    need pkg-config pkg-config
    need node nodejs
    need npm npm
    ;;
browser)
    [ -n "${EXPMIG_TEST_CHROMIUM:-}" ] || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || need chromium chromium
    # Letters to draw.
    [ -d /usr/share/fonts/truetype/dejavu ] || missing="$missing fonts-dejavu-core"
    need python3 python3
    ;;
bench)
    need sqlite3 sqlite3
    need mariadbd mariadb-server-core
    need mariadb-install-db mariadb-server-core
    need mariadb mariadb-client-core
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
    ;;
wheel)
    need objdump binutils
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
    ;;
esac
[ -z "$missing$may_need" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "please install:$missing $may_need" >&2
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
for package in $may_need; do
    ! apt-cache show "$package" >/dev/null 2>&1 || missing="$missing $package"
done
# shellcheck disable=SC2086 # a list of packages
$as_root apt-get install -q -y --no-install-recommends $missing
