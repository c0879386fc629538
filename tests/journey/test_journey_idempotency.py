"""One Idempotency-Key is one charge: by the official clients' own retries, at the same time, after the end, a crash."""

import asyncio
import json
from decimal import Decimal

import aiohttp
import anthropic
import openai
import pytest
from road import PROVIDERS, billed, eventually, road, said, spent

pytestmark = pytest.mark.xdist_group("idempotency")

CONFIG = (
    PROVIDERS
    + """
limits:
  - {node: all, amount: 1000 usd, window: month}
  - {node: team:poor, amount: 0.0000001 usd, window: month}
  - {node: team:one, amount: 1 requests, window: lifetime}
"""
)
SLOW = "Slowly. [[sim: tokens=30 tps=20]]"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("once"), CONFIG) as found:
        yield found


@pytest.fixture
def key(request):
    """Another for every test."""
    return {"Idempotency-Key": f"for {request.node.name}"}


def ask(client, text, key, **more):
    """One call that is not streamed: what was said, and the headers."""
    raw = client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said(text), extra_headers=key, **more
    )
    return raw.parse().choices[0].message.content, raw.headers


async def listen(client, text, key):
    """The same as a stream."""
    raw = await client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said(text), extra_headers=key, stream=True
    )
    async with raw.parse() as events:
        parts = [chunk.choices[0].delta.content or "" async for chunk in events if chunk.choices]
    return "".join(parts), raw.headers


def assert_charged_once(way, before, heads):
    """One line on the bill; every call has an entry, and only one of them cost anything."""
    bill = way.bill()[before:]
    assert len(bill) == 1
    ids = {head["x-fareway-request-id"] for head in heads}
    lines = [line for line in way.entries() if line["request_id"] in ids]
    assert len(lines) == len(ids) == len(heads)
    assert spent(lines) == billed(bill) > 0
    (first,) = [line for line in lines if line["outcome"] == "ok"]
    for line in lines:
        if line is not first:
            assert (line["outcome"], line["cost_picos"], line["charges"]) == ("cached", 0, {})
            assert first["request_id"] in line["entry"]["reason"]
            assert line["saved_nanos"] == Decimal(bill[0]["cost_usd"]) * 10**9
    return first


def test_the_same_again_is_given_again(way, key):
    before = len(way.bill())
    with way.client() as client:
        (first, bought), (second, given) = ask(client, "Once.", key), ask(client, "Once.", key)
    assert first == second
    assert "x-fareway-idempotent" not in bought
    assert (given["x-fareway-idempotent"], given["x-fareway-cache"]) == ("replayed", "off")
    assert Decimal(given["x-fareway-cost-usd"]) == 0
    assert_charged_once(way, before, [bought, given])
    assert way.metric("fareway_idempotent_total", result="replayed") >= 1


def test_a_limit_on_requests_counts_it_once(way, key):
    with way.client(way.key("--team", "one")) as client:
        heads = [ask(client, "Once.", key)[1] for _ in range(3)]
    assert [head.get("x-fareway-idempotent") for head in heads] == [None, "replayed", "replayed"]


async def test_a_stream_is_given_again_as_a_stream(way, key):
    before = len(way.bill())
    async with way.aclient() as client:
        first, bought = await listen(client, "As a stream.", key)
        second, given = await listen(client, "As a stream.", key)
    assert first == second != ""
    assert given["content-type"].startswith("text/event-stream")
    assert given["x-fareway-idempotent"] == "replayed"
    await asyncio.to_thread(assert_charged_once, way, before, [bought, given])


@pytest.mark.parametrize("streamed", [False, True])
async def test_at_the_same_time_one_asks_and_the_others_listen(way, key, streamed):
    before = len(way.bill())

    async def one(client):
        if streamed:
            return await listen(client, SLOW, key)
        raw = await client.chat.completions.with_raw_response.create(
            model="sim-small", messages=said(SLOW), extra_headers=key
        )
        return raw.parse().choices[0].message.content, raw.headers

    async with way.aclient() as client:
        told = await asyncio.gather(*(one(client) for _ in range(8)))
    assert len({text for text, _ in told}) == 1
    heads = [head for _, head in told]
    assert sorted(head.get("x-fareway-idempotent", "") for head in heads) == ["", *["joined"] * 7]
    await asyncio.to_thread(assert_charged_once, way, before, heads)


