"""What a running gateway shows of itself, and how it stops."""

import http.client
import itertools
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from decimal import Decimal

import harness
import openai
import pytest
from road import PATIENCE_S, billed, entries, eventually, road, said, spent

pytestmark = pytest.mark.xdist_group("pages")

NAMES = {
    "ml_inference_cost_dollars": "gauge",
    "ml_inference_requests_total": "counter",
    "ml_inference_tokens_total": "counter",
    "fareway_cost_saved_dollars_total": "counter",
    "fareway_entries_total": "counter",
    "fareway_refusals_total": "counter",
    "fareway_errors_total": "counter",
    "fareway_fallbacks_total": "counter",
    "fareway_cache_total": "counter",
    "fareway_idempotent_total": "counter",
    "fareway_unpriced_total": "counter",
    "fareway_uncertain_total": "counter",
    "fareway_usage_mended_total": "counter",
    "fareway_overhead_seconds": "histogram",
    "fareway_request_duration_seconds": "histogram",
    "fareway_time_to_first_token_seconds": "histogram",
    "fareway_drift_units": "gauge",
    "fareway_journal_entries": "gauge",
    "fareway_inflight_requests": "gauge",
    "fareway_price_age_seconds": "gauge",
    "fareway_token_bound_exceeded_total": "counter",
    "fareway_token_estimate_error_ratio": "gauge",
    "fareway_breaker_open": "gauge",
}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("pages")) as found:
        yield found


class Watcher:
    """Reads /live in a thread."""

    def __init__(self, way, key):
        self.events = []
        host = way.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
        self._connection.request("GET", "/live", headers={"Authorization": f"Bearer {key}"})
        self._answer = self._connection.getresponse()
        assert self._answer.headers["content-type"] == "text/event-stream"
        self._socket = self._connection.sock
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        try:
            while line := self._answer.readline():
                if line.startswith(b"data: "):
                    self.events.append(json.loads(line[6:]))
        except (OSError, ValueError, http.client.HTTPException):
            return

    def close(self):
        """Hang up."""
        self._socket.shutdown(2)
        self._thread.join()
        self._answer.close()
        self._connection.close()


def test_live_shows_every_settled_call_to_whom_it_concerns(way):
    """The admin sees all, a key its own; the event is the entry that the request's page shows."""
    key = way.key("--team", "seen")
    admin, own, other = Watcher(way, way.admin), Watcher(way, key), Watcher(way, way.key())
    with way.client(key) as client:
        raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Look."))
        waited = eventually(lambda: admin.events and own.events)
        with client.chat.completions.create(model="sim-small", messages=said("More."), stream=True) as stream:
            list(stream)
    eventually(lambda: len(admin.events) == len(own.events) == 2)
    print(f"seen {waited * 1000:.0f} ms after the answer")
    for watcher in (admin, own, other):
        watcher.close()
    assert other.events == []
    document = way.document(raw.headers["x-fareway-request-id"])
    entry = document["entries"][0]
    assert admin.events[0] == own.events[0]
    assert entry | own.events[0] == entry, "the page has its provenance beside"
    assert admin.events[0]["cost_usd"] == raw.headers["x-fareway-cost-usd"]
    assert admin.events[1]["stream"] is True


def test_metrics_have_the_names_that_dashboards_know(way):
    """Exact names and types, and after some traffic the figures of the ledger."""
    with way.client() as client:
        for stream in (False, True):
            answer = client.chat.completions.create(model="sim-large", messages=said("Count me."), stream=stream)
            if stream:
                with answer:
                    list(answer)
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="none", messages=said("Hi"))
    lines, text = [line for line in way.entries() if line["model"] == "sim-large"], way.metrics()
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    assert NAMES.items() <= types.items()
    cost = way.metric("ml_inference_cost_dollars", model="sim-large", deployment="api", tier="premium")
    assert Decimal(str(cost)) == spent(lines) > 0
    assert way.metric("ml_inference_requests_total", model="sim-large", deployment="api") == len(lines) == 2
    for direction in ("input", "output"):
        tokens = sum(line[f"{direction}_tokens"] for line in lines)
        assert way.metric("ml_inference_tokens_total", model="sim-large", direction=direction) == tokens > 0
    everything = way.entries()
    by_ending = {(line["outcome"], line["cost_status"]) for line in everything}
    assert sum(
        way.metric("fareway_entries_total", outcome=outcome, cost_status=status) for outcome, status in by_ending
    ) == len(everything)
    assert way.metric("fareway_errors_total", code="model_not_found") == 1
    assert way.metric("fareway_drift_units") == 0
    assert way.metric("fareway_overhead_seconds_count") == len(everything)


