"""OpenAI's own client at every endpoint of OpenAI's that this gateway speaks, over real sockets."""

import base64
import json
from decimal import Decimal

import harness
import pytest
from openai import BadRequestError, OpenAI, RateLimitError
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("openai_surfaces")

CONFIG = """
providers:
  openai: {base_url: URL/openai/v1}
  groq: {base_url: URL/openai/v1}
  mistral: {base_url: URL/openai/v1}
models:
  painter: {deployments: [openai/gpt-image-1.5]}
  hearer: {deployments: [openai/gpt-4o-transcribe]}
"""
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "gpt-5-2025-08-07",
    "service_tier": "default",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens": 100,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 1100,
    },
}
RESPONSE_COST = Decimal(600 * 1250 + 400 * 125 + 100 * 10_000) / 10**9


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    running = harness.gateway(
        tmp_path_factory.mktemp("surfaces"),
        CONFIG.replace("URL", provider.url),
        env={"OPENAI_API_KEY": "a-key", "GROQ_API_KEY": "a-key", "MISTRAL_API_KEY": "a-key"},
    )
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def client(gate):
    with OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as client:
        yield client


@pytest.fixture
def answers(provider):
    def answer(body, content_type="application/json"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        provider.got["openai"].clear()
        provider.replies["openai"] = [Reply(raw, content_type=content_type)]
        return raw

    return answer


@pytest.fixture
def entry(gate):
    def find(headers):
        document = harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0])
        return document["entries"][0] | {"cost_usd": Decimal(document["cost_usd"])}

    return find


def test_a_whole_response_costs_what_it_used(client, answers, provider):
    answers(RESPONSE)
    got = client.responses.with_raw_response.create(model="gpt-5", input="Hi")
    assert got.parse().usage.total_tokens == 1100
    assert Decimal(got.headers["x-fareway-cost-usd"]) == RESPONSE_COST
    assert got.headers["x-fareway-cost-status"] == "exact"
    assert provider.got["openai"][0].path == "/openai/v1/responses"


@pytest.mark.parametrize(("kind", "status"), [("browser_search", "uncertain"), ("function", "exact")])
def test_a_tool_that_the_provider_runs_in_a_chat_may_have_a_fee(client, answers, kind, status):
    """Groq's, for one: no usage tells of it."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    answers({"id": "c", "object": "chat.completion", "model": "gpt-5", "choices": [choice], "usage": usage})
    got = client.chat.completions.with_raw_response.create(
        model="gpt-5", messages=[{"role": "user", "content": "Hi"}], extra_body={"tools": [{"type": kind}]}
    )
    assert Decimal(got.headers["x-fareway-cost-usd"]) > 0
    assert got.headers["x-fareway-cost-status"] == status


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_a_streamed_response_costs_the_same_however_long_its_last_event(client, answers, entry, size):
    delta = {"item_id": "m", "output_index": 0, "content_index": 0, "logprobs": [], "sequence_number": 1}
    picture = {"type": "image_generation_call", "id": "i", "status": "completed", "result": "A" * size}
    tools = {"tool_usage": {"image_gen": {"input_tokens": 0, "output_tokens": 0}}}
    events = [
        {"type": "response.output_text.delta", "delta": "Yes.", **delta},
        {"type": "response.completed", "sequence_number": 2, "response": RESPONSE | {"output": [picture]} | tools},
    ]
    answers(b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events), "text/event-stream")
    with client.responses.with_streaming_response.create(model="gpt-5", input="Hi", stream=True) as got:
        seen = list(got.parse())
        booked = entry(got.headers)
    assert [event.type for event in seen] == ["response.output_text.delta", "response.completed"]
    assert len(seen[1].response.output[0].result) == size
    assert (booked["cost_usd"], booked["outcome"]) == (RESPONSE_COST, "ok")


def test_a_background_response_is_refused(client, answers, provider):
    answers(RESPONSE)
    with pytest.raises(BadRequestError, match="background"):
        client.responses.create(model="gpt-5", input="Hi", background=True)
    assert provider.got["openai"] == []


def test_an_edited_image_costs_what_it_used_and_its_form_is_untouched_but_for_the_model(client, answers, provider):
    usage = {"input_tokens": 431, "input_tokens_details": {"image_tokens": 388, "text_tokens": 43}}
    usage |= {"output_tokens": 1364, "output_tokens_details": {"image_tokens": 1056, "text_tokens": 308}}
    answers({"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage | {"total_tokens": 1795}})
    picture = bytes(range(256)) * 40
    got = client.images.with_raw_response.edit(model="painter", prompt="Cut", image=("a.png", picture), n=1)
    assert Decimal(got.headers["x-fareway-cost-usd"]) == Decimal("0.040191")
    (asked,) = provider.got["openai"]
    assert asked.path == "/openai/v1/images/edits"
    assert picture in asked.body
    assert b"gpt-image-1.5\r\n" in asked.body
    assert b"painter" not in asked.body


def test_a_recording_costs_its_tokens(client, answers):
    usage = {"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 4, "audio_tokens": 10}}
    answers({"text": "Hi", "usage": usage | {"output_tokens": 5, "total_tokens": 19}})
    got = client.audio.transcriptions.with_raw_response.create(model="hearer", file=("a.mp3", b"\0" * 9000))
    assert got.parse().text == "Hi"
    assert Decimal(got.headers["x-fareway-cost-usd"]) == Decimal(4 * 2500 + 10 * 6000 + 5 * 10_000) / 10**9


def test_a_transcript_in_plain_text_passes_and_is_booked_at_what_was_held(client, answers, entry):
    answers(b"Hi there\n", "text/plain")
    got = client.audio.transcriptions.with_raw_response.create(
        model="hearer", file=("a.mp3", b"\0" * 9000), response_format="text"
    )
    booked = entry(got.headers)
    assert got.content == b"Hi there\n"
    assert (booked["outcome"], booked["cost_status"]) == ("ok", "uncertain")
    assert booked["cost_usd"] > 0


def test_minutes_that_an_answer_does_not_tell_are_booked_at_what_was_held(client, answers, entry):
    """So answers Groq's Whisper in its ordinary format. Tokens have no rate there: what came counts for nothing."""
    answers({"text": "Hi there", "x_groq": {"id": "req_1"}})
    got = client.audio.transcriptions.with_raw_response.create(
        model="groq/whisper-large-v3", file=("a.mp3", b"\0" * 750_000)
    )
    booked = entry(got.headers)
    assert (booked["outcome"], booked["cost_status"]) == ("ok", "uncertain")
    assert booked["cost_usd"] == Decimal("0.030864834")  # 1,000 s at 6 kbit/s, and the second begun.


