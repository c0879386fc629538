"""Gemini's requests, streams and refusals."""

import json
from itertools import pairwise

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadRequest, LimitReached, Reason, Refusal, Unauthorized
from gateway.core.money import Money
from gateway.core.request import Asked, Facts
from gateway.core.usage import Extras, Usage
from gateway.dialects.framing import JSON_ARRAY, SSE
from gateway.dialects.gemini import Gemini, framing_wanted
from gateway.dialects.gemini_count_tokens import GeminiCountTokens
from gateway.dialects.gemini_embeddings import GeminiEmbeddings
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch
from gateway.prices.bundled import price_book

LENS, COUNTS, EMBEDDINGS = Gemini(), GeminiCountTokens(), GeminiEmbeddings()
SAID = [{"role": "user", "parts": [{"text": "Hi"}]}]
FETCHES = {"unseen": True, "needs": frozenset({"tools"})}
PNG = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}


def asked(body, verb="generateContent", query="", model="gemini-2.5-flash", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Asked(raw, model=model, verb=verb, query=query, **more)


def read(query="", verb="generateContent", tier="", **body):
    return LENS.read(asked({"contents": SAID} | body, verb, query, tier=tier))


def test_a_plain_request():
    assert read() == Facts("gemini-2.5-flash", prompt="Hi")
    assert read(verb="streamGenerateContent").stream


def parts(*given):
    return [{"parts": list(given)}]


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ({"contents": {"parts": {"text": "One"}}}, {"prompt": "One"}),
        ({"contents": [{}, {"parts": None}]}, {"turns": 2, "prompt": ""}),
        ({"generationConfig": None}, {}),
        ({"generationConfig": {"maxOutputTokens": 7, "candidateCount": 2}}, {"output_tokens_max": 7, "choices": 2}),
        ({"generationConfig": {"maxOutputTokens": "7", "candidateCount": 0}}, {"output_tokens_max": 7}),
        ({"generationConfig": {"maxOutputTokens": 0}}, {}),
        ({"generation_config": {"max_output_tokens": 7}}, {"output_tokens_max": 7}),
        ({"generationConfig": {"maxOutputTokens": 10**15}}, {"output_tokens_max": 10**7}),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, {}),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, {"reasons": True}),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, {"reasons": True}),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, {"hides_output": True}),
        ({"generationConfig": {"responseModalities": "text"}}, {}),
        ({"generationConfig": {"speechConfig": {"voice": "x"}}}, {"hides_output": True}),
        ({"generationConfig": {"responseMimeType": "application/json"}}, {"needs": frozenset({"json"})}),
        ({"generationConfig": {"response_mime_type": "text/plain"}}, {}),
        ({"tools": [{"googleSearch": {}}]}, {"needs": frozenset({"tools"})}),
        ({"tools": [{"functionDeclarations": []}, {"google_search": {}}]}, {"needs": frozenset({"tools"})}),
        ({"tools": [{"functionDeclarations": []}, {"urlContext": {}}]}, FETCHES),
        ({"tools": [{"google_search": {}, "url_context": {}}]}, FETCHES),
        ({"tools": [{"codeExecution": {}}]}, FETCHES),
        ({"tools": [{"fileSearch": {}}]}, FETCHES),
        ({"tools": [{"new": {}}]}, FETCHES),
        ({"tools": {"urlContext": {}}}, FETCHES),
        ({"tools": []}, {}),
        ({"serviceTier": "SERVICE_TIER_FLEX"}, {"service_tier": "flex"}),
        ({"service_tier": "priority"}, {"service_tier": "priority"}),
        ({"serviceTier": "unspecified"}, {}),
        ({"cachedContent": "cachedContents/x"}, {"unseen": True}),
        ({"cached_content": "cachedContents/x"}, {"unseen": True}),
        ({"contents": parts(PNG, {"text": "a"})}, {"images": 1, "needs": frozenset({"vision"}), "prompt": "a"}),
        (
            {"contents": parts({"inline_data": {"mime_type": "application/pdf", "data": "AA=="}})},
            {"files": 1, "needs": frozenset({"files"}), "prompt": ""},
        ),
        (
            {"contents": parts({"inlineData": {"mimeType": "video/mp4", "data": "AA=="}})},
            {"unseen": True, "files": 1, "needs": frozenset({"files"}), "prompt": ""},
        ),
        (
            {"contents": parts({"inlineData": {"mimeType": "audio/wav", "data": "AAAA" * 11}})},
            {"needs": frozenset({"audio"}), "prompt": ""},
        ),
        (
            {"contents": parts({"inlineData": {"mimeType": "audio/wav", "data": "https://x"}})},
            {"unseen": True, "needs": frozenset({"audio"}), "prompt": ""},
        ),
        (
            {"contents": parts({"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}})},
            {"images": 1, "needs": frozenset({"vision"}), "prompt": ""},
        ),
        (
            {"contents": parts({"fileData": {"fileUri": "https://youtu.be/x"}})},
            {"unseen": True, "needs": frozenset({"files"}), "prompt": ""},
        ),
        *[
            (
                {"contents": parts({"file_data": {"mime_type": "Image/PNG", "file_uri": uri}})},
                {"images": 1, "unseen": unseen, "needs": frozenset({"vision"}), "prompt": ""},
            )
            for uri, unseen in [
                ("gs://youtube/x.png", False),
                ("https://generativelanguage.googleapis.com/v1beta/files/abc", False),
                ("https://example.com/youtube.png", False),
                ("http://example.com:8080/a.png", False),
                ("https://my-youtube.s3.amazonaws.com/x.png", False),
                ("https://img.youtube.com/vi/x/0.jpg", False),
                ("https://img.youtube.com/watch?v=x", True),
                ("https://img.youtube.com/vi/../../watch?v=x", True),
                ("https://img.youtube.com/vi/%2e%2e/watch?v=x", True),
                ("https://www.youtube.co.uk/watch?v=x", True),
                ("https://youtube.googleapis.com/v/x", True),
                ("https://youtube.com..:1/x", True),
                ("https://youtube-pictures.s3.amazonaws.com/x.png", False),
                ("https://youtube.com.:443/watch?v=x", True),
                ("https://www.YouTube.com/watch?v=x", True),
                ("https://www..youtube.com/watch?v=x", True),
                ("https://.youtube.com/watch?v=x", True),
                ("https://youtu.be/x", True),
                ("https://a:b@youtube.com/x", True),
                ("//youtube.com/x", True),
                (None, True),
            ]
        ],
        (
            {"contents": parts({"inlineData": {"mimeType": "VIDEO/mp4", "data": "AA=="}})},
            {"unseen": True, "files": 1, "needs": frozenset({"files"}), "prompt": ""},
        ),
        (
            {"contents": parts({"inlineData": {"mimeType": " Audio/wav", "data": "https://x"}})},
            {"unseen": True, "needs": frozenset({"audio"}), "prompt": ""},
        ),
        (
            {"contents": parts({"functionCall": {"name": "f", "args": {"fileData": "x", "inlineData": {}}}})},
            {"prompt": ""},
        ),
        ({"systemInstruction": {"parts": [PNG]}}, {"images": 1, "needs": frozenset({"vision"})}),
        (
            {"contents": parts({"functionResponse": {"name": "f", "response": {}, "parts": [PNG]}})},
            {"images": 1, "needs": frozenset({"vision"}), "prompt": ""},
        ),
    ],
)
def test_facts(body, facts):
    assert read(**body) == Facts("gemini-2.5-flash", **{"prompt": "Hi", **facts})


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (b'{"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}], "parts": [{"text": "x"}]}', "parts"),
        (b'{"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}, "fileData": null}]}', "fileData"),
        (b'{"parts": [{"fileData": {"fileUri": "https://youtu.be/x", "fileUri": "gs://x"}}]}', "fileUri"),
        (b'{"parts": [{"inlineData": {"mimeType": "video/mp4", "mimeType": "image/png"}}]}', "mimeType"),
        (b'{"parts": [{"inlineData": {"mimeType": "audio/ogg", "data": "T2dnUw==", "data": "AA=="}}]}', "data"),
        (b'{"parts": [{"functionCall": {"args": {"data": 1}}, "inlineData": {"data": "", "data": ""}}]}', "data"),
        (b'{"parts": [{"functionCall": {"args": {"data": 1}}, "functionCall": {}}]}', "functionCall"),
    ],
)
def test_a_film_is_not_hidden_by_a_twin(said, named):
    with pytest.raises(BadRequest) as refused:
        LENS.read(asked(b'{"contents": [%b]}' % said))
    assert refused.value.param == named


