"""The official OpenAI client, pointed at a gateway, does what it does at OpenAI."""

import base64
import json
import struct
from decimal import Decimal

import openai
import pytest
from road import fare, road, said

pytestmark = pytest.mark.xdist_group("sdk")

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("sdk")) as found:
        yield found


@pytest.fixture(scope="module")
def client(way):
    with way.client() as found:
        yield found


def test_whole_answer_and_its_receipt(way, client):
    """The cost in the header is the usage in the body times the list price, to the digit."""
    raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Hello, how are you?"))
    answer, head = raw.parse(), raw.headers
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    cost = fare("sim-small", answer.usage)
    assert Decimal(head["x-fareway-cost-usd"]) == cost > 0
    wanted = {"cost-status": "exact", "model": "sim-small", "provider": "sim", "tier": "economy", "cache": "off"}
    assert {name: head[f"x-fareway-{name}"] for name in wanted} == wanted
    assert Decimal(head["x-fareway-saved-usd"]) == 0
    assert "sim/sim-small" in head["x-fareway-route-reason"]
    assert head["x-fareway-price-id"]
    assert float(head["x-fareway-overhead-ms"]) >= 0
    assert "x-fareway-budget-remaining-usd" not in head, "there is no budget"

    document = way.document(head["x-fareway-request-id"], way.first)
    assert Decimal(document["cost_usd"]) == cost
    (entry,) = document["entries"]
    assert entry["outcome"] == "ok"
    assert entry["status"] == 200
    assert entry["team"] == "default"
    assert entry["tokens"]["input"] == answer.usage.prompt_tokens
    assert entry["tokens"]["output"] == answer.usage.completion_tokens
    assert entry["price_id"] == head["x-fareway-price-id"]
    assert sum(map(Decimal, entry["cost_parts_usd"].values())) == cost


def test_requests_of_others_cannot_be_read(way, client):
    raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Mine."))
    with way.client(way.key("--team", "others")) as other, pytest.raises(openai.NotFoundError):
        other.get(f"/requests/{raw.headers['x-fareway-request-id']}", cast_to=object)


def test_stream_says_the_same(client):
    asked = {"model": "sim-small", "messages": said("Tell me about rivers."), "seed": 7}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    with client.chat.completions.create(**asked, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.choices for chunk in chunks), "the usage chunk was not asked for"
    assert all(chunk.usage is None for chunk in chunks)


def test_stream_with_usage_carries_its_cost(way, client):
    raw = client.chat.completions.with_raw_response.create(
        model="sim-medium", messages=said("Count."), stream=True, stream_options={"include_usage": True}
    )
    with raw.parse() as stream:
        chunks = list(stream)
    *before, last = chunks
    assert last.choices == []
    assert all(chunk.usage is None for chunk in before)
    cost = fare("sim-medium", last.usage)
    assert Decimal(str(last.usage.cost)) == cost > 0
    assert raw.headers["x-fareway-cost-status"] == "estimated", "the headers left before the cost was known"
    assert Decimal(raw.headers["x-fareway-cost-usd"]) >= cost
    document = way.document(raw.headers["x-fareway-request-id"], way.first)
    assert Decimal(document["cost_usd"]) == cost
    assert document["entries"][0]["cost_status"] == "exact"


