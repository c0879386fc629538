"""Answers given again: only to whom asks for it, never to others, as what they were, and at no cost."""

import asyncio
from decimal import Decimal

import pytest
from road import billed, road, said, spent

pytestmark = pytest.mark.xdist_group("cache")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
USE = {"x-fareway-cache": "use"}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("cache"), CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def client(way):
    with way.client() as found:
        yield found


def ask(client, text, header=None, **more):
    """One call that is not streamed: what was said, and the headers."""
    raw = client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said(text), extra_headers={"x-fareway-cache": header} if header else {}, **more
    )
    return raw.parse().choices[0].message.content, raw.headers


def stream(client, text, header="use", **more):
    """The same as a stream: what was said, the headers, and the chunks."""
    raw = client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said(text), extra_headers={"x-fareway-cache": header}, stream=True, **more
    )
    with raw.parse() as events:
        chunks = list(events)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), raw.headers, chunks


def test_off_unless_asked_for(way, client):
    before = len(way.bill())
    heads = [ask(client, "Off.")[1] for _ in range(2)]
    assert [head["x-fareway-cache"] for head in heads] == ["off", "off"]
    assert len(way.bill()) == before + 2


def test_the_second_answer_is_free(way, client):
    """It is the first one, costs nothing, tells what was saved, and has an entry of its own."""
    before = len(way.bill())
    (first, bought), (second, given) = ask(client, "Again?", "use"), ask(client, "Again?", "use")
    assert first == second
    assert len(way.bill()) == before + 1
    assert (bought["x-fareway-cache"], given["x-fareway-cache"]) == ("miss", "hit")
    assert Decimal(given["x-fareway-cost-usd"]) == 0
    assert Decimal(given["x-fareway-saved-usd"]) == Decimal(bought["x-fareway-cost-usd"]) > 0
    (line,) = way.entries_of(given["x-fareway-request-id"])
    assert (line["outcome"], line["cost_picos"], line["charges"]) == ("cached", 0, {})
    assert line["saved_nanos"] == Decimal(bought["x-fareway-cost-usd"]) * 10**9
    assert way.document(given["x-fareway-request-id"], way.first)["cost_usd"] == "0.00"


def test_a_key_may_always_use_it(way):
    key = way.key("--cache", "--team", "savers")
    with way.client(key) as saver:
        heads = [ask(saver, "By key.")[1]["x-fareway-cache"] for _ in range(2)]
        assert heads == ["miss", "hit"]
        before = len(way.bill())
        assert ask(saver, "By key.", "bypass")[1]["x-fareway-cache"] == "off"
        assert len(way.bill()) == before + 1


def test_refresh_asks_anew_and_keeps_the_new_one(way, client):
    before = len(way.bill())
    ask(client, "Fresh.", "use")
    _, refreshed = ask(client, "Fresh.", "refresh")
    assert refreshed["x-fareway-cache"] == "miss"
    assert Decimal(refreshed["x-fareway-cost-usd"]) > 0
    assert len(way.bill()) == before + 2
    assert ask(client, "Fresh.", "use")[1]["x-fareway-cache"] == "hit"


def test_streams_are_given_again_as_streams(way, client):
    before = len(way.bill())
    first, bought, made = stream(client, "As a stream.")
    second, given, again = stream(client, "As a stream.")
    assert first == second
    assert len(again) == len(made) > 5
    assert given["content-type"].startswith("text/event-stream")
    assert (bought["x-fareway-cache"], given["x-fareway-cache"]) == ("miss", "hit")
    assert Decimal(given["x-fareway-cost-usd"]) == 0
    bill = way.bill()
    assert len(bill) == before + 1
    assert Decimal(given["x-fareway-saved-usd"]) == Decimal(bill[-1]["cost_usd"])


def test_a_stream_given_again_says_that_it_was_free(client):
    options = {"stream_options": {"include_usage": True}}
    _, _, made = stream(client, "With usage.", **options)
    _, _, again = stream(client, "With usage.", **options)
    assert made[-1].usage.cost > 0
    assert again[-1].usage.cost == 0
    assert again[-1].usage.completion_tokens == made[-1].usage.completion_tokens


def test_others_never_get_it(way, client):
    """Tenants are apart, even with the same words, even with another key of the same team."""
    ask(client, "Secret.", "use")
    for options in (("--team", "other"), ("--team", "default")):
        with way.client(way.key(*options)) as other:
            before = len(way.bill())
            assert ask(other, "Secret.", "use")[1]["x-fareway-cache"] == "miss"
            assert len(way.bill()) == before + 1


