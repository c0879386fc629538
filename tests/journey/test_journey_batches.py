"""Batches through the gateway, by the official clients: charged at their bound, then corrected to the exact cost."""

import json
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from decimal import Decimal

import anthropic
import harness
import openai
import pytest
from batch_provider import KEY, batch_provider, lines
from openai import OpenAI
from road import Road, assert_in_order, entries, eventually

CONFIG = """
providers:
  openai: {base_url: "URL", key: SECRET}
  anthropic: {base_url: "URL", key: SECRET}
models:
  mini: {deployments: [openai/gpt-4o-mini]}
  clever: {deployments: [anthropic/claude-sonnet-4-5]}
limits:
  - {node: "key:*", amount: 1 usd, window: month}
  - {node: "key:*", amount: 100000000 tokens, window: rolling 30d}
  - {node: "key:*", amount: 1000000 requests, window: month}
"""
MINI = (Decimal("0.075") / 10**6, Decimal("0.30") / 10**6)  # Dollars a token in a batch: input, output.
SONNET = (Decimal("1.5") / 10**6, Decimal("7.5") / 10**6)


class Way(Road):
    """A gateway, and a provider of batches."""

    def anthropic(self, key=None):
        return anthropic.Anthropic(base_url=self.url, api_key=key or self.first, max_retries=0)

    def lines_of(self, request_id):
        return [line for line in entries(self.gate.home) if line["request_id"] == request_id]

    def settled(self, request_id):
        """The ledger's two lines of a batch, once there are two."""
        eventually(lambda: len(self.lines_of(request_id)) == 2)
        return self.lines_of(request_id)

    def left(self, key):
        """What is left of the key's limits, by unit."""
        return {limit["unit"]: limit for limit in harness.get(f"{self.url}/v1/key", key)["limits"]}

    def batch(self, client, *texts, cap=100, model="gpt-4o-mini", **more):
        """A file of chat completions, uploaded, and a batch of it."""
        file = client.files.create(file=("in.jsonl", lines(*texts, cap=cap, model=model)), purpose="batch")
        return client.batches.with_raw_response.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", **more
        )


