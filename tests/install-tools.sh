#!/bin/sh
# Installs what the demo, the tests or the benches need and this machine lacks. Debian and Ubuntu; elsewhere it says what is missing.
#   install-tools.sh demo|test|bench
set -eu
what=$1
missing=
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
    need sqlite3 sqlite3
    need mariadbd mariadb-server-core
    need openssl openssl
    need mariadb-install-db mariadb-server-core
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
    ;;
bench)
    need sqlite3 sqlite3
    need python3 python3
    ;;
esac
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "please install:$missing" >&2
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of packages
$as_root apt-get install -q -y --no-install-recommends $missing
