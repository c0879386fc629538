"""What a provider calls its answer, whole and in a stream; and the counts that OpenAI gives for nothing."""

import json

import pytest

from gateway.core.request import Asked
from gateway.core.usage import Report, Usage
from gateway.dialects.base import ID_CHARACTERS_MAX, Quirk
from gateway.dialects.spoken import DIALECTS

CHAT, RESPONSES, MESSAGES = (DIALECTS[name] for name in ("openai-chat", "openai-responses", "anthropic-messages"))
GEMINI, COUNTS = DIALECTS["gemini"], DIALECTS["openai-count-tokens"]
CHATTED = {"prompt_tokens": 1, "completion_tokens": 2}
USED = {"input_tokens": 1, "output_tokens": 2}
NONE = frozenset()

SAID = [
    (CHAT, {"id": "chatcmpl-1", "usage": CHATTED}, "chatcmpl-1"),
    (CHAT, {"id": "chatcmpl-1", "model": 3, "usage": CHATTED}, "chatcmpl-1"),
    (CHAT, {"id": 7, "usage": CHATTED}, ""),
    (CHAT, {"id": "", "usage": CHATTED}, ""),
    (CHAT, {"id": "x" * (ID_CHARACTERS_MAX + 1), "usage": CHATTED}, ""),
    (CHAT, {"usage": CHATTED}, ""),
    (RESPONSES, {"id": "resp_1", "usage": USED}, "resp_1"),
    (RESPONSES, {"type": "response.completed", "response": {"id": "resp_1", "usage": USED}}, "resp_1"),
    (MESSAGES, {"id": "msg_1", "usage": USED}, "msg_1"),
    (MESSAGES, {"id": "msg_1"}, "msg_1"),
    (MESSAGES, {"type": "message_start", "message": {"id": "msg_1", "usage": USED}}, "msg_1"),
    (GEMINI, {"responseId": "r-1", "usageMetadata": {"promptTokenCount": 1}}, "r-1"),
    (GEMINI, {"responseId": ["r"], "usageMetadata": {"promptTokenCount": 1}}, ""),
]


@pytest.mark.parametrize(("dialect", "answer", "name"), SAID)
def test_an_answer_says_what_it_is_called(dialect, answer, name):
    assert dialect.report(json.dumps(answer).encode(), NONE).answer_id == name


def test_charging_providers_say_it_too():
    answer = json.dumps({"id": "gen-1", "usage": CHATTED | {"cost": 0.1}}).encode()
    assert CHAT.report(answer, frozenset({Quirk.CHARGES_REPORTED_COST})).answer_id == "gen-1"


@pytest.mark.parametrize(
    ("dialect", "later"),
    [
        (CHAT, {"usage": CHATTED}),
        (RESPONSES, {"type": "response.completed", "response": {"usage": USED}}),
        (MESSAGES, {"type": "message_delta", "usage": {"output_tokens": 5}}),
        (MESSAGES, {"type": "ping"}),
        (GEMINI, {"usageMetadata": {"promptTokenCount": 1}}),
    ],
)
def test_in_a_stream_what_was_said_once_stays(dialect, later):
    before = Report(answer_id="first")
    assert dialect.report(json.dumps(later).encode(), NONE, before).answer_id == "first"


def test_counting_is_free_and_goes_to_its_own_path():
    asked = Asked(json.dumps({"model": "gpt-5", "input": "Hi", "stream": True, "max_output_tokens": 9}).encode())
    facts = COUNTS.read(asked)
    assert (facts.free, facts.stream, facts.output_tokens_max, facts.model) == (True, False, 0, "gpt-5")
    assert COUNTS.aim(asked, "gpt-5", facts) == ("/responses/input_tokens", asked.body)
    assert b'"gpt-6"' in COUNTS.aim(asked, "gpt-6", facts).body
    assert COUNTS.report(b'{"input_tokens": 2095}', NONE) == Report(usage=Usage())
    assert COUNTS.report(b"garbage", NONE) == Report(usage=Usage())
    assert COUNTS.report(b'{"error": {"message": "no"}}', NONE).failed
