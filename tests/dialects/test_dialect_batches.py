"""Results of batches become reports that say so."""

import json

import harness
import pytest

from gateway.core.usage import Usage
from gateway.dialects.batches import read_results
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.prices.bundled import price_book

CHAT = {"model": "m", "service_tier": "default", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}


def results(*lines, dialect=None):
    return list(read_results([json.dumps(line).encode() for line in lines], dialect or OpenAIChat()))


def test_openais_results_are_read_and_say_that_they_are_a_batchs():
    (result,) = results({"custom_id": "a", "response": {"status_code": 200, "body": CHAT}, "error": None})
    assert (result.custom_id, result.report.usage) == ("a", Usage(input=3, output=4))
    assert (result.report.service_tier, result.report.failed) == ("batch", False)
    assert json.loads(result.answer) == CHAT


def test_anthropics_results_are_read_by_its_own_lens():
    """Any lens does: this one shows that the message is what is read, and that a tier of its own is kept once."""
    (result,) = results(
        {"custom_id": "a", "result": {"type": "succeeded", "message": CHAT | {"service_tier": "batch"}}}
    )
    assert (result.report.usage, result.report.service_tier) == (Usage(input=3, output=4), "batch")
    (other,) = results({"result": {"type": "succeeded", "message": CHAT | {"service_tier": "geo:us"}}})
    assert (other.custom_id, other.report.service_tier) == ("", "batch,geo:us")


@pytest.mark.parametrize(
    "line",
    [
        {"custom_id": "a", "response": None, "error": {"code": "batch_expired"}},
        {"custom_id": "a", "result": {"type": "errored", "error": {"type": "error"}}},
        {"custom_id": "a", "response": {"body": {"error": {"message": "no"}}}},
        {"custom_id": "a", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}},
    ],
)
def test_a_call_that_failed_has_no_usage(line):
    (result,) = results(line)
    assert (result.report.usage, result.report.failed, result.answer) == (None, True, b"")


def test_what_is_no_result_is_left_out():
    assert list(read_results([b"", b"\n", b"[]", b"{", b"\xff"], OpenAIChat())) == []


def test_the_recorded_results_are_counted():
    if (found := harness.shared()) is None:
        pytest.skip("no shared recordings; set FAREWAY_SHARED")
    with (found / "data" / "recorded" / "openai_batch_results.jsonl").open("rb") as lines:
        read = list(read_results(lines, OpenAIResponses()))
    assert [result.custom_id for result in read] == ["0", "1"]
    assert sum(result.report.usage.input_total for result in read) == 36
    assert sum(result.report.usage.output_total for result in read) == 224
    assert {result.report.service_tier for result in read} == {"batch"}
    price = price_book().price("openai", read[0].report.model, 1_787_150_602)
    assert all(price.of(result.report.usage, "batch").total for result in read)