@pytest.mark.parametrize("header", [{"Idempotency-Key": "counted"}, {"x-fareway-cache": "use"}])
async def test_who_listens_to_a_whole_answer_gets_it_where_its_cost_has_to_be_counted(way, header):
    """A provider that says nothing of usage: the answer is there before it is booked."""
    before, text = len(way.bill()), "Counted. [[sim: nousage tokens=40 tps=40]]"
    async with way.aclient() as client:
        asked = {"model": "sim-small", "messages": said(text), "extra_headers": header}
        answers = await asyncio.gather(*(client.chat.completions.create(**asked) for _ in range(4)))
    assert len({answer.choices[0].message.content for answer in answers}) == 1
    assert len(way.bill()) == before + 1
    lines = (await asyncio.to_thread(way.entries))[-4:]
    assert sorted(line["outcome"] for line in lines) == ["cached"] * 3 + ["ok"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_that_gives_up_and_tries_again_by_itself_pays_once(way, key, streamed):
    """OpenAI's own retries: its patience ends before the answer begins."""
    before, text = len(way.bill()), "Late. [[sim: slow_headers=1.5 tokens=5]]"
    async with way.aclient(max_retries=5, timeout=0.6) as client:
        asked = {"model": "sim-small", "messages": said(text), "extra_headers": key, "stream": streamed}
        raw = await client.chat.completions.with_raw_response.create(**asked)
        if streamed:
            async with raw.parse() as events:
                assert [chunk async for chunk in events]
    assert raw.headers["x-fareway-idempotent"] in ("joined", "replayed")
    assert len(way.bill()) == before + 1
    lines = [line for line in await asyncio.to_thread(way.entries) if line["outcome"] == "ok"]
    assert spent(lines[-1:]) == billed(way.bill()[before:])


async def test_a_stream_whose_caller_left_is_read_on_for_the_one_that_comes_back(way, key):
    before = len(way.bill())
    async with way.aclient() as client:
        left = await client.chat.completions.create(
            model="sim-small", messages=said(SLOW), extra_headers=key, stream=True
        )
        await anext(left)
        await left.close()
        text, head = await listen(client, SLOW, key)
    assert head["x-fareway-idempotent"] == "joined"
    assert text
    (charge,) = way.bill()[before:]
    assert charge["ended"] == "complete"


@pytest.mark.parametrize("changed", [{"max_tokens": 7}, {"messages": said("Else.")}, {"stream": True}])
def test_another_request_with_the_same_key_is_refused(way, key, changed):
    before = len(way.bill())
    with way.client(max_retries=2) as client:
        ask(client, "This.", key)
        asked = {"model": "sim-small", "messages": said("This."), "extra_headers": key} | changed
        with pytest.raises(openai.UnprocessableEntityError) as raised:
            client.chat.completions.create(**asked)
    assert raised.value.code == "idempotency_key_reused"
    assert len(way.bill()) == before + 1


async def test_also_while_the_first_runs(way, key):
    async with way.aclient() as client:
        first = asyncio.create_task(listen(client, SLOW, key))
        eventually_there = asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") > 0)
        await eventually_there
        with pytest.raises(openai.UnprocessableEntityError):
            await listen(client, "Else.", key)
        await first


async def test_each_dialect_says_it_in_its_own_way(way, key):
    async with aiohttp.ClientSession(headers=key | {"Authorization": f"Bearer {way.first}"}) as session:

        async def told(path, body):
            async with session.post(f"{way.url}{path}", json=body) as answer:
                return answer.status, json.loads(await answer.read()), answer.headers

        await told(CHAT, {"model": "sim-small", "messages": said("This.")})
        gemini = {"contents": [{"parts": [{"text": "Else."}]}]}
        status, body, _ = await told("/v1beta/models/sim-small:generateContent", gemini)
        assert (status, body["error"]["status"]) == (422, "INVALID_ARGUMENT")
        assert body["error"]["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"
        converse = {"messages": [{"role": "user", "content": [{"text": "Else."}]}]}
        status, body, head = await told("/bedrock/model/sim-small/converse", converse)
        assert (status, head["x-amzn-ErrorType"]) == (422, "ValidationException")
        status, body, _ = await told("/v2/chat", {"model": "sim-small", "messages": said("Else.")})
        assert (status, "Idempotency-Key" in body["message"]) == (422, True)
    with (
        anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client,
        pytest.raises(anthropic.UnprocessableEntityError) as raised,
    ):
        client.messages.create(model="sim-small", messages=said("Else."), max_tokens=5, extra_headers=key)
    assert raised.value.body["error"]["details"]["error_code"] == "idempotency_key_reused"


def test_keys_of_others_are_others(way, key):
    """Neither is an answer given to another tenant, nor a key refused because another has used it."""
    before = len(way.bill())
    with way.client() as client:
        ask(client, "Mine.", key)
    for team in ("other", "default"):
        with way.client(way.key("--team", team)) as client:
            for text in ("Mine.", "Mine."):
                head = ask(client, text, key)[1]
    assert len(way.bill()) == before + 3
    assert head["x-fareway-idempotent"] == "replayed"


def test_what_a_limit_refused_may_be_tried_again(way, key):
    with way.client(way.key("--team", "poor"), max_retries=2) as client:
        for _ in range(2):
            with pytest.raises(openai.RateLimitError):
                ask(client, "Refused.", key)


def test_what_the_provider_refused_may_be_tried_again(way, key):
    """The client's own retry succeeds, as without a key; a mistake may be told as often as one likes."""
    before = len(way.bill())
    with way.client(max_retries=2) as client:
        assert ask(client, "Later. [[sim: fail=503 fail_first=3]]", key)[0]
        for _ in range(2):
            with pytest.raises(openai.BadRequestError):
                ask(client, "Wrong. [[sim: fail=400]]", {"Idempotency-Key": "wrong"})
    assert len(way.bill()) == before + 1


async def test_an_answer_that_broke_off_is_not_paid_for_again(way, key):
    before = len(way.bill())
    async with way.aclient(max_retries=2) as client:
        with pytest.raises(openai.APIError, match="broke"):
            await listen(client, "Cut. [[sim: cut=5]]", key)
        with pytest.raises(openai.ConflictError) as raised:
            await listen(client, "Cut. [[sim: cut=5]]", key)
    assert raised.value.code == "idempotency_already_answered"
    first = raised.value.response.headers["x-fareway-first-request-id"]
    assert first in raised.value.message
    assert (await asyncio.to_thread(way.document, first, way.first))["entries"][0]["outcome"] == "cut"
    assert len(way.bill()) == before + 1


def test_with_the_cache_too(way, key):
    """What the cache has costs nothing and needs no key; what it has not is remembered under both."""
    before, use = len(way.bill()), {"x-fareway-cache": "use"}
    with way.client() as client:
        heads = [ask(client, "Both.", headers)[1] for headers in (key | use, use, key | use, key)]
        ask(client, "Cached.", use)
        cached = [ask(client, "Cached.", use | {"Idempotency-Key": "cached"})[1] for _ in range(2)]
    assert [h["x-fareway-cache"] for h in heads] == ["miss", "hit", "off", "off"]
    assert [h.get("x-fareway-idempotent") for h in heads] == [None, None, "replayed", "replayed"]
    assert [h["x-fareway-cache"] for h in cached] == ["hit", "hit"]
    assert len(way.bill()) == before + 2


@pytest.mark.parametrize("wrong", ["", "x" * 256, "a\tb"])
def test_what_is_no_key(way, wrong):
    with way.client() as client, pytest.raises(openai.BadRequestError, match="Idempotency-Key"):
        ask(client, "Hm.", {"Idempotency-Key": wrong})


def test_a_form_is_the_same_though_every_sending_has_other_boundaries(way, key):
    before = len(way.bill())
    with way.client() as client:
        for text in ("one", "one"):
            with pytest.raises(openai.APIStatusError) as raised:
                client.audio.transcriptions.create(model="sim-small", file=("a.wav", text.encode()), extra_headers=key)
            assert raised.value.code != "idempotency_key_reused"
    assert len(way.bill()) == before
