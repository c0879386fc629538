"""libFuzzer, through atheris, on one target: `python -m fuzz.engine NAME [libFuzzer's options] [corpora]`.

Runs in the environment that scripts/setup-fuzz.sh makes. What the target imports of the gateway is instrumented.
"""

from __future__ import annotations

import gc
import sys

import atheris
from fuzz.mutation import Mutator
from fuzz.target import load


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["gateway"]):
        target = load(name)
    trees = {"custom_mutator": Mutator(target.HEAD, target.seeds())} if target.JSON else {}
    gc.freeze()
    atheris.Setup([name, *options], target.check, **trees)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
