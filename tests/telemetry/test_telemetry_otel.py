"""Calls through a real gateway, as an OTLP receiver sees them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from decimal import Decimal

import pytest
from collector import Collector, Provider, attributes
from harness import gateway, get, make_key, simulator

from gateway.telemetry.otel.conventions import SECONDS_BUCKETS, TOKEN_BUCKETS

SERVER, CLIENT = 2, 3
ERROR = 2
PATIENCE_S = 60
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
BUSY = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1", "baggage": "user=alice"}


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    process = simulator(tmp_path_factory.mktemp("sim"))
    yield process
    process.stop()


class Traced:
    """A gateway that tells a collector."""

    def __init__(self, folder, sim, collector=None, otel="", env=None) -> None:
        self.folder = folder
        self.config = folder / "fareway.yaml"
        config = f"""
server: {{admin_port: off}}
providers:
  sim: {{kind: sim, base_url: "{sim.url}/v1", prices: sim}}
  gone: {{kind: sim, base_url: "http://127.0.0.1:9/v1", prices: sim}}
models:
  first-gone: {{deployments: [gone/sim-small, sim/sim-small]}}
routing: {{retry: {{rounds: 0}}}}
"""
        if collector is not None:
            config += f'telemetry: {{otel: {{endpoint: "{collector.url}"{otel}}}}}\n'
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config)
        self.key = make_key(folder, "tester", "--team", "research", "--admin", config=self.config)
        self.gate = gateway(folder, config, env=env)

    def call(self, text="hello", model="sim/sim-small", headers=None, stream=False) -> str:
        """The id of the request that was answered."""
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], "max_tokens": 20}
        request = urllib.request.Request(
            f"{self.gate.url}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return answer.headers["x-fareway-request-id"]

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        with urllib.request.urlopen(f"{self.gate.url}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@pytest.fixture
def traced(tmp_path, sim):
    """Makes gateways that tell a collector, and ends them."""
    made, collectors = [], []

    def make(collector, provider=sim, **options):
        collectors.extend(one for one in (collector, provider) if one is not sim)
        made.append(Traced(tmp_path / f"gateway-{len(made)}", provider, collector, **options))
        return made[-1]

    yield make
    for one in made:
        one.gate.stop()
    for collector in collectors:
        collector.close()


def of_call(collector, request_id, spans=2):
    """The spans of one call, the server's first, once there are so many."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [s for s in collector.spans if attributes(s).get("fareway.request_id") == request_id]
        if len(found) >= spans:
            return sorted(found, key=lambda span: (span.kind != SERVER, span.start_time_unix_nano))
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_call_is_a_server_span_with_a_client_span_in_the_callers_trace(traced):
    collector = Collector()
    one = traced(collector, otel=", conventions: latest")
    request_id = one.call(headers=BUSY, stream=True)
    server, client = of_call(collector, request_id)
    assert (server.kind, client.kind) == (SERVER, CLIENT)
    assert {server.trace_id.hex(), client.trace_id.hex()} == {TRACE}
    assert server.parent_span_id.hex() == SPAN
    assert client.parent_span_id == server.span_id
    assert server.trace_state == client.trace_state == "vendor=1"
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano
    assert server.name == "POST /v1/chat/completions"
    assert client.name == "chat sim-small"
    entry = get(f"{one.gate.url}/v1/requests/{request_id}", one.key)
    said, told = attributes(client), attributes(server)
    assert said["gen_ai.provider.name"] == "sim"
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == "sim-small"
    assert said["gen_ai.request.stream"] is True
    assert said["gen_ai.request.max_tokens"] == 20
    assert said["gen_ai.response.time_to_first_chunk"] >= 0
    assert said["gen_ai.usage.input_tokens"] > 0
    assert said["gen_ai.usage.output_tokens"] == 20
    assert said["fareway.team"] == "research"
    assert Decimal(said["fareway.cost.usd"]) == Decimal(entry["cost_usd"]) == Decimal(told["fareway.cost.usd"])
    assert said["fareway.cost.nano_usd"] == told["fareway.cost.nano_usd"] > 0
    assert told["http.response.status_code"] == 200
    assert "gen_ai.system" not in said
    assert not any("messages" in name for name in said | told), "nothing of what was said"
    about = collector.resources[0]
    assert about["service.name"] == "fareway"


