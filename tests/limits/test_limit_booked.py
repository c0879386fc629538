"""What the ledger says of records: of those of one replica whose windows may still run."""

from datetime import UTC, datetime

from gateway.limits.booked import SHORT_WINDOW_S_MAX, booked_by

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


def text(at):
    return datetime.fromtimestamp(at, UTC).isoformat()


def test_what_a_replica_has_booked_where_windows_may_still_run():
    old, late = NOW - SHORT_WINDOW_S_MAX - 1, NOW - 60
    balances = [
        ("all/usd/day@2026-11-21T00:00:00+00:00", "a", 5),
        ("all/usd/day@2026-11-21T00:00:00+00:00", "b", 70),
        (f"all/usd/minute@{text(late)}", "a", 3),
        (f"all/usd/minute@{text(old)}", "a", 90),
        (f"key:k/usd/rolling 1h@{text(NOW - 1800)}", "a", 10),
        (f"key:k/usd/rolling 1h@{text(NOW - 600)}", "a", 11),
        (f"key:k/usd/rolling 1h@{text(NOW - 7200)}", "a", 80),
    ]
    assert booked_by("a", balances, NOW) == {
        "all/usd/day@2026-11-21T00:00:00+00:00": 5,
        f"all/usd/minute@{text(late)}": 3,
        "key:k/usd/rolling 1h@rolling": 21,
    }
