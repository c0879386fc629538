"""Usage becomes disjoint counters: whatever a provider sends, nothing is counted twice, negative, or raised."""

import gzip
import json
import os
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.core.usage import Extras, Usage
from gateway.dialects.base import Quirk
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_usage import DOLLARS_CREDIBLE_MAX, TOKENS_CREDIBLE_MAX, read_cost, read_usage

NONE = frozenset()
COUNTERS = [n for n in Usage.__match_args__ if n not in {"requests", "final", "extras", "prompt"}]
count = st.integers(0, 10**6)

# Whose usage departs from OpenAI's, and how: by a word in the recorded address.
QUIRKS = {
    "api.x.ai": {Quirk.REASONING_BESIDE_OUTPUT, Quirk.CHARGES_COST_TICKS},
    "file:openai-compatible": {Quirk.REASONING_BESIDE_OUTPUT, Quirk.CHARGES_COST_TICKS},  # Recorded from xAI.
    "file:xai": {Quirk.REASONING_BESIDE_OUTPUT, Quirk.CHARGES_COST_TICKS},
    "v1beta/openai": {Quirk.OUTPUT_IS_THE_REST},
    "mistral": {Quirk.AUDIO_BESIDE_INPUT},
    "openrouter": {Quirk.CHARGES_REPORTED_COST},
}
BY_PROVIDER = {
    "x-ai": QUIRKS["api.x.ai"],
    "google": QUIRKS["v1beta/openai"],
    "mistral": QUIRKS["mistral"],
    "openrouter": QUIRKS["openrouter"],
}


@pytest.fixture(scope="module")
def data():
    """The development data beside the checkout."""
    folder = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[2].parent / "shared") / "data"
    if not (folder / "usage_corpus.jsonl.gz").exists():
        pytest.skip(f"no recorded usage below {folder}; set FAREWAY_SHARED")
    return folder


def block(prompt, completion, given_details=None, made_details=None, **more):
    total = {"total_tokens": prompt + completion}
    details = {"prompt_tokens_details": given_details or {}, "completion_tokens_details": made_details or {}}
    return {"prompt_tokens": prompt, "completion_tokens": completion, **total, **details, **more}


def read(usage, *quirks):
    return read_usage(usage, frozenset(quirks))


@given(
    count,
    count,
    st.dictionaries(st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"]), count),
    st.dictionaries(st.sampled_from(["reasoning_tokens", "audio_tokens", "image_tokens"]), count),
)
def test_parts_never_exceed_the_whole_and_what_had_to_be_mended_is_said(
    prompt, completion, given_details, made_details
):
    """Whatever the details claim, input adds up to the prompt and output to the completion; clamped says they lied."""
    usage, clamped = read(block(prompt, completion, given_details, made_details))
    assert (usage.input_total, usage.output_total) == (prompt, completion)
    assert all(getattr(usage, n) >= 0 for n in COUNTERS)
    assert clamped == (sum(given_details.values()) > prompt or sum(made_details.values()) > completion)


def test_every_class_of_openais_usage_has_its_counter():
    given_details = {
        "cached_tokens": 40,
        "cache_write_tokens": 20,
        "audio_tokens": 10,
        "image_tokens": 5,
        "text_tokens": 25,
    }
    made_details = {"reasoning_tokens": 30, "audio_tokens": 8, "image_tokens": 2, "accepted_prediction_tokens": 3}
    usage, clamped = read(block(100, 50, given_details, made_details))
    assert usage == Usage(
        input=25, cache_read=40, cache_write=20, input_audio=10, input_image=5,
        output=10, output_reasoning=30, output_audio=8, output_image=2,
    )  # fmt: skip
    assert not clamped


@pytest.mark.parametrize("field", ["prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens"])
def test_cached_tokens_have_other_names_at_deepseek_mistral_and_moonshot(field):
    assert read(block(100, 1, **{field: 60}))[0].cache_read == 60
    assert read(block(100, 1, {"cached_tokens": 60}, **{field: 60}))[0].cache_read == 60


def test_xais_reasoning_stands_beside_the_completion():
    usage, clamped = read(block(291, 26, None, {"reasoning_tokens": 189}), Quirk.REASONING_BESIDE_OUTPUT)
    assert (usage.output, usage.output_reasoning, clamped) == (26, 189, False)
    usage, clamped = read(block(291, 26, None, {"reasoning_tokens": 189}))
    assert (usage.output, usage.output_reasoning, clamped) == (0, 26, True)


def test_googles_compatible_endpoint_leaves_thinking_to_the_total():
    usage, clamped = read({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}, Quirk.OUTPUT_IS_THE_REST)
    assert (usage.input, usage.output, usage.output_reasoning, clamped) == (35, 12, 62, False)
    plain, _ = read(block(35, 12, None, {"reasoning_tokens": 5}), Quirk.OUTPUT_IS_THE_REST)
    assert (plain.output, plain.output_reasoning) == (7, 5)


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({"prompt_tokens": 10, "total_tokens": 500}, 490),
        ({"prompt_tokens": 10, "completion_tokens": None, "total_tokens": 500}, 490),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 500}, 490),
    ],
)
def test_what_only_the_total_counts_is_output_and_not_sure(said, made):
    usage, clamped = read(said)
    assert (usage.input_total, usage.output_total, clamped) == (10, made, True)


