#!/bin/sh
# Fuzzers, in an environment of their own below build/fuzz: atheris is libFuzzer for Python, schemathesis asks an API
# for everything that its OpenAPI document allows, and what it does not. Beside them the gateway's own packages.
set -eu
cd "$(dirname "$0")/.."
tools="atheris>=3.0 schemathesis>=4.32"
[ "$(cat build/fuzz/.installed 2>/dev/null)" = "$tools" ] && exit 0
"${PYTHON:-python3}" -m venv build/fuzz/venv
# shellcheck disable=SC2086 # One argument each.
build/fuzz/venv/bin/pip install --quiet --disable-pip-version-check $tools --editable .
echo "$tools" >build/fuzz/.installed
