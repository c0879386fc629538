"""Gemini's usage becomes disjoint counters: nothing counted twice, nothing negative, nothing raised."""

import gzip
import json

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Extras, Report, Usage
from gateway.dialects.base import NOTHING_YET
from gateway.dialects.gemini import Gemini

LENS = Gemini()
COUNTERS = [n for n in Usage.__match_args__ if n not in {"requests", "final", "extras", "prompt"}]
MODALITIES = ["TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT", "SMELL", 1, 2, 3, 4, 5, 6]
count = st.integers(0, 10**6)
details = st.lists(st.fixed_dictionaries({"modality": st.sampled_from(MODALITIES)}, optional={"tokenCount": count}))


def report(usage, before=NOTHING_YET, **more):
    return LENS.report(json.dumps({"usageMetadata": usage, **more}).encode(), frozenset(), before)


def listed(**counts):
    return [{"modality": name.upper(), "tokenCount": tokens} for name, tokens in counts.items()]


def used(**counts):
    return Usage(**counts)


@given(
    count,
    count,
    count,
    count,
    st.fixed_dictionaries(
        {},
        optional={
            "cachedContentTokenCount": count,
            "promptTokensDetails": details,
            "cacheTokensDetails": details,
            "candidatesTokensDetails": details,
        },
    ),
)
def test_totals_hold_whatever_the_details_claim(prompt, made, thoughts, tool, more):
    total = prompt + made + thoughts + tool
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": made, "thoughtsTokenCount": thoughts}
    found = report({**counts, "toolUsePromptTokenCount": tool, "totalTokenCount": total, **more}).usage
    assert (found.input_total, found.output_total) == (prompt + tool, made + thoughts)
    cached = min(more.get("cachedContentTokenCount", 0), prompt)
    assert found.cache_read + found.cache_read_audio + found.cache_read_image == cached
    assert all(getattr(found, name) >= 0 for name in COUNTERS)
    assert (found.input_tool, found.output_reasoning) == (tool, thoughts)
    assert found.prompt == (prompt if tool else None), "what tools add is no part of the prompt that tiers look at"


def test_every_class_has_its_counter():
    found = report(
        {
            "promptTokenCount": 100,
            "promptTokensDetails": listed(text=40, audio=30, image=10, document=5, video=15),
            "cachedContentTokenCount": 33,
            "cacheTokensDetails": listed(text=10, audio=5, image=12, video=6),
            "candidatesTokenCount": 60,
            "candidatesTokensDetails": listed(text=20, audio=15, image=25),
            "thoughtsTokenCount": 7,
            "toolUsePromptTokenCount": 3,
            "totalTokenCount": 170,
        }
    )
    assert not found.clamped
    assert found.usage == Usage(
        input=30,
        input_audio=25,
        input_image=3,
        input_video=9,
        cache_read=16,
        cache_read_audio=5,
        cache_read_image=12,
        input_tool=3,
        output=20,
        output_audio=15,
        output_image=25,
        output_reasoning=7,
        prompt=100,
    )