def test_a_total_that_is_the_prompt_alone_is_sure():
    usage, clamped = read({"prompt_tokens": 10, "total_tokens": 10})
    assert (usage.input_total, usage.output_total, clamped) == (10, 0, False)


def test_mistrals_audio_stands_beside_the_prompt():
    voxtral = {**block(9, 248, {"audio_tokens": 375}, prompt_audio_seconds=3), "total_tokens": 632}
    usage, clamped = read(voxtral, Quirk.AUDIO_BESIDE_INPUT)
    assert (usage.input, usage.input_audio, usage.tokens, clamped) == (9, 375, 632, False)
    assert usage.extras == Extras(audio_ms=3000), "it is charged by its length"
    assert read(voxtral)[1], "without the quirk, audio beyond the prompt is a contradiction"


@pytest.mark.parametrize("heard", [{}, {"prompt_audio_seconds": -1}, {"prompt_audio_seconds": "3"}])
def test_sound_whose_length_is_not_told_is_not_sure(heard):
    """Missing is not zero. Where nothing was heard, there is none to tell."""
    assert read(block(9, 2, {"audio_tokens": 375}, **heard), Quirk.AUDIO_BESIDE_INPUT)[1]
    assert read(block(9, 2, **heard), Quirk.AUDIO_BESIDE_INPUT) == (Usage(input=9, output=2), False)
    assert read(block(9, 2, prompt_audio_seconds=0), Quirk.AUDIO_BESIDE_INPUT) == (Usage(input=9, output=2), False)


def test_cached_beyond_the_prompt_is_clamped_as_at_azures_grok():
    usage, clamped = read(block(7, 1, {"cached_tokens": 163}))
    assert (usage.input, usage.cache_read, clamped) == (0, 7, True)


def test_reads_and_writes_that_overlap_are_not_counted_twice():
    usage, clamped = read(block(2168, 100, {"cached_tokens": 2161, "cache_write_tokens": 2161}))
    assert (usage.cache_read, usage.cache_write, usage.input, clamped) == (2161, 7, 0, True)


@pytest.mark.parametrize("nonsense", [-1, 1.5, "12", True, [], {}, TOKENS_CREDIBLE_MAX + 1])
@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens", "total_tokens"])
def test_nonsense_in_a_main_counter_is_nothing_to_charge_by(field, nonsense):
    assert read({**block(5, 5), field: nonsense}) == (None, True)