def test_what_tools_call_so_is_theirs():
    """Functions that read mail or files name media types, and may give back what is no object of JavaScript's."""
    names = b'{"mimeType": "a", "data": {"fileUri": 1}, "x": 1, "x": 2}'
    response = (
        b'{"functionResponse": {"name": "f", "response": %b, "parts": [{"inlineData": {"data": "AA=="}}]}}' % names
    )
    said = b'{"parts": [{"functionCall": {"name": "f", "args": %b}}, %b]}' % (names, response)
    tools = b'[{"functionDeclarations": [{"name": "f", "parameters": {"properties": %b}}]}]' % names
    schema = b'{"responseSchema": {"properties": %b}}' % names
    facts = LENS.read(asked(b'{"contents": [%b], "tools": %b, "generationConfig": %b}' % (said, tools, schema)))
    assert (facts.unseen, facts.files) == (False, 1)


@pytest.mark.parametrize(
    ("header", "body", "tier"),
    [
        ("priority", None, "priority"),
        ("priority", "unspecified", "priority"),
        ("priority", "standard", "priority"),
        ("priority", "flex", "priority"),
        ("flex", "standard", "standard"),
        ("flex", "priority", "priority"),
        ("flex", "flex", "flex"),
    ],
)
def test_of_a_tier_in_the_header_and_another_in_the_body_the_dearer_is_held_for(header, body, tier):
    assert read(tier=header, serviceTier=body).service_tier == tier


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b"{}", "contents is required"),
        (b'{"contents": []}', "contents"),
        (b'{"contents": [], "contents": [{}]}', "twice"),
        (b'{"contents": [{}], "generationConfig": {"maxOutputTokens": -1}}', "maxOutputTokens"),
        (b'{"contents": [{}], "generationConfig": {"maxOutputTokens": 1, "maxOutputTokens": 2}}', "twice"),
        (b'{"contents": [{}], "generationConfig": {}, "generation_config": {}}', "twice"),
        (b'{"contents": [{}], "contents": [], "generation_config": {}}', "twice"),
        (b'{"contents": [{}], "generation_config": {}, "a\\ud800": 1, "a\\ud800": 2}', "twice"),
        (b'{"contents": [{}], "generationConfig": {}, "generation\\u005fconfig": {}}', "twice"),
        (b'{"contents": [{}], "generationConfig": {}, "generation\\u0043onfig": {}}', "twice"),
        (b'{"contents": [{}], "generationConfig": {"candidateCount": 9}}', "candidateCount"),
        (b'{"contents": [{}], "generationConfig": {"candidateCount": -1}}', "candidateCount"),
        (b'{"contents": [{}], "generationConfig": {"maxOutputTokens": "many"}}', "int"),
        (b'{"contents": [{}], "cached_content": ', "JSON"),
        (b'{"contents": [{"parts": [{"functionResponse": {"parts": [{"inlineData": 7}]}}]}]}', "object"),
    ],
)
def test_what_is_refused(body, named):
    with pytest.raises(BadRequest, match=named):
        LENS.read(asked(body))


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", ""),
        ("alt=sse", "?alt=sse"),
        ("key=fw-secret&alt=sse", "?alt=sse"),
        ("alt=sse&k%65y=fw-secret&$alt=json", "?alt=sse&$alt=json"),
        ("access_token=x&&prettyPrint=false", "?prettyPrint=false"),
    ],
)
def test_the_key_stays_and_alt_travels(query, sent):
    given = asked({"contents": SAID}, "streamGenerateContent", query)
    aimed = LENS.aim(given, "gemini/2.5 flash", LENS.read(given))
    assert aimed.path == f"/models/gemini%2F2.5%20flash:streamGenerateContent{sent}"
    assert aimed.body is given.body


