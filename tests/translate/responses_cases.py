"""What the tests of edges from the Responses API share: the callers' requests, which are the same for all of them, and
what the official client makes of answers.

Requests lie in `golden/translate/openai_responses/<case>.in.json`, where `to` names a model for each dialect. All else
is as `edge_cases` has it.
"""

import json
from itertools import pairwise

import httpx2
from openai import OpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from translate import edge_cases

from gateway.core.errors import BadRequest
from gateway.dialects import sse
from gateway.dialects.spoken import DIALECTS

ASKED = edge_cases.ROOT / "openai_responses"
REQUESTS = sorted(path.name.removesuffix(".in.json") for path in ASKED.glob("*.in.json"))
EVENTS = TypeAdapter(ResponseStreamEvent)
NO_QUIRKS = frozenset()


def check_request(edge, case):
    """As `edge_cases.check_request`."""
    given = json.loads((ASKED / f"{case}.in.json").read_text())
    place = edge_cases.folder(edge)
    try:
        body, dropped = edge_cases.carried(edge, given | {"to": given["to"][edge.outbound]})
    except BadRequest as refused:
        edge_cases.same(place / f"{case}.error.json", written({"message": str(refused), "param": refused.param}))
        return None
    edge_cases.same(place / f"{case}.out.json", written({"dropped": dropped, "body": body}))
    return body


def written(value):
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def given_stream(edge, case):
    return (edge_cases.folder(edge) / f"{case}.in.sse").read_bytes()


def made_stream(edge, case):
    return (edge_cases.folder(edge) / f"{case}.out.sse").read_bytes()


def cut(stream, places):
    """The stream in pieces."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def events(stream):
    """The events that were written, each as the official client's types have it."""
    found = []
    for number, raw in enumerate(sse.events(stream)):
        event = json.loads(sse.payload(raw))
        assert raw.startswith(f"event: {event['type']}\n".encode())
        assert event["sequence_number"] == number
        EVENTS.validate_python(event, strict=True)
        found.append(event)
    return found


def accumulated(stream):
    """The response that the official client puts together from a stream, by its own rules."""

    def answer(_):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    with (
        OpenAI(api_key="k", base_url="http://x/v1", http_client=client, max_retries=0) as openai,
        openai.responses.stream(model="m", input="Hi") as said,
    ):
        return list(said)[-1].response


def usage(dialect, data, quirks=NO_QUIRKS):
    """The counters that a body tells, as money is charged for them."""
    return DIALECTS[dialect].report(data, quirks).usage


def same_counters(before, after):
    """Nothing is lost or counted twice. How long a cache keeps what was written, this API tells in other classes."""
    if before is None:
        assert after is None
        return
    kept = [told.cache_write + told.cache_write_1h + told.cache_write_12h for told in (before, after)]
    assert kept[0] == kept[1]
    assert before.cache_read == after.cache_read
    assert before.input_total == after.input_total
    assert (before.output_reasoning, before.output_total) == (after.output_reasoning, after.output_total)
