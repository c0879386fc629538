"""Answers to similar questions, over sockets: asked anyway until proven, then given, told and booked; else never."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from openai import BadRequestError
from road import PATIENCE_S, PROVIDERS, eventually, road, said

pytestmark = pytest.mark.xdist_group("cache-semantic")

CONFIG = (
    PROVIDERS
    + """
cache: {semantic: {errors: 20%, verify: 20%}}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
)
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "s", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
}
"""The simulator's answer to it is the same, whatever the question."""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("semantic"), CONFIG) as found:
        yield found


def ask(client, text, header="semantic", **more):
    """What was said, and the headers."""
    raw = client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said(text), extra_headers={"x-fareway-cache": header}, **more
    )
    return raw.parse().choices[0].message.content, raw.headers


def variants(count, of="Is snow white"):
    """The same words, written otherwise."""
    return [f"{of}{'!' * number}?" for number in range(count)]


def test_it_is_given_once_it_is_proven_and_told_and_booked(way):
    with way.client(way.key("--team", "proven")) as client:
        told = [ask(client, text, response_format=SCHEMA) for text in variants(60)]
        done = [headers["x-fareway-cache"] for _, headers in told]
        assert done[0] == "miss"
        first = done.index("semantic")
        assert first > 10, "not before it was proven"
        assert "miss" in done[first:], "some are asked anyway"
        assert len({content for content, _ in told}) == 1
        before = len(way.bill())
        given = next(headers for _, headers in told if headers["x-fareway-cache"] == "semantic")
        assert given["x-fareway-cost-usd"] == "0.00"
        assert float(given["x-fareway-saved-usd"]) > 0
        assert "asked the same in other words (similarity 1.000)" in given["x-fareway-route-reason"]
        (line,) = way.entries_of(given["x-fareway-request-id"])
        assert (line["outcome"], line["cost_picos"], line["charges"]) == ("cached", 0, {})
        assert line["saved_nanos"] > 0
        assert ask(client, "Is snow not white?", response_format=SCHEMA)[1]["x-fareway-cache"] == "miss"
        assert ask(client, "Is snow white!?!?", "use", response_format=SCHEMA)[1]["x-fareway-cache"] == "miss"
        assert len(way.bill()) == before + 2
    assert way.metric("fareway_cache_total", result="semantic") == done.count("semantic")
    assert way.metric("fareway_cache_total", result="shadow") >= first - 1
    assert way.metric("fareway_cache_semantic_tenants", state="serving") == 1


def test_another_tenant_has_everything_to_prove_again(way):
    with way.client(way.key("--team", "proven")) as client:
        done = [ask(client, text, response_format=SCHEMA)[1]["x-fareway-cache"] for text in variants(8)]
    assert done == ["miss"] * 8


def test_where_answers_differ_it_is_never_given(way):
    """The simulator answers other words otherwise, as it does punctuation."""
    with way.client(way.key()) as client:
        told = [ask(client, text) for text in variants(40, "What may it be")]
    assert len({content for content, _ in told}) > 1
    assert {headers["x-fareway-cache"] for _, headers in told} == {"miss"}


def test_streams_are_proven_and_given_as_streams(way):
    with way.client(way.key()) as client:
        done = []
        for text in variants(60, "Is a stream wet"):
            raw = client.chat.completions.with_raw_response.create(
                model="sim-small",
                messages=said(text),
                stream=True,
                response_format=SCHEMA,
                extra_headers={"x-fareway-cache": "semantic"},
            )
            with raw.parse() as events:
                words = "".join(chunk.choices[0].delta.content or "" for chunk in events if chunk.choices)
            assert json.loads(words) is not None
            done.append(raw.headers["x-fareway-cache"])
    assert "semantic" in done


def test_who_says_that_such_an_answer_was_wrong_ends_it(way):
    """Enough complaints, and the tenant gets no more of them."""
    key = way.key()
    with way.client(key) as client:
        texts, given = iter(variants(400, "Is fire warm")), []
        while len(given) < 12:
            _, headers = ask(client, next(texts), response_format=SCHEMA)
            if headers["x-fareway-cache"] == "semantic":
                given.append(headers["x-fareway-request-id"])
        before = way.metric("fareway_cache_semantic_tenants", state="serving")
        for name in given:
            body = json.dumps({"request_id": name, "score": 0}).encode()
            request = Request(f"{way.url}/v1/feedback", body, {"Authorization": f"Bearer {key}"})
            eventually(lambda request=request: _status(request) == 200)
        assert way.metric("fareway_cache_semantic_tenants", state="serving") == before - 1
        assert "get no kept answers any more" in way.gate.stderr


def _status(request):
    try:
        with urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def test_where_it_is_off_it_is_as_if_exact_answers_were_asked_for(tmp_path):
    with road(tmp_path) as way, way.client() as client:
        done = [
            ask(client, text, response_format=SCHEMA)[1]["x-fareway-cache"] for text in [*variants(3), *variants(1)]
        ]
        assert done == ["miss", "miss", "miss", "hit"]
        with pytest.raises(BadRequestError, match="x-fareway-cache must be one of"):
            ask(client, "x", "similar")