@pytest.mark.parametrize(
    ("verb", "query", "framing"),
    [
        ("streamGenerateContent", "key=x&alt=sse", SSE),
        ("streamGenerateContent", "%24alt=s%73e", SSE),
        ("streamGenerateContent", "alt=json", JSON_ARRAY),
        ("streamGenerateContent", "", JSON_ARRAY),
        ("generateContent", "", SSE),
    ],
)
def test_how_a_caller_wants_a_stream(verb, query, framing):
    assert framing_wanted(Asked(b"{}", model="flash", verb=verb, query=query)) is framing


@pytest.mark.parametrize("query", ["alt=media", "$alt=proto", "fields=candidates", "%24fields=x", "callback=f"])
def test_a_query_that_would_hide_the_usage_is_refused(query):
    with pytest.raises(BadRequest):
        read(query)
    with pytest.raises(BadRequest):
        COUNTS.read(asked({"contents": SAID}, "countTokens", query))


def test_what_is_counted():
    body = {
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": parts(
            {"text": "a"}, PNG, {"functionCall": {"name": "f"}}, {"fileData": {"mimeType": "application/pdf"}}
        ),
        "tools": [{"functionDeclarations": []}],
    }
    counted = LENS.countable(asked(body))
    assert counted.texts == ("Be kind.", "a", '{"name": "f"}')
    assert (counted.messages, counted.images, counted.files) == (2, 1, 1)
    assert counted.tools == '[{"functionDeclarations": []}]'