def test_what_is_not_listed_is_text():
    found = report({"promptTokenCount": 5, "candidatesTokenCount": 1518, "candidatesTokensDetails": listed(image=1120)})
    assert found.usage == Usage(input=5, output=398, output_image=1120)
    assert not found.clamped


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # Nothing explains a part of the total: it was generated unseen.
        (
            {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 10},
            used(input=5, output=2, output_reasoning=3),
        ),
        # The prompt is missing, and follows from the total.
        (
            {"candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10},
            used(input=5, output=2, output_reasoning=3),
        ),
        ({"totalTokenCount": 9}, used(input=9)),
        # More cached than given; more of one kind than of all.
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, used(cache_read=5)),
        ({"promptTokenCount": 5, "promptTokensDetails": listed(audio=9)}, used(input_audio=5)),
        # Cached without a word on what: text first, audio last.
        (
            {
                "promptTokenCount": 30,
                "promptTokensDetails": listed(text=5, audio=10, image=8, video=7),
                "cachedContentTokenCount": 22,
            },
            used(cache_read=12, cache_read_image=8, cache_read_audio=2, input_audio=8),
        ),
        # Film has no rate of its own: charged as text.
        (
            {"promptTokenCount": 1, "candidatesTokenCount": 4, "candidatesTokensDetails": listed(video=4)},
            used(input=1, output=4),
        ),
        # A detail that is nonsense is left out.
        ({"promptTokenCount": 5, "promptTokensDetails": "five"}, used(input=5)),
        ({"promptTokenCount": 5, "serviceTier": 7}, used(input=5)),
    ],
)
def test_contradictions_are_mended_and_said(usage, expected):
    found = report(usage)
    assert found.usage == expected
    assert found.clamped


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokenCount": -1},
        {"promptTokenCount": 5, "candidatesTokenCount": 1.5},
        {"promptTokenCount": 10**18},
        {"candidatesTokenCount": 18, "thoughtsTokenCount": 58},  # Recorded: no prompt and no total.
    ],
)
def test_without_a_main_counter_there_is_nothing_to_charge_by(usage):
    found = report(usage)
    assert found.usage is None
    assert found.clamped


def test_a_block_that_cannot_be_read_says_nothing():
    nested = b'{"usageMetadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"
    assert LENS.report(nested, frozenset()).usage is None
    deep = b'{"usageMetadata": {"promptTokenCount": ' + b"[" * 900 + b"]" * 900 + b"}}"
    assert LENS.report(deep, frozenset()).clamped


def test_text_that_is_no_utf8_does_no_harm():
    found = LENS.report(b'{"modelVersion": "\xff", "usageMetadata": {"promptTokenCount": 3}}', frozenset())
    assert (found.usage, found.model) == (Usage(input=3), None)
    found = LENS.report(b'{"usageMetadata": {"promptTokenCount": 3, "serviceTier": "\xff"}}', frozenset())
    assert found.usage == Usage(input=3)


def test_a_number_that_nobody_can_hold_makes_a_block_unreadable():
    found = LENS.report(
        b'{"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": {}, "x": -9e2337203685}}', frozenset()
    )
    assert found.usage is None
    assert found.clamped


@pytest.mark.parametrize("usage", [{}, None, 7, "x", [], {"trafficType": "ON_DEMAND"}])
def test_a_block_without_counters_says_nothing(usage):
    """Chunks of Vertex AI's streams name the tier alone."""
    assert (report(usage).usage, report(usage).clamped) == (None, False)
    before = Report(usage=Usage(input=3), model="m", service_tier="flex")
    found = report(usage, before)
    assert (found.usage, found.model) == (before.usage, "m")


def test_the_live_apis_and_embeddings_names():
    live = {
        "promptTokenCount": 4,
        "responseTokenCount": 6,
        "responseTokensDetails": listed(audio=6),
        "totalTokenCount": 10,
    }
    assert report(live).usage == Usage(input=4, output_audio=6)
    embedded = {"promptTokenCount": 4, "promptTokenDetails": listed(text=1, image=3)}
    assert report(embedded).usage == Usage(input=1, input_image=3)


def test_running_totals_are_never_summed():
    so_far = Report()
    for made in (1, 5, 9):
        so_far = report({"promptTokenCount": 34, "candidatesTokenCount": made, "totalTokenCount": 34 + made}, so_far)
    assert so_far.usage == Usage(input=34, output=9)
    assert json.loads(so_far.raw)["candidatesTokenCount"] == 9


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({}, None),
        ({"serviceTier": "standard"}, "standard"),
        ({"serviceTier": "SERVICE_TIER_FLEX"}, "flex"),
        ({"serviceTier": "priority"}, "priority"),
        ({"serviceTier": "unspecified"}, None),
        ({"trafficType": "ON_DEMAND"}, "standard"),
        ({"trafficType": 1}, "standard"),
        ({"trafficType": 2}, "2"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, None),
    ],
)
def test_the_tier_that_served(usage, tier):
    found = report({"promptTokenCount": 1, **usage})
    assert found.service_tier == tier
    assert report({"promptTokenCount": 2}, found).service_tier == tier, "a chunk that does not say so changes nothing"


