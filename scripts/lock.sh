#!/bin/sh
# Write the locks anew: every package that the image holds or is built with, one version each, with the digests of all of its files.
#   scripts/lock.sh             what has changed in pyproject.toml
#   scripts/lock.sh --upgrade   the newest of everything
set -eu
cd "$(dirname "$0")/.."
compile() {
    UV_FIND_LINKS='' build/supply/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-config --custom-compile-command "make lock" "$@"
}
extras=$(sed -n 's/^ARG EXTRAS=//p' deploy/Dockerfile | tr ',' '\n' | sed 's/^/--extra /')
# shellcheck disable=SC2086 # Two arguments for each.
compile "$@" $extras --output-file requirements.lock pyproject.toml
build/supply/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' |
    compile "$@" --output-file requirements-build.lock -
