"""Google's own client, pointed at a gateway, before a provider that answers as Gemini does."""

import json
import urllib.error
import urllib.request
from decimal import Decimal

import harness
import pytest
from google_account import ACCESS_TOKEN, key_file, token_server
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("gemini")

genai = pytest.importorskip("google.genai", reason="google-genai is in the dev extra")

USED = {"promptTokenCount": 100, "candidatesTokenCount": 10, "thoughtsTokenCount": 40, "totalTokenCount": 150}
COST = Decimal("0.000155")  # gemini-2.5-flash: 100 at $0.30 and 50 at $2.50 a million.
CONFIG = """
providers:
  google: {base_url: URL/openai}
  vertex: {base_url: URL/projects/p, region: global, project: p}
models:
  flash: {deployments: [google/gemini-2.5-flash]}
  embed: {deployments: [google/gemini-embedding-001]}
  vertex-flash: {deployments: [vertex/gemini-2.5-flash]}
limits:
  - {node: team:some, amount: 0.5 usd, window: month}
  - {node: team:poor, amount: 0.000001 usd, window: month}
"""


def answer(text, *, used=None, finish=None):
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    given = {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}
    return given | {"modelVersion": "gemini-2.5-flash"} | ({"usageMetadata": used} if used else {})


CHUNKS = [
    answer("Yes", used={"promptTokenCount": 100, "thoughtsTokenCount": 40, "totalTokenCount": 140}),
    answer(", sir.", used=USED, finish="STOP"),
]
EVENTS = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in CHUNKS)
ARRAY = b"[" + b"\n,\r\n".join(json.dumps(chunk, indent=2).encode() for chunk in CHUNKS) + b"\n]"
SSE = "text/event-stream"


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    home = tmp_path_factory.mktemp("gemini")
    config = CONFIG.replace("URL", f"{provider.url}/gemini")
    with token_server() as (url, _):
        account = str(key_file(home, url))
        env = {"GEMINI_API_KEY": "key-of-google", "GOOGLE_APPLICATION_CREDENTIALS": account}
        running = harness.gateway(home, config, env=env)
        yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def replies(provider):
    """What the provider answers from here on, and what it got."""

    def told(*given):
        provider.replies["gemini"] = list(given)
        provider.got["gemini"].clear()
        return provider.got["gemini"]

    return told


@pytest.fixture(params=["v1beta", "v1"])
def client(request, gate):
    options = {"base_url": gate.url, "api_version": request.param}
    found = genai.Client(api_key=gate.tokens[1], http_options=options)
    yield found
    found.close()


def whole(body, **more):
    return Reply(json.dumps(body).encode(), **more)


def last_entry(gate, headers):
    document = harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0])
    (entry,) = document["entries"]
    return entry


def test_whole_answer(gate, client, replies):
    got = replies(whole(answer("Yes, sir.", used=USED, finish="STOP")))
    said = client.models.generate_content(model="flash", contents="Hi", config={"max_output_tokens": 60})
    assert said.text == "Yes, sir."
    assert said.usage_metadata.thoughts_token_count == 40
    headers = {name.lower(): value for name, value in said.sdk_http_response.headers.items()}
    assert Decimal(headers["x-fareway-cost-usd"]) == COST
    assert headers["x-fareway-cost-status"] == "exact"
    assert got[0].path == "/gemini/models/gemini-2.5-flash:generateContent"
    assert got[0].headers["x-goog-api-key"] == "key-of-google"
    entry = last_entry(gate, headers)
    assert (entry["outcome"], Decimal(entry["cost_usd"])) == ("ok", COST)


def test_stream(gate, client, replies):
    got = replies(Reply(EVENTS, content_type=SSE))
    chunks = list(client.models.generate_content_stream(model="flash", contents="Hi"))
    assert "".join(chunk.text for chunk in chunks) == "Yes, sir."
    assert got[0].path == "/gemini/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    entry = last_entry(gate, {k.lower(): v for k, v in chunks[0].sdk_http_response.headers.items()})
    assert (entry["outcome"], entry["cost_status"], Decimal(entry["cost_usd"])) == ("ok", "exact", COST)


def test_the_providers_error_and_ours(gate, client, replies):
    replies(whole({"error": {"code": 400, "message": "Too hot.", "status": "INVALID_ARGUMENT"}}, status=400))
    with pytest.raises(genai.errors.ClientError) as refused:
        client.models.generate_content(model="flash", contents="Hi")
    assert (refused.value.code, refused.value.status, refused.value.message) == (400, "INVALID_ARGUMENT", "Too hot.")
    with pytest.raises(genai.errors.ClientError) as unknown:
        client.models.generate_content(model="flush", contents="Hi")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    assert "flash" in unknown.value.message


def test_an_error_inside_a_stream_reaches_the_client(client, replies):
    broken = EVENTS.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    replies(Reply(broken, content_type=SSE))
    with pytest.raises(genai.errors.ServerError) as cut:
        list(client.models.generate_content_stream(model="flash", contents="Hi"))
    assert (cut.value.code, cut.value.status) == (502, "UNAVAILABLE")


