"""What the ledger says of records: of those of one replica whose windows may still run."""

from datetime import UTC, datetime

from gateway.limits.booked import ENDED_S, booked_by

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


def text(at):
    return datetime.fromtimestamp(at, UTC).isoformat()


def test_what_a_replica_has_booked_where_windows_may_still_run():
    old, late = NOW - ENDED_S - 60, NOW - 60
    balances = [
        ("all/usd/day@2026-11-21T00:00:00+00:00", "a", 5),
        ("all/usd/day@2026-11-21T00:00:00+00:00", "b", 70),
        ("all/usd/day@2026-11-19T00:00:00+00:00", "a", 60),
        ("all/usd/month@2026-10-01T00:00:00+00:00", "a", 50),
        ("all/usd/lifetime@always", "a", 7),
        (f"all/usd/minute@{text(late)}", "a", 3),
        (f"all/usd/minute@{text(old)}", "a", 90),
        (f"key:k/usd/rolling 1h@{text(NOW - 1800)}", "a", 10),
        (f"key:k/usd/rolling 1h@{text(NOW - 600)}", "a", 11),
        (f"key:k/usd/rolling 1h@{text(NOW - 7200)}", "a", 80),
    ]
    assert booked_by("a", balances, NOW) == {
        "all/usd/day@2026-11-21T00:00:00+00:00": 5,
        "all/usd/lifetime@always": 7,
        f"all/usd/minute@{text(late)}": 3,
        "key:k/usd/rolling 1h@rolling": 21,
    }
