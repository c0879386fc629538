"""Batches of a gateway with several workers: one of them settles, and what comes back is for all."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import harness
import pytest
from batch_provider import KEY, batch_provider, lines
from openai import OpenAI
from road import entries, eventually

CONFIG = """
providers:
  openai: {base_url: "URL", key: SECRET}
limits:
  - {node: "key:*", amount: 1 usd, window: month}
"""
EXACT = 2 * (11 * Decimal("0.075") + 7 * Decimal("0.30")) / 10**6
ASKED = 12
"""New connections in a row: that all of them fall to one of two workers is a matter of luck that nobody has twice."""


@pytest.fixture
def gate(tmp_path):
    with batch_provider() as provider:
        secret = tmp_path / "secret"
        secret.write_text(KEY)
        config = CONFIG.replace("URL", provider.url).replace("SECRET", f'"${{file:{secret}}}"')
        gate = harness.gateway(tmp_path / "gate", config, "--workers", "2")
        gate.provider = provider
        yield gate
        assert gate.stop() == 0, gate.stderr


def make(gate, key):
    """A batch of two calls."""
    with OpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0) as client:
        file = client.files.create(file=("in.jsonl", lines("Hello", "Bye")), purpose="batch")
        return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h").id


def spent(gate):
    """What all workers have spent, as the store knows it; in dollars."""
    with closing(sqlite3.connect(f"file:{gate.home / 'state.db'}?mode=ro", uri=True, timeout=20)) as state:
        (nanos,) = state.execute("SELECT sum(spent) FROM standings").fetchone()
    return Decimal(nanos or 0) / 10**9


def booked(gate):
    """What the ledger's entries come to, in dollars."""
    return sum(Decimal(line["cost_picos"]) for line in entries(gate.home)) / 10**12


def exactly(gate):
    return booked(gate) == EXACT and abs(spent(gate) - EXACT) <= Decimal("0.000000001")


def test_whoever_looks_the_one_that_made_it_settles_once_and_the_store_knows(gate):
    key = gate.tokens[1]
    name = make(gate, key)
    eventually(lambda: spent(gate) == booked(gate) > EXACT * 2)
    gate.provider.end(name)

    def told():
        for _ in range(ASKED):
            assert harness.get(f"{gate.url}/v1/batches/{name}", key)["status"] == "completed"
        return exactly(gate)

    eventually(told, patience_s=90)
    assert sum(1 for asked in gate.provider.asked if asked.endswith(f"/files/{output(gate, name)}/content")) == 1


def output(gate, name):
    return gate.provider.batches[name]["output_file_id"]


def test_what_a_worker_left_is_settled_where_there_is_none_of_its_name(gate):
    key = gate.tokens[1]
    name = make(gate, key)
    eventually(lambda: booked(gate) > 0)
    gate.kill()
    gate.provider.end(name)
    gate.arguments = [word for word in gate.arguments if word not in ("--workers", "2")]
    gate.start()
    eventually(lambda: booked(gate) == EXACT)
    told = Decimal(harness.get(f"{gate.url}/v1/key", key)["limits"][0]["spent"])
    assert abs(told - EXACT) <= Decimal("0.000000001")
