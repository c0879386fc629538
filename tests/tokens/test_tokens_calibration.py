"""What calibration learns from bills, and what it never does."""

import asyncio
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.request import Facts
from gateway.tokens import kept, measure
from gateway.tokens.calibration import (
    BOUND_MARGIN,
    BOUND_SAMPLES_MIN,
    LIKELY_SAMPLES_MIN,
    MODELS_MAX,
    SAMPLES_MAX,
    STEADY_TOKENS,
    Calibration,
    Ratios,
)
from gateway.tokens.estimate import estimate

FACTS = Facts("gpt-4o")
MODEL = "openai/gpt-4o"
SIZE = measure(b"Some words and 12 numbers. " * 40, FACTS)
NO_BOUND = 10**9


def taught(ratio, calls, model=MODEL):
    calibration = Calibration()
    for _ in range(calls):
        calibration.learn(SIZE, model, round(estimate(SIZE, model) * ratio), bound=NO_BOUND)
    return calibration


@given(st.floats(0.1, 12), st.integers(LIKELY_SAMPLES_MIN, 400))
@settings(max_examples=50, deadline=None)
def test_a_constant_factor_is_learned_to_a_few_percent(ratio, calls):
    truth = round(estimate(SIZE, MODEL) * ratio)
    assert taught(ratio, calls).likely(SIZE, MODEL) == pytest.approx(truth, rel=0.03, abs=2)


@given(st.lists(st.integers(1, 5_000), min_size=BOUND_SAMPLES_MIN, max_size=600))
@settings(max_examples=50, deadline=None)
def test_a_bound_covers_all_that_was_seen_and_no_more_than_its_margin(actuals):
    estimated, ratios = 500.0, Ratios()
    for actual in actuals:
        ratios.learn(estimated, actual)
    top = max(actuals)
    assert ratios.most(estimated) is not None
    if len(actuals) % 16 == 0:
        assert ratios.most(estimated) >= top
        bucket = 2 ** (2 / 32)
        assert ratios.most(estimated) <= (top + STEADY_TOKENS) * BOUND_MARGIN * bucket + 1


