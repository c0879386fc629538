"""The commands, beside a gateway that runs: what they say is what is, and what they change takes effect."""

import csv
import io
import json
from collections import Counter
from decimal import Decimal

import openai
import pytest
from road import NANOS, eventually, road, said, spent

pytestmark = pytest.mark.xdist_group("commands")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
models:
  quick: {deployments: [sim/sim-small, sim/sim-medium]}
aliases: {fast: quick, "=fast": quick}
tiers: {premium: [sim/sim-large], economy: [quick]}
limits:
  - {node: "team:*", amount: 500 usd, window: month, timezone: Europe/Zurich}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("commands"), CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def lines(way):
    """The ledger after some traffic of two teams."""
    for team in ("red", "blue"):
        with way.client(way.key(f"--team={team}")) as client:
            for model in ("sim-small", "sim-large", "fast", "=fast"):
                for stream in (False, True):
                    answer = client.chat.completions.create(model=model, messages=said(team), stream=stream)
                    if stream:
                        with answer:
                            list(answer)
            client.embeddings.create(model="sim-embed", input="road")
            for _ in range(2):
                client.chat.completions.create(
                    model="sim-small", messages=said("Twice"), extra_headers={"x-fareway-cache": "use"}
                )
    return way.entries()


def sums(lines, column):
    """Calls, tokens, cost and saved by one column of the ledger."""
    found = {}
    for value in {line[column] for line in lines}:
        own = [line for line in lines if line[column] == value]
        tokens = [sum(line[f"{kind}_tokens"] for line in own) for kind in ("input", "cached", "output")]
        found[value] = (len(own), *tokens, spent(own), sum(line["saved_nanos"] for line in own) / NANOS)
    return found


def figures(row):
    """The same of a row that a command printed."""
    counts = [int(row[name]) for name in ("calls", "input_tokens", "cached_tokens", "output_tokens")]
    return (*counts, Decimal(row["cost_usd"]), Decimal(row["saved_usd"]))


@pytest.mark.parametrize("by", ["team", "model", "asked_model", "provider", "tier", "user", "outcome", "cost_status"])
def test_usage_is_the_ledger(way, lines, by):
    """As JSON, as CSV and as a table: the same figures, and they are the ledger's."""
    wanted = sums(lines, by)
    found = json.loads(way.command("usage", "--by", by, "--format", "json"))
    assert {row[by]: figures(row) for row in found} == wanted
    costs = [Decimal(row["cost_usd"]) for row in found]
    assert costs == sorted(costs, reverse=True), "dearest first"
    rows = csv.DictReader(io.StringIO(way.command("usage", "--by", by, "--format", "csv")))
    assert {row[by].removeprefix("'"): figures(row) for row in rows} == wanted
    head, *table = way.command("usage", "--by", by).splitlines()
    assert head.split()[:2] == [by, "calls"]
    assert len(table) == len(wanted)
    assert sum(Decimal(line.split()[-3]) for line in table) == spent(lines)


def test_usage_by_two_things_at_once(way, lines):
    found = json.loads(way.command("usage", "--by", "team,model", "--format", "json"))
    assert {(row["team"], row["model"]): row["calls"] for row in found} == Counter(
        (line["team"], line["model"]) for line in lines
    )


def test_a_spreadsheet_does_not_take_names_for_formulas(way, lines):
    text = way.command("usage", "--by", "asked_model", "--format", "csv")
    assert any(row.startswith("'=fast,") for row in text.splitlines())


def test_usage_of_another_time(way, lines):
    assert way.command("usage", "--since", "2020-01-01", "--until", "2020-02-01") == "No calls in that time.\n"
    assert "none of" in way.command("usage", "--by", "colour", status=1)


def test_keys_are_listed_without_their_secrets(way):
    token = way.key("listed", "--team", "t", "--expires", "90d", "--models", "quick")
    (row,) = [row for row in json.loads(way.command("keys", "list", "--format", "json")) if row["alias"] == "listed"]
    assert token.startswith(f"fw-{row['id']}-")
    assert (row["team"], row["models"], row["state"], row["role"]) == ("t", "quick", "good", "caller")
    text = way.command("keys", "list")
    assert row["id"] in text
    assert token.rpartition("-")[2] not in text


def works(way, token):
    """Whether a key is taken."""
    with way.client(token) as client:
        try:
            client.models.list()
        except openai.AuthenticationError:
            return False
    return True


def test_a_revoked_key_soon_ends(way):
    token = way.key()
    assert works(way, token)
    way.command("keys", "revoke", token.split("-")[1])
    print(f"revoked after {eventually(lambda: not works(way, token)):.2f} s")


def test_a_rotated_key_has_a_successor(way):
    """The new one has all that the old one had, at once; the old one soon ends."""
    token = way.key("--team", "turning", "--models", "quick")
    new = way.command("keys", "rotate", token.split("-")[1]).strip()
    assert works(way, new)
    print(f"rotated after {eventually(lambda: not works(way, token)):.2f} s")
    with way.client(new) as client:
        raw = client.chat.completions.with_raw_response.create(model="quick", messages=said("Hi"))
        assert way.entries_of(raw.headers["x-fareway-request-id"])[0]["team"] == "turning"
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="sim-large", messages=said("Hi"))


def test_an_expired_key_ends_by_itself(way):
    token = way.key("--expires", "1s")
    eventually(lambda: not works(way, token))


def test_keys_that_are_not_there(way):
    assert "no key" in way.command("keys", "revoke", "nosuchkey123", status=1)


def test_explain_says_what_then_happens(way, tmp_path):
    """The candidates in order with their costs; a real call goes to the first and costs no more than the worst."""
    body = {"model": "fast", "messages": said("Explain this."), "max_tokens": 50}
    path = tmp_path / "request.json"
    path.write_text(json.dumps(body, separators=(",", ":")))  # As the client writes it: its bytes are the bound.
    told = json.loads(way.command("explain", str(path), "--format", "json"))
    first, second = told["candidates"]
    assert (first["candidate"], second["candidate"]) == ("sim/sim-small", "sim/sim-medium")
    with way.client() as client:
        raw = client.chat.completions.with_raw_response.create(**body)
    cost = Decimal(raw.headers["x-fareway-cost-usd"])
    assert raw.headers["x-fareway-model"] == "sim-small"
    assert cost <= Decimal(first["worst_usd"]) < Decimal(second["worst_usd"])
    (line,) = way.entries_of(raw.headers["x-fareway-request-id"])
    assert Decimal(first["held_usd"]) == line["entry"]["held_nanos"] / NANOS
    assert told["input_tokens"] == line["input_tokens"]
    text = way.command("explain", "-", text=json.dumps(body))
    assert "sim/sim-small" in text
    assert "404" in way.command("explain", "-", text=json.dumps(body | {"model": "fst"}), status=1)


def test_check_prints_the_priced_catalogue(way):
    rows = json.loads(way.command("check", "--format", "json"))
    assert {(row["name"], row["deployment"]) for row in rows} >= {
        ("quick", "sim/sim-small"),
        ("fast", "sim/sim-medium"),
        ("premium", "sim/sim-large"),
    }
    assert {row["input_usd"] for row in rows if row["deployment"] == "sim/sim-small"} == {"0.10"}
    assert "team:*: $500.00 a month, hard, Europe/Zurich" in way.command("check")


def test_check_points_at_mistakes(way, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("providers: {sim: {}}\nlimitz: []\n")
    said_so = way.command("check", str(path), status=1)
    assert "wrong.yaml:2" in said_so
    assert "limits" in said_so
