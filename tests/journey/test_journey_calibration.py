"""What calls are billed for teaches the next ones: bounds come down, and a call that passes its bound moves it."""

from __future__ import annotations

import json

import anthropic
import pytest
from road import eventually, road, said

from gateway.tokens.calibration import BOUND_SAMPLES_MIN

pytestmark = pytest.mark.xdist_group("calibration")

MODEL = "sim/sim-small"
STRICT = """
limits:
  - {node: "team:strict", amount: 100 usd, window: day, hold: strict}
  - {node: "team:loose", amount: 100 usd, window: day}
"""
PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds. " * 60
DENSE = "qzxkvj wjxqkz vbxzqj kqjxwz " * 60


def stream(client, text):
    """What a streamed call was billed for."""
    *_, last = client.chat.completions.create(
        model="sim-small", messages=said(text), max_tokens=16, stream=True, stream_options={"include_usage": True}
    )
    return last.usage


def held(way, key, text):
    """What a stream held, in nano-dollars, and the input tokens that it was billed for."""
    with way.client(key) as client:
        usage = stream(client, text)
    return way.entries()[-1]["entry"]["held_nanos"], usage.prompt_tokens


def test_bounds_come_down_and_survive(tmp_path):
    with road(tmp_path, "providers: {sim: {base_url: SIM_URL/v1}}" + STRICT) as way:
        loose, strict = way.key("--team=loose"), way.key("--team=strict")
        first, tokens = held(way, loose, PROSE)
        with way.client(loose) as client:
            for number in range(BOUND_SAMPLES_MIN):
                stream(client, f"{number} {PROSE}")
        # It was held by its bytes, and now by what was billed. Samples are counted beside the calls.
        eventually(lambda: held(way, loose, PROSE)[0] < first / 2)
        later, _ = held(way, loose, PROSE)
        assert later >= tokens * 100, "never less than the bill: 100 nano-dollars a token"
        proven, _ = held(way, strict, PROSE)
        assert proven == first, "strict holds want a proof"
        with way.client(loose) as client:
            client.chat.completions.create(model="sim-small", messages=said(PROSE), max_tokens=16)
        assert way.entries()[-1]["entry"]["held_nanos"] > first * 9 // 10, "and so does what cannot be stopped half-way"

        held(way, loose, DENSE)
        assert way.metric("fareway_token_bound_exceeded_total") == 1
        again, tokens = held(way, loose, DENSE)
        assert way.metric("fareway_token_bound_exceeded_total") == 1, "the bound has moved"
        assert again >= tokens * 100
        assert 0 < way.metric("fareway_token_estimate_error_ratio", model=MODEL, kind="text") < 0.2
    kept = json.loads((way.gate.home / "tokens.json").read_text())
    assert kept[MODEL]["text"]["samples"] > BOUND_SAMPLES_MIN
    assert f"tokens {MODEL} text" in way.command("doctor")


def test_definitions_that_are_not_in_the_request_are_not_learned(tmp_path):
    """They are held for by themselves. What is left of a short prompt's bill is nothing to learn from."""
    own, plain = {"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": {"type": "object"}}
    with road(tmp_path, "providers: {sim: {base_url: SIM_URL/v1}}") as way:
        for tool in (own, plain):
            with anthropic.Anthropic(base_url=way.gate.url, api_key=way.key(), max_retries=0) as client:
                client.messages.create(model="sim-small", max_tokens=16, messages=said("Hi"), tools=[tool])
    kept = json.loads((way.gate.home / "tokens.json").read_text())
    assert kept[MODEL]["tools"]["samples"] == 1
