"""What moves by itself, and what hands on a keyboard can do."""

import re
import time

from dashboard import PATIENCE_MS, chat

from benchmarks.record import record


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
