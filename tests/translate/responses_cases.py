"""What the tests of edges from the Responses API share: cases in files, and what the official client makes of answers.

Requests lie in `golden/translate/openai_responses/<case>.in.json`, once for both edges: `body` is the caller's, beside
it stands what else an edge is told. What must come out lies in `golden/translate/<edge>/<case>.out.json`, or
`<case>.error.json` for a refusal. Answers: `<case>.answer.in.json`, streams: `<case>.stream.in.sse`, with the caller's
request in `<case>.asked.json`, where there is more to it than a model.
`FAREWAY_GOLDEN=write` writes what comes out; look at it.
"""

import json
import os
from itertools import pairwise
from pathlib import Path

import httpx2
from openai import OpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects import sse
from gateway.dialects.base import Quirk
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target, Told

GOLDEN = Path(__file__).parent.parent / "golden" / "translate"
REQUESTS = GOLDEN / "openai_responses"
WRITE = os.environ.get("FAREWAY_GOLDEN") == "write"
NO_QUIRKS = frozenset()
EVENTS = TypeAdapter(ResponseStreamEvent)


def names(folder, kind):
    """The cases of a kind, such as `in.json`."""
    return sorted(
        path.name.removesuffix(f".{kind}")
        for path in folder.glob(f"*.{kind}")
        if path.name.count(".") == kind.count(".") + 1
    )


def check(path, made):
    """What was made is what the file says."""
    data = made if isinstance(made, bytes) else (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode()
    if WRITE:
        path.write_bytes(data)
    assert data == path.read_bytes()


def request(edge, case):
    """What the edge makes of a request, and the name of the file that says it."""
    given = json.loads((REQUESTS / f"{case}.in.json").read_text())
    losses = Losses(allowed=given.get("lossy", False))
    target = Target(given["target"][edge.outbound], given.get("output_tokens_max", 8192), quirks(given))
    try:
        made = edge.request(Asked(json.dumps(given["body"]).encode()), target, losses)
    except BadRequest as refused:
        return f"{case}.error.json", {"message": str(refused), "param": refused.param}
    facts = DIALECTS[edge.outbound].read(made)
    assert facts.model == target.model
    assert facts.stream == given["body"].get("stream", False)
    out = {"body": json.loads(made.body)}
    return f"{case}.out.json", out | ({"dropped": list(losses.dropped)} if losses.dropped else {})


def quirks(given):
    return frozenset(Quirk(quirk) for quirk in given.get("quirks", ()))


def told(body=None):
    return Told(
        Asked(json.dumps(body or {"model": "m", "input": "Hi"}).encode()), "req_0123456789abcdef", 1_790_000_000
    )


def asked_of(folder, case):
    path = folder / f"{case}.asked.json"
    return told(json.loads(path.read_text()) if path.exists() else None)


def run(translation, stream, places=()):
    """All that a translation makes of a stream that comes cut in these places."""
    splitter, out = sse.EventSplitter(), b""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    for start, end in pairwise(edges):
        out += feed(translation, splitter.feed(stream[start:end]))
    return out + feed(translation, splitter.rest()) + translation.finish()


def feed(translation, whole):
    return b"".join(translation.feed(data) for event in sse.events(whole) if (data := sse.payload(event)))


def events(written):
    """The events that were written, each as the official client's types have it."""
    found = [json.loads(sse.payload(event)) for event in sse.events(written)]
    for number, (event, raw) in enumerate(zip(found, sse.events(written), strict=True)):
        assert raw.startswith(f"event: {event['type']}\n".encode())
        assert event["sequence_number"] == number
        EVENTS.validate_python(event, strict=True)
    return found


def accumulated(written):
    """The response that the official client puts together from a stream, by its own rules."""

    def answer(_):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=written)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    with (
        OpenAI(api_key="k", base_url="http://x/v1", http_client=client, max_retries=0) as openai,
        openai.responses.stream(model="m", input="Hi") as stream,
    ):
        seen = list(stream)
        return seen[-1].response


def usage(dialect, data, quirk=None):
    """The counters that a body tells, as money is charged for them."""
    return DIALECTS[dialect].report(data, NO_QUIRKS if quirk is None else frozenset({quirk})).usage


def same_counters(before, after):
    """Nothing is lost or counted twice. How long a cache keeps what was written, this API tells in other classes."""
    if before is None:
        assert after is None
        return
    written = [u.cache_write + u.cache_write_1h + u.cache_write_12h for u in (before, after)]
    assert written[0] == written[1]
    assert before.cache_read == after.cache_read
    assert before.input_total == after.input_total
    assert (before.output_reasoning, before.output_total) == (after.output_reasoning, after.output_total)
