"""Identical calls whose first one does not get on: the others wait for it once, and in no line that is not theirs."""

import asyncio

import openai
import pytest
from road import eventually, road, said

pytestmark = pytest.mark.xdist_group("answered")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
cache: {scope: team}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
timeouts: {first_byte: 2s}
limits:
  - {node: user:busy, amount: 1 concurrent, on_reached: queue 60s}
"""
USE = {"x-fareway-cache": "use"}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("answered"), CONFIG) as found:
        yield found


def streamed(client, text):
    """A stream, of which the headers and then the end are waited for."""
    asked = {"model": "sim-small", "messages": said(text), "stream": True, "max_tokens": 3000}
    return client.chat.completions.with_raw_response.create(**asked, extra_headers=USE)


async def whole(client, text):
    """Its headers, once all of it came."""
    raw = await streamed(client, text)
    async with raw.parse() as events:
        assert [event async for event in events]
    return raw.headers


async def test_who_waited_for_two_calls_that_failed_ask_at_the_same_time(way):
    """Each on its own, as without a cache: not one after the other, each for as long as a timeout takes."""
    before = len(way.entries())
    async with way.aclient(way.key("--team", "x")) as client:
        done = await asyncio.gather(*(whole(client, "[[sim: hang]]") for _ in range(6)), return_exceptions=True)
    assert [type(error) for error in done] == [openai.InternalServerError] * 6
    first, second, *others = sorted((await asyncio.to_thread(way.entries))[before:], key=lambda line: line["at"])
    assert len(others) == 4
    assert ended(first) <= second["at"]
    assert ended(second) <= min(line["at"] for line in others)
    assert max(line["at"] for line in others) < min(map(ended, others)), "all had left before the first of them failed"


def ended(line):
    return line["at"] + line["entry"]["duration_ms"] / 1000


async def test_who_waited_for_a_call_whose_caller_left_listen_to_one(way):
    """Whether they came before or after it left."""
    before, text = len(way.bill()), "Leaving. [[sim: slow_headers=1]]"
    async with way.aclient(way.key("--team", "x")) as client:
        misses = way.metric("fareway_cache_total", result="miss")
        leaving = asyncio.create_task(whole(client, text))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_cache_total", result="miss") > misses)
        waiting = [asyncio.create_task(whole(client, text)) for _ in range(4)]
        await asyncio.wait(waiting, timeout=0.5)
        leaving.cancel()
        heads = await asyncio.gather(*waiting)
    assert sorted(head["x-fareway-cache"] for head in heads) == ["joined"] * 3 + ["miss"]
    await asyncio.to_thread(way.rest)
    assert len(way.bill()) - before <= 2


async def test_a_caller_does_not_stand_in_the_line_of_anothers_limit(way):
    busy, free = (way.key("--team", "x", "--user", user) for user in ("busy", "free"))
    before = len(way.bill())
    async with way.aclient(busy) as client, way.aclient(free) as other:
        blocking = await streamed(client, "Block. [[sim: tokens=3000 tps=30]]")
        misses = way.metric("fareway_cache_total", result="miss")
        waiting = [asyncio.create_task(whole(client, "The same.")) for _ in range(2)]
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_cache_total", result="miss") > misses)
        assert (await whole(other, "The same."))["x-fareway-cache"] == "miss"
        assert not any(one.done() for one in waiting)
        async with blocking.parse():
            pass
        heads = await asyncio.gather(*waiting)
    assert sum(head["x-fareway-cache"] == "miss" for head in heads) == 1, "those of its own key listen to it"
    assert len(way.bill()) == before + 3