# Streams.


def chunk(text=None, *, made=0, finish=None, part=None, **more):
    candidate = {"content": {"parts": [part or {"text": text}]}, "index": 0}
    used = {"promptTokenCount": 34, "candidatesTokenCount": made, "totalTokenCount": 34 + made}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "usageMetadata": used, **more}


CHUNKS = [
    chunk("Hello", made=1),
    chunk('wor"ld\n', made=5),
    chunk(part={"functionCall": {"args": {"a": {"b": "c}}"}, "d": 1}, "name": "f"}}, made=8),
    chunk(".", made=9, finish="STOP", modelVersion="gemini-2.5-flash-001"),
]
STREAMS = {
    "events": (SSE, b"".join(b"data: " + json.dumps(c).encode() + b"\r\n\r\n" for c in CHUNKS)),
    "array": (JSON_ARRAY, json.dumps(CHUNKS, indent=2).encode()),
}


def run(framing, stream, places=(), *, torn=False):
    """`torn`: its last event is not all there, and is not passed on."""
    watch = StreamWatch(
        LENS, frozenset(), wants_usage=True, price=lambda report: Money(report.usage.tokens), framing=framing
    )
    edges = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    out = b"".join(watch.feed(stream[a:b]) for a, b in pairwise(edges)) + watch.finish()
    assert stream.startswith(out), "it passes untouched"
    assert (out != stream) == torn
    return watch.report, watch.text, (watch.complete, watch.done, watch.shows_reasoning, watch.error)


@given(st.lists(st.integers(0, 10**6), max_size=10), st.sampled_from(sorted(STREAMS)))
def test_a_stream_cut_anywhere_says_the_same(places, kind):
    framing, stream = STREAMS[kind]
    report, text, state = run(framing, stream, places)
    assert (report.usage, report.model) == (Usage(input=34, output=9), "gemini-2.5-flash-001")
    assert text.startswith('Hellowor"ld\n')
    assert '"c}}"' in text
    assert text.endswith(".")
    assert state == (True, False, False, None)