def test_the_provider_hears_of_the_span_of_the_attempt(traced):
    """Its parent is the attempt, not the caller; tracestate and baggage go on as they came."""
    collector, provider = Collector(), Provider()
    one = traced(collector, provider)
    request_id = one.call(headers=BUSY)
    _, client = of_call(collector, request_id)
    (heard,) = provider.heard
    assert heard["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01"
    assert heard["tracestate"] == "vendor=1"
    assert heard["baggage"] == "user=alice"
    one.call(headers={"traceparent": "00-nonsense-01", "tracestate": "vendor=1"})
    assert "tracestate" not in provider.heard[1], "it belonged to what nobody can read"
    assert len(provider.heard[1]["traceparent"]) == 55


def test_without_traces_the_callers_context_goes_on_as_it_came(tmp_path):
    provider = Provider()
    plain = Traced(tmp_path, provider)
    try:
        plain.call(headers=BUSY)
        assert BUSY.items() <= provider.heard[0].items()
    finally:
        plain.gate.stop()
        provider.close()


def test_each_attempt_is_a_span_and_what_failed_says_how(traced):
    collector = Collector()
    one = traced(collector)
    request_id = one.call(model="first-gone")
    server, failed, answered = of_call(collector, request_id, spans=3)
    assert failed.status.code == ERROR
    assert attributes(failed)["error.type"] == "not reached"
    assert attributes(failed)["fareway.deployment"] == "gone/sim-small"
    assert "fareway.cost.usd" not in attributes(failed), "nobody charges for it"
    assert answered.status.code == 0
    assert failed.parent_span_id == answered.parent_span_id == server.span_id
    assert failed.span_id != answered.span_id


def test_what_is_refused_has_its_code(traced):
    collector = Collector()
    one = traced(collector)
    with pytest.raises(urllib.error.HTTPError):
        one.call(model="nobody-has-this", headers=BUSY)
    deadline = time.monotonic() + PATIENCE_S
    while not collector.spans:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (server,) = collector.spans
    assert attributes(server)["error.type"] == "model_not_found"
    assert attributes(server)["http.response.status_code"] == 404
    assert server.status.code == 0, "a caller's mistake is no error of a server"
    with pytest.raises(urllib.error.HTTPError):
        one.call(text="[[sim: fail=500]]")
    while len(collector.spans) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert {span.status.code for span in collector.spans[1:]} == {ERROR}


def test_the_older_conventions_are_the_default_and_the_environment_chooses(traced):
    collector, newer = Collector(), Collector()
    one = traced(collector)
    said = attributes(of_call(collector, one.call())[1])
    assert said["gen_ai.system"] == "sim"
    assert "gen_ai.provider.name" not in said
    assert "gen_ai.usage.cache_read.input_tokens" not in said
    opted = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental"}
    two = traced(newer, env=opted)
    said = attributes(of_call(newer, two.call())[1])
    assert said["gen_ai.provider.name"] == "sim"
    assert said["gen_ai.usage.cache_read.input_tokens"] == 0


def test_metrics_have_the_buckets_of_the_conventions_and_arrive_at_the_end(traced):
    collector = Collector()
    one = traced(collector, otel=", conventions: latest, headers: {x-tenant: acme}")
    one.call(stream=True)
    one.gate.stop()
    named = {metric.name: metric for metric in collector.metrics}
    (seconds,) = named["gen_ai.client.operation.duration"].histogram.data_points
    assert list(seconds.explicit_bounds) == SECONDS_BUCKETS
    assert named["gen_ai.client.operation.duration"].unit == "s"
    assert seconds.count == 1
    tokens = {attributes(p)["gen_ai.token.type"]: p for p in named["gen_ai.client.token.usage"].histogram.data_points}
    assert list(tokens["input"].explicit_bounds) == TOKEN_BUCKETS
    assert tokens["output"].sum == 20
    assert named["gen_ai.client.operation.time_to_first_chunk"].histogram.data_points[0].count == 1
    assert {headers["x-tenant"] for headers in collector.headers} == {"acme"}


def test_content_is_told_where_it_is_asked_for(traced):
    collector = Collector()
    one = traced(collector, otel=", content: true")
    for stream in (False, True):
        server = of_call(collector, one.call(text="what is it?", stream=stream))[0]
        said = attributes(server)
        asked = json.loads(said["gen_ai.input.messages"])
        assert asked == [{"role": "user", "parts": [{"type": "text", "content": "what is it?"}]}]
        (answer,) = json.loads(said["gen_ai.output.messages"])
        assert answer["role"] == "assistant"
        assert len(answer["parts"][0]["content"].split()) > 5


def test_what_is_not_sampled_is_not_sent_but_its_callers_decision_is_kept(traced):
    collector, provider = Collector(), Provider()
    one = traced(collector, provider, otel=", sample: 0%")
    for _ in range(5):
        one.call()
    one.call(headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    wanted = one.call(headers=BUSY)
    of_call(collector, wanted)
    assert {attributes(span)["fareway.request_id"] for span in collector.spans} == {wanted}
    sent = [heard["traceparent"] for heard in provider.heard]
    assert [context.endswith("-00") for context in sent] == [True] * 6 + [False]
    assert sent[5].startswith(f"00-{TRACE}-")


def test_exemplars_name_the_trace(traced):
    collector = Collector()
    one = traced(collector)
    one.call(headers=BUSY)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urllib.request.urlopen(urllib.request.Request(f"{one.gate.url}/metrics", headers=accept), timeout=30) as page:
        assert f'# {{trace_id="{TRACE}"}}' in page.read().decode()


def test_a_dead_or_silent_collector_delays_no_call(traced):
    """Nothing is asserted about time: each call is answered while the collector has answered nothing."""
    collector = Collector(silent=True)
    one = traced(collector)
    for _ in range(20):
        one.call()
    assert collector.spans == []
    dead = Collector()
    dead.close()
    two = traced(dead)
    for _ in range(5):
        two.call()
    two.gate.stop()
    collector.released.set()


def test_what_nobody_takes_is_counted(traced):
    dead = Collector()
    dead.close()
    one = traced(dead)
    one.call()
    deadline = time.monotonic() + PATIENCE_S
    while one.metric("fareway_otel_dropped_total") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
