#!/usr/bin/env bash
# The official validator of FOCUS, in an environment of its own: it needs older packages than ours.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e build/focus/.installed ] && exit 0
"${PYTHON:-python3}" -m venv build/focus
build/focus/bin/pip install --quiet --disable-pip-version-check 'focus-validator==1.0.0' 'pandera<0.21' 'multimethod<2' setuptools
touch build/focus/.installed