@pytest.mark.parametrize("kind", STREAMS)
def test_arguments_end_where_they_do_whatever_follows_in_the_same_piece(kind):
    called = chunk(part={"functionCall": {"name": "f", "args": {"a": {"b": 1}}, "id": "c0"}, "thoughtSignature": "s"})
    chunks = [called, chunk(part={"functionCall": {"name": "g", "args": {}, "id": "c1"}}), chunk("Hm", finish="STOP")]
    written = {
        "events": b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks),
        "array": json.dumps(chunks).encode(),
    }[kind]
    framing = STREAMS[kind][0]
    whole, bytewise = run(framing, written), run(framing, written, range(len(written)))
    assert whole == bytewise
    assert whole[1] == '"a": {"b": 1}Hm'


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("said", [("functionCall", "args"), ("functionResponse", "response")])
def test_what_goes_to_a_tool_or_comes_from_it_ends_nothing(kind, said):
    called = chunk(part={said[0]: {"name": "f", said[1]: {"a": {}, "finishReason": "STOP"}}}, made=5)
    framing = STREAMS[kind][0]

    def written(*chunks):
        return {
            "events": b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks),
            "array": json.dumps(chunks).encode(),
        }[kind]

    assert not run(framing, written(called))[2][0]
    assert run(framing, written(called, chunk(".", finish="STOP")))[2][0]
    assert run(framing, written(called | {"candidates": [called["candidates"][0] | {"finishReason": "STOP"}]}))[2][0]


def test_arguments_that_are_cut_short_count_as_far_as_they_came():
    stream = b'[{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": {"b": "some wor'
    assert run(JSON_ARRAY, stream, torn=True)[1] == '"a": {"b": "some wor'


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_breaks_off_is_not_complete(kind):
    framing, stream = STREAMS[kind]
    report, _, state = run(framing, stream[: stream.index(b'"finishReason"')], torn=True)
    assert not state[0]
    assert report.usage == Usage(input=34, output=8)


@pytest.mark.parametrize("kind", STREAMS)
def test_the_end_and_the_usage_are_read_beside_a_large_picture(kind):
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * (3 << 19)}}
    chunks = [chunk("Here:", made=1), chunk(part=picture, made=1290, finish="STOP")]
    framing, stream = {
        "events": (SSE, b"".join(b"data: " + json.dumps(c).encode() + b"\r\n\r\n" for c in chunks)),
        "array": (JSON_ARRAY, json.dumps(chunks).encode()),
    }[kind]
    report, text, state = run(framing, stream, range(0, len(stream), 16 << 10))
    assert report.usage == Usage(input=34, output=1290)
    assert (text, state[0]) == ("Here:", True)


def test_a_prompt_that_is_blocked_is_a_whole_stream():
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}}
    report, _, state = run(SSE, b"data: " + json.dumps(blocked).encode() + b"\n\n")
    assert (report.usage, state[0]) == (Usage(input=8), True)


@pytest.mark.parametrize(("framing", "around"), [(SSE, b"data: %b\n\n"), (JSON_ARRAY, b"[%b]")])
def test_an_error_inside_a_stream(framing, around):
    error = b'{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}'
    assert run(framing, around % error)[2][3] == error


def test_recorded_answers_cost_what_they_cost():
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    folder, now = shared / "data" / "recorded", 1_795_000_000.0
    seen = {}
    for entry in json.loads((folder / "index.json").read_text()):
        if entry["provider"] != "google" or "enerateContent" not in entry["api"]:
            continue
        body = (folder / entry["file"]).read_bytes()
        report = run(SSE, body)[0] if entry["stream"] else LENS.report(body, frozenset())
        price = price_book().price("google", entry["model"], now)
        cost = price.of(report.usage, report.service_tier)
        assert cost.total == Money.usd(entry["expected_cost_usd"]), entry["file"]
        seen[entry["file"]] = cost.status
    assert len(seen) == 5
    assert {file for file, status in seen.items() if status != "exact"} == {"gemini_stream_tool_use_search.sse"}
    assert seen["gemini_stream_tool_use_search.sse"] == "uncertain", "whether the search was free is not known"


