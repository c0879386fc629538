"""Anthropic's usage becomes disjoint counters and turns: never too few, never negative, and never raised."""

import gzip
import json

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Extras, Turn, Usage
from gateway.dialects.anthropic_usage import read_conditions, read_usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX

COUNTERS = [n for n in Usage.__match_args__ if n not in {"requests", "final", "extras", "prompt"}]
count = st.integers(0, 10**6)


def block(given=1, made=2, **more):
    return {"input_tokens": given, "output_tokens": made, **more}


def lifetimes(minutes, hour):
    return {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}


@given(st.tuples(count, count, count, count, count), st.integers(0, 100))
def test_what_was_cached_stands_beside_the_input_and_thinking_inside_the_output(counts, part):
    given_, read, minutes, hour, made = counts
    thought = made * part // 100
    usage, turns, clamped = read_usage(
        block(
            given_, made,
            cache_read_input_tokens=read,
            cache_creation_input_tokens=minutes + hour,
            cache_creation=lifetimes(minutes, hour),
            output_tokens_details={"thinking_tokens": thought},
        )
    )  # fmt: skip
    assert usage == Usage(
        input=given_, cache_read=read, cache_write=minutes, cache_write_1h=hour,
        output=made - thought, output_reasoning=thought,
    )  # fmt: skip
    assert (turns, clamped) == ((), False)


@given(count, count, count)
def test_what_was_written_and_is_not_split_was_written_for_five_minutes(minutes, hour, rest):
    """Recorded with web search: a split of 0 + 0 beside a positive total."""
    usage, _, clamped = read_usage(
        block(cache_creation_input_tokens=minutes + hour + rest, cache_creation=lifetimes(minutes, hour))
    )
    assert (usage.cache_write, usage.cache_write_1h, clamped) == (minutes + rest, hour, False)


@pytest.mark.parametrize(
    ("more", "written", "clamped"),
    [
        ({"cache_creation_input_tokens": 9}, (9, 0), False),
        ({"cache_creation": lifetimes(4, 5)}, (4, 5), False),
        ({"cache_creation_input_tokens": None, "cache_creation": lifetimes(4, 5)}, (4, 5), False),
        ({"cache_creation_input_tokens": 3, "cache_creation": lifetimes(4, 5)}, (0, 3), True),
        ({"cache_creation_input_tokens": 9, "cache_creation": None}, (9, 0), False),
        ({"cache_creation_input_tokens": 9, "cache_creation": [1]}, (9, 0), False),
    ],
)
def test_a_split_never_exceeds_the_whole(more, written, clamped):
    usage, _, mended = read_usage(block(**more))
    assert ((usage.cache_write, usage.cache_write_1h), mended) == (written, clamped)


def test_more_thinking_than_output_is_mended():
    usage, _, clamped = read_usage(block(1, 5, output_tokens_details={"thinking_tokens": 6}))
    assert (usage.output, usage.output_reasoning, clamped) == (0, 5, True)


@pytest.mark.parametrize("nonsense", [-1, 1.5, "12", True, [], {}, TOKENS_CREDIBLE_MAX + 1, None])
@pytest.mark.parametrize("field", ["input_tokens", "output_tokens"])
def test_without_its_two_totals_there_is_no_usage(field, nonsense):
    """Missing is not zero: we must not take an answer for free."""
    assert read_usage(block() | {field: nonsense}) == (None, (), True)


@pytest.mark.parametrize("nonsense", [-1, 1.5, "12", False, TOKENS_CREDIBLE_MAX + 1])
@pytest.mark.parametrize(
    "detail",
    [
        lambda n: {"cache_read_input_tokens": n},
        lambda n: {"cache_creation_input_tokens": n},
        lambda n: {"cache_creation": lifetimes(n, 0)},
        lambda n: {"output_tokens_details": {"thinking_tokens": n}},
        lambda n: {"server_tool_use": {"web_search_requests": n}},
    ],
)
def test_nonsense_in_a_detail_counts_as_nothing_and_is_flagged(detail, nonsense):
    assert read_usage(block(5, 6, **detail(nonsense))) == (Usage(input=5, output=6), (), True)