def messages(*texts, model="claude-sonnet-4-5", cap=100):
    return [
        {
            "custom_id": f"call-{number}",
            "params": {"model": model, "max_tokens": cap, "messages": [{"role": "user", "content": text}]},
        }
        for number, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def provider():
    with batch_provider() as found:
        yield found


@pytest.fixture(scope="module")
def way(tmp_path_factory, provider):
    with gateway(tmp_path_factory.mktemp("batches"), provider) as found:
        yield found


class gateway:  # noqa: N801
    """A gateway in front of the provider, for as long as the block runs."""

    def __init__(self, folder, provider):
        secret = folder / "secret"
        secret.write_text(KEY)
        config = CONFIG.replace("URL", provider.url).replace("SECRET", f'"${{file:{secret}}}"')
        gate = harness.gateway(folder / "gate", config)
        self.way = Way(None, gate, *gate.tokens)

    def __enter__(self):
        return self.way

    def __exit__(self, *_):
        assert self.way.gate.stop() == 0, self.way.gate.stderr
        assert_in_order(self.way.gate.stderr)


@pytest.fixture(scope="module")
def key(way):
    return way.key("--team", "research")


@pytest.fixture(scope="module")
def client(way, key):
    with way.client(key) as found:
        yield found


@pytest.fixture
def fresh(way):
    """A key that nobody has used."""
    return way.key()


def test_openais_batch_is_charged_at_its_bound_and_then_at_its_cost(way, provider, fresh):
    with way.client(fresh) as client:
        check_an_openai_batch(way, provider, fresh, client)


def check_an_openai_batch(way, provider, key, client):
    made = way.batch(client, "Hello", "How are you?", "Bye")
    batch = made.parse()
    assert batch.status == "in_progress"
    bound = Decimal(made.headers["x-fareway-cost-usd"])
    request_id = made.headers["x-fareway-request-id"]
    assert made.headers["x-fareway-cost-status"] == "uncertain"
    eventually(lambda: way.lines_of(request_id))
    (line,) = way.lines_of(request_id)
    assert (line["outcome"], line["cost_status"], line["provider"], line["model"]) == (
        "pending",
        "uncertain",
        "openai",
        "gpt-4o-mini",
    )
    assert bound > 3 * 100 * MINI[1], "all that may come out is in it"
    held = way.left(key)
    assert Decimal(held["usd"]["spent"]) >= bound
    assert held["requests"]["spent"] == "3"

    provider.end(batch.id)
    ended = client.batches.retrieve(batch.id)
    assert ended.status == "completed"
    first, correction = way.settled(request_id)
    assert first == line, "history is never edited"
    exact = 3 * (11 * MINI[0] + 7 * MINI[1])
    assert Decimal(line["cost_picos"] + correction["cost_picos"]) / 10**12 == exact
    assert (correction["outcome"], correction["cost_status"]) == ("adjusted", "exact")
    assert (correction["input_tokens"], correction["output_tokens"]) == (33, 21)
    after = way.left(key)
    assert abs(Decimal(after["usd"]["spent"]) - exact) <= Decimal("0.000000001")
    assert after["tokens"]["spent"] == "54"
    assert after["requests"]["spent"] == "3"

    results = client.files.content(ended.output_file_id).text.splitlines()
    assert [json.loads(result)["custom_id"] for result in results] == ["call-0", "call-1", "call-2"]
    document = way.document(request_id)
    assert (Decimal(document["cost_usd"]), len(document["entries"])) == (exact, 2)


def test_anthropics_batch_is_charged_at_its_bound_and_then_at_its_cost(way, provider, fresh):
    with way.anthropic(fresh) as client:
        made = client.messages.batches.with_raw_response.create(requests=messages("Hello", "Bye", model="clever"))
        batch = made.parse()
        request_id = made.headers["x-fareway-request-id"]
        assert provider.asked_for(batch.id)["requests"][1]["params"]["model"] == "claude-sonnet-4-5"
        assert Decimal(made.headers["x-fareway-cost-usd"]) > 2 * 100 * SONNET[1]
        provider.end(batch.id, answered=1)
        ended = client.messages.batches.retrieve(batch.id)
        assert ended.results_url == f"/v1/messages/batches/{batch.id}/results"
        results = list(client.messages.batches.results(batch.id))
        assert [result.result.type for result in results] == ["succeeded", "expired"]
        _, correction = way.settled(request_id)
        assert Decimal(way.document(request_id)["cost_usd"]) == 11 * SONNET[0] + 7 * SONNET[1]
        assert correction["entry"]["service_tier"] == "batch"
        assert [one.id for one in client.messages.batches.list()] == [batch.id]
        assert client.messages.batches.delete(batch.id).id == batch.id
        assert not list(client.messages.batches.list())
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(batch.id)


@pytest.mark.parametrize("status", ["expired", "cancelled", "failed"])
def test_a_batch_that_ends_early_costs_what_was_done(way, provider, client, status):
    made = way.batch(client, "Hello", "Bye")
    batch = client.batches.cancel(made.parse().id)
    assert batch.status == "cancelling"
    answered = 0 if status == "failed" else 1
    provider.end(batch.id, status, answered)
    assert client.batches.retrieve(batch.id).status == status
    way.settled(made.headers["x-fareway-request-id"])
    cost = Decimal(way.document(made.headers["x-fareway-request-id"])["cost_usd"])
    assert cost == answered * (11 * MINI[0] + 7 * MINI[1])


def test_what_a_budget_cannot_bear_never_reaches_the_provider(way, provider, client):
    before = len(provider.batches)
    with pytest.raises(openai.RateLimitError) as refused:
        way.batch(client, *["Tell me a story"] * 250, cap=16_000)
    assert refused.value.code == "insufficient_quota"
    with way.anthropic(client.api_key) as other, pytest.raises(anthropic.RateLimitError):
        other.messages.batches.create(requests=messages(*["Hi"] * 10, cap=60_000))
    assert len(provider.batches) == before


def test_a_ceiling_holds_for_a_batch(way, client):
    with pytest.raises(openai.RateLimitError):
        way.batch(client, "Hello", extra_headers={"x-fareway-max-cost": "0.000001"})


def test_nobody_elses_files_and_batches_are_there(way, provider, client):
    batch = way.batch(client, "Hello").parse()
    provider.end(batch.id)
    done = client.batches.retrieve(batch.id)
    team, stranger = way.key("--team", "research"), way.key("--team", "sales")
    with way.client(team) as colleague, way.client(stranger) as other:
        assert colleague.batches.retrieve(batch.id).id == batch.id
        assert colleague.files.content(done.output_file_id).text
        for ask in (
            lambda: other.batches.retrieve(batch.id),
            lambda: other.batches.cancel(batch.id),
            lambda: other.files.retrieve(done.input_file_id),
            lambda: other.files.content(done.input_file_id),
            lambda: other.files.content(done.output_file_id),
            lambda: other.files.delete(done.output_file_id),
            lambda: other.batches.create(
                input_file_id=done.input_file_id, endpoint="/v1/chat/completions", completion_window="24h"
            ),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
        assert not list(other.files.list())
        assert not list(other.batches.list())
        assert batch.id in [one.id for one in colleague.batches.list()]


def test_files_are_listed_read_and_deleted(way, client):
    made = [client.files.create(file=(f"{n}.txt", f"{n}".encode()), purpose="user_data") for n in range(3)]
    listed = [file.id for file in client.files.list(limit=2)]
    assert [file.id for file in made] == [name for name in reversed(listed) if name in {file.id for file in made}]
    assert client.files.retrieve(made[0].id).filename == "0.txt"
    assert client.files.content(made[1].id).read() == b"1"
    assert client.files.delete(made[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made[0].id)


def test_results_stay_until_the_books_have_them(way, provider, client):
    """The file of the results is deleted at once: its cost is in the books before it is gone."""
    made = way.batch(client, "Hello")
    batch = made.parse()
    provider.end(batch.id)
    output = client.batches.retrieve(batch.id).output_file_id
    assert client.files.delete(output).deleted
    assert len(way.settled(made.headers["x-fareway-request-id"])) == 2
    with way.anthropic(client.api_key) as other:
        running = other.messages.batches.create(requests=messages("Hi"))
        with pytest.raises(anthropic.ConflictError):
            other.messages.batches.delete(running.id)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lines("Hi") + b"{not json}\n", "line 2"),
        (lines("Hi", url="/v1/embeddings"), "line 1"),
        (lines("Hi", method="GET"), "line 1"),
        (lines("Hi", stream=True), "stream"),
        (lines("Hi", model="mini"), "gpt-4o-mini"),
        (lines("Hi") + lines("Hi", model="gpt-4o"), "one model"),
        (lines("Hi", model="claude-sonnet-4-5"), "line 1"),
        (b"\n", "no calls"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_by_its_line(way, provider, client, content, words):
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    before = len(provider.batches)
    with pytest.raises(openai.BadRequestError, match=words):
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert len(provider.batches) == before


def test_models_that_a_key_may_not_use_are_not_for_its_batches(way, client):
    narrow = way.key("--team", "research", "--model", "gpt-4o")
    with way.client(narrow) as other, pytest.raises(openai.PermissionDeniedError):
        way.batch(other, "Hello")
    with way.anthropic(narrow) as other, pytest.raises(anthropic.PermissionDeniedError):
        other.messages.batches.create(requests=messages("Hello"))


def test_a_refusal_of_the_provider_is_passed_on_and_costs_nothing(way, provider, fresh):
    provider.refuses = 400, b'{"error":{"message":"too many","type":"invalid_request_error"}}'
    try:
        with way.client(fresh) as client, pytest.raises(openai.BadRequestError, match="too many"):
            way.batch(client, "Hello")
    finally:
        provider.refuses = None
    assert way.left(fresh)["usd"]["spent"] == "0.00"


def test_a_refusal_of_our_own_key_is_not_the_callers(way, provider, fresh):
    provider.refuses = 401, b'{"error":{"message":"Incorrect API key provided: sk-ours"}}'
    try:
        with way.client(fresh) as client, pytest.raises(openai.InternalServerError) as refused:
            way.batch(client, "Hello")
    finally:
        provider.refuses = None
    assert refused.value.status_code == 502
    assert "sk-ours" not in str(refused.value)
    assert way.left(fresh)["usd"]["spent"] == "0.00"


def test_an_answer_that_is_lost_stays_charged(way, provider, fresh):
    provider.loses = True
    try:
        with way.client(fresh) as client, pytest.raises(openai.APIError):
            way.batch(client, "Hello")
    finally:
        provider.loses = False
    assert Decimal(way.left(fresh)["usd"]["spent"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/batches/nothing-of-mine", 404),
        ("GET", "/v1/batches/..%2Ffiles", 404),
        ("GET", "/v1/files/file-999", 404),
        ("PUT", "/v1/files", 405),
        ("DELETE", "/v1/batches/batch_1", 405),
        ("GET", "/nobody/v1/batches/batch_1", 404),
        ("GET", "/v1/batches?limit=0", 400),
        ("GET", "/v1/batches?after=batch_999", 404),
    ],
)
def test_what_is_not_there_is_said_as_openai_says_it(way, key, method, path, status):
    asked = urllib.request.Request(f"{way.url}{path}", method=method, headers={"Authorization": f"Bearer {key}"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=20)
    with refused.value as answer:
        assert answer.status == status
        assert json.load(answer)["error"]["message"]


def test_a_prefix_means_its_provider(way, provider, key):
    with OpenAI(base_url=f"{way.url}/openai/v1", api_key=key, max_retries=0) as client:
        batch = way.batch(client, "Hello").parse()
        assert client.batches.retrieve(batch.id).id == batch.id
    other = anthropic.Anthropic(base_url=f"{way.url}/anthropic", api_key=key, max_retries=0)
    with other as client, pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)


def test_a_client_below_a_prefix_finds_its_results(way, provider, key):
    with anthropic.Anthropic(base_url=f"{way.url}/anthropic", api_key=key, max_retries=0) as client:
        batch = client.messages.batches.create(requests=messages("Hello"))
        provider.end(batch.id)
        assert [result.custom_id for result in client.messages.batches.results(batch.id)] == ["call-0"]


def test_endpoints_that_cannot_be_metered_are_refused(way, client):
    with pytest.raises(openai.BadRequestError, match="endpoint"):
        client.batches.create(input_file_id="file-1", endpoint="/v1/videos", completion_window="24h")
    with pytest.raises(openai.BadRequestError, match="Idempotency-Key"):
        way.batch(client, "Hello", extra_headers={"Idempotency-Key": "again"})


@pytest.mark.parametrize("ends", ["before the restart", "after it"])
def test_a_batch_is_settled_once_over_a_crash(tmp_path, ends):
    with batch_provider() as provider, gateway(tmp_path, provider) as way:
        with way.client() as client:
            made = way.batch(client, "Hello", "Bye")
        name, request_id = made.parse().id, made.headers["x-fareway-request-id"]
        way.gate.kill()
        if ends == "before the restart":
            provider.end(name)
        for _ in range(2):  # What is settled stays so when it starts again.
            way.gate.start()
            if ends == "after it" and provider.batches[name]["status"] == "in_progress":
                provider.end(name)
                with way.client() as client:
                    client.batches.retrieve(name)
            way.settled(request_id)
            assert way.gate.stop() == 0
        exact = 2 * (11 * MINI[0] + 7 * MINI[1])
        found = way.lines_of(request_id)
        assert Decimal(sum(line["cost_picos"] for line in found)) / 10**12 == exact
        assert [line["outcome"] for line in found] == ["pending", "adjusted"]
        way.gate.start()
        spent = way.left(way.first)["usd"]["spent"]
        assert abs(Decimal(spent) - exact) <= Decimal("0.000000001")


def test_what_was_written_down_survives_a_death_before_it_was_charged(tmp_path):
    """The journal's line of the bound is the entry then, and the correction finds it."""
    with batch_provider() as provider, gateway(tmp_path, provider) as way:
        with way.client() as client:
            made = way.batch(client, "Hello")
        name, request_id = made.parse().id, made.headers["x-fareway-request-id"]
        eventually(lambda: way.lines_of(request_id))
        way.gate.kill()
        with closing(sqlite3.connect(way.gate.home / "ledger.db")) as database, database:
            database.execute(
                "UPDATE entries SET outcome = 'unresolved',"
                " entry = CAST(replace(CAST(entry AS TEXT), 'pending', 'unresolved') AS BLOB)"
            )
        provider.end(name)
        way.gate.start()
        assert [line["outcome"] for line in way.settled(request_id)] == ["unresolved", "adjusted"]
