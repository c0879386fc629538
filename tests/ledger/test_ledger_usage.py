"""What `fareway usage` and other reports read from a ledger."""

from __future__ import annotations

from entries import entry

from gateway.core.caller import Caller
from gateway.core.entry import Outcome, Part
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.ledger.reader import DIMENSIONS

NOON = 1795176000.0  # 2026-11-20


async def reported(kept, ledger, entries, names=("model",)):
    """The report over these entries, by what its first dimension says."""
    await ledger.record(entries)
    with kept.reading() as reader:
        return {row[names[0]]: row for row in reader.usage(names, 0, 2 * NOON)}


async def test_a_sum_beyond_what_64_bits_of_pico_dollars_hold_is_exact(kept, ledger):
    """Each entry fits into the ledger; together they pass 9.2 million dollars."""
    dear = Cost(Money.usd("4000000.000000000007"), CostStatus.EXACT)
    rows = await reported(kept, ledger, [entry(f"r{n}.1", cost=dear) for n in range(3)])
    assert rows["m"]["cost_usd"] == "12000000.000000000021"


async def test_what_nobody_knows_is_not_zero(kept, ledger):
    """A group of unpriced calls alone has no cost; beside priced ones they are counted apart."""
    priced = Cost(Money.usd("0.5"), CostStatus.EXACT)
    told = [entry("r1.1", cost=UNPRICED, model="dark"), entry("r2.1", cost=UNPRICED, model="mixed")]
    rows = await reported(kept, ledger, [*told, entry("r3.1", cost=priced, model="mixed")])
    assert (rows["dark"]["cost_usd"], rows["dark"]["unpriced_calls"]) == (None, 1)
    assert (rows["mixed"]["cost_usd"], rows["mixed"]["unpriced_calls"]) == ("0.50", 1)
    assert list(rows) == ["mixed", "dark"], "dearest first, and then what nobody knows"


async def test_an_adjustment_is_no_call_and_what_it_adjusts_has_a_price(kept, ledger):
    less = Cost(Money.usd("-0.2"), CostStatus.EXACT)
    first = Cost(Money.usd("0.5"), CostStatus.EXACT)
    told = [entry("r1.1", cost=first), entry("r2.1", cost=UNPRICED)]
    told += [entry(f"{name}~1", cost=less, outcome=Outcome.ADJUSTED, adjusts=name) for name in ("r1.1", "r2.1")]
    (row,) = (await reported(kept, ledger, told)).values()
    assert (row["calls"], row["cost_usd"], row["unpriced_calls"]) == (2, "0.10", 0)


async def test_calls_without_a_price_can_be_left_out(kept, ledger):
    """Until they are priced anew: then they count, and their cost is the adjustment's."""
    cost = Cost(Money.usd("0.5"), CostStatus.EXACT)
    told = [entry("r1.1", cost=UNPRICED), entry("r2.1", cost=cost), entry("r3.1", cost=UNPRICED, model="later")]
    told.append(entry("r3.1~1", cost=cost, outcome=Outcome.ADJUSTED, adjusts="r3.1", model="later", usage=Usage()))
    await ledger.record(told)
    with kept.reading() as reader:
        rows = reader.usage(["model", "outcome"], 0, NOON, only_priced=True)
    found = {(row["model"], row["outcome"]): (row["calls"], row["input_tokens"], row["cost_usd"]) for row in rows}
    assert found == {("m", "ok"): (1, 3, "0.50"), ("later", "adjusted"): (0, 0, "0.50"), ("later", "ok"): (1, 3, None)}


async def test_by_everything_that_there_is(kept, ledger):
    names = list(DIMENSIONS)
    one = entry("r.1", at=NOON + 3599.9, caller=Caller("k", "o", "t", "u"))
    (row,) = (await reported(kept, ledger, [one], names)).values()
    assert [row[name] for name in names] == [
        *("o", "t", "u", "k", "m", "m", "p", "standard", "api", "ok", "exact", "2026-11-20", "2026-11-20T12:00Z"),
    ]


