"""The documentation's screenshots, of a gateway with ten days behind it: SCREENSHOTS=docs/images makes new ones."""

import os
import random
import time
from pathlib import Path

import pytest
from api import Api
from dashboard import CONFIG, chat
from msgspec.structs import replace
from road import road
from test_browser_large import BLANK

from gateway.core.caller import Caller
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger

SHOTS = os.environ.get("SCREENSHOTS")
BYTES_MAX = 150_000
CALLS, DAYS = 4000, 10
RATES = {"sim-large": (2_500_000, 10_000_000), "sim-medium": (500_000, 2_000_000), "sim-small": (100_000, 400_000)}
TEAMS = {"checkout": 8, "support": 5, "research": 3, "marketing": 1}

pytestmark = pytest.mark.skipif(not SHOTS, reason="SCREENSHOTS=docs/images makes the documentation's")


def past():
    """Busy days and quiet nights of four teams."""
    dice, now = random.Random(4), time.time()
    for number in range(CALLS):
        at = now - dice.random() ** 1.4 * DAYS * 86_400
        if not 6 <= (at % 86_400) / 3600 <= 21 and dice.random() < 0.8:
            continue
        (team,) = dice.choices(list(TEAMS), list(TEAMS.values()))
        model = dice.choice([*RATES, "sim-small", "sim-small"])
        used = Usage(input=dice.randrange(200, 9000), cache_read=dice.randrange(2000), output=dice.randrange(900))
        inward, outward = RATES[model]
        cost = Cost(Money(used.input * inward + used.output * outward), CostStatus.EXACT)
        caller = Caller(f"{team}000000"[:12], team=team)
        name = f"req_{number:08}"
        yield replace(
            BLANK,
            id=f"{name}.1",
            request_id=name,
            at=at,
            caller=caller,
            asked_model="assistant",
            model=model,
            served_model=model,
            usage=used,
            cost=cost,
        )


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shots")
    (folder / "gate").mkdir()
    ledger = SqliteLedger(folder / "gate" / "ledger.db")
    ledger._record(list(past()))
    ledger.close()
    with road(folder, CONFIG.replace("40 usd", "0.20 usd").replace("5 usd", "0.05 usd")) as running:
        admin = Api.of(running, running.admin)
        for team, weight in TEAMS.items():
            admin.post("/teams", {"id": team})
            _, token = admin.key(team=team, alias=f"{team} nightly")
            with running.client(token) as client:
                for words in range(1, 2 + 4 * weight):
                    chat(client, "assistant" if words % 3 else "sim-large", "word " * words * 60, max_tokens=300)
        running.rest()
        yield running, admin.url.removesuffix("/admin/v1") + "/dashboard"


@pytest.mark.parametrize("looks", ["light", "dark", "phone"])
def test_screenshots(lived, looks, open_as):
    way, url = lived
    looked = open_as(url, way.admin, color_scheme="dark" if looks == "dark" else "light")
    page = looked.page
    if looks == "phone":
        page.set_viewport_size({"width": 360, "height": 740})
    looked.open("overview")
    page.get_by_text("Routing").wait_for()
    page.locator("#month", has_text="$").wait_for()
    _take(page, f"overview-{looks}")
    if looks == "light":
        page.set_viewport_size({"width": 1280, "height": 680})
        looked.open("budgets")
        _take(page, "budgets")
        looked.open("requests")
        page.locator("main tbody tr").nth(3).click()
        page.locator("dialog.drawer").get_by_text("Tokens by class").wait_for()
        _take(page, "story")


def _take(page, name):
    path = Path(SHOTS) / f"dashboard-{name}.png"
    page.screenshot(path=path)
    assert path.stat().st_size < BYTES_MAX
