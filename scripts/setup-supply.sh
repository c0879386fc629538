#!/bin/sh
# The tools that look after what Fareway is made of, in an environment of their own below build/supply:
# uv writes the locks, pip-audit asks for known faults, cyclonedx-bom lists the parts.
set -eu
cd "$(dirname "$0")/.."
tools="uv>=0.13 pip-audit>=2.9 cyclonedx-bom>=7.5"
[ "$(cat build/supply/.installed 2>/dev/null)" = "$tools" ] && exit 0
"${PYTHON:-python3}" -m venv build/supply
# shellcheck disable=SC2086 # One argument each.
build/supply/bin/pip install --quiet --disable-pip-version-check $tools
echo "$tools" >build/supply/.installed
