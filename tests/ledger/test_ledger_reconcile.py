"""Two books side by side: each way in which they come to differ is found and named."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from charges import RATED
from entries import entry
from hypothesis import given
from hypothesis import strategies as st
from ledgers import InPostgres
from msgspec.structs import replace

from gateway.cli.main import main
from gateway.core.entry import Outcome, Part
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Rates, Schedule, total
from gateway.core.usage import Extras, Usage
from gateway.ledger.exports.rows import Billed, Kind
from gateway.ledger.reconcile import Cause, compare, share
from gateway.ledger.sides import billed, booked, names_models

DAY, NEXT = "2026-11-20", "2026-11-21"
NOON = 1795176000.0
DOLLAR = 10**12
PRICE = Price("p", Schedule(Rates(*[10**6] * len(RATED))))  # A dollar for a million of anything.
USED = Usage(input=1_000_000, cache_read=2_000_000, cache_write=500_000, output=500_000)
TOKENS = {Kind.INPUT: 1_000_000, Kind.CACHE_READ: 2_000_000, Kind.CACHE_WRITE: 500_000, Kind.OUTPUT: 500_000}


def called(usage=USED, status=CostStatus.EXACT, at=NOON, name="r.1", model="m-1", **more):
    cost = PRICE.of(usage)
    whole = Cost(cost.total, status, "p", cost.input, cost.cache, cost.output, cost.fees)
    return entry(name, usage=usage, at=at, served_model=model, **{"cost": whole, **more})


def bill(tokens=TOKENS, factor=1, *, day=DAY, model="m-1", tier="", tells="both"):
    """Rows as a bill for these tokens, at this multiple of a dollar for a million."""
    return [
        Billed(
            day,
            model,
            kind,
            tokens=count if tells == "both" else None,
            amount=Money(int(count * 10**6 * Fraction(factor))),
            tier=tier,
        )
        for kind, count in tokens.items()
    ]


def causes(calls, rows):
    """The cause for every place that differs."""
    found = compare(booked(calls, {"p": PRICE}), billed(rows))
    return {(drift.day, drift.model): drift.cause for drift in found if drift.differs}


def test_equal_books_do_not_differ():
    assert causes([called()], bill()) == {}
    assert share(booked([called()], {"p": PRICE}), billed(bill())) == 0
    found = list(compare(booked([called()], {"p": PRICE}), billed(bill())))
    assert {drift.kind: drift.ledger_tokens for drift in found} == TOKENS
    assert {drift.cause for drift in found} == {Cause.NONE}


LESS = {**TOKENS, Kind.OUTPUT: 400_000}
MORE = {**TOKENS, Kind.OUTPUT: 600_000}


@pytest.mark.parametrize(
    ("calls", "rows", "cause"),
    [
        ([], bill(), Cause.AROUND),
        ([called()], bill(MORE), Cause.AROUND),
        ([called()], bill(MORE, tells="amounts"), Cause.AROUND),
        ([called()], bill(day=NEXT, model="other"), Cause.NOT_BILLED),
        ([called()], bill(LESS), Cause.NOT_BILLED),
        ([called()], bill(LESS, tells="amounts"), Cause.NOT_BILLED),
        ([called()], bill({**TOKENS, Kind.INPUT: 1_400_000, Kind.CACHE_READ: 1_600_000}), Cause.CACHE_CLASS),
        ([called(status=CostStatus.ESTIMATED)], bill(LESS), Cause.ESTIMATED),
        ([called(status=CostStatus.UNCERTAIN)], bill(factor="1.3"), Cause.ESTIMATED),
        ([called(), called(cost=UNPRICED, usage=Usage(), name="s.1")], bill(factor="1.3"), Cause.UNPRICED),
        ([called()], bill(factor="0.5"), Cause.BATCH),
        ([called()], bill(factor="0.8", tier="batch"), Cause.BATCH),
        ([called()], bill(factor=2), Cause.PRIORITY),
        ([called()], bill(factor="1.1"), Cause.REGION),
        ([called()], bill(factor="1.3"), Cause.PRICE),
        ([called()], bill(factor="1.0000001"), Cause.ROUNDING),
    ],
)
def test_a_difference_is_named(calls, rows, cause):
    found = causes(calls, rows)
    assert found[min(found)] is cause


def test_what_slipped_over_midnight_is_told_from_what_is_missing():
    """The bill has its days in another time zone: one is short of what the other has too much of."""
    half = {kind: count // 2 for kind, count in TOKENS.items()}
    calls = [called(), called(at=NOON + 86_400, name="s.1")]
    more = {kind: count * 3 // 2 for kind, count in TOKENS.items()}
    found = causes(calls, bill(half) + bill(more, day=NEXT))
    assert found == {(DAY, "m-1"): Cause.TIME_ZONE, (NEXT, "m-1"): Cause.TIME_ZONE}
    moved = causes(calls[:1], bill(day=NEXT, tells="amounts"))
    assert set(moved.values()) == {Cause.TIME_ZONE}
    assert share(booked(calls, {"p": PRICE}), billed(bill(half) + bill(more, day=NEXT))) == 0, "nothing is missing"


def test_a_bill_without_classes_or_models_is_compared_whole():
    rows = [Billed(DAY, "", Kind.OTHER, amount=Money(4 * DOLLAR))]
    assert not names_models(rows)
    assert names_models(bill())
    ours, theirs = booked([called()], {"p": PRICE}, by_model=False), billed(rows, by_model=False)
    assert share(ours, theirs) == 0
    assert not any(drift.differs for drift in compare(ours, theirs))


def test_adjustments_count_where_the_call_was_and_cached_answers_nowhere():
    unpriced = called(cost=UNPRICED)
    adjustment = called(
        Usage(requests=0), name="r.1~1", outcome=Outcome.ADJUSTED, adjusts="r.1", cost=PRICE.of(USED), model="m-1"
    )
    cached = called(name="s.1", outcome=Outcome.CACHED)
    (side,) = booked([unpriced, adjustment, cached], {"p": PRICE}).values()
    assert (side.total, side.unpriced, side.tokens) == (Money(4 * DOLLAR), 0, TOKENS)
    assert {kind for kind, picos in side.picos.items() if picos} == {Kind.INPUT, Kind.CACHE_READ, Kind.OUTPUT}


@pytest.mark.parametrize("rates", [{"p": PRICE}, {}])
def test_turns_count_at_the_models_that_they_ran_on(rates):
    """As the provider bills them; what no part explains stays with the model that the answer named."""
    own, other = Usage(input=1_000_000, output=500_000), Usage(cache_read=2_000_000, cache_write=500_000, requests=0)
    parts = (Part(own, PRICE.of(own)), Part(other, PRICE.of(other), "advisor-20260101"))
    whole = total([part.cost for part in parts])
    rows = [*bill({Kind.INPUT: 1_000_000, Kind.OUTPUT: 500_000})]
    rows += bill({Kind.CACHE_READ: 2_000_000, Kind.CACHE_WRITE: 500_000}, model="advisor")
    ours = booked([called(parts=parts, cost=whole)], rates)
    assert share(ours, billed(rows)) == 0
    assert ours[DAY, "advisor"].tokens == {Kind.CACHE_READ: 2_000_000, Kind.CACHE_WRITE: 500_000}
    more = replace(whole, total=Money(whole.total.picos + 7), status=CostStatus.REPORTED)
    ours = booked([called(parts=parts, cost=more)], rates)
    assert [ours[DAY, model].total.picos for model in ("m1", "advisor")] == [15 * 10**11 + 7, 25 * 10**11]
    (side,) = booked([called(parts=parts, cost=UNPRICED)], rates, by_model=False).values()
    assert (side.total, side.tokens) == (Money(0), TOKENS)


def test_without_rates_amounts_are_kept_apart_as_far_as_the_entry_does():
    writes = called(Usage(input=5, cache_write=7, output=1))
    (side,) = booked([writes], {}).values()
    assert dict(+side.picos) == {Kind.INPUT: 5 * 10**6, Kind.CACHE_WRITE: 7 * 10**6, Kind.OUTPUT: 10**6}


def test_what_is_not_counted_in_tokens_is_an_amount_alone():
    searched = called(Usage(input=1, extras=Extras(web_searches=3)), cost=Cost(Money(9), CostStatus.EXACT, "gone"))
    (side,) = booked([searched], {}).values()
    assert (side.tokens, dict(+side.picos)) == ({Kind.INPUT: 1}, {Kind.OTHER: 9})


usages = st.builds(
    Usage,
    input=st.integers(0, 999),
    cache_read=st.integers(0, 999),
    cache_write_1h=st.integers(0, 999),
    output_reasoning=st.integers(0, 999),
)


@given(st.lists(usages, max_size=5), st.booleans())
def test_no_pico_dollar_is_lost_between_the_classes(used, known):
    calls = [called(usage, name=f"r{n}.1") for n, usage in enumerate(used)]
    sides = booked(calls, {"p": PRICE} if known else {})
    assert sum(side.total.picos for side in sides.values()) == sum(call.cost.total.picos for call in calls)
    assert sum(side.tokens.total() for side in sides.values()) == sum(call.usage.tokens for call in calls)


def test_a_bill_of_nothing_is_all_drift():
    ours = booked([called()], {})
    assert share(ours, {}) == 1
    assert share({}, {}) == 0


@pytest.fixture
async def home(tmp_path, monkeypatch, kept):
    """A ledger with one call to OpenAI, as `fareway reconcile` finds it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    usage = Usage(input=600, cache_read=400, output=50)
    mini = {"provider": "openai", "model": "gpt-4o-mini", "served_model": "gpt-4o-mini-2024-07-18"}
    half = Price("p", Schedule(Rates(**dict.fromkeys(RATED, 150_000) | {"output": 600_000, "cache_read": 75_000})))
    if isinstance(kept, InPostgres):
        monkeypatch.setenv("DATABASE_URL", kept.url)
        (tmp_path / "fareway.yaml").write_text("ledger: ${DATABASE_URL}\n")
    else:
        kept.path = tmp_path / "ledger.db"
    ledger = kept.open()
    await ledger.note([half])
    await ledger.record([entry("r.1", usage=usage, at=NOON, cost=half.of(usage), **mini)])
    ledger.close()
    return tmp_path


