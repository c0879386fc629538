"""What is recorded of an edge, in files: `tests/golden/translate/<edge>/<kind>-<case>.…`.

* `request-….in.json`: `{"to": model, "body": …}`, and where it matters `output_tokens_max`, `quirks`, `betas`, `lossy`,
  and `path`, what the path and the query say;
  `….out.json`: the body that is sent, and what was `dropped`; or `….error.json`: the refusal.
* `answer-….in.json` and `….out.json`: a whole answer. `stream-….in.sse` and `….out.sse`: a stream. `….asked.json`
  beside them is the call that they answer, where that matters.

With FAREWAY_GOLDEN=rewrite in the environment what comes out is written instead of compared. Then look at it.
"""

import json
import os
from pathlib import Path

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects import sse
from gateway.dialects.base import Quirk
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target, Told
from gateway.translate.edges import EDGES

ROOT = Path(__file__).parent.parent / "golden" / "translate"
REWRITE = os.environ.get("FAREWAY_GOLDEN") == "rewrite"
OUTPUT_TOKENS_MAX = 8192
REQUEST_ID, CREATED = "req_0000000000000001", 1_763_712_000


def edge_of(inbound, outbound):
    return next(edge for edge in EDGES if (edge.inbound, edge.outbound) == (inbound, outbound))


def folder(edge):
    return ROOT / f"{edge.inbound}_to_{edge.outbound}".replace("-", "_")


def cases(edge, kind):
    """The names of the cases of one kind."""
    found = sorted(path.name for path in folder(edge).glob(f"{kind}-*.in.*"))
    assert found or REWRITE, f"no {kind} in {folder(edge)}"
    return [name.partition(".in.")[0] for name in found]


def told_of(edge, case="", quirks=frozenset()):
    path = folder(edge) / f"{case}.asked.json"
    return Told(Asked(path.read_bytes() if path.exists() else b"{}"), REQUEST_ID, CREATED, quirks)


def carried(edge, given):
    """The body sent for a case of a request, and what was left out; read and aimed as the journey does."""
    quirks = frozenset(Quirk(name) for name in given.get("quirks", ()))
    target = Target(given["to"], given.get("output_tokens_max", OUTPUT_TOKENS_MAX), quirks)
    losses = Losses(allowed=given.get("lossy", False))
    asked = Asked(json.dumps(given["body"]).encode(), betas=given.get("betas", ""), **given.get("path", {}))
    DIALECTS[edge.inbound].read(asked)
    sent = edge.request(asked, target, losses)
    dialect = DIALECTS[edge.outbound]
    facts = dialect.read(sent)
    assert facts.model == target.model
    dialect.aim(sent, target.model, facts)
    return json.loads(sent.body), list(losses.dropped)


def check_request(edge, case):
    """Compare what is sent with what is recorded; give it back, or None for a refusal."""
    given = json.loads((folder(edge) / f"{case}.in.json").read_text())
    try:
        body, dropped = carried(edge, given)
    except BadRequest as refused:
        same(folder(edge) / f"{case}.error.json", _json({"message": str(refused), "param": refused.param}))
        return None
    same(folder(edge) / f"{case}.out.json", _json({"dropped": dropped, "body": body}))
    return body


def check_answer(edge, case, quirks=frozenset()):
    body = (folder(edge) / f"{case}.in.json").read_bytes()
    out = json.loads(edge.answer(body, told_of(edge, case, quirks)))
    same(folder(edge) / f"{case}.out.json", _json(out))
    return out


def check_stream(edge, case):
    given = (folder(edge) / f"{case}.in.sse").read_bytes()
    out = streamed(edge, [given], told_of(edge, case))
    same(folder(edge) / f"{case}.out.sse", out.decode())
    return out


def streamed(edge, pieces, told):
    """What comes of a provider's stream that arrives in these pieces."""
    splitter, translation = sse.EventSplitter(), edge.stream(told)
    out = [_fed(translation, splitter.feed(piece)) for piece in pieces]
    return b"".join([*out, _fed(translation, splitter.rest()), translation.finish()])


def _fed(translation, whole):
    data = (sse.payload(event) for event in sse.events(whole))
    return b"".join(translation.feed(each) for each in data if each)


ALL_COUNTED_AS_THE_FIRST = (
    ({"id": "a", "function": {"name": "one", "arguments": '{"x":1}'}}, {"id": "b", "function": {"name": "two"}}),
    ({"id": "b", "function": {"arguments": '{"y":'}}, {"id": "made-up", "function": {"arguments": "2}"}}),
)
"""The pieces of two calls of tools in two chunks of a chat, as from Ollama; and an id for each piece, as from
Poolside."""


def chat_of_calls(chunks):
    """A chat's stream with these calls, all with the index 0."""
    given = [{"choices": [{"delta": {"tool_calls": [{"index": 0} | call for call in calls]}}]} for calls in chunks]
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in given) + b"data: [DONE]\n\n"


def payloads(stream):
    return [data for event in sse.events(stream) if (data := sse.payload(event))]


def reported(dialect, stream, quirks=frozenset()):
    """What a stream says of its usage, by its dialect's own lens."""
    report = None
    for data in payloads(stream):
        report = DIALECTS[dialect].report(data, quirks, *([report] if report else []))
    return report


def _json(value):
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def same(path, made):
    if REWRITE:
        path.write_text(made)
    assert path.read_text() == made


def walked(value):
    """All of what a validator gives: it checks an Iterable only as it is walked."""
    if isinstance(value, dict):
        return {name: walked(each) for name, each in value.items()}
    if isinstance(value, str | bytes | int | float | None):
        return value
    return [walked(each) for each in value]
