"""Google's own client before a provider that speaks chat completions alone: text, streams of both kinds, tools."""

import json
import urllib.error
import urllib.request
from decimal import Decimal

import harness
import pytest
from google.genai import Client, errors, types
from pydantic import BaseModel
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("translated")

SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
CONFIG = """
providers:
  plain: {base_url: URL/plain/v1, key: "${PLAIN_API_KEY}", dialects: [openai-chat]}
models:
  gpt: {deployments: [plain/gpt-4o]}
prices:
  overrides:
    - {provider: plain, model: gpt-4o, input: 100/M, output: 400/M}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
USED = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
COST = Decimal("0.006")
SSE = "text/event-stream"
HI = {"contents": [{"parts": [{"text": "Hi"}]}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Paris"}'}}


def said(finish="stop", **message):
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o-1", "choices": [choice]}
    return Reply(json.dumps(body | {"usage": USED}).encode())


def chunk(delta=None, finish=None, usage=None):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-1", "choices": choices}
    return b"data: " + json.dumps(body | {"usage": usage}).encode() + b"\n\n"


BEGUN = chunk({"role": "assistant", "content": "Yes"}) + chunk({"content": ", sir."})
EVENTS = BEGUN + chunk({}, "stop") + chunk(usage=USED) + b"data: [DONE]\n\n"
BROKEN = BEGUN + b'data: {"error": {"message": "Too much at once", "type": "server_error"}}\n\n'


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    config = CONFIG.replace("URL", provider.url)
    running = harness.gateway(tmp_path_factory.mktemp("callers"), config, env={"PLAIN_API_KEY": "theirs"})
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def answers(provider):
    """Sets what the provider says next, and shows what it was asked."""

    def will(*replies):
        provider.got.clear()
        provider.replies["plain"] = list(replies)
        return provider.got["plain"]

    return will


@pytest.fixture
def client(gate):
    with Client(api_key=gate.tokens[1], http_options={"base_url": gate.url}) as found:
        yield found


@pytest.fixture
def models(client):
    return client.models


def asked(got):
    return [json.loads(call.body) for call in got]


def headers_of(answer):
    return {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}


def cost_of(gate, headers):
    document = harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0])
    (entry,) = document["entries"]
    return Decimal(entry["cost_usd"])


def posted(gate, verb, body=HI):
    """The status, the headers and the body of an answer."""
    head = {"Content-Type": "application/json", "x-goog-api-key": gate.tokens[1]}
    request = urllib.request.Request(f"{gate.url}/v1beta/models/gpt:{verb}", json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=60) as got:
        return {name.lower(): value for name, value in got.headers.items()}, got.read()


def test_a_tools_round_trip(gate, models, answers):
    got = answers(said("tool_calls", tool_calls=[CALL]), said(content="Sunny."))
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])], max_output_tokens=99, system_instruction="Be brief."
    )
    contents = [types.Content(role="user", parts=[types.Part(text="Weather in Paris?")])]
    first = models.generate_content(model="gpt", contents=contents, config=config)
    (call,) = first.function_calls
    assert (call.name, call.args) == ("weather", {"place": "Paris"})
    result = types.FunctionResponse(id=call.id, name=call.name, response={"output": "sun"})
    contents += [first.candidates[0].content, types.Content(role="user", parts=[types.Part(function_response=result)])]
    last = models.generate_content(model="gpt", contents=contents, config=config)
    assert last.text == "Sunny."
    assert (last.model_version, last.usage_metadata.total_token_count) == ("gpt-4o-1", 30)
    assert Decimal(headers_of(last)["x-fareway-cost-usd"]) == cost_of(gate, headers_of(last)) == COST
    assert {call.path for call in got} == {"/plain/v1/chat/completions"}
    assert got[0].headers["authorization"] == "Bearer theirs"
    one, two = asked(got)
    assert one["max_tokens"] == 99
    assert one["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    assert [message["role"] for message in two["messages"]] == ["system", "user", "assistant", "tool"]
    assert two["messages"][2]["tool_calls"] == [CALL]
    assert two["messages"][3] == {"role": "tool", "tool_call_id": "c1", "content": "sun"}


def test_a_function_that_the_client_calls_by_itself(models, answers):
    """It is declared in Google's own schema, and gets no id back."""
    without_id = {name: value for name, value in CALL.items() if name != "id"}
    got = answers(said("tool_calls", tool_calls=[without_id]), said(content="Sunny."))

    def weather(place: str) -> str:
        """Tells the weather."""
        return f"sun in {place}"

    assert models.generate_content(model="gpt", contents="Weather?", config={"tools": [weather]}).text == "Sunny."
    one, two = asked(got)
    assert one["tools"][0]["function"]["parameters"] == SCHEMA
    assert two["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": '{"result":"sun in Paris"}'}


