#!/usr/bin/env bash
# Run the tests. These machines are shared, and a test of real servers can starve: up to FEW that fail run once more,
# alone, and whatever then passes is named as unsteady. It is to be mended, and hides nothing that is broken.
set -uo pipefail
FEW=3
[ "${CHAOS:-}" = full ] && export SEED="${SEED:-$((RANDOM << 15 | RANDOM))}" # Else chance could pass what it has failed.

rm -f .pytest_cache/v/cache/lastfailed
.venv/bin/pytest "$@" && exit 0
status=$?
[ "$status" -eq 1 ] || exit "$status" # 1: tests failed. All else is no matter of luck.

mapfile -t failed < <(.venv/bin/python -c 'import json; print("\n".join(json.load(open(".pytest_cache/v/cache/lastfailed"))))')
[ "${#failed[@]}" -le "$FEW" ] || exit "$status"

printf '\nOnce more, alone:\n'
append=$([[ "$*" == *--cov* ]] && echo --cov-append)
.venv/bin/pytest "$@" -n 0 $append --last-failed --last-failed-no-failures none || exit
printf 'UNSTEADY: %s\n' "${failed[@]}" >&2