def test_no_money(gate, replies):
    got = replies(whole(answer("Yes", used=USED)))
    key = harness.make_key(gate.home, "--team", "poor", config=gate.home / "fareway.yaml")
    with (
        genai.Client(api_key=key, http_options={"base_url": gate.url}) as poor,
        pytest.raises(genai.errors.ClientError) as no,
    ):
        poor.models.generate_content(model="flash", contents="Hi")
    assert (no.value.code, no.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert not got


def test_counting_is_free(gate, replies):
    got = replies(whole({"totalTokens": 31}))
    key = harness.make_key(gate.home, "--team", "poor", config=gate.home / "fareway.yaml")
    with genai.Client(api_key=key, http_options={"base_url": gate.url}) as poor:
        counted = poor.models.count_tokens(model="flash", contents="Hi")
    assert counted.total_tokens == 31
    assert got[0].path == "/gemini/models/gemini-2.5-flash:countTokens"
    headers = {name.lower(): value for name, value in counted.sdk_http_response.headers.items()}
    assert (Decimal(headers["x-fareway-cost-usd"]), headers["x-fareway-cost-status"]) == (0, "exact")
    assert last_entry(gate, headers)["outcome"] == "ok"


@pytest.mark.parametrize("used", [{"promptTokenCount": 7}, None])
def test_embeddings(gate, client, replies, used):
    got = replies(
        whole({"embeddings": [{"values": [0.5, 1.0]}]} | ({"usageMetadata": used} if used else {})),
    )
    found = client.models.embed_content(model="embed", contents="Hello there")
    assert found.embeddings[0].values == [0.5, 1.0]
    assert got[0].path == "/gemini/models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(got[0].body)["requests"][0]["model"] == "models/gemini-embedding-001"
    headers = {name.lower(): value for name, value in found.sdk_http_response.headers.items()}
    assert headers["x-fareway-cost-status"] == ("exact" if used else "estimated")
    assert Decimal(headers["x-fareway-cost-usd"]) > 0
    assert last_entry(gate, headers)["tokens"]["output"] == 0


def post(url, body, **headers):
    """The headers and the body of an answer, whatever its status."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    try:
        got = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as refused:
        got = refused
    with got:
        return {k.lower(): v for k, v in got.headers.items()} | {"status": got.status}, got.read()


BODY = {"contents": [{"parts": [{"text": "Hi"}]}]}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/flash",
        "/gemini/v1beta/models/flash",
        "/v1beta1/projects/p/locations/global/publishers/google/models/google%2Fgemini-2.5-flash",
    ],
)
def test_an_array_that_streams_and_a_key_in_the_query(gate, replies, path):
    got = replies(Reply(ARRAY, content_type="application/json; charset=UTF-8"))
    headers, body = post(f"{gate.url}{path}:streamGenerateContent?key={gate.tokens[1]}", BODY)
    assert body == ARRAY
    assert got[0].path == "/gemini/models/gemini-2.5-flash:streamGenerateContent"
    assert gate.tokens[1] not in str(got[0])
    entry = last_entry(gate, headers)
    assert (entry["outcome"], entry["cost_status"], Decimal(entry["cost_usd"])) == ("ok", "exact", COST)


def test_an_array_that_breaks_off_ends_in_an_error(gate, replies):
    replies(Reply(ARRAY[: ARRAY.index(b",\r\n")], content_type="application/json"))
    headers, body = post(f"{gate.url}/v1/models/flash:streamGenerateContent?key={gate.tokens[1]}", BODY)
    first, last = json.loads(body)
    assert first == CHUNKS[0]
    assert last["error"]["status"] == "UNAVAILABLE"
    entry = last_entry(gate, headers)
    assert (entry["outcome"], entry["cost_status"]) == ("cut", "estimated")
    assert Decimal("0.00013") < Decimal(entry["cost_usd"]) < Decimal("0.0005"), "as far as it had come"


def test_two_keys_are_refused(gate, replies):
    replies(whole(answer("Yes", used=USED)))
    url = f"{gate.url}/v1/models/flash:generateContent?key={gate.tokens[1]}"
    assert post(url, BODY, **{"x-goog-api-key": gate.tokens[1]})[0]["x-fareway-cost-status"] == "exact"
    two, said = post(url, BODY, **{"x-goog-api-key": gate.tokens[0]})
    assert (two["status"], json.loads(said)["error"]["status"]) == (400, "INVALID_ARGUMENT")
    none, said = post(f"{gate.url}/v1/models/flash:generateContent?monkey=1", BODY)
    assert (none["status"], json.loads(said)["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_vertex_gets_a_token_of_the_service_account(gate, replies):
    used = USED | {"trafficType": "PROVISIONED_THROUGHPUT"}
    got = replies(whole(answer("Yes", used=used)))
    headers, _ = post(f"{gate.url}/v1/models/vertex-flash:generateContent?key={gate.tokens[1]}", BODY)
    assert got[0].path == "/gemini/projects/p/models/gemini-2.5-flash:generateContent"
    assert got[0].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert headers["x-fareway-cost-status"] == "uncertain", "what is provisioned has no price of its own"


def test_what_lies_at_the_provider_is_held_for_as_a_whole_window(gate, replies):
    got = replies(whole(answer("Yes", used=USED)))
    key = harness.make_key(gate.home, "--team", "some", config=gate.home / "fareway.yaml")
    url, capped = f"{gate.url}/v1/models/flash:generateContent?key={key}", {"maxOutputTokens": 100}
    assert post(url, BODY | {"generationConfig": capped})[0]["status"] == 200
    cached = {"generationConfig": capped, "cachedContent": "cachedContents/x"}
    refused, said = post(url, BODY | cached)
    assert (refused["status"], json.loads(said)["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert len(got) == 1