# Refusals.


def refusal():
    figures = {"limit": "$10.00", "spent": "$10.00", "held": "$0.00", "needed": "$1.00", "resets_at": None}
    return LimitReached(Refusal("team:eng", "usd", "month", **figures, reason=Reason.HELD))


def test_refusals_in_googles_shape():
    error = json.loads(LENS.error(refusal(), "r-1"))["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "team:eng" in error["message"]
    kinds = {detail.pop("@type").rpartition(".")[2]: detail for detail in error["details"]}
    assert kinds["QuotaFailure"]["violations"][0]["subject"] == "team:eng"
    assert kinds["RetryInfo"] == {"retryDelay": "1s"}
    assert kinds["RequestInfo"] == {"requestId": "r-1"}
    assert kinds["ErrorInfo"]["reason"] == "LIMIT_REACHED"
    field = json.loads(LENS.error(BadRequest("no", "contents"), "r"))["error"]
    assert field["status"] == "INVALID_ARGUMENT"
    assert field["details"][1]["fieldViolations"] == [{"field": "contents", "description": "no"}]
    assert json.loads(LENS.error(Unauthorized("who?"), "r"))["error"]["status"] == "UNAUTHENTICATED"


def test_refusals_inside_streams():
    """Google's client looks for an event that begins just so."""
    event = LENS.stream_error(refusal(), "r-1")
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"\n\n")
    watch = StreamWatch(LENS, frozenset(), wants_usage=True, price=lambda _: None)
    assert watch.refusal(refusal(), "r-1") == event
    watch = StreamWatch(LENS, frozenset(), wants_usage=True, price=lambda _: None, framing=JSON_ARRAY)
    begun = watch.feed(b'[{"a": 1},{"b"')
    elements = json.loads(begun + watch.refusal(refusal(), "r-1"))
    assert elements[1]["error"]["code"] == 429


# Counting, which is free.


def test_counting_is_free_and_its_answer_costs_nothing():
    given = asked({"contents": SAID}, "countTokens")
    facts = COUNTS.read(given)
    assert (facts.free, facts.output_tokens_max, facts.stream) == (True, 0, False)
    assert COUNTS.aim(given, "gemini-3-flash", facts) == ("/models/gemini-3-flash:countTokens", given.body)
    whole = asked({"generateContentRequest": {"contents": SAID}}, "countTokens")
    assert COUNTS.countable(given) == COUNTS.countable(whole) == LENS.countable(given)
    report = COUNTS.report(b'{"totalTokens": 31}', frozenset())
    assert (report.usage, report.failed) == (Usage(requests=0), False)
    assert COUNTS.report(b'{"error": {"code": 500}}', frozenset()).failed
    assert COUNTS.report(b"<html>", frozenset()).usage is None
    with pytest.raises(BadRequest):
        COUNTS.read(asked({}, "countTokens"))


# Embeddings.

ONE = {"content": {"parts": [{"text": "Hi"}]}, "model": "models/alias"}
BATCH = {"requests": [ONE, {"content": {"parts": [PNG, {"fileData": {"mimeType": "video/mp4"}}]}}]}


