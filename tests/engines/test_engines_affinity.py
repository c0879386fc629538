"""Conversations over two engines with prefix caches, a real one and a simulated vLLM: each goes on where it was."""

import random

import pytest
from engine_bench import fleet, llama, vllm

TALKS, TURNS = 4, 3
CONFIG = """
providers:
  local: {kind: KIND, base_urls: ENGINES}
models:
  talk: {deployments: [local/MODEL], policy: policies.POLICY}
"""
KINDS = {"llamacpp": (llama, "tiny"), "vllm": (lambda home: vllm(home, "--speed", "20"), "sim-8b")}


def turn(talk, number):
    """Some 2.5 KB that no other turn has, and each time the same."""
    chance = random.Random(f"{talk} {number}")
    return "".join(chance.choices("abcdefgh ", k=2500)) + "[[sim: tokens=20]]"


def hold(running):
    """Some conversations side by side, turn by turn. Returns what their prompts came to in tokens, by turn."""
    talks, sizes = {talk: [] for talk in range(TALKS)}, []
    with running.client(timeout=120) as client:
        for number in range(TURNS):
            for talk, messages in talks.items():
                messages.append({"role": "user", "content": turn(talk, number)})
                answer = client.chat.completions.create(model="talk", max_tokens=20, messages=messages)
                messages.append({"role": "assistant", "content": answer.choices[0].message.content})
                sizes.append(answer.usage.prompt_tokens)
    return [sizes[number * TALKS :][:TALKS] for number in range(TURNS)]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "llamacpp":
        request.getfixturevalue("engine_installed")
    return request.param


def test_a_conversation_goes_on_at_the_engine_that_has_read_it(kind, tmp_path):
    engine, model = KINDS[kind]
    config = CONFIG.replace("KIND", kind).replace("MODEL", model).replace("POLICY", "affinity")
    with fleet(tmp_path, engine, config) as running:
        sizes = hold(running)
        counted = running.counted
        at = [line["entry"]["backend"] for line in running.entries()]
    assert len(set(at)) == 2  # Both have work,
    assert all(len(set(at[talk::TALKS])) == 1 for talk in range(TALKS))  # and no conversation moves.
    read_before = sum(sum(turn) for turn in sizes[:-1])
    found = sum(each["found"] for each in counted)
    assert found + sum(each["read"] for each in counted) == sum(map(sum, sizes))
    assert 0.95 * read_before < found
