"""A running gateway writes the files of days that are over, and they have the ledger's money."""

import asyncio
import csv
import io
import time
from datetime import UTC, datetime

from booked_calls import call
from road import PROVIDERS, eventually, road

from gateway.ledger.sqlite import SqliteLedger

DAY_S = 86_400


def test_the_days_before_have_files_soon_after_the_start(tmp_path):
    now = time.time()
    days = [now - back * DAY_S for back in (3, 2)]

    async def written():
        (tmp_path / "gate").mkdir()
        ledger = SqliteLedger(tmp_path / "gate" / "ledger.db")
        await ledger.record([call(at=at, usd="0.25") for at in days])
        ledger.close()

    asyncio.run(written())
    config = f"{PROVIDERS}\nexports:\n  - {{to: out, format: focus}}\n"
    with road(tmp_path, config) as way:
        names = [f"fareway-focus-{datetime.fromtimestamp(at, UTC):%Y-%m-%d}.csv" for at in days]
        eventually(lambda: all((tmp_path / "gate" / "out" / name).exists() for name in names))
        for name in names:
            rows = list(csv.DictReader(io.StringIO((tmp_path / "gate" / "out" / name).read_text(), newline="")))
            assert [row["EffectiveCost"] for row in rows] == ["0.25"]
        assert way.metric("fareway_exports_total", outcome="written") >= len(names)
