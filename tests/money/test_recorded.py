"""What real providers answered, replayed to a gateway on the day of the recording: it costs that, to the digit, and
passes as it was, to the byte.

With the shared recordings where they are; else with a few answers made up for the purpose (`sample/`).
"""

import json
import os
import re
import urllib.request
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from urllib.parse import quote

import harness
import pytest
from road import metric

from gateway.catalog.providers import KNOWN
from gateway.dialects import sse

pytestmark = pytest.mark.xdist_group("recorded")

SHARED = harness.shared()
FOLDER = SHARED / "data" / "recorded" if SHARED else Path(__file__).parent / "sample"
SOURCE = f"the shared recordings in {FOLDER}" if SHARED else "a synthetic sample, as there are no shared recordings"
NAMES = {"x-ai": "xai", "aws": "bedrock"}  # The gateway's own names of providers, where they differ.
PICO = Decimal("1e-12")
LIBRARIES = [Path(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1") for machine in ("x86_64", "aarch64")]
BATCH = "batch output file (responses)"
INDEX = [entry for entry in json.loads((FOLDER / "index.json").read_text()) if entry["api"] != BATCH]

TEXT = [{"role": "user", "content": "Hi"}]
CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]
BLOCKS = [{"role": "user", "content": [{"text": "Hi"}]}]
CHAT = ("/v1/chat/completions", {"model": "{model}", "messages": TEXT})
RESPONSES = ("/v1/responses", {"model": "{model}", "input": "Hi"})
CALLS = {
    "chat.completions": CHAT,
    "openai-compat chat": CHAT,
    "models chat.completions": CHAT,
    "embeddings": ("/v1/embeddings", {"model": "{model}", "input": "Hi"}),
    "images": ("/v1/images/generations", {"model": "{model}", "prompt": "Hi"}),
    "responses": RESPONSES,
    "responses (bedrock-mantle)": RESPONSES,
    "messages": ("/v1/messages", {"model": "{model}", "max_tokens": 8000, "messages": TEXT}),
    "generateContent": ("/v1beta/models/{model}:generateContent", {"contents": CONTENTS}),
    "streamGenerateContent": ("/v1beta/models/{model}:streamGenerateContent?alt=sse", {"contents": CONTENTS}),
    "converse": ("/bedrock/model/{model}/converse", {"messages": BLOCKS}),
    "converse-stream": ("/bedrock/model/{model}/converse-stream", {"messages": BLOCKS}),
    "v2/chat": ("/v2/chat", {"model": "{model}", "messages": TEXT}),
}
"""By the API of a recording: where to ask, and what."""

CHATS = {api for api, call in CALLS.items() if call is CHAT}


@pytest.fixture(scope="module")
def library():
    """libfaketime, which lets one process live on another day."""
    found = next((path for path in LIBRARIES if path.exists()), None)
    if found is None:
        assert "CI" not in os.environ, "libfaketime is missing: scripts/setup-tests.sh installs it"
        pytest.skip("libfaketime is not installed: scripts/setup-tests.sh installs it")
    return found


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    running = harness.simulator(tmp_path_factory.mktemp("recorded"), "--recorded", str(FOLDER))
    yield running
    running.stop()


@pytest.fixture
def gate(recording, library, sim, tmp_path):
    """A gateway on the day of the recording, whose only provider gives that answer."""
    name = NAMES.get(recording["provider"], recording["provider"])
    auth = ", auth: bearer" if name == "azure" else ""  # The simulator knows bearer tokens only.
    config = f"providers:\n  {name}: {{base_url: {sim.url}/recorded/{recording['file']}{auth}}}\n"
    env = {KNOWN[name].key_env: "a-key"}
    if recording["created"]:
        at = datetime.fromisoformat(recording["created"]).strftime("@%Y-%m-%d %H:%M:%S")
        env |= {"LD_PRELOAD": str(library), "FAKETIME": at, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
    running = harness.gateway(tmp_path, config, env=env)
    yield running, f"{name}/{recording['model']}"
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


def replay(gate, recording):
    """Ask in the recording's own dialect. Returns the headers and the body, and the request as it was settled."""
    running, model = gate
    admin, first = running.tokens
    path, body = CALLS[recording["api"]]
    asked = {**body, "model": model} if "model" in body else dict(body)
    if recording["stream"] and "model" in body:
        asked["stream"] = True
    request = urllib.request.Request(
        running.url + path.replace("{model}", quote(model, safe="/")),
        json.dumps(asked).encode(),
        {"Authorization": f"Bearer {first}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        body, headers = answer.read(), answer.headers
    request_id = headers["x-fareway-request-id"]
    return headers, body, harness.get(f"{running.url}/v1/requests/{request_id}", admin)


def sent(sim, recording):
    """What the provider answers whoever asks it, but for what only our own wish for usage brings: a chunk of a chat
    without choices."""
    url = f"{sim.url}/recorded/{recording['file']}/anything"
    request = urllib.request.Request(url, b"{}", {"Authorization": "Bearer a-key"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        body = answer.read()
    if not (recording["stream"] and recording["api"] in CHATS):
        return body
    return b"".join(event for event in sse.events(body) if not re.search(rb'"choices":\s*\[\]', sse.payload(event)))


@pytest.mark.parametrize("recording", INDEX, ids=lambda recording: recording["file"])
def test_recorded_answer(recording, gate, sim, record_property):
    record_property("source", SOURCE)
    headers, body, document = replay(gate, recording)
    assert body == sent(sim, recording), "byte for byte as the provider sent it"
    (entry,) = document["entries"]
    print(f"{recording['file']}: {document['cost_usd']} {entry['cost_status']}, from {SOURCE}")
    expected, reported = recording["expected_cost_usd"], recording["provider_reported_cost_usd"]
    assert entry["outcome"] == "ok"
    if expected is None and reported is None:
        assert document["cost_usd"] is None or entry["cost_status"] == "uncertain", recording["note"]
        assert document["cost_usd"] is None or Decimal(document["cost_usd"]) > 0
        assert entry["cost_status"] in {"unpriced", "uncertain"}
        return
    cost = Decimal(expected or reported).quantize(PICO, ROUND_CEILING)
    assert Decimal(document["cost_usd"]) == cost
    assert entry["cost_status"] in ({"exact", "reported", "uncertain", "estimated"} if expected else {"reported"})
    assert sum(Decimal(line["amount_usd"]) for line in entry["lines"]) == cost, "the lines explain every pico-dollar"
    assert entry["usage"]["reported"]
    with urllib.request.urlopen(f"{gate[0].url}/metrics", timeout=20) as exposition:
        told = metric(exposition.read().decode(), "fareway_usage_mended_total", provider=entry["provider"])
    assert told == int(entry["usage"]["mended"])
    if not recording["stream"]:
        assert Decimal(headers["x-fareway-cost-usd"]) == cost
        assert headers["x-fareway-cost-status"] == entry["cost_status"]
    if recording["created"]:
        assert document["entries"][0]["at"][:10] == recording["created"][:10], "the gateway lived on that day"


def test_what_was_replayed(library):
    """A run says how much evidence it had."""
    print(f"{len(INDEX)} answers replayed, from {SOURCE}")
    assert len(INDEX) >= (40 if SHARED else 3)