@pytest.mark.parametrize("other", [{"temperature": 0.5}, {"seed": 2}, {"max_tokens": 9}, {"extra_body": {"x": 1}}])
def test_another_question_is_another_question(client, other):
    text = f"Different {sorted(other)}."
    ask(client, text, "use")
    assert ask(client, text, "use", **other)[1]["x-fareway-cache"] == "miss"


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_same_question_at_the_same_time_is_asked_once(way, streamed):
    """Eight at once: one is billed, the others listen and pay nothing."""
    before, text = len(way.bill()), f"All at once {streamed}. [[sim: tokens=40 tps=40]]"
    answers, heads = [], []

    async def one(client):
        raw = await client.chat.completions.with_raw_response.create(
            model="sim-small", messages=said(text), extra_headers=USE, **(STREAM if streamed else {})
        )
        heads.append(raw.headers)
        if streamed:
            async with raw.parse() as events:
                parts = [chunk.choices[0].delta.content or "" async for chunk in events if chunk.choices]
            answers.append("".join(parts))
        else:
            answers.append(raw.parse().choices[0].message.content)

    async with way.aclient() as client:
        await asyncio.gather(*(one(client) for _ in range(8)))
    assert len(set(answers)) == 1
    assert answers[0]
    assert sorted(head["x-fareway-cache"] for head in heads) == ["joined"] * 7 + ["miss"]
    bill = way.bill()
    assert len(bill) == before + 1
    ids = {head["x-fareway-request-id"] for head in heads}
    lines = [line for line in way.entries() if line["request_id"] in ids]
    assert sorted(line["outcome"] for line in lines) == ["cached"] * 7 + ["ok"]
    assert spent(lines) == billed(bill[-1:])
    assert sum(line["saved_nanos"] for line in lines) == 7 * billed(bill[-1:]) * 10**9


async def test_the_leader_leaves_and_the_others_get_it_all(way):
    """Who asked first hangs up; the call goes on for those who listen, and is paid once."""
    before, text = len(way.bill()), "Leader leaves. [[sim: tokens=40 tps=40]]"
    asked = {"model": "sim-small", "messages": said(text), "extra_headers": USE, "stream": True}
    async with way.aclient() as client:
        leader = await client.chat.completions.create(**asked)
        await anext(leader)
        follower = await client.chat.completions.create(**asked)
        await anext(follower)
        await leader.close()
        chunks = [chunk async for chunk in follower]
        await follower.close()
    assert chunks[-1].choices[0].finish_reason == "stop"
    await asyncio.to_thread(way.rest)
    bill = way.bill()
    assert len(bill) == before + 1
    assert bill[-1]["ended"] == "complete"
    lines = way.entries_of(bill[-1]["gateway_request_id"])
    assert spent(lines) == billed(bill[-1:])


def test_what_went_wrong_is_not_kept(way, client):
    text = "Wrong. [[sim: fail=400 fail_first=1]]"
    with pytest.raises(Exception, match="told to fail"):
        ask(client, text, "use")
    assert ask(client, text, "use")[1]["x-fareway-cache"] == "miss"
    with pytest.raises(Exception, match="broke off"):
        stream(client, "Cut. [[sim: cut=5]]")
    with pytest.raises(Exception, match="broke off"):
        stream(client, "Cut. [[sim: cut=5]]")
    assert sum(line["outcome"] == "cut" for line in way.entries()) == 2


def test_a_word_that_means_nothing(client):
    with pytest.raises(Exception, match="x-fareway-cache"):
        ask(client, "Hm.", "perhaps")


def test_embeddings_too(way, client):
    before = len(way.bill())
    heads = [
        client.embeddings.with_raw_response.create(model="sim-embed", input="one road", extra_headers=USE).headers
        for _ in range(2)
    ]
    assert [head["x-fareway-cache"] for head in heads] == ["miss", "hit"]
    assert len(way.bill()) == before + 1


def test_the_balance_knows_nothing_of_saved_money(way):
    """What came from the cache is charged to nobody."""
    (account,) = [amount for name, amount in way.balances().items() if name.startswith("all/usd")]
    assert account == spent(way.entries()) * 10**9
    assert spent([line for line in way.entries() if line["outcome"] == "ok"]) == billed(
        [charge for charge in way.bill() if charge["ended"] == "complete"]
    )
