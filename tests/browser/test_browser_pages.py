"""Every page, with what a real gateway tells: nothing is refused by the policy, nothing comes from elsewhere, and it
fits a phone."""

import pytest
from dashboard import PAGES, told

PHONE = {"width": 360, "height": 740}
LOOKS = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {}}

CONTENT = {
    "overview": ("checkout", "research", "support", "Routing", "Answered by"),
    "budgets": ("team:checkout", "of $40.00 a month", "burns at", "5,000,000 tokens a day"),
    "requests": ("checkout nightly", "sim/sim-large", "Older"),
    "health": ("sim/sim-small", "Drift of the books"),
    "prices": ("genai-prices", "No feed waits for a yes."),
    "keys": ("checkout nightly", "Rotate", "New key"),
    "limits": ("team:*", "configuration", "Set a limit"),
    "events": ("keys.create", "Nobody was told anything yet."),
}


@pytest.mark.parametrize("looks", LOOKS)
def test_every_page_shows_what_the_gateway_knows(looks, url, way, keys, open_as):
    looked = open_as(url, way.admin, **LOOKS[looks])
    page = looked.page
    if looks == "phone":
        page.set_viewport_size(PHONE)
    for name in PAGES:
        looked.open(name)
        for text in CONTENT[name]:
            page.get_by_text(text).first.wait_for(state="attached")
        width, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= shown, f"{name} is wider than the screen"
        assert not looked.violations
    assert not looked.errors, told(looked.errors)
    assert not looked.foreign, told(looked.foreign)
    assert sum(looked.sizes.values()) < 300_000, told(looked.sizes)


def test_the_whole_story_of_a_call(url, way, keys, open_as):
    """Candidates and why, the hold, tokens by class with their rates, the price, the cost, and who paid."""
    looked = open_as(url, way.admin)
    looked.open("requests")
    page = looked.page
    page.locator("select[name=team]").select_option("checkout")
    page.locator("main tbody tr").first.click()
    drawer = page.locator("dialog.drawer")
    for text in ("cheapest of 3", "Could have answered", "sim/sim-large", "answered", "Held", "input", "/ 1M"):
        drawer.get_by_text(text).first.wait_for(state="attached")
    for text in ("team:checkout/usd/month", "correction/sim/sim-small", "policies."):
        drawer.get_by_text(text).first.wait_for()
    assert not looked.violations
    assert not looked.errors


def test_the_holder_of_a_key_sees_what_it_did_alone(way, keys, open_as):
    """At the port of calls, with the same files."""
    looked = open_as(f"{way.url}/dashboard", keys["support"])
    page = looked.page
    looked.open("overview")
    page.get_by_role("cell", name="sim-medium").first.wait_for()
    assert page.locator("nav a").all_inner_texts() == ["Overview", "Budgets", "Requests"]
    looked.open("budgets")
    page.get_by_text("team:support").wait_for()
    looked.open("requests")
    assert page.locator("main tbody tr").count() == 3
    page.locator("main tbody tr").first.click()
    page.locator("dialog.drawer").get_by_text("Tokens by class").wait_for()
    page.keyboard.press("Escape")
    page.set_viewport_size(PHONE)
    for name in ("overview", "budgets", "requests"):
        looked.open(name)
        width, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= shown
    text = page.content()
    assert "checkout" not in text
    assert "research" not in text
    assert not looked.violations
    assert not looked.errors, told(looked.errors)
