"""Each dialect before a provider that speaks it: bytes, queries, features in headers and request ids pass both ways.

Only the model changes on the way up. Nothing changes on the way down.
"""

import base64
import http.client
import json
import random
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import harness
import pytest
from dialects.test_dialect_aws_events import event
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("unchanged")

CONFIG = """
providers:
  openai: {base_url: URL/openai/v1}
  anthropic: {base_url: URL/anthropic/v1}
  google: {base_url: URL/google/v1beta/openai}
  bedrock: {base_url: URL/bedrock, region: us-east-1}
  cohere: {base_url: URL/cohere/v2}
models:
  nick: {deployments: [MODEL]}
"""
ENV = {
    "OPENAI_API_KEY": "theirs",
    "ANTHROPIC_API_KEY": "theirs",
    "GEMINI_API_KEY": "theirs",
    "AWS_BEARER_TOKEN_BEDROCK": "theirs",
    "COHERE_API_KEY": "theirs",
}
NEW = b'"new_field" : {"a":[ 1E2,0.10, 12345678901234567890123 ,"\\u00e9\xc3\xa9\\/"] , "model":"nick"} '
HEADERS = {"x-new-feature": "on", "openai-beta": "things=v9", "anthropic-beta": "a-1, b-2", "anthropic-version": "2099"}
THEIRS = {
    "request-id": "req_theirs",
    "x-request-id": "theirs",
    "x-amzn-RequestId": "aws-theirs",
    "x-ratelimit-remaining-requests": "99",
    "anthropic-ratelimit-tokens-remaining": "77",
    "x-new": "later",
}
EVENTS = "text/event-stream; charset=utf-8"
AWS = "application/vnd.amazon.eventstream"
PINGS = b': ping\n\n:\n\nevent: new.thing\r\nid: 7\r\nretry: 10\r\ndata: {"later" : 1e3}\r\n\r\n'


class Case(NamedTuple):
    """One way to ask one provider. In the path and the body, NICK is a name of ours."""

    name: str
    model: str  # As the provider calls it.
    path: str
    got: str  # The path at the provider.
    body: bytes
    answer: bytes
    content_type: str = "application/json"

    @property
    def provider(self):
        return self.got.split("/")[1]


def usage(names, *counts):
    return json.dumps(dict(zip(names, counts, strict=True))).encode()


CHAT_USAGE = usage(("prompt_tokens", "completion_tokens", "total_tokens"), 9, 2, 11)
CLAUDE_USAGE = usage(("input_tokens", "output_tokens"), 9, 2)
GEMINI_USAGE = usage(("promptTokenCount", "candidatesTokenCount", "totalTokenCount"), 9, 2, 11)
AWS_USAGE = usage(("inputTokens", "outputTokens", "totalTokens"), 9, 2, 11)
RESPONSE = b'{"id":"resp_1","object":"response" ,"status":"completed","model":"gpt-5.4-mini","output":[ ],"usage":'
RESPONSE += usage(("input_tokens", "output_tokens", "total_tokens"), 9, 2, 11) + b"}"
CLAUDE = b'{"type":"message", "id":"msg_1","model":"claude-sonnet-4-6" ,"content":[],"stop_reason":"end_turn","usage":'
CLAUDE += CLAUDE_USAGE + b',"later":[1e3,0.10]}\r\n'
GEMINI = b' {"candidates" :[{"content":{"parts":[{"text":"\\u00e9"}]},"finishReason":"STOP"}] ,"usageMetadata":'
GEMINI += GEMINI_USAGE + b',"modelVersion":"gemini-2.5-flash"}\n'
CONVERSED = b' {"output":{"message":{"role":"assistant","content":[{"text":"Yes"}]}} ,"stopReason":"end_turn","usage":'
CONVERSED += AWS_USAGE + b',"later":0.10 }'
SAID = b'"messages":[{"role":"user","content":"\\u00e9 \xc3\xa9 \\"model\\": \\"nick\\""}]'
BLOCKS = b'"messages":[{"role":"user","content":[{"text":"nick"}]}]'
CONTENTS = b'"contents":[{"role":"user","parts":[{"text":"nick"}]}]'
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
AT_AWS = "/bedrock/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0"


def body(*members, stream=None):
    more = () if stream is None else (b'"stream" :%b' % stream,)
    return b" {" + b" ,\n".join((*members, NEW, *more)) + b"}\r\n"


def claude_events():
    start = b'{"type":"message_start", "message":' + CLAUDE.strip() + b"}"
    delta = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"} ,"usage":{"output_tokens":2}}'
    named = [(b"message_start", start), (b"ping", b'{"type": "ping"}'), (b"message_delta", delta)]
    named.append((b"message_stop", b'{"type":"message_stop"}'))
    return PINGS + b"".join(b"event: %b\ndata: %b\n\n" % one for one in named)


