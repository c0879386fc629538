"""Bedrock's counters become disjoint ones: caches stand beside the input, and nothing is raised or negative."""

import gzip
import json

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Extras, Usage
from gateway.dialects.bedrock_usage import OPTIMIZED, asked_conditions, read_usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX

count = st.integers(0, 10**6)
COUNTERS = [n for n in Usage.__match_args__ if n not in {"requests", "final", "extras", "prompt"}]


def block(given=1, made=2, **more):
    return {"inputTokens": given, "outputTokens": made, **more}


@given(count, count, count, count, count)
def test_every_token_counts_once(given_, made, read, minutes, hour):
    details = [{"ttl": "5m", "inputTokens": minutes}, {"ttl": "1h", "inputTokens": hour}]
    written = minutes + hour
    usage, clamped = read_usage(
        block(
            given_, made,
            cacheReadInputTokens=read, cacheWriteInputTokens=written, cacheDetails=details,
            totalTokens=given_ + made + read + written,
        )
    )  # fmt: skip
    assert usage == Usage(input=given_, cache_read=read, cache_write=minutes, cache_write_1h=hour, output=made)
    assert not clamped


@pytest.mark.parametrize(
    ("more", "written", "clamped"),
    [
        ({"cacheWriteInputTokens": 9}, (9, 0), False),
        ({"cacheWriteInputTokenCount": 9}, (9, 0), False),
        ({"cacheWriteInputTokens": None, "cacheWriteInputTokenCount": 9}, (9, 0), False),
        ({"cacheWriteInputTokens": 9, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]}, (5, 4), False),
        ({"cacheWriteInputTokens": 9, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}] * 2}, (1, 8), False),
        ({"cacheWriteInputTokens": 9, "cacheDetails": [{"ttl": "1h", "inputTokens": 10}]}, (0, 9), True),
        ({"cacheWriteInputTokens": 9, "cacheDetails": [{"ttl": "1h", "inputTokens": -1}]}, (9, 0), True),
        ({"cacheWriteInputTokens": 9, "cacheDetails": ["1h"]}, (9, 0), True),
        ({"cacheWriteInputTokens": 9, "cacheDetails": "1h"}, (9, 0), True),
        ({"cacheWriteInputTokens": "9"}, (0, 0), True),
        ({"cacheWriteInputTokens": True}, (0, 0), True),
    ],
)
def test_a_split_of_what_was_written_never_exceeds_it(more, written, clamped):
    usage, mended = read_usage(block(**more))
    assert ((usage.cache_write, usage.cache_write_1h), mended) == (written, clamped)


@pytest.mark.parametrize("wrong", [{}, {"outputTokens": 3}, block(-1), block(1.5), block(made="2"), block(2 * 10**9)])
def test_without_a_count_of_the_input_there_is_no_usage(wrong):
    assert read_usage(wrong) == (None, True)


def test_a_total_that_says_otherwise_is_noted():
    assert read_usage(block(1, 2, totalTokens=3))[1] is False
    assert read_usage(block(1, 2, totalTokens=4)) == (Usage(input=1, output=2), True)
    assert read_usage(block(1, 2, totalTokens="3"))[1] is True


@pytest.mark.parametrize(
    ("tools", "extras"),
    [({}, None), (None, None), ([1], None), ({"a": 2, "b": -1, "c": "x"}, Extras(web_searches=2)), ({"a": 0}, None)],
)
def test_the_providers_own_tools_are_counted_as_fees_that_nobody_knows(tools, extras):
    assert read_usage(block(serverToolUsage=tools))[0].extras == extras


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ttl", "inputTokens"]), inner),
    max_leaves=6,
)
NAMES = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails", "totalTokens"]


@given(st.dictionaries(st.sampled_from([*NAMES, "serverToolUsage", "inputTokenCount"]), anything))
def test_nonsense_raises_nothing_and_counts_nothing_negative(wrong):
    usage, _ = read_usage(wrong)
    if usage is not None:
        assert all(0 <= getattr(usage, name) <= 4 * TOKENS_CREDIBLE_MAX for name in COUNTERS)


@pytest.mark.parametrize(
    ("tier", "performance", "expected"),
    [
        (None, None, None),
        ({"type": "default"}, {"latency": "standard"}, None),
        ({"type": "flex"}, None, "flex"),
        ({"type": "priority"}, {"latency": "optimized"}, f"{OPTIMIZED},priority"),
        (None, {"latency": "optimized"}, OPTIMIZED),
        ({"type": 5}, {"latency": 5}, None),
        ("flex", "optimized", None),
    ],
)
def test_conditions_of_the_price(tier, performance, expected):
    assert asked_conditions(tier, performance) == expected


def test_the_recorded_usage_holds_to_its_identity():
    """361 answers of Converse: the total is the sum of all four counters."""
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    checked = 0
    with gzip.open(shared / "data" / "usage_corpus.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            found = row["usage_final"]
            if not isinstance(found, dict) or "inputTokens" not in found:
                continue
            usage, clamped = read_usage(found)
            assert usage.tokens == found["totalTokens"]
            assert usage.cache_read == found.get("cacheReadInputTokens", found.get("cacheReadInputTokenCount", 0))
            assert not clamped
            checked += 1
    assert checked >= 119
    print(checked, "usage blocks of Bedrock")
