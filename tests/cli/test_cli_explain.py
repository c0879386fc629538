"""`fareway explain`: every dialect is read, and its call decided on without asking anybody."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from contextlib import suppress
from typing import NamedTuple

import pytest
from charges import entry
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.cli.request import guessed
from gateway.cli.settings import Unusable
from gateway.core.caller import Caller
from gateway.core.entry import Shape
from gateway.core.usage import Usage
from gateway.dialects.spoken import DIALECTS
from gateway.ledger.sqlite import SqliteLedger

HI = [{"role": "user", "content": "Hi"}]
CONFIG = """
providers:
  openai: {key: "${OPENAI_API_KEY}"}
  anthropic: {key: "${ANTHROPIC_API_KEY}"}
  sim: {base_url: http://127.0.0.1:1/v1}
models:
  mixed: {deployments: [openai/gpt-4o-mini, anthropic/claude-haiku-4-5]}
  sims: {deployments: [sim/sim-small, sim/sim-medium, sim/sim-large]}
tiers: {premium: [sim/sim-large], economy: [sim/sim-small]}
routing: {fallback: 1}
limits:
  - {node: "team:*", amount: 10 usd, window: month}
  - {node: "team:red provider:sim", amount: 0.000001 usd, window: day, on_reached: downgrade economy}
  - {node: "tag:slow", amount: 1 concurrent, mode: soft}
"""


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def told(self):
        assert self.status == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def fareway(tmp_path, monkeypatch, capsys):
    """Runs a command in a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "a-key-of-nobody")
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    (tmp_path / "fareway.yaml").write_text(CONFIG)

    def run(*arguments):
        try:
            status = main([*map(str, arguments)])
        except SystemExit as ended:  # As argparse ends for wrong usage.
            status = ended.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def explain(fareway, monkeypatch):
    """Explains a body."""

    def run(body, *options):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return fareway("explain", "-", *options)

    return run


GUESSES = [
    ("openai-chat", {"model": "m", "messages": HI}),
    ("openai-chat", {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}, "y"]}),
    ("anthropic-messages", {"model": "m", "max_tokens": 5, "system": "s", "messages": HI}),
    ("anthropic-messages", {"model": "m", "messages": HI, "tools": [{"name": "t", "input_schema": {}}]}),
    ("anthropic-messages", {"model": "m", "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
    ("bedrock-converse", {"messages": HI, "inferenceConfig": {}}),
    ("cohere-chat", {"model": "m", "messages": HI, "documents": []}),
    ("cohere-rerank", {"model": "m", "query": "q", "documents": []}),
    ("gemini", {"contents": []}),
    ("openai-responses", {"model": "m", "input": "x", "instructions": "y"}),
    ("openai-responses", {"model": "m", "input": [{"role": "user", "content": "x"}]}),
    ("openai-embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    ("openai-embeddings", {"model": "m", "input": ["x", "y"]}),
    ("openai-speech", {"model": "m", "input": "x", "voice": "v"}),
    ("openai-completions", {"model": "m", "prompt": "x"}),
    ("openai-images", {"model": "m", "prompt": "x", "size": "auto"}),
]


@pytest.mark.parametrize(("dialect", "body"), GUESSES)
def test_a_dialect_is_guessed_where_it_is_clear(dialect, body):
    assert guessed(json.dumps(body).encode()) == dialect


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "--dialect"),
        (b'{"model": "m", "input": "x"}', "--dialect"),
    ],
)
def test_what_is_not_clear_is_asked_for(body, said):
    with pytest.raises(Unusable, match=said):
        guessed(body)


NAMES = st.sampled_from(["messages", "input", "contents", "prompt", "content", "tools", "type", "query", "documents"])
JSON = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(JSON)
def test_whatever_a_body_holds_is_guessed_or_asked_for(body):
    with suppress(Unusable):
        assert guessed(json.dumps(body).encode()) in DIALECTS


