#!/bin/sh
# What the rows of docs/reliability.md need beyond the tests, from Debian's packages:
#   slowhttptest   callers who are slow on purpose
#   haproxy        another reader of the same requests, in front of the gateway
# Without root it only says what is missing; those rows then say so.
set -eu
missing=
command -v slowhttptest >/dev/null || missing="$missing slowhttptest"
command -v haproxy >/dev/null || missing="$missing haproxy"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, so some rows are not tried:$missing" >&2
    exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086 - several words are meant
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
