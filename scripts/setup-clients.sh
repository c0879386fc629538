#!/bin/sh
# The clients that the conformance suite runs, in environments of their own below build/clients, at the pinned versions:
#   python   the Python ones alone, else also those on Node.js
# litellm needs another openai than the rest. Node.js and npm come as a Python wheel, so that the machine needs neither.
set -eu
cd "$(dirname "$0")/.."
into=build/clients

environment() { # <name> <its requirements>
    cmp -s "$2" "$into/$1/.installed" && return
    rm -rf "${into:?}/$1"
    "${PYTHON:-python3}" -m venv "$into/$1"
    "$into/$1/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$2"
    cp "$2" "$into/$1/.installed"
}

environment python tests/clients/python/requirements-python.txt
environment litellm tests/clients/python/requirements-litellm.txt
[ "${1:-all}" = python ] && exit 0
environment node tests/clients/node/requirements.txt

lock=tests/clients/node/package-lock.json
if ! cmp -s "$lock" "$into/npm/.installed"; then
    mkdir -p "$into/npm"
    cp tests/clients/node/package.json "$lock" "$into/npm/"
    PATH="$PWD/$into/node/bin:$PATH"
    npm ci --prefix "$into/npm" --ignore-scripts --no-audit --no-fund --loglevel error
    node "$into/npm/node_modules/@anthropic-ai/claude-code/install.cjs" # The one script that is needed.
    cp "$lock" "$into/npm/.installed"
fi
ln -sfn "../../../$into/npm/node_modules" tests/clients/node/node_modules
