"""What the tests of edges to Bedrock share: cases in files, and streams as AWS frames them.

A case is a file `<case>.in.json`: the caller's body, and beside it what else the edge is told. What must come out is
in `<case>.out.json`, or `<case>.error.json` for a refusal. Answers and streams: `<case>.answer.in.json` and
`<case>.stream.in.jsonl`, with the data of one event a line. `FAREWAY_GOLDEN=write` writes what comes out; look at it.
"""

import base64
import json
import os
from itertools import pairwise
from pathlib import Path

from dialects.test_dialect_aws_events import event

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.framing import AWS
from gateway.translate.edge import Losses, Target, Told

GOLDEN = Path(__file__).parent.parent / "golden" / "translate"
WRITE = os.environ.get("FAREWAY_GOLDEN") == "write"


def cases(edge, kind):
    """The names of all cases of a kind, such as `in.json`."""
    found = [path.name.removesuffix(f".{kind}") for path in (GOLDEN / edge).glob(f"*.{kind}")]
    return sorted(name for name in found if "." not in name)


def check(path, made):
    """What was made is what the file says."""
    told = made if isinstance(made, bytes) else (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode()
    if WRITE:
        path.write_bytes(told)
    assert told == path.read_bytes()


def carried(edge, case):
    """What the edge makes of a request, or how it refuses it."""
    given = json.loads((GOLDEN / case).read_text())
    losses = Losses(allowed=given.get("lossy", False))
    target = Target(given["target"], given.get("output_tokens_max", 128_000))
    asked = Asked(json.dumps(given["body"]).encode(), betas=given.get("betas", ""))
    try:
        made = edge.request(asked, target, losses)
    except BadRequest as refused:
        return None, {"message": str(refused), "param": refused.param}
    out = {"model": made.model, "verb": made.verb, "body": json.loads(made.body)}
    return made, out | ({"dropped": list(losses.dropped)} if losses.dropped else {})


def told(body):
    return Told(Asked(json.dumps(body).encode()), "req_0123456789abcdef", 1_790_000_000)


def run(translation, stream, places=()):
    """All that a translation makes of a stream that comes cut in these places."""
    splitter, out = AWS.splitter(), b""
    edges = [0, *sorted(p % (len(stream) + 1) for p in places), len(stream)]
    for start, end in pairwise(edges):
        for one in AWS.events(splitter.feed(stream[start:end])):
            out += translation.feed(AWS.payload(one))
    assert splitter.rest() == b""
    return out + translation.finish()


def chunk(inner):
    return event("chunk", {"bytes": base64.b64encode(inner).decode(), "p": "abcd"})