def test_the_edge_that_would_carry_a_call_is_told(explain):
    """And what it would leave out, where that is allowed; else who cannot take it, and why."""
    body = {"model": "mixed", "messages": HI, "max_tokens": 9, "logprobs": True, "seed": 1}
    told = explain(body, "--format=json").told
    first, barred = told["candidates"]
    assert (first["candidate"], first["rank"]) == ("openai/gpt-4o-mini", 1)
    assert (barred["candidate"], barred["rank"]) == ("anthropic/claude-haiku-4-5", None)
    assert "logprobs" in barred["why"]
    told = explain(body, "--format=json", "--header", "x-fareway-lossy: allow").told
    by_name = {row["candidate"]: row for row in told["candidates"]}
    assert by_name["anthropic/claude-haiku-4-5"]["carried"] == "openai-chat to anthropic-messages"
    assert "logprobs" in by_name["anthropic/claude-haiku-4-5"]["dropped"]


def test_paths_say_the_dialect_the_model_and_the_provider(explain):
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    told = explain(contents, "--path=/v1beta/models/sims:generateContent", "--format=json").told
    assert (told["dialect"], told["model"]) == ("gemini", "sims")
    told = explain({"model": "sim-small", "messages": HI}, "--path=sim/v1/chat/completions", "--format=json").told
    assert [row["candidate"] for row in told["candidates"]] == ["sim/sim-small"]
    told = explain({"model": "sims", "max_tokens": 5, "messages": HI}, "--dialect=anthropic-messages").out
    assert "as anthropic-messages" in told


@pytest.mark.parametrize(
    ("body", "options", "status", "said"),
    [
        ({"contents": []}, [], 2, "/v1beta/models/MODEL:generateContent"),
        ({"model": "sims", "messages": HI}, ["--path=/v1/chat"], 2, "nothing at this path"),
        ({"model": "sims", "messages": HI}, ["--path=/groq/v1/chat/completions"], 2, "No provider named groq"),
        ({"model": "sims", "messages": HI}, ["--path=/v1/messages", "--dialect=openai-chat"], 2, "--path or --dialect"),
        ({"model": "sims", "messages": HI}, ["--header=x"], 2, "name: value"),
        ({"model": "sims", "messages": HI}, ["--given=sim/sim-small:age=1"], 2, "--given"),
        ({"model": "sims", "messages": HI}, ["--given=sim/sim-small:success=much"], 2, "not a number"),
        ({"model": "sims", "messages": HI}, ["--key=nobody"], 1, "--key"),
        ({"model": "sims", "messages": HI}, ["--policy=policies.none"], 2, "policies.none"),
        ({"model": "simz", "messages": HI}, [], 1, "404"),
        ({"model": "sims", "messages": "Hi"}, ["--dialect=openai-chat"], 1, "400"),
        ({"model": "sims", "messages": HI}, ["--header=x-fareway-max-cost: much"], 1, "x-fareway-max-cost"),
        ({"model": "sims", "messages": HI}, ["--header=X-Fareway-Maxcost: 1"], 1, 'mean "x-fareway-max-cost"?'),
        ({"model": "sims", "messages": HI}, ["--since=1h"], 1, "no ledger"),
    ],
)
def test_mistakes_are_told_as_a_person_reads_them(explain, body, options, status, said):
    done = explain(body, *options)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


def test_a_file_that_is_not_there(fareway):
    assert "cannot read the request" in fareway("explain", "none.json").err


def test_another_policy_with_its_parameters(explain):
    options = ["--policy=policies.sla", "--params=first_token=200ms", "--given=sim/sim-large:first_token_p95_ms=150"]
    told = explain({"model": "sims", "messages": HI}, *options, "--params=explore=0%", "--format=json").told
    assert told["reads"] == ["latency"]
    assert "200 ms" in told["reason"]
    first = told["candidates"][0]
    assert (first["candidate"], first["why"]) == ("sim/sim-large", "first choice")