@pytest.mark.parametrize(("searches", "extras"), [(3, Extras(web_searches=3)), (0, None), (None, None)])
def test_searches_are_counted_and_fetches_are_free(searches, extras):
    used = {"web_search_requests": searches, "web_fetch_requests": 7}
    assert read_usage(block(server_tool_use=used)) == (Usage(input=1, output=2, extras=extras), (), False)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, None),
        ({"service_tier": "standard", "inference_geo": "not_available", "speed": "standard"}, None),
        ({"service_tier": None, "inference_geo": None, "speed": None}, None),
        ({"service_tier": 5, "inference_geo": ["us"], "speed": {}}, None),
        ({"inference_geo": "global"}, None),
        ({"inference_geo": ""}, None),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "priority"}, "priority"),
        ({"inference_geo": "us"}, "geo:us"),
        ({"speed": "fast"}, "speed:fast"),
        ({"speed": "fast", "inference_geo": "us", "service_tier": "batch"}, "batch,geo:us,speed:fast"),
        ({"fallback_credit": {"status": {"type": "redeemed"}}}, "fallback_credit"),
        ({"fallback_credit": {"status": {"type": "not_applied"}}}, None),
        ({"fallback_credit": {"status": "redeemed"}}, None),
        ({"fallback_credit": None}, None),
    ],
)
def test_what_else_the_price_depends_on(more, told):
    assert read_conditions(block(**more)) == told


entries = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["message", "compaction", "advisor_message", "fallback_message", "new"]),
        "input_tokens": count,
        "output_tokens": count,
        "cache_read_input_tokens": count,
        "cache_creation_input_tokens": count,
    },
    optional={"model": st.sampled_from(["a", "b", "", None, 5])},
)


@given(block_=st.builds(block, count, count), turns=st.lists(entries, max_size=5), searches=st.integers(0, 9))
def test_the_usage_is_the_sum_of_the_turns_where_they_are_listed(block_, turns, searches):
    """Every counter, the searches, and the one request, each exactly once."""
    used = {"web_search_requests": searches}
    usage, parts, clamped = read_usage(block_ | {"iterations": turns, "server_tool_use": used})
    assert not clamped
    assert [part.usage.input_total for part in parts] == [
        e["input_tokens"] + e["cache_read_input_tokens"] + e["cache_creation_input_tokens"] for e in turns
    ]
    assert [part.usage.output_total for part in parts] == [e["output_tokens"] for e in turns]
    for name in [*COUNTERS, "requests"] if turns else ():
        assert getattr(usage, name) == sum(getattr(part.usage, name) for part in parts)
    extras = [part.usage.extras for part in parts if part.usage.extras] if turns else [usage.extras] * bool(searches)
    assert extras == ([Extras(web_searches=searches)] if searches else [])
    assert usage.extras == (extras[0] if extras else None)


@given(st.lists(entries, min_size=1, max_size=5), count)
def test_thinking_is_shared_out_among_the_models_own_turns(turns, thought):
    """As far as they go. An advisor's thinking is not in the totals."""
    usage, parts, _ = read_usage(block(1, 10**6, output_tokens_details={"thinking_tokens": thought}, iterations=turns))
    own = sum(e["output_tokens"] for e in turns if e["type"] != "advisor_message")
    assert usage.output_reasoning == min(thought, own)
    for entry, part in zip(turns, parts, strict=True):
        assert part.usage.output >= 0
        assert part.usage.output_reasoning == 0 or entry["type"] != "advisor_message"


def test_compaction_is_not_in_the_totals_and_is_paid_for():
    """Recorded: $0.299451, of which the totals show $0.000651."""
    usage, turns, clamped = read_usage(
        block(162, 11, iterations=[block(99_195, 81, type="compaction"), block(162, 11, type="message")])
    )
    assert usage == Usage(input=99_357, output=92)
    assert turns == (Turn(Usage(input=99_195, output=81, requests=0)), Turn(Usage(input=162, output=11)))
    assert not clamped


def test_totals_that_contradict_themselves_do_not_matter_where_the_turns_are_listed():
    """A stream with a compaction resets what was written to the cache, and leaves the split of before."""
    stale = block(1, 2, cache_creation_input_tokens=0, cache_creation=lifetimes(55_096, 0))
    assert read_usage(stale).clamped
    assert not read_usage(stale | {"iterations": [block(type="message")]}).clamped
    assert read_usage(stale | {"iterations": [block(1, 2, cache_read_input_tokens=-1)]}).clamped


