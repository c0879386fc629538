"""Overrides: exact values, clear errors, and what wins over what."""

from datetime import date, datetime

import pytest

from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Extras, Usage
from gateway.prices.book import PriceBook
from gateway.prices.bundled import corrections, snapshot
from gateway.prices.overrides import OverrideError, read_overrides

NOW = datetime.fromisoformat("2026-11-15T12:00:00+00:00").timestamp()


def entries(*given, source="override"):
    return read_overrides(list(given), where="prices", source=source)


def book(*given):
    return PriceBook(snapshot(), entries(*given), corrections())


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("x", r"prices\[0\] is not a mapping"),
        ({"model": "m", "inptu": "1/M"}, "unknown keys: inptu"),
        ({"model": "m"}, "sets no rate"),
        ({"input": "1/M"}, "model is missing"),
        ({"model": "", "input": "1/M"}, r"\.model must be a text"),
        ({"model": "m", "input": 0.1}, r"prices\[0\]\.input must be US dollars"),
        ({"model": "m", "input": "0.1"}, r"\.input"),
        ({"model": "m", "input": "5/K"}, r"\.input"),
        ({"model": "m", "request": "5/M"}, r"\.request"),
        ({"model": "m", "input": "-1/M"}, r"\.input"),
        ({"model": "m", "input": "0.0000001/M"}, "finer than a pico-dollar"),
        ({"model": "m", "input": "9999999/M"}, "more than"),
        ({"model": "m", "input": "1/M", "from": "soon"}, r"\.from must be a date"),
        ({"model": "m", "input": "1/M", "from": datetime.fromisoformat("2026-01-01")}, r"\.from must be a date"),
        ({"model": "m", "input": "1/M", "from": "2026-01-02", "until": date(2026, 1, 2)}, "until must be after"),
        ({"model": "m", "web_search": "1/M"}, r"\.web_search must be US dollars such as '5/K'"),
        ({"model": "m", "audio": "1/K"}, r"\.audio must be US dollars such as '0.36/hour'"),
        ({"model": "m", "page": "0.0000000000001/each"}, r"\.page"),
        ({"model": "m", "audio_minimum": "10"}, r"\.audio_minimum must be seconds"),
        ({"model": "m", "audio_minimum": 10}, r"\.audio_minimum must be seconds"),
        ({"model": "*", "input": "1/M"}, "must be one model, except for fees"),
        ({"model": "m", "input": "1/M", "hours": "1-4"}, r"\.hours must be hours such as"),
        ({"model": "m", "input": "1/M", "hours": "01:00"}, r"\.hours must be hours such as"),
        ({"model": "m", "input": "1/M", "hours": "24:00-01:00"}, r"\.hours has no such hours"),
        ({"model": "m", "input": "1/M", "hours": "01:00-24:01"}, r"\.hours has no such hours"),
        ({"model": "m", "input": "1/M", "hours": "01:00-01:00"}, r"\.hours has no such hours"),
        ({"model": "m", "input": "1/M", "hours": 60}, r"\.hours must be hours such as"),
        ({"model": "m", "input": "1/M", "days": "mon-fr"}, r"\.days must be days such as"),
        ({"model": "m", "input": "1/M", "days": "monday"}, r"\.days must be days such as"),
    ],
)
def test_errors_name_entry_and_key(entry, message):
    """A wrong price never starts: a float, a wrong unit or a slip of a key is an error with its place."""
    with pytest.raises(OverrideError, match=message):
        entries(entry)


def test_not_a_list():
    with pytest.raises(OverrideError, match="prices is not a list"):
        read_overrides({"model": "m"}, where="prices")


def test_values_are_exact():
    (read,) = entries({"model": "M", "input": "0.10/M", "request": "0.5/K", "audio_output": "64/M"})
    assert read.rates == {"input": 100_000, "request": 5 * 10**8, "output_audio": 64_000_000}
    assert read.model == "m"


@pytest.mark.parametrize(
    ("key", "written", "name", "picos"),
    [
        ("web_search", "10/K", "web_searches", 10**10),
        ("file_search", "2.50/K", "file_searches", 25 * 10**8),
        ("code_session", "0.03/each", "code_sessions", 3 * 10**10),
        ("image", "0.04/each", "images", 4 * 10**10),
        ("page", "2/K", "pages", 2 * 10**9),
        ("search_unit", "2/K", "search_units", 2 * 10**9),
        ("characters", "15/M", "characters", 15 * 10**6),
        ("audio", "0.36/hour", "audio_ms", 10**5),
        ("audio", "0.006/minute", "audio_ms", 10**5),
        ("audio", "0.0001/second", "audio_ms", 10**5),
        ("audio", "0.04/hour", "audio_ms", 11_112),
    ],
)
def test_what_is_not_tokens_can_be_priced(key, written, name, picos):
    """Alone it is a price; exact, but for lengths, whose milliseconds are rounded up."""
    (read,) = entries({"provider": "own", "model": "m", key: written})
    assert read.rates == {name: picos}
    made = book({"provider": "own", "model": "m", key: written})
    assert made.price("own", "m", NOW).standard.base.extras == {name: picos}
    assert made.models("own") == ("m",)