def asks_of_sound(client, seconds, model="mistral/voxtral-small-latest", **more):
    sound = base64.b64encode(b"\0" * 750 * seconds).decode()
    part = {"type": "input_audio", "input_audio": {"data": sound, "format": "mp3"}}
    messages = [{"role": "user", "content": [part]}]
    return client.chat.completions.with_raw_response.create(model=model, messages=messages, max_tokens=9, **more)


def test_minutes_of_sound_in_a_chat_are_held_for_and_charged(client, answers):
    """At Mistral, which charges them beside the tokens of its text."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 386, "prompt_audio_seconds": 3}
    usage |= {"prompt_tokens_details": {"audio_tokens": 375}}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    answers({"id": "c", "object": "chat.completion", "model": "voxtral", "choices": [choice], "usage": usage})
    with pytest.raises(RateLimitError):
        asks_of_sound(client, 60, extra_headers={"x-fareway-max-cost": "0.004"})
    got = asks_of_sound(client, 3)
    assert Decimal(got.headers["x-fareway-cost-usd"]) == Decimal(9 * 100 + 2 * 400 + 3000 * Decimal("66.667")) / 10**9
    assert got.headers["x-fareway-cost-status"] == "exact"


def test_speech_passes_byte_for_byte_and_is_never_free(client, answers, entry):
    sound = answers(bytes(range(256)) * 100, "audio/mpeg")
    got = client.audio.speech.with_raw_response.create(model="gpt-4o-mini-tts", voice="alloy", input="Hello")
    booked = entry(got.headers)
    assert got.content == sound
    assert got.headers["content-type"] == "audio/mpeg"
    assert (booked["outcome"], booked["cost_status"]) == ("ok", "uncertain")
    assert booked["cost_usd"] > 0


def test_sound_is_no_answer_to_a_question_in_text(client, answers):
    answers(b"\0\1\2", "audio/mpeg")
    with pytest.raises(Exception, match="not JSON"):
        client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi")


def test_a_completion_costs_what_it_used(client, answers):
    usage = {"prompt_tokens": 14, "completion_tokens": 16, "total_tokens": 30}
    choice = {"index": 0, "text": "Yes.", "finish_reason": "stop", "logprobs": None}
    answers({"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": usage})
    got = client.completions.with_raw_response.create(model="gpt-3.5-turbo-instruct", prompt=["Hi"], max_tokens=16)
    assert got.parse().choices[0].text == "Yes."
    assert Decimal(got.headers["x-fareway-cost-usd"]) == Decimal(14 * 1500 + 16 * 2000) / 10**9


def test_images_of_a_model_without_a_price_are_unpriced_and_never_free(client, answers):
    answers({"created": 1, "data": [{"url": "http://x"}, {"url": "http://y"}]})
    got = client.images.with_raw_response.generate(model="openai/dall-e-3", prompt="A cat", n=2)
    assert len(got.parse().data) == 2
    assert got.headers["x-fareway-cost-status"] == "unpriced"
    assert "x-fareway-cost-usd" not in got.headers
