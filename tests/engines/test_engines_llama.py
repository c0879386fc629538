"""A real engine, llama.cpp, behind the gateway: what it counts is what is booked, and losing one of two loses little."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from engine_bench import fleet, llama
from road import said

from gateway.core.entry import Outcome

pytestmark = pytest.mark.usefixtures("engine_installed")

CONFIG = """
providers:
  local: {kind: llamacpp, base_urls: ENGINES}
models:
  tiny: {deployments: [local/tiny], policy: policies.affinity}  # By the calls under way.
"""
WORDS = "one two three four five six seven eight nine ten".split()


@pytest.fixture(scope="module")
def two(tmp_path_factory, engine_installed):
    with fleet(tmp_path_factory.mktemp("two"), llama, CONFIG) as running:
        yield running


def test_a_whole_answer_and_a_stream_are_counted_as_the_engine_counts(two):
    with two.client() as client:
        whole = client.chat.completions.create(model="tiny", max_tokens=12, messages=said("Hello there"))
        stream = client.chat.completions.create(
            model="tiny", max_tokens=12, messages=said("Good evening"), stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(whole.choices[0].message.content) == len(text) == 12  # Its tokens are letters.
    for usage in (whole.usage, chunks[-1].usage):
        assert (usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens, usage.completion_tokens) > (0, 11)
    booked = [line["entry"]["usage"] for line in two.entries()]
    assert [usage["output"] for usage in booked] == [12, 12]


def test_the_books_of_each_engine_agree_with_its_own_counters(two):
    def ask(number):
        with two.client() as client:
            prompt = " ".join(WORDS[number % 5 :]) * (1 + number % 3)
            answer = client.chat.completions.create(model="tiny", max_tokens=5 + number, messages=said(prompt))
            return answer.usage.completion_tokens

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [5 + number for number in range(24)]
    for engine, counted in zip(two.engines, two.counted, strict=True):
        assert two.booked(engine) == counted
        assert counted["written"] > 0


def test_when_one_of_two_is_killed_its_calls_end_and_the_next_go_to_the_other(tmp_path):
    """Nobody waits for a dead engine: what has begun there ends with an error, and what comes then is asked elsewhere."""
    begun = threading.Barrier(9, timeout=60)
    with fleet(tmp_path, llama, CONFIG) as pair:

        def ask(number):
            with pair.client(timeout=60) as client:
                stream = client.chat.completions.create(
                    model="tiny", max_tokens=1000, messages=said(f"Number {number}"), stream=True
                )
                chunks = iter(stream)
                next(chunks)
                begun.wait()
                try:
                    list(chunks)
                except openai.APIError:
                    return Outcome.CUT
                return Outcome.OK

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(ask, number) for number in range(8)]
            begun.wait()
            pair.engines[0].kill()
            ended = Counter(call.result(timeout=90) for call in calls)
        assert ended[Outcome.CUT] > 0
        with pair.client() as client:
            for number in range(6):
                client.chat.completions.create(model="tiny", max_tokens=3, messages=said(f"After {number}"))
        booked = Counter(line["outcome"] for line in pair.entries())
        assert booked == ended + Counter({Outcome.OK: 6})
