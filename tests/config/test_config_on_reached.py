"""What becomes of a call that a limit does not let through, as it is written."""

import pytest

from gateway.core.limit import OnReached, Then

OPENAI = {"OPENAI_API_KEY": "k"}
TIERS = "tiers: {economy: [openai/gpt-4o-mini]}\n"
WORDS = "must be refuse, fit, downgrade with a tier, or queue with a duration"


def limit(way, amount="$5, window: day"):
    return f"limits: [{{node: all, amount: {amount}, on_reached: {way}}}]"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("refuse", OnReached()),
        ("fit", OnReached(Then.FIT)),
        ("downgrade economy", OnReached(Then.DOWNGRADE, tier="economy")),
        ("queue 5s", OnReached(Then.QUEUE, wait_s=5)),
        ("queue 500ms", OnReached(Then.QUEUE, wait_s=0.5)),
        ("queue 5m", OnReached(Then.QUEUE, wait_s=300)),
    ],
)
def test_as_written(configured, text, way):
    (made,) = configured(TIERS + limit(text), **OPENAI).limits
    assert made.on_reached == way


def test_refusing_is_what_happens_by_default(configured):
    (made,) = configured("limits: [{node: all, amount: $5, window: day}]").limits
    assert made.on_reached.then is Then.REFUSE


@pytest.mark.parametrize("text", ["wait", "queue", "queue 5", "queue 1h", "downgrade", "downgrade cheap", "5"])
def test_what_cannot_be_read(wrong, text):
    (said,) = wrong(limit(text))
    assert said.startswith(f"1:59 limits[0].on_reached: {WORDS}")


def test_nobody_waits_longer_than_five_minutes(wrong):
    (said,) = wrong(limit("queue 6m"))
    assert "must wait 5m at most, such as queue 5s" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (limit("fit", "$5, window: day, mode: soft"), "means nothing for a soft limit, which refuses nothing"),
        (limit("queue 5s", "8 concurrent, mode: shadow"), "means nothing for a shadow limit, which refuses nothing"),
        (limit("fit", "8 concurrent"), "cannot be fit for concurrent: less output takes no fewer of them"),
        (limit("downgrade economy"), "leads nowhere: the tier economy is empty; list its models under"),
        (TIERS + limit("downgrade premium"), "leads nowhere: the tier premium is empty; list its models under"),
    ],
)
def test_a_way_that_leads_nowhere_is_found_before_the_start(wrong, text, words):
    (said,) = wrong(text, **OPENAI)
    assert f"limits[0].on_reached: {words}" in said


def test_the_simulator_has_tiers_of_its_own(configured):
    (made,) = configured(limit("downgrade economy")).limits
    assert made.on_reached.tier == "economy"
