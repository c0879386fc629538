#!/bin/sh
# What the tests need beyond Python, from Debian's packages:
#   libfaketime   recorded answers are priced at the dates on which they were recorded
#   redis-server  keys and limits that gateways share
#   postgresql    the ledger that gateways share
#   nftables      a network of our own that loses packets (with iproute2, which brings it up)
# Without root it only says what is missing; the tests that need it are then skipped, and fail in CI.
set -eu
missing=
[ -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 ] || [ -e /usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1 ] || missing="$missing libfaketime"
command -v redis-server >/dev/null || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v nft >/dev/null || missing="$missing nftables"
command -v ip >/dev/null || missing="$missing iproute2"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, so some tests are skipped:$missing" >&2
    exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086 - several words are meant
# The tests start servers of their own: none that starts by itself is wanted.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
