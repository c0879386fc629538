"""Embeddings: text or token ids in, the model changed and nothing else."""

import json

import pytest
from dialects.lens import OnBytes

from gateway.core.errors import BadRequest
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.validate import MODEL_NAME_MAX

EMBEDDINGS = OnBytes(OpenAIEmbeddings())


def body(text="hi", **more):
    return json.dumps({"model": "m", "input": text, **more}).encode()


@pytest.mark.parametrize("text", ["hi", ["a", "b"], [1, 2], [[1, 2], [3]]])
def test_text_and_token_ids_are_read(text):
    facts = EMBEDDINGS.read(body(text, user="u"))
    assert (facts.model, facts.stream, facts.output_tokens_max, facts.session) == ("m", False, 0, "u")
    assert facts.needs == {"embeddings"}


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (b"", None),
        (b'{"input": "x"}', "model"),
        (b'{"model": "m"}', "input"),
        (body(""), "input"),
        (body([]), "input"),
        (body(5), "input"),
        (body([[["deep"]]]), "input[0][0]"),
        (body([1.5]), "input[0]"),
        (b'{"model": "m", "input": "x", "mod\\u0065l": "n"}', "model"),
        (body(model=""), "model"),
        (body(model="m" * (MODEL_NAME_MAX + 1)), "model"),
        (body(model="m\n"), "model"),
        (body(model="m\x7f"), "model"),
    ],
)
def test_a_wrong_body_is_refused_naming_the_field(bad, param):
    with pytest.raises(BadRequest) as refused:
        EMBEDDINGS.read(bad)
    assert refused.value.param == param


def test_the_longest_name_is_still_one():
    assert EMBEDDINGS.read(body(model="m" * MODEL_NAME_MAX)).model == "m" * MODEL_NAME_MAX


def test_an_error_inside_a_good_answer_is_a_failure():
    assert EMBEDDINGS.report(b'{"error": {"message": "boom"}}', frozenset()).failed
    assert not EMBEDDINGS.report(b'{"error": null, "data": []}', frozenset()).failed


def test_only_the_model_changes():
    asked = b'{"input": "model", "model" : "m", "dimensions": 5}'
    facts = EMBEDDINGS.read(asked)
    assert EMBEDDINGS.aim(asked, "m", facts) is asked
    assert EMBEDDINGS.aim(asked, "other", facts) == asked.replace(b'"m"', b'"other"')


@pytest.mark.parametrize(
    ("text", "texts"),
    [("hi", ("hi",)), (["a", "b"], ("a", "b")), ([17, 5], ("17", "5")), ([[1, 2]], ("[1, 2]",))],
)
def test_every_input_counts_and_a_token_id_never_less_than_a_token(text, texts):
    assert EMBEDDINGS.countable(body(text)).texts == texts


def test_usage_without_completion_tokens_is_input_only():
    report = EMBEDDINGS.report(b'{"model": "m-3", "usage": {"prompt_tokens": 2, "total_tokens": 2}}', frozenset())
    assert (report.model, report.usage.input, report.usage.output_total, report.clamped) == ("m-3", 2, 0, False)