async def test_balances_are_those_of_all_replicas(kept, ledger):
    await ledger.record([entry(f"{name}.1", ("x@1", 3), ("y@1", 1), replica=name) for name in ("a", "b")])
    with kept.reading() as reader:
        assert reader.balances(["x@1", "z@1"]) == {"x@1": 6}
        assert reader.balances([]) == {}


async def test_a_ledger_says_when_it_began(kept, ledger):
    with kept.reading() as reader:
        assert reader.began() is None
    await ledger.record([entry("b.1", at=NOON), entry("a.1", at=NOON - 1)])
    with kept.reading() as reader:
        assert reader.began() == NOON - 1
        assert reader.count(0, NOON - 1) == 0
        assert reader.count(NOON - 1, NOON + 1e6) == len(list(reader.entries(NOON - 1, NOON + 1e6))) > 0


async def test_a_period_is_read_in_order_and_by_what_is_asked_for(kept, ledger):
    await ledger.record(
        [
            entry("b.1", at=NOON, provider="one"),
            entry("a.1", at=NOON, provider="two"),
            entry("c.1", at=NOON - 1, provider="one", model="other"),
            entry("d.1", at=NOON + 86400, provider="one"),
        ]
    )
    with kept.reading() as reader:
        assert [e.id for e in reader.entries(0, NOON + 86400)] == ["c.1", "a.1", "b.1"]
        assert [e.id for e in reader.entries(NOON, 2 * NOON, ["one", "none"])] == ["b.1", "d.1"]
        assert [e.id for e in reader.entries(0, 2 * NOON, ["one"], "other")] == ["c.1"]
        assert sorted(reader.called(NOON)) == [("one", "m"), ("two", "m")]
        assert reader.called(3 * NOON) == []


async def test_prices_in_use_are_those_of_served_models_and_of_parts_too(kept, ledger):
    """An alias settles at the model that it stood for, and a turn at the model that it ran on."""
    part = Cost(Money(1), CostStatus.EXACT)
    await ledger.record(
        [
            entry("a.1", at=NOON, model="m-latest", served_model="m-2512"),
            entry("b.1", at=NOON, parts=(Part(Usage(), part), Part(Usage(), part, "advisor"))),
            entry("c.1", at=NOON, model="x", served_model='what\0"\\u0000'),
            entry("d.1", at=NOON - 1, model="older"),
            entry("idle:e", at=NOON, model="nobody's", outcome=Outcome.IDLE),
        ]
    )
    with kept.reading() as reader:
        found = {model for _, model in reader.priced(NOON)}
    assert found > {"m-latest", "m-2512", "m", "m-1", "advisor", "x"}
    assert len(found) == 7, "what no database holds as a text keeps nobody from the others"


async def test_the_newest_come_first_page_by_page(kept, ledger):
    """Two of one moment, too: where a page ends among them, the next one goes on."""
    await ledger.record([entry(f"{name}.1", at=at) for name, at in (("a", 1.5), ("b", 2.25), ("c", 2.25), ("d", 0.5))])
    with kept.reading() as reader:
        pages, before = [], (10.0, "")
        while page := list(reader.newest({}, 1.0, before, 2)):
            pages.append([e.id for e in page])
            before = (page[-1].at, page[-1].id)
        assert pages == [["c.1", "b.1"], ["a.1"]]


async def test_the_newest_of_somebody_are_of_nobody_else(kept, ledger):
    mine = Caller("k", "o", "t", "u")
    await ledger.record(
        [
            entry("a.1", caller=mine, provider="one"),
            entry("b.1", caller=mine, provider="two"),
            entry("c.1", provider="one"),
            entry("d.1", caller=mine, provider="one", outcome=Outcome.FAILED),
        ]
    )
    with kept.reading() as reader:

        def found(**wanted):
            return [e.id for e in reader.newest(wanted, 0, (10.0, ""), 9)]

        assert found(key="k", team="t", user="u", org="o") == ["d.1", "b.1", "a.1"]
        assert found(key="k", provider="one", outcome="ok", tier="standard", deployment="api") == ["a.1"]
        assert found(model="none") == []
        assert [row["calls"] for row in reader.usage(["provider"], 0, 10, key="k")] == [2, 1]
        assert reader.usage(["provider"], 0, 10, key="nobody") == []
