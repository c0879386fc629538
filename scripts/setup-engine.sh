#!/usr/bin/env bash
# A real inference engine for the tests: llama.cpp's server in an environment of its own, at the pinned version, and a
# tiny model of random weights for it. About 35 MB to download, no compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
into=build/engine
cat tests/engines/requirements.txt tests/engines/tiny_model.py | cmp -s - "$into/.installed" && exit 0
rm -rf "$into"
"${PYTHON:-python3}" -m venv "$into"
"$into/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --requirement tests/engines/requirements.txt || {
    echo "There is no prebuilt engine for this machine; the tests in tests/engines need one." >&2
    exit 1
}
"$into/bin/python" tests/engines/tiny_model.py "$into/tiny.gguf"
cat tests/engines/requirements.txt tests/engines/tiny_model.py >"$into/.installed"