def grounded(*, web=(), images=(), chunks=()):
    said = {"webSearchQueries": web, "imageSearchQueries": images, "groundingChunks": chunks}
    return [{"groundingMetadata": said}]


@pytest.mark.parametrize(
    ("model", "candidates", "extras"),
    [
        ("gemini-2.5-pro", grounded(web=["a", "b"]), Extras(web_searches=1)),
        ("gemini-2.5-pro", grounded(chunks=[{"web": {}}]), Extras(web_searches=1)),
        ("gemini-3-pro-preview", grounded(web=["a", "b", ""], images=["c"]), Extras(web_searches=3)),
        ("gemini-3-pro-preview", grounded(web=["a"]) + grounded(web=["b"]), Extras(web_searches=2)),
        (None, grounded(web=["a", "b"]), Extras(web_searches=2)),
        ("gemini-3-flash", grounded(chunks=[{"maps": {}}, {"maps": {}}]), Extras(map_searches=1)),
        ("gemini-3-flash", grounded(), None),
        ("gemini-3-flash", [{"groundingMetadata": None}], None),
        ("gemini-3-flash", [{"groundingMetadata": {"webSearchQueries": 7}}], None),
        ("gemini-3-flash", None, None),
    ],
)
def test_searches_as_they_are_charged(model, candidates, extras):
    """By the grounded prompt until Gemini 2, by the query from 3 on."""
    found = report({"promptTokenCount": 1}, modelVersion=model, candidates=candidates)
    assert found.usage.extras == extras
    later = report({"promptTokenCount": 2}, found, candidates=[{"groundingMetadata": {}}])
    assert later.usage.extras == extras, "an empty word later takes nothing back"
    early = report({"promptTokenCount": 1})
    assert report(None, early, modelVersion=model, candidates=candidates).usage.extras == extras


def test_a_blocked_prompt_is_charged_and_the_last_word():
    found = report({"promptTokenCount": 8, "totalTokenCount": 8}, promptFeedback={"blockReason": "SAFETY"})
    assert (found.usage, found.last, found.failed) == (Usage(input=8), True, False)


def test_an_error_under_a_good_status():
    found = LENS.report(b'{"error": {"code": 503, "message": "overloaded"}}', frozenset())
    assert found.failed
    assert found.usage is None


FIELDS = ["usageMetadata", "promptTokenCount", "candidates", "error", "promptFeedback", "modelVersion", "serviceTier"]
anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_nothing_raises(message):
    before = Report(usage=Usage(input=1))
    assert LENS.report(message, frozenset(), before).usage is not None


def test_recorded_usage():
    """Every recorded block adds up, and none of them needed mending but those known to be broken."""
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    with gzip.open(shared / "data" / "usage_corpus.jsonl.gz") as lines:
        rows = [json.loads(line) for line in lines]
    blocks = [row["usage_final"] for row in rows if "google" in row["api"] and row["usage_final"]]
    blocks = [block for block in blocks if "promptTokenCount" in block]
    for block in blocks:
        found = report(block)
        total = block.get("totalTokenCount", block["promptTokenCount"])
        assert (found.usage.tokens, found.clamped) == (total, False), block
        assert found.usage.input_total == block["promptTokenCount"] + block.get("toolUsePromptTokenCount", 0)
        cached = found.usage.cache_read + found.usage.cache_read_audio + found.usage.cache_read_image
        assert cached == block.get("cachedContentTokenCount", 0)
    assert len(blocks) > 500