@pytest.mark.parametrize("usage", [{}, {"completion_tokens": 5}, {"prompt_tokens": None, "completion_tokens": 5}])
def test_without_a_prompt_counter_there_is_no_usage(usage):
    """Missing is not zero: we must not take an answer for free input."""
    assert read(usage) == (None, True)


@pytest.mark.parametrize("nonsense", [-1, 1.5, "12", False, TOKENS_CREDIBLE_MAX + 1])
def test_nonsense_in_a_detail_counts_as_nothing_and_is_flagged(nonsense):
    usage, clamped = read(block(5, 5, {"cached_tokens": nonsense}))
    assert (usage.input, usage.output, clamped) == (5, 5, True)


@pytest.mark.parametrize("details", [None, [], "text", 5])
def test_details_that_are_no_object_are_no_details(details):
    usage, clamped = read({**block(5, 5), "prompt_tokens_details": details, "completion_tokens_details": details})
    assert (usage, clamped) == (Usage(input=5, output=5), False)


def test_an_explicit_zero_is_a_value():
    assert read(block(0, 0)) == (Usage(), False)


@given(st.integers(0, 10**15))
def test_ticks_are_a_tenth_of_a_nano_dollar_each(ticks):
    cost = read_cost({"cost_in_usd_ticks": ticks}, frozenset({Quirk.CHARGES_COST_TICKS}))
    assert Fraction(cost.picos, 10**12) == Fraction(ticks, 10**10)


@given(st.floats(0, 10**5))
def test_a_reported_cost_is_rounded_up_to_a_pico_dollar(dollars):
    """The decimal figure that the provider wrote, not the binary fraction that stands for it."""
    cost = read_cost({"cost": dollars}, frozenset({Quirk.CHARGES_REPORTED_COST}))
    assert cost.picos == ceil(Fraction(repr(dollars)) * 10**12)


def test_recorded_costs_are_exact_or_rounded_up():
    charges = frozenset({Quirk.CHARGES_REPORTED_COST})
    assert read_cost({"cost": 0.00256995}, charges) == Money.usd("0.00256995")
    assert read_cost({"cost": 0.0004970133333333333}, charges) == Money(497_013_334)
    assert read_cost({"cost": 0}, charges) == Money(0)


@pytest.mark.parametrize("quirk", [Quirk.CHARGES_COST_TICKS, Quirk.CHARGES_REPORTED_COST])
@pytest.mark.parametrize(
    "cost", [None, "0.5", True, -1, -0.5, {"total_cost": 1}, 10**30, 10**4000, float("inf"), float("nan"), 1e300]
)
def test_a_cost_that_cannot_be_is_not_believed(quirk, cost):
    assert read_cost({"cost": cost, "cost_in_usd_ticks": cost}, frozenset({quirk})) is None


def test_costs_are_believed_up_to_a_bound_that_every_book_can_hold():
    most = Money.usd(DOLLARS_CREDIBLE_MAX)
    dollars, ticks = frozenset({Quirk.CHARGES_REPORTED_COST}), frozenset({Quirk.CHARGES_COST_TICKS})
    assert read_cost({"cost": DOLLARS_CREDIBLE_MAX}, dollars) == most
    assert read_cost({"cost_in_usd_ticks": DOLLARS_CREDIBLE_MAX * 10**10}, ticks) == most
    assert read_cost({"cost": DOLLARS_CREDIBLE_MAX + 1}, dollars) is None
    assert read_cost({"cost_in_usd_ticks": DOLLARS_CREDIBLE_MAX * 10**10 + 1}, ticks) is None
    assert most.picos < 2**63


def test_only_who_charges_by_its_figure_is_believed():
    both = {"cost": 0.5, "cost_in_usd_ticks": 5}
    assert read_cost(both, NONE) is None
    assert read_cost({**both, "is_byok": True}, frozenset({Quirk.CHARGES_REPORTED_COST})) is None


def quirks_of(api):
    return frozenset().union(*(q for word, q in QUIRKS.items() if word in api))


