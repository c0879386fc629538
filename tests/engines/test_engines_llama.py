"""A real engine, llama.cpp, behind the gateway: what it counts is booked, and one of two may go at any time."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from engine_bench import fleet, llama
from road import eventually, said

from gateway.core.entry import Outcome

pytestmark = pytest.mark.usefixtures("engine_installed")

CONFIG = """
providers:
  local: {kind: llamacpp, base_urls: ENGINES}
models:
  tiny: {deployments: [local/tiny], policy: policies.affinity}  # By the calls under way.
"""
PROMPT = "one two three four five six seven eight nine ten "


@pytest.fixture(scope="module")
def two(tmp_path_factory, engine_installed):
    with fleet(tmp_path_factory.mktemp("two"), llama, CONFIG) as running:
        yield running


def test_a_whole_answer_and_a_stream_are_counted_as_the_engine_counts(two):
    with two.client() as client:
        whole = client.chat.completions.create(model="tiny", max_tokens=12, messages=said("Hello there"))
        asked = {"model": "tiny", "max_tokens": 12, "messages": said("Good evening")}
        chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(whole.choices[0].message.content) == len(text) == 12  # Its tokens are letters.
    for usage in (whole.usage, chunks[-1].usage):
        assert (usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens, usage.completion_tokens) > (0, 11)
    booked = [line["entry"]["usage"] for line in two.entries()]
    assert [usage["output"] for usage in booked] == [12, 12]


def test_the_books_of_each_engine_agree_with_its_own_counters(two):
    def ask(number):
        with two.client() as client:
            prompt = PROMPT[number % 5 :] * (1 + number % 3)
            answer = client.chat.completions.create(model="tiny", max_tokens=5 + number, messages=said(prompt))
            return answer.usage.completion_tokens

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [5 + number for number in range(24)]
    for engine, counted in zip(two.engines, two.counted, strict=True):
        assert two.booked(engine) == counted
        assert counted["written"] > 0


def test_what_the_engines_have_and_do_is_known(two):
    names = [f"local@{engine.url.removeprefix('http://')}" for engine in two.engines]

    def seen():
        rows = json.loads(two.command("fleet", "list", "--format", "json"))
        assert [(row["backend"], row["state"], row["models"]) for row in rows] == [
            (name, "ready", "tiny") for name in names
        ]
        return sum(row["running"] for row in rows), sum(row["waiting"] for row in rows)

    with two.client() as client:
        assert "local/tiny" in [model.id for model in client.models.list()]
        assert client.chat.completions.create(model="local/tiny", max_tokens=1, messages=said("Hello")).id
        with client.chat.completions.create(
            model="tiny", max_tokens=12_000, messages=said("Hello"), stream=True
        ) as stream:
            next(iter(stream))
            assert seen() == (1, 0)
    eventually(lambda: seen() == (0, 0))  # A caller that leaves ends the work.


def test_a_drained_engine_gets_no_new_call_and_ends_what_it_has(two):
    drained, other = (engine.url.removeprefix("http://") for engine in two.engines)

    def short():
        with two.client() as client:
            for number in range(4):
                client.chat.completions.create(model="tiny", max_tokens=2, messages=said(f"Number {number}"))

    def at():
        return Counter(line["entry"]["backend"] for line in two.entries())

    before = at()
    with two.client() as client:
        asked = {"model": "tiny", "max_tokens": 2500, "messages": said("Go on")}
        streams = [client.chat.completions.create(**asked, stream=True) for _ in range(2)]  # One at each.
        two.command("fleet", "drain", f"local@{drained}")
        draining = {"backend": f"local@{drained}", "state": "draining"}
        eventually(lambda: two.metric("fareway_fleet_backend_state", **draining) == 1)
        short()
        for stream in streams:
            *_, last = stream
            assert last.choices[0].finish_reason == "length"
    assert at() - before == {drained: 1, other: 1 + 4}
    two.command("fleet", "resume", f"local@{drained}")
    eventually(lambda: short() or at()[drained] > before[drained] + 1)


def test_when_one_of_two_is_killed_its_calls_end_and_the_next_go_to_the_other(tmp_path):
    """What has begun at a dead engine ends with an error, and what comes then is asked at the other."""
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