def test_candidates_behind_the_fallbacks_say_so(explain):
    rows = explain({"model": "sims", "messages": HI}, "--format=json").told["candidates"]
    assert [row["rank"] for row in rows] == [1, 2, None]
    assert rows[1]["why"] == "fallback, 5.00 times the first's cost"
    assert rows[2]["why"].startswith("behind the fallbacks, 25.00")


def test_a_key_brings_its_limits_and_what_is_left(fareway, explain, tmp_path):
    """From the books, which are only read: by the ledger what is spent, by the store what is held."""
    token = fareway("keys", "create", "--team=red").out.strip()
    name = token.split("-")[1]
    month = time.strftime("%Y-%m-01T00:00:00+00:00", time.gmtime())
    spent = [("team:red/usd/month@" + month, 2_500_000_000)]

    async def book():
        ledger = SqliteLedger(tmp_path / "ledger.db")
        await ledger.record([entry(caller=Caller(name, team="red"), charges=tuple(spent), replica="x")])
        ledger.close()

    asyncio.run(book())
    body = {"model": "sims", "messages": HI, "max_tokens": 10}
    told = explain(body, f"--key={token}", "--header=x-fareway-tags: slow", "--format=json").told
    limits = {row["limit"]: row for row in told["limits"]}
    team = limits["team:red: usd a month"]
    assert (team["spent"], team["held"], team["left"], team["this_call"]) == ("2.50", "0.00", "7.50", "fits")
    assert limits["team:red provider:sim: usd a day"]["this_call"] == "downgrade"
    assert limits["tag:slow: concurrent a while running"]["mode"] == "soft"
    assert told["remaining_usd"] == "7.50"
    text = explain(body, f"--key={name}", "--policy=policies.pressure").out
    assert "left              $7.50" in text
    assert "burn  " in text
    assert "team:red: usd a month" in text


def test_a_ceiling_leaves_less(explain):
    told = explain({"model": "sims", "messages": HI}, "--header=x-fareway-max-cost: 0.01", "--format=json").told
    assert told["remaining_usd"] == "0.01"
    assert "could cost more than the $0.01" in " ".join(row["why"] for row in told["candidates"])


def test_the_ledger_tells_how_deployments_have_been_doing(explain, tmp_path):
    async def book():
        ledger = SqliteLedger(tmp_path / "ledger.db")
        one = entry(
            provider="sim", model="sim-small", at=time.time() - 60, duration_ms=120,
            usage=Usage(input=5, output=7), attempts=("sim/sim-large: status 500",) * 5,
        )  # fmt: skip
        await ledger.record([one])
        ledger.close()

    asyncio.run(book())
    told = explain({"model": "sims", "messages": HI}, "--since=1h", "--format=json").told
    by_name = {row["candidate"]: row for row in told["candidates"]}
    assert by_name["sim/sim-small"]["first_token_ms"] == 120
    assert by_name["sim/sim-large"]["error_rate"] > 0.4


@pytest.mark.parametrize("command", ["explain", "replay"])
def test_a_policy_that_fails_is_told_in_one_line(fareway, explain, tmp_path, monkeypatch, command):
    """With what it raised: whoever tries it wants to mend it."""
    (tmp_path / "failing_policy.py").write_text("def choose(request, candidates, context):\n    return 1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def book():
        ledger = SqliteLedger(tmp_path / "ledger.db")
        shape = Shape("openai-chat", input_max=5, output_max=9, turns=1)
        one = entry(asked_model="sims", provider="sim", model="sim-small", at=time.time() - 60, shape=shape)
        await ledger.record([one])
        ledger.close()

    asyncio.run(book())
    if command == "explain":
        done = explain({"model": "sims", "messages": HI}, "--policy=failing_policy")
    else:
        done = fareway("replay", "--policy=failing_policy")
    said = "The routing policy failing_policy failed. It raised ZeroDivisionError: division by zero\n"
    assert (done.status, done.err) == (1, said)
