"""Gateways on several machines with one ledger in PostgreSQL: one set of books, also while it is away."""

import asyncio
import json
import re
import signal
import threading
from contextlib import closing
from decimal import Decimal

import harness
import psycopg
import pytest
from crowd import chat, crowd
from ledger.postgres_server import INITDB, PASSWORD, PostgresServer
from replica_fleet import PEPPER, fleet
from road import PICOS, billed, eventually, metric
from stores.redis_server import BINARY

pytestmark = pytest.mark.skipif(BINARY is None or INITDB is None, reason="neither Redis nor PostgreSQL is installed")

BOOKS = """
ledger: "${DATABASE_URL}"
limits:
  - {node: all, amount: 10 usd, window: lifetime}
  - {node: "key:*", amount: 1000000 requests, window: second}
"""


@pytest.fixture
def server(monkeypatch):
    with closing(PostgresServer()) as server:
        server.start()
        monkeypatch.setenv("DATABASE_URL", server.url(server.database()))
        monkeypatch.setenv("PEPPER", PEPPER)
        yield server


def booked(server):
    """How many entries there are, what they cost, and what the balances come to, in dollars."""
    cost = "SELECT count(*), coalesce(sum(cost_picos), 0) FROM fareway.entries"
    spent = "SELECT coalesce(sum(spent), 0) FROM fareway.balances WHERE account LIKE 'all/usd/%'"
    (count, picos), ((nanos,),) = server.say(cost, "d1")[0], server.say(spent, "d1")
    return count, Decimal(picos) / PICOS, Decimal(nanos) / 10**9


def waiting(gate):
    return metric(gate.metrics(), "fareway_journal_entries")


async def everywhere(made, calls):
    answers = await asyncio.gather(
        *(crowd(gate, made.first, callers=4, calls=calls, body=chat(max_tokens=50)) for gate in made.gates)
    )
    return sum((one.statuses for one in answers), start=type(answers[0].statuses)())


async def test_calls_go_on_while_it_is_away_and_everything_arrives_once(tmp_path, server):
    """The windows of a second turn many times meanwhile."""
    with fleet(tmp_path, BOOKS) as made:
        assert await everywhere(made, 40) == {200: 80}
        server.stop()
        for _ in range(3):
            assert await everywhere(made, 40) == {200: 80}
            await asyncio.sleep(1)
        assert all(waiting(gate) >= 120 for gate in made.gates)
        server.start()
        for gate in made.gates:
            eventually(lambda gate=gate: waiting(gate) == 0)
        count, cost, spent = booked(server)
        bill = billed(made.gates[0].bill())
        assert (count, cost) == (320, bill)
        assert 0 <= spent - bill <= 320 * Decimal("1e-9"), "rounded up once a call"
        assert all(PASSWORD not in gate.gate.stderr for gate in made.gates)
        assert "does not do its part" in made.gates[0].gate.stderr


async def test_every_machine_tells_of_the_calls_of_all(tmp_path, server):
    with fleet(tmp_path, BOOKS) as made:
        one, two = made.gates
        with one.client(made.first) as client:
            answer = client.chat.completions.with_raw_response.create(
                model="sim-small", messages=[{"role": "user", "content": "Hello!"}]
            )
        name = answer.headers["x-fareway-request-id"]
        eventually(lambda: waiting(one) == 0)
        told = harness.get(f"{two.url}/v1/requests/{name}", made.first)
        assert told["entries"][0]["lines"], "what it was priced at is known here, too"
        files = [("--config", str(gate.gate.home / "fareway.yaml")) for gate in made.gates]
        shown = [
            gate.command("usage", *config, "--format", "json") for gate, config in zip(made.gates, files, strict=True)
        ]
        assert shown[0] == shown[1]
        assert json.loads(shown[0])[0]["calls"] == 1
        period = ("--from", "1d")
        assert "1 " in two.command("prices", "rerate", *files[1], *period)
        said = two.command("prices", "rerate", *files[1], *period, "--apply", status=1)
        assert "a gateway is running" in said
        assert '"PostgreSQL answers"' in two.command("doctor", *files[1], "--format", "json")
        server.stop()
        two.command("doctor", *files[1], status=1)
        said = two.command("usage", *files[1], status=1)
        assert "cannot read the ledger at its PostgreSQL" in said
        assert PASSWORD not in said
        server.start()


async def test_a_gateway_that_was_killed_waits_for_its_ledger_and_loses_nothing(tmp_path, server):
    with fleet(tmp_path, BOOKS) as made:
        await everywhere(made, 20)
        server.stop()
        await everywhere(made, 20)
        made.gates[0].gate.kill()
        again = threading.Thread(target=made.restart, args=(0,))
        again.start()
        home = made.gates[0].gate.home
        eventually(lambda: "Nothing is served before" in "".join(p.read_text() for p in home.glob("stderr-*.txt")))
        server.start()
        await asyncio.to_thread(again.join)
        for gate in made.gates:
            eventually(lambda gate=gate: waiting(gate) == 0)
        count, cost, _ = booked(server)
        assert (count, cost) == (80, billed(made.gates[1].bill()))
        assert (await everywhere(made, 4))[200] == 8


def test_who_waits_for_a_ledger_can_be_told_to_stop(tmp_path, server):
    server.stop()
    (tmp_path / "fareway.yaml").write_text('ledger: "${DATABASE_URL}"\n')
    gate = harness.Process(["serve", "--port", "0"], tmp_path, r"(Nothing) is served before").start()
    gate.process.send_signal(signal.SIGTERM)
    assert gate.process.wait(timeout=30) == 0
    assert not re.search(r"Traceback|hush", gate.stderr)


def test_workers_share_it_too(tmp_path, server):
    gate = harness.gateway(tmp_path, 'ledger: "${DATABASE_URL}"\n', "--workers", "2")
    try:
        first = gate.tokens[1]
        road = type("Road", (), {"url": gate.url})
        answers = asyncio.run(crowd(road, first, callers=4, calls=40, body=chat(max_tokens=20)))
        assert answers.statuses == {200: 40}
    finally:
        assert gate.stop() == 0
    bill = [json.loads(line) for line in (tmp_path / "simulator-bill.jsonl").read_text().splitlines()]
    assert booked(server)[:2] == (40, billed(bill))
    with psycopg.connect(server.url("d1")) as database:
        replicas = database.execute("SELECT count(DISTINCT replica) FROM fareway.entries").fetchone()
    assert replicas in [(1,), (2,)]