def test_fees_of_every_model_of_a_provider():
    """They amend what is priced, less than what is said of one model; a provider's own goes before any provider's."""
    general = {"model": "*", "code_session": "9/each", "web_search": "8/K"}
    mine = {"provider": "openai", "model": "*", "code_session": "7/each", "file_search": "6/K"}
    one = {"provider": "openai", "model": "gpt-5", "file_search": "5/K"}
    made = book(one, mine, general)
    extras = made.price("openai", "gpt-5", NOW).standard.base.extras
    assert extras == {"code_sessions": 7 * 10**12, "web_searches": 8 * 10**9, "file_searches": 5 * 10**9}
    assert made.price("openai", "nothing", NOW) is None
    assert "*" not in made.models("openai")


def test_a_least_length_and_batches_of_recordings():
    """Groq charges ten seconds at least; a batch is half, with the same least length."""
    price = book().price("groq", "whisper-large-v3", NOW)
    second, ten = Usage(extras=Extras(audio_ms=1000)), Usage(extras=Extras(audio_ms=10_000))
    assert price.of(second) == price.of(ten)
    assert price.of(ten).fees == Money(10_000 * 30_834)
    assert price.of(second, "batch").fees == Money(10_000 * 15_417)
    own = {"provider": "groq", "model": "whisper-large-v3", "audio_minimum": "30s"}
    assert book(own).price("groq", "whisper-large-v3", NOW).of(second).fees == Money(30_000 * 30_834)


def test_hours_and_days_of_an_override():
    """A price for the night, of which the day on which it begins counts."""
    night = {
        "provider": "own",
        "model": "m",
        "input": "1/M",
        "output": "1/M",
        "hours": "22:00-06:00",
        "days": "fri-sun",
    }
    (read,) = entries(night)
    assert (read.hours.spans, read.hours.days) == (((79_200, 21_600),), (4, 5, 6))
    (wrapped,) = entries(night | {"days": "sun-mon, wed", "hours": "01:00-04:00,06:00-24:00"})
    assert (wrapped.hours.spans, wrapped.hours.days) == (((3600, 14_400), (21_600, 86_400)), (0, 2, 6))
    at = {
        text: book(night).price("own", "m", datetime.fromisoformat(f"{text}+00:00").timestamp())
        for text in ("2026-11-13T21:59:59", "2026-11-13T22:00:00", "2026-11-16T05:59:59", "2026-11-16T06:00:00")
    }  # Friday, Monday.
    assert [price is not None for price in at.values()] == [False, True, True, False]
    stamps = {
        entries(night | more)[0].stamp
        for more in ({}, {"days": "fri"}, {"hours": "22:00-05:00"}, {"audio_minimum": "1s"})
    }
    assert len(stamps) == 4


def test_a_whole_price_replaces_the_feeds():
    """With input and output nothing of the feed's price remains; an unnamed class pays its parent's rate."""
    price = book({"provider": "openai", "model": "gpt-4o", "input": "1/M", "output": "2/M"}).price(
        "openai", "gpt-4o", NOW
    )
    assert price.standard.base.cache_read == price.standard.base.input == 1_000_000
    assert not price.tiers
    assert price.id.startswith("override/openai/gpt-4o@start#")


def test_a_partial_price_amends_the_feeds():
    """With one rate only that rate changes, in every tier that does not have its own."""
    price = book({"provider": "openai", "model": "gpt-4o", "cache_read": "0.5/M"}).price("openai", "gpt-4o", NOW)
    assert (price.standard.base.cache_read, price.standard.base.input) == (500_000, 2_500_000)
    assert price.tiers["priority"].base.cache_read == 2_125_000
    assert price.tiers["batch"].base.cache_read == 500_000
    assert "genai-prices-0.2.3/openai/gpt-4o@" in price.id
    assert "+override@start#" in price.id


def test_amending_what_is_not_there_is_no_price():
    """A partial override of an unknown model leaves it unpriced rather than half free."""
    assert book({"provider": "openai", "model": "mystery", "output": "1/M"}).price("openai", "mystery", NOW) is None


def test_the_user_wins_over_corrections_and_these_over_the_feed():
    """The fee of a sonar call: 12 in the feed, 5 corrected, 7 by contract."""
    fee = lambda *given: book(*given).price("perplexity", "sonar", NOW).standard.base.request  # noqa: E731
    assert PriceBook(snapshot()).price("perplexity", "sonar", NOW).standard.base.request == 12 * 10**9
    assert fee() == 5 * 10**9
    assert fee({"model": "sonar", "request": "7/K"}) == 7 * 10**9