@pytest.mark.parametrize(("path", "said_so"), [("/healthz", b"ok\n"), ("/readyz", b"ready\n")])
def test_health(way, path, said_so):
    with urllib.request.urlopen(way.url + path, timeout=PATIENCE_S) as answer:
        assert (answer.status, answer.read()) == (200, said_so)


@pytest.mark.parametrize("path", ["/live", "/v1/models", "/v1/requests/x"])
def test_nothing_is_shown_without_a_key(way, path):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(way.url + path, timeout=PATIENCE_S)
    with raised.value as answer:
        assert answer.status == 401


def takes_connections(way):
    try:
        with urllib.request.urlopen(f"{way.url}/healthz", timeout=20):
            return True
    except OSError:
        return False


def test_told_to_stop_it_lets_calls_end(tmp_path):
    """SIGTERM while streams run: soon no new call is taken, those under way end well, and nothing is lost."""
    ended, texts = [], []
    with road(tmp_path) as way, way.client() as client:

        def read(number):
            text = f"Go on {number}. [[sim: tokens=60 tps=40]]"
            with client.chat.completions.create(model="sim-small", messages=said(text), stream=True) as stream:
                chunks = list(stream)
            ended.append(chunks[-1].choices[0].finish_reason)
            texts.append("".join(chunk.choices[0].delta.content or "" for chunk in chunks))

        readers = [threading.Thread(target=read, args=(number,)) for number in range(8)]
        for reader in readers:
            reader.start()
        eventually(lambda: way.metric("fareway_inflight_requests") == 8)
        watcher = Watcher(way, way.admin)
        time.sleep(0.2)
        way.gate.process.terminate()
        eventually(lambda: "Stopping" in way.gate.stderr and not takes_connections(way))
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="sim-small", messages=said("Too late."))
        for reader in readers:
            reader.join()
        watcher.close()
        assert way.gate.stop() == 0
        assert ended == ["stop"] * 8
        assert all(len(text.split()) == 60 for text in texts)
        bill = way.bill()
        assert [charge["ended"] for charge in bill] == ["complete"] * 8
        home = way.gate.home
        lines = entries(home)
        assert spent(lines) == billed(bill)
        assert {line["outcome"] for line in lines} == {"ok"}
        assert list((home / "journal").glob("*.journal")) == [], "nothing is left to be recovered"


def test_told_to_stop_again_and_again_it_still_ends_in_order(tmp_path):
    """A second signal finds it at any point of its end, the interpreter's included, and changes nothing."""
    with road(tmp_path) as way, way.client() as client:
        client.chat.completions.create(model="sim-small", messages=said("Once."))
        for number in itertools.cycle((signal.SIGTERM, signal.SIGINT)):
            if way.gate.process.poll() is not None:
                break
            way.gate.process.send_signal(number)
            time.sleep(0.0005)
        assert way.gate.process.returncode == 0
        assert "Traceback" not in way.gate.stderr
        assert list((way.gate.home / "journal").glob("*.journal")) == []


def test_started_again_it_knows_everything(tmp_path):
    """A restart in order: nothing to recover, the same keys, the same money."""
    with road(tmp_path) as way, way.client() as client:
        raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Before."))
        assert way.gate.stop() == 0
        again = harness.gateway(tmp_path / "gate", (tmp_path / "gate" / "fareway.yaml").read_text())
        assert "earlier run" not in again.stderr
        assert again.tokens == [], "keys are shown once"
        document = harness.get(f"{again.url}/v1/requests/{raw.headers['x-fareway-request-id']}", way.first)
        assert document["cost_usd"] == raw.headers["x-fareway-cost-usd"]
        assert again.stop() == 0