def openai_like(data):
    with gzip.open(data / "usage_corpus.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            usage = row["usage_final"]
            if isinstance(usage, dict) and "prompt_tokens" in usage:
                yield row["api"], usage


def test_recorded_usage_keeps_its_sums(data):
    """Over every recorded OpenAI-like block: nothing negative, and the counters add up to the provider's own total."""
    checked, mended = 0, {}
    for api, block in openai_like(data):
        usage, clamped = read_usage(block, quirks_of(api))
        assert usage is not None, (api, block)
        assert all(getattr(usage, n) >= 0 for n in COUNTERS)
        assert usage.tokens == block["total_tokens"], (api, block)
        audio = usage.input_audio if Quirk.AUDIO_BESIDE_INPUT in quirks_of(api) else 0
        assert usage.input_total - audio == block["prompt_tokens"]
        if clamped:
            mended[api] = mended.get(api, 0) + 1
        checked += 1
    assert checked > 900
    assert sum(mended.values()) < checked / 20
    print(f"{checked} recorded usage blocks add up; mended: {mended}")


def contradicts_itself(block, quirks):
    """Whether the details do not fit into the counters that they are details of."""
    given_details, made_details = block.get("prompt_tokens_details") or {}, block.get("completion_tokens_details") or {}
    beside = {"audio_tokens"} if Quirk.AUDIO_BESIDE_INPUT in quirks else set()
    inside = {"cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"} - beside
    room = block.get("completion_tokens", 0)
    if Quirk.REASONING_BESIDE_OUTPUT in quirks:
        room += made_details.get("reasoning_tokens", 0)
    made = sum(made_details.get(n) or 0 for n in ("reasoning_tokens", "audio_tokens", "image_tokens"))
    return sum(given_details.get(n) or 0 for n in inside) > block["prompt_tokens"] or made > room


def test_recorded_usage_is_mended_exactly_where_it_contradicts_itself(data):
    """Azure's Grok with more cached than prompt, OpenRouter's reads that overlap writes; and nothing else."""
    found = [(api, block) for api, block in openai_like(data) if contradicts_itself(block, quirks_of(api))]
    assert found
    for api, block in openai_like(data):
        assert read_usage(block, quirks_of(api))[1] == contradicts_itself(block, quirks_of(api)), (api, block)


def test_recorded_costs_are_read_to_the_digit(data):
    """Every cost that OpenRouter or xAI reported in the corpus, against exact fractions."""
    checked = 0
    for api, block in openai_like(data):
        cost = read_cost(block, quirks_of(api))
        if cost is None:
            continue
        ticks, dollars = block.get("cost_in_usd_ticks"), block.get("cost")
        exact = Fraction(ticks, 10**10) if ticks is not None else Fraction(repr(dollars))
        assert 0 <= cost.picos - exact * 10**12 < 1
        checked += 1
    assert checked > 40


CHAT_APIS = {"chat.completions", "openai-compat chat", "models chat.completions", "embeddings"}


def bodies(path):
    """The JSON documents of a recorded answer: one, or one for each event."""
    text = path.read_text()
    if path.suffix == ".json":
        return [text]
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith("{")]


def classes(usage):
    """Counts by class, of those that are not zero: as a sorted list, which is what prices are multiplied with."""
    return sorted(getattr(usage, n) for n in COUNTERS if getattr(usage, n))