def chunk(inner):
    return event("chunk", {"bytes": base64.b64encode(inner).decode(), "p": "abcd"})


METRICS = b'{"type":"message_stop" ,"amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":2}}'
INVOKED = chunk(b'{"type":"message_start","message":' + CLAUDE.strip() + b"}") + chunk(METRICS)
STREAMED = event("messageStart", {"role": "assistant", "p": "ab"}) + event("newThing", {"later": 1})
STREAMED += event("messageStop", {"stopReason": "end_turn"}) + event("metadata", b'{"usage":' + AWS_USAGE + b"}")
CHUNKS = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"\\u00e9"},"finish_reason":"stop"}]}\n\n'
COMPLETED = b'event: response.completed\ndata: {"type":"response.completed", "response":' + RESPONSE + b"}\n\n"
NAMED = b'"model" : "nick"'
CASES = [
    Case(
        "chat",
        "openai/gpt-5.4-mini",
        "/v1/chat/completions?new=1&b=%20x",
        "/openai/v1/chat/completions?new=1&b=%20x",
        body(NAMED, SAID),
        b' {"choices":[ ] ,"model":"gpt-5.4-mini","usage":' + CHAT_USAGE + b"}\n",
    ),
    Case(
        "chat stream",
        "openai/gpt-5.4-mini",
        "/v1/chat/completions?new=1",
        "/openai/v1/chat/completions?new=1",
        body(NAMED, SAID, b'"stream_options":{"include_usage" : true}', stream=b"true"),
        PINGS + CHUNKS + b"data: [DONE]\n\n",
        EVENTS,
    ),
    Case(
        "responses",
        "openai/gpt-5.4-mini",
        "/v1/responses?new=1",
        "/openai/v1/responses?new=1",
        body(NAMED, b'"input":"nick"'),
        RESPONSE,
    ),
    Case(
        "responses stream",
        "openai/gpt-5.4-mini",
        "/v1/responses",
        "/openai/v1/responses",
        body(NAMED, b'"input":"nick"', stream=b"true"),
        PINGS + COMPLETED,
        EVENTS,
    ),
    Case(
        "messages",
        "anthropic/claude-sonnet-4-6",
        "/v1/messages?beta=true&new=%2B",
        "/anthropic/v1/messages?beta=true&new=%2B",
        body(NAMED, SAID, b'"max_tokens":9'),
        CLAUDE,
    ),
    Case(
        "messages stream",
        "anthropic/claude-sonnet-4-6",
        "/v1/messages?beta=true",
        "/anthropic/v1/messages?beta=true",
        body(NAMED, SAID, b'"max_tokens":9', stream=b" true"),
        claude_events(),
        EVENTS,
    ),
    Case(
        "gemini",
        "google/gemini-2.5-flash",
        "/v1beta/models/nick:generateContent?new=1",
        "/google/v1beta/models/gemini-2.5-flash:generateContent?new=1",
        body(CONTENTS),
        GEMINI,
    ),
    Case(
        "gemini stream",
        "google/gemini-2.5-flash",
        "/v1beta/models/nick:streamGenerateContent?alt=sse&new=1",
        "/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&new=1",
        body(CONTENTS),
        b": ping\n\ndata: " + GEMINI.strip() + b"\r\n\r\n",
        EVENTS,
    ),
    Case("converse", f"bedrock/{HAIKU}", "/bedrock/model/nick/converse", f"{AT_AWS}/converse", body(BLOCKS), CONVERSED),
    Case(
        "converse stream",
        f"bedrock/{HAIKU}",
        "/bedrock/model/nick/converse-stream",
        f"{AT_AWS}/converse-stream",
        body(BLOCKS),
        STREAMED,
        AWS,
    ),
    Case(
        "invoke",
        f"bedrock/{HAIKU}",
        "/bedrock/model/nick/invoke",
        f"{AT_AWS}/invoke",
        body(SAID, b'"max_tokens":9'),
        CLAUDE,
    ),
    Case(
        "invoke stream",
        f"bedrock/{HAIKU}",
        "/bedrock/model/nick/invoke-with-response-stream",
        f"{AT_AWS}/invoke-with-response-stream",
        body(SAID, b'"max_tokens":9'),
        INVOKED,
        AWS,
    ),
    Case(
        "cohere",
        "cohere/command-a-03-2025",
        "/v2/chat?new=1",
        "/cohere/v2/chat?new=1",
        body(NAMED, SAID),
        b' {"id":"x","message":{"role":"assistant","content":[]},"finish_reason":"COMPLETE",'
        b'"usage":{"billed_units":{"input_tokens":9,"output_tokens":2}}}',
    ),
]


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gates(provider, tmp_path_factory):
    """A gateway where `nick` is this model."""
    running = {}

    def told(model):
        if model not in running:
            config = CONFIG.replace("URL", provider.url).replace("MODEL", model)
            running[model] = harness.gateway(tmp_path_factory.mktemp("unchanged"), config, env=ENV)
        return running[model]

    yield told
    for gate in running.values():
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr


def post(gate, path, given, headers):
    """Send these bytes: the status, the headers and the bytes that come back."""
    connection = http.client.HTTPConnection(urlsplit(gate.url).netloc, timeout=60)
    try:
        connection.putrequest("POST", path, skip_accept_encoding=True)
        sent = {"Authorization": f"Bearer {gate.tokens[1]}", "Content-Type": "application/json"} | headers
        for name, value in (sent | {"Content-Length": str(len(given))}).items():
            connection.putheader(name, value)
        connection.endheaders(given)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_everything_passes_as_it_is(case, gates, provider):
    gate = gates(case.model)
    provider.got[case.provider].clear()
    provider.replies[case.provider] = [Reply(case.answer, content_type=case.content_type, headers=THEIRS)]
    status, headers, answer = post(gate, case.path, case.body, HEADERS | {"Accept-Encoding": "gzip, br"})
    (got,) = provider.got[case.provider]
    assert status == 200
    wanted = case.model.partition("/")[2].encode()
    assert got.path == case.got
    assert got.body == case.body.replace(NAMED, b'"model" : "%b"' % wanted, 1)
    assert {name: got.headers[name] for name in HEADERS} == HEADERS
    assert got.headers["accept-encoding"] == "identity", "what is compressed cannot be metered"
    assert gate.tokens[1] not in str(got.headers)
    assert answer == case.answer
    assert "content-encoding" not in headers
    assert {name.lower(): headers[name.lower()] for name in THEIRS} == {k.lower(): v for k, v in THEIRS.items()}
    assert headers["content-type"] == case.content_type
    assert headers["x-fareway-request-id"].startswith("req_")


PICTURE = base64.b64encode(random.Random(7).randbytes(15_000_000))
"""Of 20 MB, as bodies carry it."""

URL = b'"data:image/png;base64,%b"' % PICTURE
BASE64 = b'"source":{"type":"base64","media_type":"image/png","data":"%b"}' % PICTURE
PICTURED = {
    "chat": b'"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%b}}]}]' % URL,
    "responses": b'"input":[{"role":"user","content":[{"type":"input_image","image_url":%b}]}]' % URL,
    "messages": b'"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image",%b}]}]' % BASE64,
    "gemini": b'"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"%b"}}]}]' % PICTURE,
    "converse": b'"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"%b"}}}]}]'
    % PICTURE,
    "invoke": b'"max_tokens":9,"messages":[{"role":"user","content":[{"type":"image",%b}]}]' % BASE64,
}
COPIES_MAX = 3
"""Of a large body in memory at a time: as it came, as it leaves, and one in passing."""


@pytest.mark.parametrize("case", [case for case in CASES if case.name in PICTURED], ids=lambda case: case.name)
def test_pictures_pass_and_are_not_copied_over_and_over(case, gates, provider):
    gate = gates(case.model)
    provider.replies[case.provider] = [Reply(case.answer)]
    assert post(gate, case.path, case.body, {})[0] == 200, "what the first call needs once is not counted"
    named = (NAMED,) if NAMED in case.body else ()
    given = body(*named, PICTURED[case.name])
    provider.got[case.provider].clear()
    before = memory(gate, reset=True)
    status, _, answer = post(gate, case.path, given, {})
    used = memory(gate) - before
    assert (status, answer) == (200, case.answer)
    (got,) = provider.got[case.provider]
    wanted = case.model.partition("/")[2].encode()
    assert got.body == given.replace(NAMED, b'"model" : "%b"' % wanted, 1)
    print(f"{case.name}: {used / len(given):.2f} times {len(given)} bytes")
    assert used < COPIES_MAX * len(given)


def memory(gate, *, reset=False):
    """The most that the gateway has had in memory, in bytes; to begin with what it has now, where that is `reset`."""
    process = Path(f"/proc/{gate.process.pid}")
    if not (process / "clear_refs").exists():
        pytest.skip("only Linux tells the memory of a process")
    if reset:
        (process / "clear_refs").write_text("5")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity", "*"])
def test_an_answer_is_compressed_for_nobody(encoding, gates, provider):
    """So nothing is compressed twice: who stands in front of the gateway may do it."""
    case = CASES[4]
    provider.replies[case.provider] = [Reply(case.answer)]
    status, headers, answer = post(gates(case.model), case.path, case.body, {"Accept-Encoding": encoding})
    assert (status, answer) == (200, case.answer)
    assert "content-encoding" not in headers