SAMPLES = Path(__file__).parent / "exports"


def run(capsys, *arguments):
    status = main(["reconcile", "--provider", "openai", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_command_compares_exports_with_the_ledger(home, capsys):
    costs = str(SAMPLES / "openai_costs.json")
    status, out, _ = run(capsys, costs, "--format", "json")
    told = json.loads(out)
    assert (status, told["rows"], told["within_threshold"]) == (0, [], True)
    assert (told["from"], told["to"], told["ledger_usd"], told["billed_usd"]) == (DAY, NEXT, "0.00015", "0.00015")
    status, out, _ = run(capsys, costs, "--all")
    assert "gpt-4o-mini-2024-07-18  input" in out
    assert out.splitlines()[-1].endswith("drift 0.000 %.")
    status, out, _ = run(capsys, str(SAMPLES / "openai_usage.json"), costs, "--format", "json")
    told = json.loads(out)
    assert {row["model"] for row in told["rows"]} == {"gpt-4o-2024-08-06"}
    assert {row["likely_cause"] for row in told["rows"]} == {Cause.AROUND}


def test_the_exit_status_says_whether_the_drift_is_too_large(home, capsys):
    web = str(SAMPLES / "openai_costs.csv")
    status, out, _ = run(capsys, web)
    assert status == 1
    assert "web search tool calls" in out
    assert run(capsys, web, "--threshold", "200%")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.json"], "cannot read nowhere.json"),
        ([str(SAMPLES / "gcp.csv")], "nothing in it looks like an export of openai"),
        ([str(SAMPLES / "openai_costs.json"), "--threshold", "few"], "is not a percentage"),
        ([str(SAMPLES / "openai_costs.json"), "--from", "yesterday"], "is not a day"),
        ([str(SAMPLES / "openai_costs.json"), "--from", "2026-13-01"], "is not a day"),
        ([str(SAMPLES / "openai_costs.json"), "--to", "20261201"], "is not a day"),
        (
            [str(SAMPLES / "openai_costs.json"), "--from", "2026-11-30"],
            "there is no day from 2026-11-30 until 2026-11-21",
        ),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(home, capsys, arguments, says):
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert says in err


def test_without_a_ledger_there_is_nothing_to_compare(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    assert "there is no ledger" in run(capsys, str(SAMPLES / "openai_costs.json"))[2]
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    assert "cannot read the ledger" in run(capsys, str(SAMPLES / "openai_costs.json"))[2]