class Answer(BaseModel):
    name: str
    age: int


def test_an_answer_by_a_schema(models, answers):
    got = answers(said(content='{"name":"Ann","age":7}'))
    config = {"response_mime_type": "application/json", "response_schema": Answer}
    assert models.generate_content(model="gpt", contents="Who?", config=config).parsed == Answer(name="Ann", age=7)
    (sent,) = asked(got)
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["response_format"]["json_schema"]["schema"]["required"] == ["name", "age"]


def test_a_picture_arrives_in_plain_base64(models, answers):
    got = answers(said(content="A dot."))
    picture = types.Part.from_bytes(data=b"\xfb\xff\xfe", mime_type="image/png")
    models.generate_content(model="gpt", contents=["What is it?", picture])
    (text, image) = asked(got)[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert image["image_url"]["url"] == "data:image/png;base64,+//+"


def test_a_stream_of_events(gate, models, answers):
    got = answers(Reply(EVENTS, content_type=SSE))
    chunks = list(models.generate_content_stream(model="gpt", contents="Hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == "Yes, sir."
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.total_token_count == 30
    assert cost_of(gate, headers_of(chunks[0])) == COST
    assert asked(got)[0]["stream"] is True


def test_a_stream_as_an_array(gate, answers):
    answers(Reply(EVENTS, content_type=SSE))
    headers, body = posted(gate, "streamGenerateContent")
    assert headers["content-type"] == "application/json"
    chunks = json.loads(body)
    texts = [part["text"] for chunk in chunks for part in chunk["candidates"][0]["content"].get("parts", ())]
    assert texts == ["Yes", ", sir."]
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 30
    assert cost_of(gate, headers) == COST


def test_a_stream_that_breaks_off_is_no_answer(gate, models, answers):
    answers(Reply(BEGUN, content_type=SSE))
    with pytest.raises(errors.ServerError) as cut:
        list(models.generate_content_stream(model="gpt", contents="Hi"))
    assert (cut.value.code, cut.value.status) == (502, "UNAVAILABLE")
    answers(Reply(BEGUN, content_type=SSE))
    _, body = posted(gate, "streamGenerateContent")
    assert json.loads(body)[-1]["error"]["status"] == "UNAVAILABLE"


def test_an_error_inside_a_stream_is_said_in_the_callers_dialect(gate, models, answers):
    answers(Reply(BROKEN, content_type=SSE))
    with pytest.raises(errors.ServerError, match="Too much at once"):
        list(models.generate_content_stream(model="gpt", contents="Hi"))
    answers(Reply(BROKEN, content_type=SSE))
    _, body = posted(gate, "streamGenerateContent")
    assert "Too much at once" in json.loads(body)[-1]["error"]["message"]


def test_a_picture_that_was_made_is_seen_in_the_next_turn(client, answers):
    """Google's client sends back by itself what the model said."""
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}
    got = answers(said(content="Here.", images=[shown]), said(content="Blue."))
    talk = client.chats.create(model="gpt")
    assert talk.send_message("Draw a boat.").parts[1].inline_data.mime_type == "image/png"
    assert talk.send_message("Make it blue.").text == "Blue."
    last = asked(got)[1]["messages"][-1]
    assert last["content"][1:] == [shown, {"type": "text", "text": "Make it blue."}]


def test_refusals_are_googles(models, answers):
    got = answers(Reply(b'{"error": {"message": "Too odd", "type": "invalid_request_error"}}', status=400))
    with pytest.raises(errors.ClientError) as refused:
        models.generate_content(model="gpt", contents="Hi")
    assert (refused.value.code, refused.value.status, refused.value.message) == (400, "INVALID_ARGUMENT", "Too odd")
    got = answers(said(content="Yes."))
    config = {"tools": [{"google_search": {}}], "top_k": 40}
    with pytest.raises(errors.ClientError, match=r"tools\[0\]\.googleSearch cannot be carried"):
        models.generate_content(model="gpt", contents="Hi", config=config)
    assert not got
    config["http_options"] = {"headers": {"x-fareway-lossy": "allow"}}
    allowed = models.generate_content(model="gpt", contents="Hi", config=config)
    assert allowed.text == "Yes."
    assert headers_of(allowed)["x-fareway-dropped"] == "tools[0].googleSearch, generationConfig.topK"
