"""What a ledger says that nobody has noticed: budgets that will not last, odd hours, models without a price."""

import asyncio
from contextlib import closing

import pytest
from booked_calls import call

from gateway.assembly import foresight as looking
from gateway.assembly.foresight import Foresight, Sums
from gateway.core.alert import AlertKind
from gateway.core.limit import Limit, Span, Start, Tightening, Unit
from gateway.ledger.sqlite import SqliteLedger, reading

HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
NOW = 1_794_398_400.0  # Noon of Wednesday 2026-11-11.
MIDNIGHT = NOW - NOW % DAY
DOLLAR = 10**9


@pytest.fixture
def ledger(tmp_path):
    """Writes calls, and gives what opens a reader."""
    path = tmp_path / "ledger.db"

    def write(*calls):
        with closing(SqliteLedger(path)) as ledger:
            asyncio.run(ledger.record(calls))
        return reading(path)

    return write


def month(node, dollars, **more):
    return Limit(node=node, unit=Unit.USD, span=Span.MONTH, amount=dollars * DOLLAR, **more)


def days(count, usd, **more):
    """Ten dollars a day, say, until yesterday, and half of it today."""
    past = [call(MIDNIGHT - number * DAY + 5, usd, **more) for number in range(1, count + 1)]
    return [*past, call(MIDNIGHT + 5, usd, **more)]


def look(books, *limits, now=NOW):
    with books as ledger:
        return Foresight().look(ledger, limits, now)


def test_a_budget_that_will_not_last_is_told(ledger):
    """Eleven days of $10 are spent by now, and 19.5 are to come; days are regular, so there is no doubt."""
    books = ledger(*days(30, "10", team="red"))
    (alert,) = look(books, month("all", 290))
    assert alert.kind is AlertKind.BUDGET_FORECAST
    assert alert.data["spent"] == "110.00"
    assert alert.data["low"] == "305.00"
    assert "all will pass its limit (month): $110.00 of $290.00 are spent" in alert.sentence


def test_what_a_team_admin_has_tightened_is_told_once_and_of_what_rules(ledger):
    with ledger(*days(30, "10", team="red")) as known:
        for wide, rules in ((1000, "290.00"), (280, "280.00")):
            limits = month("team:*", wide), Tightening.of(month("team:red", 290))
            (alert,) = Foresight().look(known, limits, NOW)
            assert f"of ${rules} are spent" in alert.sentence


def test_one_that_will_last_or_has_not_is_not_told(ledger):
    books = ledger(*days(30, "10"))
    with books as known:
        assert Foresight().look(known, [month("all", 320), month("all", 100)], NOW) == []


def test_scattered_days_must_pass_the_amount_by_their_lower_edge(ledger):
    calls = [call(MIDNIGHT - number * DAY + 5, "20" if number % 2 else "1") for number in range(1, 31)]
    assert look(ledger(*calls), month("all", 250)) == []


def test_a_week_must_be_known(ledger):
    assert look(ledger(*days(6, "10")), month("all", 70)) == []


def test_each_node_of_a_pattern_is_foreseen_and_the_narrower_limit_rules(ledger):
    books = ledger(*days(30, "10", team="red"), *days(30, "10", team="blue"), *days(30, "10"))
    told = look(books, month("team:*", 150), month("team:blue", 1000))
    assert [alert.data["node"] for alert in told] == ["team:red"]


def test_what_was_spent_is_that_of_the_window_of_what_rules(ledger):
    """Since the first it is $110, and since the ninth $30."""
    wide, own = month("team:*", 1000), month("team:red", 200, start=Start(day=8))
    with ledger(*days(30, "10", team="red")) as known:
        for limits in (wide, own), (own, wide):
            (alert,) = Foresight().look(known, limits, NOW)
            assert (alert.data["spent"], alert.data["resets_at"][:10]) == ("30.00", "2026-12-09")


def test_it_is_the_same_alert_as_long_as_the_window_and_the_amount_are(ledger):
    books = ledger(*days(30, "10"))
    with books as known:
        foresight = Foresight()

        def name(dollars, now):
            return [alert.id for alert in foresight.look(known, [month("all", dollars)], now)]

        assert name(200, NOW) == name(200, NOW + HOUR) != name(210, NOW)


def test_windows_of_a_zone_begin_where_their_midnight_is(ledger):
    """The first of November begins at 08:00 UTC in Los Angeles: what was spent before it is of October."""
    (alert,) = look(ledger(*days(30, "10")), month("all", 200, timezone="America/Los_Angeles"))
    assert alert.data["spent"] == "100.00"
    (alert,) = look(
        ledger(call(MIDNIGHT - 10 * DAY + 9 * HOUR, "1")), month("all", 200, timezone="America/Los_Angeles")
    )
    assert alert.data["spent"] == "101.00"


def hours(weeks, usd="10", **more):
    return [call(NOW - number * HOUR + 5, usd, **more) for number in range(weeks * 7 * 24 + 1)]


def test_an_odd_hour_is_told_for_every_node_once_a_day(ledger):
    calls = [*hours(4, team="red", user="ann"), call(NOW + 9, "90", team="red", user="ann")]
    told = look(ledger(*calls), now=NOW + 60)
    assert {alert.kind for alert in told} == {AlertKind.SPEND_ANOMALY}
    assert [alert.data["node"] for alert in told] == ["all", "team:red", "user:ann", "key:key", "model:m"]
    assert told[0].sentence == (
        "all has spent $100.00 in the hour from 2026-11-11T12:00:00+00:00, and usually spends $10.00."
    )
    assert told[0].id == "spend.anomaly/all/2026-11-11"


def test_ordinary_hours_are_not_told(ledger):
    assert look(ledger(*hours(4, team="red")), now=NOW + 60) == []
    assert look(ledger(), now=NOW) == []


def test_a_model_without_a_price_is_told(ledger):
    books = ledger(call(NOW - 5, None), call(NOW - 2 * HOUR, None, model="earlier"), call(NOW - 5, "1", model="priced"))
    (alert,) = look(books)
    assert alert.kind is AlertKind.PRICE_UNKNOWN
    assert alert.sentence == "p/m was called and has no price: what it costs is in no sum and no budget."


def test_what_is_over_is_read_once_and_what_is_old_is_forgotten(ledger, monkeypatch):
    books = ledger(*days(5, "1"))
    read = []
    real = looking.spent

    def spent(ledger, kinds, since, until):
        read.append(since)
        return real(ledger, kinds, since, until)

    monkeypatch.setattr(looking, "spent", spent)
    sums = Sums(DAY, 10, 4)
    with books as known:
        today, pieces = sums.look(known, (), NOW)
        assert sorted(pieces) == [today - 3, today - 2, today - 1, today]
        read.clear()
        sums.look(known, (), NOW + DAY)
        assert read == [MIDNIGHT, MIDNIGHT + DAY]
        assert sorted(pieces) == [today - 2, today - 1, today, today + 1]


def test_of_many_names_the_dearest_are_kept(ledger):
    books = ledger(*[call(NOW - 5, str(dollars), team=f"t{dollars}") for dollars in (1, 5, 3)])
    with books as known:
        today, pieces = Sums(DAY, 2, 4).look(known, ("team",), NOW)
    assert list(pieces[today]) == [("t5",), ("t3",)]