def test_recorded_answers_are_read_to_the_expected_counters(data):
    """Each component of the hand-made index is found as a counter, from the very bytes that the provider sent."""
    index = json.loads((data / "recorded" / "index.json").read_text())
    checked = []
    for entry in (e for e in index if e["api"] in CHAT_APIS and e["components"]):
        quirks = frozenset(BY_PROVIDER.get(entry["provider"], ()))
        seen = [OpenAIChat().report(text.encode(), quirks) for text in bodies(data / "recorded" / entry["file"])]
        report = next(r for r in reversed(seen) if r.usage is not None)
        usage = report.usage
        expected = {c["what"]: c["count"] for c in entry["components"]}
        for what, number in expected.items():
            assert COMPONENTS[next(k for k in COMPONENTS if what.startswith(k))](usage) == number, (entry["file"], what)
        assert sum(expected.values()) == usage.tokens
        assert report.clamped == ("clamped" in str(entry["components"]))
        checked.append(entry["file"])
    assert len(checked) >= 10
    print(f"{len(checked)} recorded answers read to their components")


def outputs(usage):
    return usage.output + usage.output_reasoning


# By the beginning of a component's name, the longest first.
COMPONENTS = {
    "input_uncached": lambda u: u.input,
    "input_miss": lambda u: u.input,
    "input_hit": lambda u: u.cache_read,
    "input": lambda u: u.input,
    "text_input": lambda u: u.input,
    "audio_input": lambda u: u.input_audio,
    "cache_read": lambda u: u.cache_read,
    "text_output": outputs,
    "output_visible": lambda u: u.output,
    "output_reasoning": lambda u: u.output_reasoning,
    "output": outputs,
}


def test_recorded_answers_without_a_price_have_their_counters_too(data):
    """Mistral's stream and audio, and OpenRouter's caches: read as their notes say."""
    recorded = data / "recorded"

    def usage(file, provider):
        seen = [OpenAIChat().report(t.encode(), frozenset(BY_PROVIDER[provider])) for t in bodies(recorded / file)]
        return next(r for r in reversed(seen) if r.usage is not None)

    stream = usage("mistral_stream.sse", "mistral")
    assert (stream.usage, stream.clamped) == (Usage(input=22, output=8), False)
    audio = usage("mistral_voxtral_audio.json", "mistral")
    heard = Usage(input=9, input_audio=375, output=248, extras=Extras(audio_ms=3000))
    assert (audio.usage, audio.clamped) == (heard, False)
    cache = usage("openrouter_anthropic_cache.json", "openrouter")
    assert cache.usage == Usage(input=1, cache_read=2569, cache_write=79, output=100)
    assert cache.cost == Money.usd("0.00256995")
    overlap = usage("openrouter_gemini_cache_read_write_overlap.json", "openrouter")
    assert (overlap.usage.input_total, overlap.clamped) == (2168, True)
    ticks = usage("xai_chat_reasoning_additive.json", "x-ai")
    assert ticks.cost == Money.usd("0.0001399")


anything = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2 * TOKENS_CREDIBLE_MAX), st.floats(), st.text(max_size=3)
)
DETAILS = ["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]
MAIN = [
    *("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"),
    "prompt_audio_seconds",
]


@given(
    st.dictionaries(st.sampled_from(MAIN), st.one_of(count, anything)),
    st.one_of(anything, st.dictionaries(st.sampled_from(DETAILS), st.one_of(count, anything))),
    st.one_of(anything, st.dictionaries(st.sampled_from(DETAILS), st.one_of(count, anything))),
    st.sampled_from([NONE, {Quirk.REASONING_BESIDE_OUTPUT}, {Quirk.OUTPUT_IS_THE_REST}, {Quirk.AUDIO_BESIDE_INPUT}]),
    st.sampled_from([None, {}, {"message": "x"}, "", "x", 0, False]),
)
def test_the_quick_reading_says_what_the_careful_one_says(main, given_details, made_details, quirks, error):
    usage = main | {"prompt_tokens_details": given_details, "completion_tokens_details": made_details}
    message = json.dumps({"model": "m", "usage": usage, "error": error}).replace("NaN", "0").replace("Infinity", "1")
    report = OpenAIChat().report(message.encode(), frozenset(quirks))
    assert (report.usage, report.clamped) == read_usage(json.loads(message)["usage"], frozenset(quirks))
    assert (report.model, report.cost, report.failed) == ("m", None, bool(error))