@pytest.mark.parametrize(("verb", "body"), [("embedContent", ONE), ("batchEmbedContents", BATCH)])
def test_embeddings_are_aimed_at_the_model_wherever_it_is_named(verb, body):
    given = asked(body, verb, "key=x", model="alias")
    facts = EMBEDDINGS.read(given)
    batch = verb == "batchEmbedContents"
    assert (facts.model, facts.output_tokens_max, facts.images, facts.files) == ("alias", 0, batch, batch)
    assert EMBEDDINGS.aim(given, "alias", facts) == (f"/models/alias:{verb}", given.body)
    path, sent = EMBEDDINGS.aim(given, "embed-1", facts)
    assert path == f"/models/embed-1:{verb}"
    assert json.loads(sent) == json.loads(given.body.replace(b"models/alias", b"models/embed-1"))
    counted = EMBEDDINGS.countable(given)
    assert (counted.texts, counted.images, counted.files) == (("Hi",), batch, batch)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("embedContent", {"content": {}, "model": "models/another"}),
        ("embedContent", {}),
        ("embedContent", b'{"content": {}, "model": "models/alias", "model": "models/another"}'),
        ("batchEmbedContents", {"requests": []}),
        ("batchEmbedContents", {"requests": [{"content": {}}] * 1001}),
        ("batchEmbedContents", {"requests": [{"content": {}, "model": "models/another"}]}),
        ("batchEmbedContents", b'{"requests": [], "requests": [{"content": {}}]}'),
        ("batchEmbedContents", b'{"requests": [], "requests": [{"content": {"inline_data": 1}}]}'),
        ("batchEmbedContents", b'{"requests": [{"content": {}, "x": "\xff"}, {"content": {"inline_data": 1}}]}'),
    ],
)
def test_embeddings_that_are_refused(verb, body):
    with pytest.raises(BadRequest):
        EMBEDDINGS.read(asked(body, verb, model="alias"))


@pytest.mark.parametrize("verb", ["embedContent", "batchEmbedContents"])
@pytest.mark.parametrize(
    "part",
    [
        '{"inlineData": {"mimeType": "video/mp4", "mimeType": "image/png", "data": "AA=="}}',
        '{"inlineData": {"mimeType": "video/mp4"}, "inlineData": {"mimeType": "image/png"}}',
        '{"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "image/png", "fileUri": "gs://x"}}',
        '{"fileData": {"fileUri": "gs://x"}, "fileData": null}',
    ],
)
def test_what_is_embedded_is_not_hidden_by_a_twin(verb, part):
    one = f'{{"content": {{"parts": [{{"text": "data"}}, {part}]}}}}'
    body = one if verb == "embedContent" else f'{{"requests": [{one}]}}'
    with pytest.raises(BadRequest, match="twice"):
        EMBEDDINGS.read(asked(body.encode(), verb, model="alias"))


@pytest.mark.parametrize(
    ("uri", "images"),
    [("gs://x", 1), ("https://example.com/a.png", 1), ("https://youtu.be/a.png", 0), ("https://www..youtube.com/x", 0)],
)
def test_a_film_that_is_embedded_as_a_picture_is_held_for_as_a_file(uri, images):
    given = asked({"content": {"parts": [{"fileData": {"mimeType": "Image/PNG", "fileUri": uri}}]}}, "embedContent")
    for held in (EMBEDDINGS.read(given), EMBEDDINGS.countable(given)):
        assert (held.images, held.files) == (images, 1 - images)


def test_what_embeddings_used():
    used = b'{"embeddings": [], "usageMetadata": {"promptTokenCount": 7}}'
    assert EMBEDDINGS.report(used, frozenset()).usage == Usage(input=7)
    assert EMBEDDINGS.report(b'{"embedding": {"values": []}}', frozenset()).usage is None, "then it is counted"


@pytest.mark.parametrize("name", ["web_searches", "map_searches"])
def test_a_search_that_may_be_free_is_counted_and_not_charged(name):
    price = price_book().price("google", "gemini-3.5-flash", 1_795_000_000.0)
    cost = price.of(Usage(input=1, extras=Extras(**{name: 2})))
    assert (cost.fees, cost.status) == (Money(0), "uncertain")
    claude = price_book().price("google", "claude-fable-5-2", 1_795_000_000.0)
    assert claude.of(Usage(extras=Extras(web_searches=1))).fees, "the quota is Gemini's"


def test_each_dialect_is_found_by_its_name():
    for lens in (LENS, EMBEDDINGS, COUNTS):
        assert type(DIALECTS[lens.name]) is type(lens)


def test_tools_that_are_no_text_may_be_anything():
    body = b'{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"\xff":1}]}'
    assert Gemini().read(Asked(body, "m", "generateContent")).unseen
