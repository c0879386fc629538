"""C5: line ends and NUL in what callers say, that goes up in heads, and in what providers say, that comes back."""

from __future__ import annotations

import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote, urlsplit

from dialect_calls import DIALECTS
from edge import CALL, CONFIG, PATH, edge, head, post
from raw_provider import RawProvider

EVIL = "x-evil: 1"
LINE_ENDS = ["\r\n", "\n", "\r", "\0", "\r\n\r\n", "\u2028", "\x0b", "\x85", "\u010d\u010a"]
"""The last two: what a careless cut to one byte makes of them are CR and LF."""

RAW_CALL = CALL.replace(b"sim-small", b"raw/sim-small")
ANSWER = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "sim-small", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}).encode()  # fmt: skip
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
HEADERS = ("anthropic-beta", "user-agent", "traceparent", "x-fareway-tags", "x-custom", "content-type")
TOLD = ("x-request-id", "x-fareway-model", "openai-processing-ms", "x-ratelimit-limit-requests", "content-type")


def asks(gate):
    """All that is said with a line end in it: requests, as bytes."""
    for end in LINE_ENDS:
        word = f"a{end}{EVIL}{end}{end}GET /evil HTTP/1.1{end}"
        for name in HEADERS:
            call = head("POST", PATH, gate.bearer() | {"Content-Length": str(len(RAW_CALL))})
            yield call[:-2] + f"{name}: {word}\r\n\r\n".encode() + RAW_CALL
        for spoken in DIALECTS.values():
            for path in (spoken.path, spoken.whole_path):
                body = spoken.body("Hi", stream="stream" in path)
                model = body.replace(b'"sim-small"', json.dumps(f"raw/{word}").encode())
                yield post(model, gate.bearer(), path)
                if "sim-small" in path:
                    named = path.replace("sim-small", quote(f"raw/{word}", safe=""))
                    yield post(body, gate.bearer(), named)
        for below in ("/raw/v1/files/", "/raw/v1/chat/completions?x=", "/v1/responses/"):
            yield head("GET", below + quote(word, safe=""), gate.bearer())
        yield post(RAW_CALL, {"Authorization": "Bearer " + quote(word, safe="")}, PATH)


def sent(gate, raw: bytes) -> bytes:
    """All that comes back."""
    where = urlsplit(gate.gate.url)
    said = b""
    with socket.create_connection((where.hostname, where.port), timeout=5) as line, suppress(OSError):
        line.sendall(raw)
        while some := line.recv(1 << 16):
            said += some
            line.settimeout(0.15)
    return said


def lines_of(message: bytes) -> list[bytes]:
    """The lines of its head, however they end."""
    return message.partition(b"\r\n\r\n")[0].replace(b"\r", b"\n").replace(b"\0", b"\n").split(b"\n")


def injected(messages) -> list[bytes]:
    """Of those whose head has a line, or that hold a request, of somebody else's."""
    evil = (b"x-evil", b"get /evil", b"set-cookie")
    return [m for m in messages if any(line.lower().startswith(evil) for line in lines_of(m)) or b"\r\nGET /evil" in m]


def config_with(provider) -> str:
    raw = f"  raw: {{base_url: {provider.url}/v1, key: SECRET, prices: sim, dialects: [openai-chat]}}\n  sim: {{"
    return CONFIG.replace("  sim: {", raw)


def test_nothing_that_callers_say_makes_lines_in_heads(tmp_path, shown):
    with RawProvider(GOOD) as provider, edge(tmp_path, config_with(provider), checked=False) as gate:
        with ThreadPoolExecutor(8) as crowd:
            answers = list(crowd.map(lambda raw: sent(gate, raw), asks(gate)))
        heard, said = list(provider.heard), gate.gate.stderr
        assert gate.ask(RAW_CALL).status == 200
    wrong = injected(heard) + injected(answers)
    faults = sum(answer.startswith(b"HTTP/1.1 500") for answer in answers)
    print(wrong[:3])
    shown(
        "C5",
        f"{len(answers)} line ends in keys, models, paths and headers of callers",
        f"{len(wrong)} lines made, {faults} faults; {len(heard)} calls went up",
        target="0",
        met=not wrong and not faults and len(heard) > 0 and "Traceback" not in said,
    )


def test_nothing_that_providers_say_makes_lines_in_heads(tmp_path, full, shown):
    answers = []
    with RawProvider() as provider, edge(tmp_path, config_with(provider), checked=False) as gate:
        for end in LINE_ENDS[1:]:  # The first ends a line in good form, so what follows is another.
            for name, code in itertools.product(TOLD if full else TOLD[:2], (b"200 OK", b"400 Bad Request")):
                put = f"{name}: a{end}set-cookie: evil=1{end}{EVIL}\r\n\r\n".encode()
                provider.says = GOOD.replace(b"\r\n\r\n", b"\r\n" + put, 1).replace(b"200 OK", code, 1)
                answers.append(sent(gate, post(RAW_CALL, gate.bearer())))
        said, provider.says = gate.gate.stderr, GOOD
        assert gate.ask(RAW_CALL).status == 200
    wrong = injected(answers)
    print(wrong[:3])
    shown(
        "C5",
        f"{len(answers)} line ends in headers of a provider",
        f"{len(wrong)} lines made, {sum(not answer for answer in answers)} without an answer",
        target="0",
        met=not wrong and all(answers) and "Traceback" not in said,
    )