def test_usage_turned_off_by_name(client):
    with client.chat.completions.create(
        model="sim-small", messages=said("Hi"), stream=True, stream_options={"include_usage": False}
    ) as stream:
        assert all(chunk.choices for chunk in stream)


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_there_and_back(client, streamed):
    """The model asks for a tool, gets its result, and answers."""
    messages = said("Use the tool, please: Oslo")
    if streamed:
        call = _streamed_call(client, messages)
    else:
        (found,) = (
            client.chat.completions.create(model="sim-small", messages=messages, tools=[WEATHER])
            .choices[0]
            .message.tool_calls
        )
        call = found.model_dump()
    assert call["function"]["name"] == "weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "Rain, 4 °C"},
    ]
    answer = client.chat.completions.create(model="sim-small", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content


def _streamed_call(client, messages):
    with client.chat.completions.create(model="sim-small", messages=messages, tools=[WEATHER], stream=True) as stream:
        deltas = [delta for chunk in stream for delta in chunk.choices[0].delta.tool_calls or ()]
    first = deltas[0]
    arguments = "".join(delta.function.arguments or "" for delta in deltas)
    return {"id": first.id, "type": "function", "function": {"name": first.function.name, "arguments": arguments}}


def test_pictures_count(client):
    text = {"type": "text", "text": "What is this?"}
    picture = {"type": "image_url", "image_url": {"url": PIXEL}}
    plain = client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": [text]}])
    seen = client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": [text, picture]}])
    assert seen.usage.prompt_tokens > plain.usage.prompt_tokens


def test_two_choices_cost_two_answers(client):
    raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Twice."), n=2)
    answer = raw.parse()
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == fare("sim-small", answer.usage)


def test_json_on_request(client):
    form = {"type": "json_object"}
    answer = client.chat.completions.create(model="sim-small", messages=said("As JSON."), response_format=form)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_reasoning_is_paid_for(client):
    raw = client.chat.completions.with_raw_response.create(
        model="sim-large", messages=said("Think."), reasoning_effort="high"
    )
    usage = raw.parse().usage
    assert usage.completion_tokens_details.reasoning_tokens > 0
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == fare("sim-large", usage)


def test_embeddings_as_floats_and_as_base64(client):
    """The client asks for base64 by itself; told to, it shows the text as it came."""
    raw = client.embeddings.with_raw_response.create(model="sim-embed", input=["one road", "two rivers"])
    answer = raw.parse()
    assert [item.index for item in answer.data] == [0, 1]
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == fare("sim-embed", answer.usage) > 0
    floats = client.embeddings.create(model="sim-embed", input="one road", encoding_format="float").data[0].embedding
    text = client.embeddings.create(model="sim-embed", input="one road", encoding_format="base64").data[0].embedding
    packed = base64.b64decode(text)
    assert struct.unpack(f"<{len(packed) // 4}f", packed) == pytest.approx(floats)
    assert answer.data[0].embedding == pytest.approx(floats)


def test_models_are_listed(way, client):
    names = {model.id for model in client.models.list()}
    assert {"sim-small", "sim/sim-small", "sim-embed"} <= names
    with way.client(way.key("--models", "sim-small")) as narrow:
        assert [model.id for model in narrow.models.list()] == ["sim-small"]
        with pytest.raises(openai.PermissionDeniedError):
            narrow.chat.completions.create(model="sim-large", messages=said("May I?"))


def test_leaving_a_stream_ends_it(way, client):
    """The provider is told to stop, and what it had made by then is booked."""
    raw = client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said("A long story. [[sim: tps=100 tokens=3000]]"), stream=True
    )
    with raw.parse() as stream:
        for _, chunk in zip(range(5), stream, strict=False):
            assert chunk.choices
    (line,) = way.entries_of(raw.headers["x-fareway-request-id"])
    (charge,) = [b for b in way.bill() if b["gateway_request_id"] == line["request_id"]]
    assert line["outcome"] == "hung_up"
    assert charge["ended"] == "aborted"
    assert charge["completion_tokens"] <= line["output_tokens"] < 3000


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"model": "sim-smal"}, openai.NotFoundError),
        ({"n": 0}, openai.BadRequestError),
        ({"messages": []}, openai.BadRequestError),
        ({"max_tokens": -1}, openai.BadRequestError),
    ],
)
def test_mistakes_are_the_callers(client, wrong, error):
    with pytest.raises(error) as raised:
        client.chat.completions.create(**({"model": "sim-small", "messages": said("Hi")} | wrong))
    assert raised.value.response.headers["x-fareway-request-id"]


def test_wrong_keys_are_refused(way):
    for token in ("sk-nothing-of-ours", way.first[:-1] + ("A" if way.first[-1] != "A" else "B")):
        with way.client(token) as stranger, pytest.raises(openai.AuthenticationError) as raised:
            stranger.chat.completions.create(model="sim-small", messages=said("Hi"))
        assert token not in str(raised.value)