@pytest.mark.parametrize(
    ("model", "fees"), [("sonar", (5, 8, 12)), ("sonar-pro", (6, 10, 14)), ("sonar-reasoning-pro", (6, 10, 14))]
)
def test_a_sonar_call_pays_for_what_its_searches_may_give_to_read(model, fees):
    price = book().price("perplexity", model, NOW)
    tiers = (None, "search:medium", "search:high")
    assert tuple(price.of(Usage(), tier).fees.picos // 10**9 for tier in tiers) == fees
    assert all(price.of(Usage(), tier).status is CostStatus.EXACT for tier in tiers)
    assert tuple(price.worst(0, 0, tier).picos // 10**9 for tier in tiers) == fees


def test_deep_research_pays_for_searches_and_for_what_they_gave_to_read():
    """The provider said 0.409: https://github.com/bgeneto/open-webui-cost-tracker/issues/6."""
    usage = Usage(input=33, input_tool=20016, output=7163, output_reasoning=73997, extras=Extras(web_searches=18))
    assert book().price("perplexity", "sonar-deep-research", NOW).of(usage).total == Money.usd("0.409393")


def test_the_more_specific_override_wins():
    """A provider's own goes before one for any provider, the name as called before the name as listed."""
    general = {"model": "gpt-4o", "input": "1/M", "output": "1/M"}
    azure = {"provider": "azure", "model": "gpt-4o", "input": "2/M", "output": "2/M"}
    dated = {"provider": "azure", "model": "gpt-4o-2024-08-06", "input": "3/M", "output": "3/M"}
    prices = book(dated, azure, general)
    found = {
        (provider, model): prices.price(provider, model, NOW).standard.base.input // 10**6
        for provider in ("openai", "azure")
        for model in ("gpt-4o", "gpt-4o-2024-08-06")
    }
    assert list(found.values()) == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("second", "input_rate"), [(-1, 2_500_000), (0, 1_000_000), (86_399, 1_000_000), (86_400, 2_500_000)]
)
def test_dates_begin_and_end_at_midnight_utc(second, input_rate):
    """`from` is the first day and `until` the first day after, to the second, also through the cache."""
    start = datetime.fromisoformat("2026-02-01T00:00:00+00:00").timestamp()
    entry = {"model": "gpt-4o", "input": "1/M", "output": "1/M", "from": "2026-02-01", "until": "2026-02-02"}
    prices = book(entry)
    for at in (start - 1, start, start + 86_399, start + 86_400, start + second):
        rate = prices.price("openai", "gpt-4o", at).standard.base.input
    assert rate == input_rate


def test_a_tier_of_its_own():
    """A tier changes what it names, only there."""
    price = book({"model": "gpt-4o", "tier": "priority", "output": "99/M"}).price("openai", "gpt-4o", NOW)
    assert price.tiers["priority"].base.output == 99_000_000
    assert price.tiers["priority"].base.input == 4_250_000
    assert price.standard.base.output == 10_000_000


def test_free_by_configuration_is_a_price():
    """An explicit zero is believed when a person wrote it."""
    price = book({"provider": "own", "model": "local", "input": "0/M", "output": "0/M"}).price("own", "local", NOW)
    assert price.of(Usage(input=5, output=5)).total.picos == 0


def test_price_ids_tell_edits_apart():
    """The same entry with other rates has another id."""
    first, second = (
        book({"provider": "own", "model": "m", "input": f"{dollars}/M", "output": "1/M"}).price("own", "m", NOW).id
        for dollars in (1, 2)
    )
    assert first != second


def test_a_tier_that_is_no_utf8_has_a_stamp_all_the_same():
    (entry,) = entries({"model": "m", "input": "1/M", "tier": "\ud800"})
    assert entry.stamp.startswith("@start#")


def test_a_tier_whose_rates_are_no_price_has_none():
    """Of audio alone there is a price; of output beside it there is none, for nobody knows what is given."""
    price = book({"model": "w", "output": "1/M", "tier": "flex"}, {"model": "w", "audio": "0.06/minute"}).price(
        "p", "w", NOW
    )
    assert price is not None
    assert not price.tiers


@pytest.mark.parametrize(
    ("model", "thousandths"),
    [("gpt-4o-search-preview-2025-03-11", 25), ("gpt-4o-mini-search-preview", 25), ("gpt-5-search-api", 10)],
)
def test_models_that_search_for_every_call_have_its_fee(model, thousandths):
    assert book().price("openai", model, NOW).standard.base.request == thousandths * 10**9