def test_an_advisors_turn_is_at_its_own_model():
    usage, turns, _ = read_usage(
        block(2390, 121, iterations=[block(1128, 110), block(2518, 22, type="advisor_message", model="m")])
    )
    assert [turn.model for turn in turns] == [None, "m"]
    assert (usage.input, usage.output) == (3646, 132)


@pytest.mark.parametrize(
    ("entries", "doubtful"),
    [
        ([block(4, 0, type="message", model="a"), block(4, 264, type="fallback_message", model="b")], [True, False]),
        ([block(408, 9, type="message", model="a"), block(412, 264, type="fallback_message", model="b")], [False] * 2),
        ([block(408, 0, type="message", model="b"), block(412, 264, type="fallback_message", model="b")], [False] * 2),
        ([block(408, 0, type="message"), block(412, 264, type="fallback_message", model="b")], [False] * 2),
        ([block(9, 0, type="compaction", model="a"), block(4, 2, type="fallback_message", model="b")], [False] * 2),
        ([block(408, 0, type="message", model="a"), block(408, 0, type="message", model="c")], [False] * 2),
        ([block(408, 0, type="message", model="a"), block(1, 1, type="fallback_message")], [False] * 2),
        (
            [
                *(block(4, 0, type="message", model=model) for model in "ac"),
                block(4, 3, type="message", model="b"),
                block(4, 2, type="fallback_message", model="b"),
            ],
            [True, True, False, False],
        ),
    ],
)  # fmt: skip
def test_a_hop_that_was_declined_before_it_said_a_word_is_doubtful(entries, doubtful):
    """The serving model's earlier turns are `message` entries too (the SDK's own words), and are no hops."""
    _, turns, _ = read_usage(block(iterations=entries))
    assert [turn.doubtful for turn in turns] == doubtful


@pytest.mark.parametrize(
    "entries", ["many", {"type": "message"}, [5], [block(), None], [{"type": "message"}], [block(-1)]]
)
def test_turns_that_cannot_be_read_leave_the_totals_and_doubt(entries):
    assert read_usage(block(3, 4, iterations=entries)) == (Usage(input=3, output=4), (), True)


@pytest.mark.parametrize("entries", [None, []])
def test_no_turns_are_no_turns(entries):
    assert read_usage(block(3, 4, iterations=entries)) == (Usage(input=3, output=4), (), False)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(block())), inner, max_size=3),
    max_leaves=6,
)
names = ["cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens_details"]
names += ["server_tool_use", "service_tier", "inference_geo", "speed", "iterations", "fallback_credit"]


@given(st.dictionaries(st.sampled_from([*block(), *names]), junk | count))
def test_whatever_a_provider_sends_nothing_is_raised_or_negative(anything):
    usage, turns, _ = read_usage(anything)
    read_conditions(anything)
    for counted in [usage] * (usage is not None) + [turn.usage for turn in turns]:
        assert all(getattr(counted, name) >= 0 for name in COUNTERS)


def recorded():
    with gzip.open(harness.shared() / "data" / "usage_corpus.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["api"] in {"api.anthropic.com/v1/messages", "file:anthropic", "file:harness-claude-code/bridge"}:
                yield row["usage_first"] or {}, row["usage_final"]


@pytest.mark.skipif(harness.shared() is None, reason="there are no shared recordings")
def test_recorded_usage_keeps_its_sums():
    """Input adds up to what was given, read and written; output to the output; and nothing has to be mended."""
    checked = with_turns = 0
    for first, final in recorded():
        merged = first | {name: value for name, value in final.items() if value is not None}
        usage, turns, clamped = read_usage(merged)
        assert not clamped, merged
        told = merged["iterations"] if turns else [merged]
        kinds = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        assert usage.input_total == sum(entry.get(kind) or 0 for entry in told for kind in kinds)
        assert usage.output_total == sum(entry["output_tokens"] for entry in told)
        thought = (merged.get("output_tokens_details") or {}).get("thinking_tokens") or 0
        assert usage.output_reasoning == thought
        checked, with_turns = checked + 1, with_turns + bool(turns)
    print(f"{checked} recorded usage blocks of Anthropic add up, {with_turns} of them turn by turn")
    assert checked > 380
    assert with_turns >= 9
