#!/bin/sh
# What the benchmarks need: wrk makes the load, nginx answers like a provider that costs nothing.
set -eu
missing=
command -v wrk >/dev/null || missing="$missing wrk"
command -v nginx >/dev/null || missing="$missing nginx-light"
[ -n "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] || { echo "Install first:$missing" >&2; exit 1; }
apt-get update -qq
# shellcheck disable=SC2086 - several words are meant
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
