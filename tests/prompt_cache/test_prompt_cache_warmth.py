"""What is warm where: learned from calls and answers, bounded, and never more than was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache import warmth as module
from gateway.prompt_cache.backlog import RATE_GUESS
from gateway.prompt_cache.blocks import BLOCK_BYTES, Prompt
from gateway.prompt_cache.held import LIFETIME_S
from gateway.prompt_cache.warmth import NOTHING, Prefix, Warmth, prefix_of

OWN = 3_000_000
TOKENS = 5_000
PROMPT = prefix_of(Prompt(b"x" * (10 * BLOCK_BYTES)))


def sent(warmth, name="own", prefix=PROMPT, now=0.0, *, own=OWN, tokens=TOKENS):
    outlook = warmth.outlook(name, prefix, tokens, now, cache_tokens=own)
    warmth.leaves(outlook, now, cache_tokens=own)
    return outlook


def test_what_was_sent_is_warm_and_elsewhere_it_is_cold():
    warmth = Warmth()
    assert sent(warmth).warm_tokens == 0
    assert warmth.outlook("own", PROMPT, TOKENS, 1e9, cache_tokens=OWN).warm_tokens == TOKENS
    assert warmth.outlook("other", PROMPT, TOKENS, 0.0, cache_tokens=OWN).warm_tokens == 0
    longer = prefix_of(Prompt(b"x" * (20 * BLOCK_BYTES)))
    assert warmth.outlook("own", longer, 2 * TOKENS, 0.0, cache_tokens=OWN).warm_tokens == TOKENS


def test_a_provider_keeps_it_for_a_while_and_tells_nothing_of_waiting():
    warmth = Warmth()
    sent(warmth, "api", own=None)
    seen = warmth.outlook("api", PROMPT, TOKENS, LIFETIME_S)
    assert (seen.warm_tokens, seen.wait_ms, seen.prefill_ms, seen.tokens_lately) == (TOKENS, 0.0, None, 0)
    assert warmth.outlook("api", PROMPT, TOKENS, LIFETIME_S + 1).warm_tokens == 0
    warmth.answered(seen, 0.0, ahead=1e6, seconds=1.0)  # It has no queue that we could know.


def test_a_call_waits_for_what_is_unread_and_reads_what_is_cold():
    warmth = Warmth()
    fresh = warmth.outlook("own", NOTHING, TOKENS, 0.0, cache_tokens=OWN)
    assert (fresh.wait_ms, fresh.prefill_ms) == (0.0, TOKENS / RATE_GUESS * 1000)
    first = sent(warmth)
    seen = warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN)
    assert (seen.wait_ms, seen.prefill_ms, seen.tokens_lately) == (TOKENS / RATE_GUESS * 1000, 0.0, TOKENS)
    warmth.answered(first, 0.0, ahead=4e5, seconds=0.5)
    quicker = warmth.outlook("own", NOTHING, TOKENS, 0.0, cache_tokens=OWN)
    assert quicker.wait_ms == 0.0
    assert quicker.prefill_ms < TOKENS / RATE_GUESS * 1000


def test_a_short_prompt_has_no_blocks_and_waits_all_the_same():
    warmth = Warmth()
    sent(warmth, prefix=NOTHING)
    assert warmth.blocks == 0
    assert warmth.outlook("own", NOTHING, TOKENS, 0.0, cache_tokens=OWN).wait_ms > 0


def test_a_call_that_was_not_taken_leaves_nothing_behind():
    warmth = Warmth()
    warmth.refused(sent(warmth, prefix=Prefix(PROMPT.links[:3], 3 * BLOCK_BYTES), tokens=TOKENS * 3 // 10))
    assert warmth.blocks == 0
    sent(warmth, prefix=Prefix(PROMPT.links[:3], 3 * BLOCK_BYTES), tokens=TOKENS * 3 // 10)
    warmth.refused(sent(warmth))
    assert warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN).blocks == 3
    assert warmth.blocks == 3


def test_an_engine_that_was_not_there_has_nothing_any_more():
    warmth = Warmth()
    sent(warmth)
    sent(warmth, "api", own=None)
    for name in ("own", "api", "stranger"):
        warmth.gone(name)
    assert warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN).blocks == 0
    assert warmth.outlook("api", PROMPT, TOKENS, 0.0).blocks == warmth.blocks == 10


def test_what_a_provider_did_not_read_it_has_not():
    """Half of it was expected and came: it stays. Less: what was missing is forgotten, and less is believed."""
    warmth = Warmth()
    sent(warmth, "api", own=None)
    seen = sent(warmth, "api", own=None)
    warmth.told(seen, TOKENS, read=TOKENS * 6 // 10, written=0, speaks=True)
    assert warmth.outlook("api", PROMPT, TOKENS, 0.0).blocks == 10
    assert 0.9 * TOKENS < warmth.outlook("api", PROMPT, TOKENS, 0.0).warm_tokens < TOKENS
    warmth.told(seen, TOKENS, read=TOKENS * 2 // 10, written=TOKENS * 8 // 10, speaks=True)
    assert warmth.outlook("api", PROMPT, TOKENS, 0.0).blocks == 10
    warmth.told(seen, TOKENS, read=TOKENS * 2 // 10, written=0, speaks=True)
    assert warmth.outlook("api", PROMPT, TOKENS, 0.0).blocks == 2


def test_an_engine_of_ours_has_what_it_has_just_read():
    warmth = Warmth()
    sent(warmth)
    warmth.told(sent(warmth), TOKENS, read=0, written=0, speaks=True)
    seen = warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN)
    assert (seen.blocks, seen.warm_tokens) == (10, TOKENS * 9 // 10)


def test_who_never_speaks_of_its_cache_is_believed_to_have_one():
    """As vLLM says nothing of it unless told to: zero means none only where it does."""
    warmth = Warmth()
    sent(warmth)
    seen = sent(warmth)
    warmth.told(seen, TOKENS, read=0, written=0, speaks=False)
    assert warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN).warm_tokens == TOKENS
    warmth.told(seen, TOKENS, read=TOKENS, written=0, speaks=False)
    warmth.told(seen, TOKENS, read=0, written=0, speaks=False)
    assert warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN).warm_tokens < TOKENS


def test_answers_of_which_nothing_was_expected_teach_nothing():
    warmth = Warmth()
    warmth.told(sent(warmth), TOKENS, read=0, written=0, speaks=True)
    warmth.told(sent(warmth), 0, read=0, written=0, speaks=True)
    gone = Warmth()
    for teach in (gone.refused, lambda seen: gone.answered(seen, 0.0)):
        teach(warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN))
    gone.told(warmth.outlook("own", PROMPT, TOKENS, 0.0), TOKENS, read=0, written=0, speaks=True)
    assert warmth.outlook("own", PROMPT, TOKENS, 0.0, cache_tokens=OWN).warm_tokens == TOKENS


def test_a_conversation_stays_where_it_was_answered_last():
    warmth = Warmth()
    warmth.stayed("key", "talk", "a")
    warmth.stayed("key", "talk", "b")
    warmth.stayed("key", None, "c")
    assert warmth.stays("key", "talk") == "b"
    assert warmth.stays("other key", "talk") == warmth.stays("key", None) == ""


def test_memory_is_bounded(monkeypatch):
    for name, most in (("BLOCKS_MAX", 30), ("DEPLOYMENTS_MAX", 4), ("SESSIONS_MAX", 3)):
        monkeypatch.setattr(module, name, most)
    warmth = Warmth()
    for number in range(20):
        sent(warmth, f"d{number % 7}", prefix_of(Prompt(bytes([number]) * (9 * BLOCK_BYTES))))
        warmth.stayed("key", str(number), "d")
        assert warmth.blocks == sum(len(place.held) for place in warmth._places.values()) <= 30
        assert len(warmth._places) <= 4
    assert len(warmth._sessions) == 3
    assert warmth.stays("key", "19") == "d"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.sampled_from("sxrgt")), max_size=40))
def test_whatever_happens_no_more_is_warm_than_was_sent(events):
    warmth, ever = Warmth(), {}
    for now, (name, blocks, event) in enumerate(events):
        prefix = Prefix(PROMPT.links[:blocks], blocks * BLOCK_BYTES)
        own = None if name == "c" else 20
        seen = warmth.outlook(name, prefix, 10 * blocks, float(now), cache_tokens=own)
        assert seen.warm_tokens <= 10 * min(blocks, ever.get(name, 0))
        if event == "g":
            warmth.gone(name)
            continue
        warmth.leaves(seen, float(now), cache_tokens=own)
        ever[name] = max(ever.get(name, 0), blocks)
        warmth.answered(seen, float(now))
        if event == "r":
            warmth.refused(seen)
        if event == "t":
            warmth.told(seen, 10 * blocks, read=5, written=0, speaks=True)
        assert warmth.blocks == sum(len(place.held) for place in warmth._places.values())
        assert all(place.backlog is None or place.backlog.unanswered == 0 for place in warmth._places.values())


@pytest.mark.parametrize(("blocks", "of", "tokens"), [(0, 100, 0), (5, 100, 50), (10, 100, 100), (20, 100, 100)])
def test_blocks_are_worth_their_share_of_the_tokens(blocks, of, tokens):
    assert PROMPT.tokens(blocks, of) == tokens
    assert NOTHING.tokens(blocks, of) == 0