@given(st.lists(st.floats(0.3, 3), min_size=64, max_size=300))
@settings(max_examples=50, deadline=None)
def test_the_median_is_that_of_the_calls(ratios):
    learned = Ratios()
    for ratio in ratios[: len(ratios) // 16 * 16]:
        learned.learn(1000.0, round(ratio * (1000 + STEADY_TOKENS)) - STEADY_TOKENS)
    part = ratios[: len(ratios) // 16 * 16]
    low, high = statistics.median_low(part), statistics.median_high(part)
    assert low / 1.03 <= learned.median <= high * 1.03


def test_too_few_calls_say_nothing():
    assert taught(2, LIKELY_SAMPLES_MIN - 1).likely(SIZE, MODEL) == math.ceil(estimate(SIZE, MODEL))
    assert taught(2, BOUND_SAMPLES_MIN - 1).most(SIZE, MODEL) is None
    assert taught(2, BOUND_SAMPLES_MIN).most(SIZE, MODEL) is not None
    assert Calibration().most(SIZE, MODEL) is None


def test_one_call_above_its_bound_moves_the_bound_above_calls_like_it():
    calibration = taught(1, 3 * BOUND_SAMPLES_MIN)
    before = calibration.most(SIZE, MODEL)
    calibration.learn(SIZE, MODEL, 3 * before, bound=before)
    assert calibration.most(SIZE, MODEL) >= 3 * before


def test_what_was_long_ago_is_forgotten():
    calibration = taught(3, SAMPLES_MAX)
    for _ in range(16 * SAMPLES_MAX):
        calibration.learn(SIZE, MODEL, round(estimate(SIZE, MODEL)), bound=NO_BOUND)
    assert calibration.likely(SIZE, MODEL) == pytest.approx(estimate(SIZE, MODEL), rel=0.03)


def test_later_calls_are_learned_from_now_and_then_but_excesses_always():
    calibration = taught(1, BOUND_SAMPLES_MIN)
    learned = calibration.learned
    for _ in range(80):
        calibration.learn(SIZE, MODEL, 200, bound=NO_BOUND)
    assert calibration.learned == learned + 10
    for _ in range(10):
        calibration.learn(SIZE, MODEL, 5_000, bound=4_999)
    assert calibration.learned >= learned + 20


def test_what_cannot_be_told_from_bytes_is_not_learned_from():
    calibration = Calibration()
    picture = measure(b"x" * 4000, Facts("gpt-4o", images=1))
    for _ in range(BOUND_SAMPLES_MIN):
        calibration.learn(picture, MODEL, 300, bound=NO_BOUND)
        calibration.learn(SIZE, MODEL, 0, bound=NO_BOUND)
    assert calibration.most(picture, MODEL) is None
    assert calibration.likely(picture, MODEL) == 1001
    assert calibration.learned == 0


def test_tools_are_learned_apart_from_plain_text():
    calibration = taught(1, BOUND_SAMPLES_MIN)
    with_tools = measure(b"Some words and 12 numbers. " * 40, Facts("gpt-4o", needs=frozenset({"tools"})))
    assert with_tools.kind == "tools"
    assert calibration.most(with_tools, MODEL) is None


def test_models_are_bounded():
    calibration = Calibration()
    for number in range(MODELS_MAX + 10):
        calibration.learn(SIZE, f"openai/m-{number}", 100, bound=NO_BOUND)
    assert len(calibration.errors()) == MODELS_MAX


def test_the_error_is_what_likely_figures_were_off():
    calibration = taught(1, 300)
    assert calibration.errors()[MODEL, "text"] < 0.02
    for _ in range(8 * 300):
        calibration.learn(SIZE, MODEL, round(4 * estimate(SIZE, MODEL)), bound=NO_BOUND)
    assert calibration.errors()[MODEL, "text"] > 0.1


@given(st.lists(st.integers(1, 10**7), max_size=300))
@settings(max_examples=50, deadline=None)
def test_what_is_kept_says_the_same_after_a_restart(tmp_path_factory, actuals):
    before = Calibration()
    for actual in actuals:
        before.learn(SIZE, MODEL, actual, bound=NO_BOUND)
    path = tmp_path_factory.getbasetemp() / "tokens.json"
    kept.save(path, before.remembered())
    after = Calibration()
    after.remember(kept.load(path))
    assert after.remembered() == before.remembered()
    if len(actuals) % 16 == 0:
        assert after.most(SIZE, MODEL) == before.most(SIZE, MODEL)
        assert after.likely(SIZE, MODEL) == before.likely(SIZE, MODEL)


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b'{"m": 1}', b'{"m": {"text": {}}}', b"\xff"])
def test_a_damaged_file_is_left_out(tmp_path, caplog, written):
    path = tmp_path / "tokens.json"
    path.write_bytes(written)
    assert kept.load(path) == {}
    assert "lost" in caplog.text


def test_odd_figures_in_a_file_do_no_harm(tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text('{"openai/gpt-4o": {"text": {"counts": {"-5": 3, "9999": 2, "7": -1}, "samples": 500}}}')
    calibration = Calibration()
    calibration.remember(kept.load(path))
    assert calibration.most(SIZE, MODEL) > 0


def test_no_file_is_no_news_and_one_that_cannot_be_written_is_logged(tmp_path, caplog):
    assert kept.load(tmp_path / "none.json") == {}
    assert not caplog.text
    (tmp_path / "no folder").touch()
    kept.save(tmp_path / "no folder" / "tokens.json", {})
    assert "could not be kept" in caplog.text


async def test_it_is_kept_every_so_often_and_at_the_end(tmp_path):
    path = kept.learned_path(tmp_path, None)
    calibration = taught(1, 10)
    keeping = asyncio.create_task(kept.keep(path, calibration, every_s=0.01))
    async with asyncio.timeout(10):
        while not path.exists():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    calibration.learn(SIZE, MODEL, 100, bound=NO_BOUND)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert kept.calibration(path).remembered() == calibration.remembered()
    assert kept.learned_in(tmp_path) == [path]
    assert kept.learned_path(tmp_path, 2) != path


async def test_nothing_new_is_not_written(tmp_path):
    path = tmp_path / "tokens.json"
    keeping = asyncio.create_task(kept.keep(path, Calibration(), every_s=0.001))
    await asyncio.sleep(0.02)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert not path.exists()
