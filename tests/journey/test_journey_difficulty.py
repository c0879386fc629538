"""The policy that weighs success against price, over sockets, with the model that comes along and with one's own."""

from __future__ import annotations

import json

import msgspec
import pytest
from road import road, said

from gateway.difficulty.training import Example, train

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
tiers: {premium: [sim/sim-large], economy: [sim/sim-small]}
auto: {policy: policies.difficulty, params: {worth: 0.5 usd}}
routing: {difficulty: {model: MODEL}}
"""
HARD, EASY = "Prove that {} is the sum of two primes.", "Say hello to number {}."


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    folder = tmp_path_factory.mktemp("difficulty")
    lessons = [Example(HARD.format(n), {"sim-large": 1.0, "sim-small": 0.0}) for n in range(50)]
    lessons += [Example(EASY.format(n), {"sim-large": 1.0, "sim-small": 1.0}) for n in range(50)]
    (folder / "model.json").write_bytes(msgspec.json.encode(train(lessons, {})))
    with road(folder, CONFIG.replace("MODEL", str(folder / "model.json"))) as found:
        yield found


@pytest.mark.parametrize(("text", "model"), [(HARD.format(77), "sim-large"), (EASY.format(77), "sim-small")])
def test_a_call_goes_where_its_prompt_says(way, text, model):
    with way.client() as client:
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=said(text))
    assert reply.headers["x-fareway-model"] == model
    assert "where a good answer is worth $0.5: sim/" in reply.headers["x-fareway-route-reason"]


def test_of_a_long_prompt_the_end_counts_too(way):
    with way.client() as client:
        text = "It was a dark night. " * 500 + "\n\n" + HARD.format(78)
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=said(text))
    assert reply.headers["x-fareway-model"] == "sim-large"


def test_explain_tells_the_same(way):
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": HARD.format(79)}]})
    assert "worth most of 2" in way.command("explain", "-", text=body)


def test_the_model_that_comes_along_knows_a_tier_from_another(tmp_path):
    with road(tmp_path, CONFIG.replace("MODEL", "default")) as way, way.client() as client:
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=said("Hello!"))
        assert "where a good answer is worth" in reply.headers["x-fareway-route-reason"]
