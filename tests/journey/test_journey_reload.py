"""A changed configuration while calls go on: all of it is in use from one call to the next, or nothing."""

import signal
import threading

import openai
import pytest
from road import billed, eventually, road, said, spent

NAMES = """
providers:
  sim: {base_url: SIM_URL/v1}
models:
  relay: {deployments: [sim/sim-small]}
"""
LIMIT = "limits:\n  - {node: all, amount: LEFT requests, window: lifetime}\n"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("reload"), NAMES, "--tokens-per-second", "8") as found:
        yield found


@pytest.fixture
def file(way):
    """The configuration, as it was at the start. Put back in the end."""
    path = way.gate.home / "fareway.yaml"
    before = path.read_text()
    yield path
    reread(way, path, before)


def reread(way, path, text, came="taken"):
    """The file says something else, and the gateway is told so."""
    counted = way.metric("fareway_config_reloads_total", result=came)
    path.write_text(text.replace("SIM_URL", way.sim.url))
    way.gate.process.send_signal(signal.SIGHUP)
    eventually(lambda: way.metric("fareway_config_reloads_total", result=came) == counted + 1)


def ask(way, model="relay", **more):
    with way.client() as client:
        return client.chat.completions.create(model=model, messages=said("Hello!"), max_tokens=1, **more)


def answered(way):
    try:
        return ask(way)
    except openai.RateLimitError:
        return None


def test_names_change_with_the_next_call_and_a_stream_ends_as_it_began(way, file):
    began, made = threading.Event(), []

    def stream():
        asked = {"model": "relay", "messages": said("Hello!"), "max_tokens": 100}
        with way.client() as client:
            for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
                began.set()
                made[:] = [chunk.usage and chunk.usage.completion_tokens]

    thread = threading.Thread(target=stream)
    thread.start()
    assert began.wait(20)
    reread(way, file, NAMES.replace("relay", "courier"))
    with pytest.raises(openai.NotFoundError):
        ask(way)
    assert ask(way, "courier").choices
    assert thread.is_alive(), "the stream has ended before anything changed"
    thread.join()
    assert made[0]
    assert {"relay", "courier"} <= {line["entry"]["asked_model"] for line in way.entries()}
    assert spent(way.entries()) == billed(way.bill())


def test_a_limit_counts_from_where_it_stands(way, file):
    reread(way, file, NAMES + LIMIT.replace("LEFT", "2"))
    ask(way)
    ask(way)
    with pytest.raises(openai.RateLimitError):
        ask(way)
    reread(way, file, NAMES + LIMIT.replace("LEFT", "3"))
    eventually(lambda: answered(way))  # More of a larger one is leased within half a second.
    with pytest.raises(openai.RateLimitError):
        ask(way)
    reread(way, file, NAMES)
    ask(way)


def test_a_broken_file_changes_nothing_and_is_told_in_one_line(way, file):
    before, at = way.gate.stderr, way.metric("fareway_config_taken_timestamp_seconds")
    reread(way, file, NAMES + "tiers: {economy: [nobody]}\nlimits: [{node: nowhere}]\n", "invalid")
    assert ask(way).choices
    (line,) = [line for line in way.gate.stderr[len(before) :].splitlines() if "ERROR" in line]
    assert "the configuration stays as it was" in line
    assert "nobody" in line
    assert "nowhere" in line
    assert way.metric("fareway_config_taken_timestamp_seconds") == at


def test_what_needs_a_restart_is_named_and_nothing_else_is_taken_over(way, file):
    before = way.gate.stderr
    changed = NAMES.replace("relay", "courier") + "server: {drain: 5s}\n"
    reread(way, file, changed, "needs_restart")
    assert ask(way).choices
    assert "server cannot change while the gateway runs" in way.gate.stderr[len(before) :]


def test_prices_of_ones_own_count_from_the_next_call(way, file):
    overrides = "prices: {overrides: [{model: sim-small, provider: sim, input: 7/M, output: 7/M}]}\n"
    ask(way)
    reread(way, file, NAMES + overrides)
    ask(way)
    cheap, dear = way.entries()[-2:]
    assert cheap["cost_picos"] < dear["cost_picos"]
    assert dear["cost_picos"] % 7_000_000 == 0
    assert way.metric("fareway_drift_units") == 0
