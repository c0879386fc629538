"""Refusals as the official clients see them: the right exception, one attempt where waiting does not help, and where
it does, as many as the client makes by itself."""

import json
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import anthropic
import harness
import openai
import pytest
from aws_account import KEY_ID, SECRET
from road import Road, eventually, said
from upstream import upstream

pytestmark = pytest.mark.xdist_group("refusals")

boto3 = pytest.importorskip("boto3", reason="boto3 is in the dev extra")
Config = pytest.importorskip("botocore.config").Config
genai = pytest.importorskip("google.genai", reason="google-genai is in the dev extra")

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  anthropic: {base_url: UP_URL/up/v1}
  google: {base_url: UP_URL/up/openai}
  bedrock: {base_url: UP_URL/up, region: us-east-1}
  cohere: {base_url: UP_URL/up, key: "${COHERE_API_KEY}"}
limits:
  - {node: team:once, amount: 1 requests, window: lifetime}
  - {node: team:poor, amount: 0.0000001 usd, window: month}
  - {node: team:busy, amount: 1 concurrent}
"""
ENV = {
    "ANTHROPIC_API_KEY": "theirs",
    "GEMINI_API_KEY": "theirs",
    "COHERE_API_KEY": "theirs",
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_BEARER_TOKEN_BEDROCK": "",
}
SIM = {"model": "sim-small", "max_tokens": 20}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    with upstream() as provider:
        sim = harness.simulator(folder / "sim")
        config = CONFIG.replace("SIM_URL", sim.url).replace("UP_URL", provider.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COHERE_API_KEY", "theirs")
            gate = harness.gateway(folder / "gate", config, env=ENV)
            road = Road(sim, gate, *gate.tokens)
            road.provider = provider
            yield road
            assert gate.stop() == 0
        sim.stop()
    assert not provider.got, "a refused call reached a provider"


def by_openai(way, key):
    with way.client(key, max_retries=2) as client, pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**SIM, messages=said("Hi"))
    return SimpleNamespace(code=raised.value.code, headers=raised.value.response.headers)


def by_anthropic(way, key):
    with (
        anthropic.Anthropic(base_url=way.url, api_key=key, max_retries=2) as client,
        pytest.raises(anthropic.RateLimitError) as raised,
    ):
        client.messages.create(model="claude-sonnet-4-6", max_tokens=20, messages=said("Hi"))
    error = raised.value.body["error"]
    code = error.get("details", {}).get("error_code", error["type"])
    return SimpleNamespace(code=code, headers=raised.value.response.headers)


def by_google(way, key):
    with (
        genai.Client(api_key=key, http_options={"base_url": way.url}) as client,
        pytest.raises(genai.errors.ClientError) as raised,
    ):
        client.models.generate_content(model="gemini-2.5-flash", contents="Hi")
    assert raised.value.code == 429
    return SimpleNamespace(code=raised.value.status, headers=raised.value.response.headers)


def by_aws(way, key):
    session = boto3.Session(key, "any secret", region_name="us-east-1")
    patient = Config(retries={"mode": "standard", "total_max_attempts": 3})
    client = session.client("bedrock-runtime", endpoint_url=way.url, config=patient)
    with pytest.raises(client.exceptions.ClientError) as raised:
        client.converse(modelId=HAIKU, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    client.close()
    code = raised.value.response["Error"]["Code"]
    assert type(raised.value) is getattr(client.exceptions, code)
    return SimpleNamespace(code=code, headers=raised.value.response["ResponseMetadata"]["HTTPHeaders"])


def by_cohere(way, key):
    """Its client is httpx with retries on 429 and 5xx, by hand here: nobody but Cohere's own looks at more."""
    body = json.dumps({"model": "command-a-03-2025", "messages": said("Hi"), "max_tokens": 20}).encode()
    request = urllib.request.Request(f"{way.url}/v2/chat", body, {"Authorization": f"Bearer {key}"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=20)
    assert raised.value.code == 429
    with raised.value as error:
        assert "team:" in json.load(error)["message"]
        return SimpleNamespace(code=None, headers={name.lower(): value for name, value in error.headers.items()})


SPENT, FINAL, QUOTA = "enforced_spend_limit_reached", "rate_limit_exceeded", "ServiceQuotaExceededException"
CLIENTS = {  # The code for money, for requests, and for what is held; attempts at what is held.
    by_openai: ("insufficient_quota", FINAL, FINAL, 3),
    by_anthropic: (SPENT, "rate_limit_error", "rate_limit_error", 3),
    by_google: ("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", 1),
    by_aws: (QUOTA, QUOTA, "ThrottlingException", 3),
    by_cohere: (None, None, None, 1),
}
every_client = pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)


def refusals(way, reason):
    return sum(way.metric("fareway_refusals_total", unit=u, reason=reason) for u in ("usd", "requests", "concurrent"))


def assert_refused(way, ask, key, *, reason, code, attempts=1):
    before = refusals(way, reason)
    told = ask(way, key)
    assert told.code == code
    assert told.headers["x-fareway-limit-reason"] == reason
    assert refusals(way, reason) == before + attempts
    return told


@every_client
def test_a_call_that_cannot_fit_is_asked_once(way, ask):
    told = assert_refused(way, ask, way.key("--team", "poor"), reason="too_big", code=CLIENTS[ask][0])
    assert told.headers["x-should-retry"] == "false"
    assert "retry-after" not in told.headers


@every_client
def test_a_spent_window_is_asked_once(way, ask):
    key = way.key("--team", "once")
    if not refusals(way, "exhausted"):
        with way.client(key) as client:
            client.chat.completions.create(**SIM, messages=said("Hi"))
    told = assert_refused(way, ask, key, reason="exhausted", code=CLIENTS[ask][1])
    assert told.headers["x-should-retry"] == "false"
    assert "retry-after" not in told.headers


@every_client
def test_what_is_held_is_asked_again(way, ask):
    key, stop = way.key("--team", "busy"), threading.Event()

    def read():
        asked = SIM | {"max_tokens": 4000, "messages": said("Slowly. [[sim: tokens=4000 tps=50]]"), "stream": True}
        with way.client(key) as client, client.chat.completions.create(**asked) as stream:
            for _ in stream:
                if stop.is_set():
                    break

    reader = threading.Thread(target=read)
    reader.start()
    try:
        eventually(lambda: way.metric("fareway_inflight_requests") == 1)
        _, _, code, attempts = CLIENTS[ask]
        told = assert_refused(way, ask, key, reason="held", code=code, attempts=attempts)
        assert told.headers["retry-after"] == "1"
        assert "x-should-retry" not in told.headers
    finally:
        stop.set()
        reader.join()
    way.rest()
