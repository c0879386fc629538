"""What both edges to Gemini are tested with."""

import json
from itertools import pairwise

import edge_cases
from google.genai import types
from hypothesis import strategies as st

from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target, Told

OUTPUT_TOKENS_MAX = 65_536


def told(body):
    return Told(Asked(json.dumps(body).encode()), edge_cases.REQUEST_ID, edge_cases.CREATED)


def check_request(edge, case):
    """Compared with its file, and as strict as Google's own client."""
    if (body := edge_cases.check_request(edge, case)) is not None:
        valid(body)


def valid(body):
    """Unknown names are errors to Google's types."""
    body = dict(body)
    types.Content.model_validate(body.pop("systemInstruction", {}))
    for content in body.pop("contents"):
        types.Content.model_validate(content)
    for tool in body.pop("tools", []):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.pop("toolConfig", {}))
    types.GenerationConfig.model_validate(body.pop("generationConfig", {}))
    types.ServiceTier(body.pop("serviceTier", "standard"))
    assert not body


def sent(edge, model, body, *, lossy=False):
    """What goes to the provider, and what was left out."""
    losses = Losses(allowed=lossy)
    inbound = Asked(json.dumps(body).encode())
    DIALECTS[edge.inbound].read(inbound)
    asked = edge.request(inbound, Target(model, OUTPUT_TOKENS_MAX), losses)
    lens = DIALECTS[edge.outbound]
    facts = lens.read(asked)
    lens.countable(asked)
    assert (facts.model, facts.stream) == (model, bool(body.get("stream")))
    verb = "streamGenerateContent?alt=sse" if facts.stream else "generateContent"
    assert lens.aim(asked, model, facts).path == f"/models/{model}:{verb}"
    return json.loads(asked.body), list(losses.dropped)


def streamed(edge, stream, asked, places=()):
    """What comes out of a stream that came in these pieces."""
    cuts = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    return edge_cases.streamed(edge, [stream[start:end] for start, end in pairwise(cuts)], told(asked))


parts = st.lists(
    st.one_of(
        st.builds(lambda text, thought: {"text": text, "thought": thought}, st.text(max_size=6), st.booleans()),
        st.builds(
            lambda args, call_id: {"functionCall": {"name": "f", "args": args, "id": call_id}},
            st.dictionaries(st.text(max_size=3), st.integers(-9, 9), max_size=2),
            st.sampled_from(["", "g1"]),
        ),
    ),
    max_size=6,
)
"""What an answer may hold."""

counts = st.integers(0, 10**6)
usages = st.builds(
    lambda prompt, cached, made, thoughts, tool: {
        "promptTokenCount": prompt + cached,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": made,
        "thoughtsTokenCount": thoughts,
        "toolUsePromptTokenCount": tool,
        "totalTokenCount": prompt + cached + made + thoughts + tool,
    },
    *[counts] * 5,
)


def signed(parts):
    """The same with a signature at the first call, as newer models write it."""
    first = next((place for place, part in enumerate(parts) if "functionCall" in part), None)
    return [part | ({"thoughtSignature": "c2ln"} if place == first else {}) for place, part in enumerate(parts)]


def whole(parts, usage=None, finish="STOP"):
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": usage or {"promptTokenCount": 1, "totalTokenCount": 1},
        "modelVersion": "gemini-3.5-flash",
    }


def sse(parts):
    """The same answer as a stream, a chunk for each part."""
    chunks = [*([part] for part in parts), []]
    return b"".join(b"data: " + json.dumps(whole(chunk)).encode() + b"\n\n" for chunk in chunks)


def check_usage(edge, asked, usage):
    """No token is lost or doubled: both lenses count the same."""
    answer = json.dumps(whole([{"text": "x"}], usage)).encode()
    given = DIALECTS["gemini"].report(answer, frozenset()).usage
    report = DIALECTS[edge.inbound].report(edge.answer(answer, told(asked)), frozenset())
    made = report.usage
    assert not report.clamped
    assert (made.input_total, made.output_total) == (given.input_total, given.output_total)
    assert (made.cache_read, made.output_reasoning) == (given.cache_read, given.output_reasoning)
