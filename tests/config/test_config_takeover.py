"""What a running gateway takes over of a changed file, and what it names instead."""

import pytest

from gateway.config.load import load
from gateway.config.problems import ConfigError
from gateway.config.takeover import NeedsRestart, Source

BEFORE = """
alerts: [{shape: webhook, to: "https://a.example/hook"}]
providers: {openai: {key: "${ONE}"}, own: {base_url: "http://10.0.0.1:8000/v1"}}
models: {fast: {deployments: [openai/gpt-4o-mini]}}
limits: [{node: all, amount: 5 usd, window: day}]
cache: {exact: {ttl: 1h}}
"""

TAKEN = (
    BEFORE.replace("ONE", "TWO")
    .replace("5 usd", "6 usd")
    .replace("gpt-4o-mini", "gpt-4o")
    .replace("own:", "groq: off, own:")
    + """
aliases: {quick: fast}
tiers: {economy: [fast]}
routing: {policy: policies.weighted, fallback: 1, retry: {rounds: 0, budget: 20%}, breaker: {failures: 9, open: 1s}}
timeouts: {connect: 1s, total: 100s}
prices: {guard: 5x, unknown: allow, overrides: [{model: m, input: 1/M, output: 1/M}]}
"""
)


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "fareway.yaml"
    file.write_text(BEFORE)
    env = {"FAREWAY_HOME": str(tmp_path), "ONE": "1", "TWO": "2", "PEPPER": "0123456789abcdef" * 2}
    env["GROQ_API_KEY"] = f"fw-{'a' * 12}-{'b' * 43}"  # A gateway's, of which something is told.
    return file, Source(load(file, env), lambda: load(file, env))


def test_what_says_the_same_is_the_same(source):
    _, found = source
    assert found.again().said == found.said


def test_what_calls_go_by_is_taken_over(source):
    file, found = source
    file.write_text(TAKEN)
    now = found.again().said
    assert now.aliases == {"quick": "fast"}
    assert now.timeouts.total_s == 100
    assert (len(found.said.left_alone), now.left_alone) == (1, ())
    assert now.prices.unknown == "allow"
    file.write_text(BEFORE + "providers:\n")  # And it may be broken later.
    with pytest.raises(ConfigError):
        found.again()


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("home", BEFORE + "home: /elsewhere\n"),
        ("state", BEFORE + "state: sqlite:///other.db\n"),
        ("state", BEFORE + "state: redis://127.0.0.1:1\npepper: '${PEPPER}'\n"),
        ("ledger", BEFORE + "ledger: sqlite:///other.db\n"),
        ("journal", BEFORE + "journal: {sync: always}\n"),
        ("server", BEFORE + "server: {port: 1}\n"),
        ("server", BEFORE + "server: {workers: 3}\n"),
        ("alerts", BEFORE.replace("a.example", "b.example")),
        ("cache", BEFORE.replace("ttl: 1h", "ttl: 2h")),
        ("deferred", BEFORE + "deferred: {waiting: 1}\n"),
        ("telemetry", BEFORE + "telemetry: {otel: {endpoint: 'http://127.0.0.1:1'}}\n"),
        ("training", BEFORE + "training: {interval: 1m}\n"),
        ("exports", BEFORE + "exports: [{to: /tmp, format: csv}]\n"),
        ("prices.feed", BEFORE + "prices: {feed: 'https://a.example/feed'}\n"),
        ("routing.guard", BEFORE + "routing: {guard: {worth: 0.001 usd}}\n"),
        ("a policy that predicts", BEFORE + "routing: {policy: policies.difficulty}\n"),
        ("their base_urls", BEFORE.replace("base_url: ", "base_urls: [").replace('/v1"', '/v1"]')),
    ],
)
def test_what_was_built_at_the_start_is_named(source, key, changed):
    file, found = source
    file.write_text(changed)
    with pytest.raises(NeedsRestart, match=key):
        found.again()


def test_all_that_is_in_the_way_is_named_at_once(source):
    file, found = source
    file.write_text(BEFORE + "server: {port: 1}\nhome: /elsewhere\n")
    with pytest.raises(NeedsRestart, match=r"^home, .*server, state cannot change while the gateway runs: restart it$"):
        found.again()
