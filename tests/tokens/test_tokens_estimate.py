"""Estimates from kinds of bytes: near the exact count, never near nothing, and as fast for long bodies."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.request import Facts
from gateway.tokens import bpe, measure
from gateway.tokens.estimate import BYTES_PER_TOKEN_MAX, FITTED, estimate
from gateway.tokens.size import SAMPLE_BYTES, kinds
from tests.harness import ROOT, shared

FACTS = Facts("gpt-4o")


def body(*said):
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": text} for text in said]}
    return json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()


def test_kinds_of_bytes():
    counted = kinds('Hi  you, 42 "Zoë"\\n'.encode(), 1.0)
    assert (counted.lower, counted.spaces, counted.indents, counted.upper) == (6, 2, 2, 2)
    assert (counted.digits, counted.high, counted.signs, counted.escapes) == (2, 2, 3, 1)


@given(st.binary(max_size=400), st.integers(1, 9))
def test_every_byte_is_of_one_kind(sample, scale):
    counted = kinds(sample, float(scale))
    assert sum(getattr(counted, kind) for kind in counted.__struct_fields__) == pytest.approx(len(sample) * scale)


@given(st.integers(SAMPLE_BYTES, 200_000))
def test_a_sample_stands_for_the_whole(length):
    text = measure((b"The quick brown fox 42. " * 10_000)[:length], FACTS).text
    assert sum(getattr(text, kind) for kind in text.__struct_fields__) == pytest.approx(length)
    assert text.digits == pytest.approx(length / 12, rel=0.1)


@given(st.binary(max_size=3_000), st.integers(1, 50), st.sampled_from(["gpt-4o", "claude-opus-4-8", "mistral-large"]))
def test_an_estimate_is_never_near_nothing(written, turns, model):
    size = measure(written, Facts(model, turns=turns))
    assert estimate(size, model) >= max(1, len(written) / BYTES_PER_TOKEN_MAX)


def test_it_is_near_the_exact_count_for_prose_and_code():
    vocabulary = bpe.encoding("o200k_base")
    errors = []
    for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("gateway/limits/*.py")]:
        text = path.read_text()[:3_000]
        truth = 7 + bpe.count((text,), vocabulary)
        errors.append(abs(estimate(measure(body(text), FACTS), "gpt-4o") - truth) / truth)
    assert sorted(errors)[len(errors) // 2] < 0.08


@pytest.mark.parametrize("alphabet", ["abcdefghijklmnopqrstuvwxyz", "qzxjkvw", "0123456789abcdef", "!@#$%^&*()"])
def test_what_is_no_language_is_not_far_off_either(alphabet):
    text = "".join(random.Random(1).choices(alphabet, k=4_000))
    truth = bpe.count((text,), bpe.encoding("o200k_base"))
    assert truth / 1.6 < estimate(measure(body(text), FACTS), "gpt-4o") < truth * 1.6


def test_turns_count_for_their_few_tokens_and_not_for_their_json():
    one, many = body("word " * 100), body(*["word"] * 100)
    vocabulary = bpe.encoding("o200k_base")
    truth = 3 + 100 * (4 + bpe.count(("word",), vocabulary))
    found = estimate(measure(many, Facts("gpt-4o", turns=100)), "gpt-4o")
    assert found == pytest.approx(truth, rel=0.35)
    assert found > estimate(measure(one, FACTS), "gpt-4o")


def test_vendors_differ_as_recorded():
    size = measure(body("A plain sentence of some length, twice. " * 20), FACTS)
    gpt, claude, later = (estimate(size, model) for model in ("gpt-4o", "claude-3-haiku", "claude-opus-4-8"))
    assert gpt < claude < later
    assert set(FITTED) == {"o200k", "claude", "mistral"}


@pytest.mark.skipif(shared() is None, reason="needs the development data")
def test_what_providers_reported_is_met_within_five_percent():
    from benchmarks.money.tokens import measured

    found = measured(shared() / "data" / "routerarena")
    assert set(found) == {"anthropic", "google", "openai", "mistral"}
    assert found["openai"].counted == 0, "the formula is exact for plain chat"
    for vendor in found.values():
        assert vendor.after <= 5
        assert vendor.above <= vendor.calls / 1000
