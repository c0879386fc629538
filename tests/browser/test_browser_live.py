"""What moves by itself, and what hands on a keyboard can do."""

import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dashboard import PATIENCE_MS, chat

from benchmarks.record import record

HEARING = """
const Real = EventSource;
window.EventSource = class extends Real {
    constructor(...given) {
        super(...given);
        window.hear = (told) => this.dispatchEvent(new MessageEvent("settled", { data: JSON.stringify(told) }));
    }
};
"""
"""Lets a test tell the page what the gateway might."""


def test_a_call_is_on_the_screen_as_soon_as_it_has_ended(url, way, keys, open_as):
    """The bar is a second. It is written down, and not asserted: this machine may be busy."""
    looked = open_as(url, way.admin)
    looked.open("overview")
    page = looked.page
    page.locator("#live.on").wait_for()
    _calls(page)
    spent = page.locator("#month").get_attribute("title")
    before = _calls(page)
    with way.client(keys["checkout"]) as client:
        chat(client, "sim-large", "word " * 100, max_tokens=50)
        ended = time.perf_counter()
        while page.locator("#calls").inner_text() != str(before + 1):
            assert time.perf_counter() < ended + PATIENCE_MS / 1000
        seen_ms = (time.perf_counter() - ended) * 1000
    assert page.locator("#month").get_attribute("title") != spent
    assert page.locator("main tbody tr.new").count() == 1
    assert re.fullmatch(r"\$0\.\d+/s", page.locator("#now").inner_text())
    assert not looked.violations
    record("dashboard", "make test-browser", {"live_ms": round(seen_ms, 1)})


def test_the_sum_on_the_screen_is_the_ledgers_to_the_last_digit(url, way, keys, admin, open_as):
    """What the browser has added up since the page was opened included."""
    looked = open_as(url, way.admin)
    looked.open("overview")
    page = looked.page
    page.locator("#live.on").wait_for()
    before = _calls(page)
    with way.client(keys["research"]) as client:
        for _ in range(5):
            chat(client, "sim-large", "word " * 333, max_tokens=77)
    page.locator(f'#calls:text-is("{before + 5}")').wait_for()
    way.rest()
    day = page.evaluate("new Date().toISOString().slice(0, 8)") + "01"
    told = admin.get(f"/usage?by=provider&since={day}")["data"]
    assert page.locator("#month").get_attribute("title") == f"${told[0]['cost_usd']}"


def test_an_entry_counts_on_its_own_day_and_only_a_call_as_one(url, way, keys, admin, open_as):
    """As in the ledger: a correction has the moment of what it corrects, and an hour of a machine is no call."""
    looked = open_as(url, way.admin)
    page = looked.page
    page.add_init_script(HEARING)
    page.reload()
    page.locator("#live.on").wait_for()
    before, spent = _calls(page), _cents(page)
    told = admin.get("/requests?limit=1")["data"][0] | {"cost_usd": "0.01"}
    day = page.evaluate("new Date().toISOString().slice(0, 10)")

    def heard(outcome, at=day):
        page.evaluate("(told) => window.hear(told)", told | {"outcome": outcome, "at": f"{at}T00:00:00+00:00"})
        page.locator("main tbody tr.new").first.wait_for()
        return _calls(page) - before, [now - then for now, then in zip(_cents(page), spent, strict=True)]

    assert heard("adjusted", at="2001-01-31") == (0, [0, 0])
    assert heard("adjusted", at=f"{day[:7]}-{'02' if day[8:] == '01' else '01'}") == (0, [0, 1])
    assert [heard("adjusted"), heard("idle"), heard("trained")] == [(0, [1, 2]), (0, [2, 3]), (0, [3, 4])]
    assert heard("ok") == (1, [4, 5])


def test_a_new_day_begins_with_nothing(url, way, keys, open_as):
    """And a new month: what was read of the old one is no part of them."""
    looked = open_as(url, way.admin)
    looked.open("overview")
    page = looked.page
    page.locator("#live.on").wait_for()
    before = _calls(page)
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=32))
    page.locator('#calls:text-is("0")').wait_for()
    assert _cents(page) == [0, 0]
    with way.client(keys["support"]) as client:
        chat(client)
    page.locator("main tbody tr.new").wait_for()
    assert (_calls(page), _cents(page)) == (0, [0, 0]), "it is of the day on which it was made"
    way.rest()
    page.clock.set_fixed_time(datetime.now(UTC))
    page.locator(f'#calls:text-is("{before + 1}")').wait_for()


def test_everything_can_be_reached_with_the_keyboard(url, way, keys, open_as):
    looked = open_as(url, way.admin)
    looked.open("requests")
    page = looked.page
    page.reload()
    page.locator("main tbody tr").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.sectionRowIndex")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.sectionRowIndex") == first + 1
    page.keyboard.press("Enter")
    page.locator("dialog.drawer").get_by_text("Tokens by class").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.drawer").wait_for(state="detached")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "team"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_moves_for_whoever_asked_for_that(url, way, keys, open_as):
    looked = open_as(url, way.admin, reduced_motion="reduce")
    looked.open("overview")
    page = looked.page
    page.locator("#live.on").wait_for()
    with way.client(keys["support"]) as client:
        chat(client)
    page.locator("main tbody tr.new").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('tr.new')).animationName") == "none"


def test_dark_and_light_can_be_chosen(url, way, open_as):
    looked = open_as(url, way.admin)
    page = looked.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    button = page.locator("#theme")
    while "dark" not in button.inner_text():
        button.click()
    assert page.evaluate(colour) != light
    page.reload()
    page.locator("nav a").first.wait_for()
    assert "dark" in button.inner_text()


def _calls(page):
    """How many calls the overview tells of today, once it knows."""
    known = page.locator("#calls", has_text=re.compile(r"\d"))
    known.wait_for()
    return int(known.inner_text())


def _cents(page):
    """What the overview says was spent today and this month, in cents."""
    shown = [page.locator(place).get_attribute("title") for place in ("#today", "#month")]
    return [Decimal(amount.strip("$").replace(",", "")) * 100 for amount in shown]
