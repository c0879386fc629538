"""Plays one Python client: for each call on a line of standard input, what the client made of it, on a line of output.

Runs in the client's own environment and knows nothing of the gateway: `play.py <client's module>`.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import warnings
from types import SimpleNamespace

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LEAVE_AFTER = 5  # Pieces of a stream.


def play(client, call):
    """What came of one call: what the client's function returns, or the exception that it ended with."""
    try:
        return getattr(client, call.action)(call)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        where = "".join(traceback.format_exception(error)[-3:])
        return {"error": type(error).__name__, "message": str(error)[:500], "where": where[-1500:]}


def main():
    # Only the calls' own lines may be on the output.
    out, sys.stdout = sys.stdout, sys.stderr
    warnings.simplefilter("ignore")
    client = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        call = SimpleNamespace(**json.loads(line))
        print(json.dumps({"cell": call.cell} | play(client, call)), file=out, flush=True)


if __name__ == "__main__":
    main()
