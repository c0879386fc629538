#!/bin/sh
# A real Prometheus and its promtool, from Debian's package. Nothing is started: the tests start their own.
set -eu
command -v prometheus >/dev/null && command -v promtool >/dev/null && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, so the tests of rules and dashboards are skipped: prometheus" >&2
    exit 0
fi
apt-get update -qq
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null
