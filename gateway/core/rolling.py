"""Rolling windows: what was spent in the last so much time. Pure: names and moments in, names and moments out.

Such a limit has one account and one record in the store, which never end: `team:a/usd/rolling 30d@rolling`. In the
ledger what was spent stands under the bucket in which it was: `team:a/usd/rolling 30d@2026-11-21T00:00:00+00:00`.
A bucket counts until all of it is older than the window, so what was spent counts for one bucket too long at most.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

LABEL = "rolling"

BUCKETS = 60
"""So many fit into a window; but none is shorter than a second."""

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_WINDOW = re.compile(rf"{LABEL} (\d+)([dhms])")


def spelled(seconds: int) -> str:
    """A window of this length as people write it: "rolling 30d"."""
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0)
    return f"{LABEL} {seconds // _SECONDS[unit]}{unit}"


def length(account: str) -> int:
    """How many seconds the rolling window of this account, bucket or record lasts; 0 for any other window."""
    found = _WINDOW.fullmatch(account.rpartition("@")[0].rpartition("/")[2])
    return int(found[1]) * _SECONDS[found[2]] if found else 0


def width(seconds: int) -> int:
    """How long the buckets of a window of this length are, in seconds."""
    return -(-seconds // BUCKETS)


def bucket_at(seconds: int, at: float) -> int:
    """The Unix time at which the bucket begins that contains this moment."""
    return int(at // width(seconds)) * width(seconds)


def leaves_at(seconds: int, bucket: int) -> int:
    """From when on the bucket that begins then counts no more."""
    return bucket + width(seconds) + seconds


def in_ledger(record: str, bucket: int) -> str:
    """The account in the ledger of one bucket of this record."""
    return f"{record.rpartition('@')[0]}@{datetime.fromtimestamp(bucket, UTC).isoformat()}"


def buckets(seconds: int, now: float) -> range:
    """Where all buckets begin that count at this moment, and the next one: another clock may be ahead."""
    step = width(seconds)
    return range(bucket_at(seconds, now - seconds), bucket_at(seconds, now) + 2 * step, step)


def books(record: str, now: float) -> list[str]:
    """The accounts in the ledger whose sum is the balance of this record. One that does not roll is its own."""
    seconds = length(record)
    return [in_ledger(record, bucket) for bucket in buckets(seconds, now)] if seconds else [record]


def record_of(account: str, now: float) -> str | None:
    """The record whose balance this account of the ledger is a part of; None for a bucket that counts no more."""
    seconds = length(account)
    if not seconds:
        return account
    node, _, bucket = account.rpartition("@")
    return f"{node}@{LABEL}" if now < leaves_at(seconds, _unix(bucket)) else None


def bucket_left_before(account: str, before: float) -> bool:
    """Whether this is a bucket in the ledger that counted no more at that Unix time."""
    seconds, _, bucket = length(account), *account.rpartition("@")[1:]
    return bool(seconds) and bucket != LABEL and leaves_at(seconds, _unix(bucket)) < before


def _unix(bucket: str) -> int:
    return round(datetime.fromisoformat(bucket).timestamp())
