#!/bin/sh
# The browser that looks at the dashboard, from Debian's packages. Without root it only says what is missing; the tests
# are then skipped, and fail in CI.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, so the tests of the dashboard are skipped: chromium" >&2
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
