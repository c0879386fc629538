"""A setting that money depends on must not stand in a body under a name that others read as the same."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.caps import capped
from gateway.dialects.spoken import DIALECTS

HI = [{"role": "user", "content": "hi"}]
CONTENTS = [{"parts": [{"text": "hi"}]}]
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
FORMS = [
    ("openai-chat", {"model": "m", "messages": HI, "stream": False, "max_tokens": 1, "n": 1, "service_tier": "flex"}),
    ("openai-completions", {"model": "m", "prompt": "hi", "best_of": 1, "max_tokens": 1}),
    ("openai-responses", {"model": "m", "input": "hi", "max_output_tokens": 1, "tools": []}),
    ("openai-images", {"model": "m", "n": 1, "size": "auto"}),
    ("openai-speech", {"model": "m", "input": "hi"}),
    ("anthropic-messages", {"model": "m", "messages": HI, "max_tokens": 1, "service_tier": "auto", "fallbacks": []}),
    ("gemini", {"contents": CONTENTS, "generationConfig": {}, "serviceTier": "flex", "cachedContent": None}),
    ("bedrock-converse", {**CONVERSE, "inferenceConfig": {}, "additionalModelRequestFields": {}, "serviceTier": {}}),
    ("bedrock-invoke", {"maxTokens": 1, "max_gen_len": 1, "n": 1, "textGenerationConfig": {}, "tools": []}),
    ("cohere-chat", {"model": "m", "messages": HI, "max_tokens": 1}),
    ("cohere-rerank", {"model": "m", "query": "q", "documents": ["d"]}),
]
NESTED = [
    ("gemini", {"contents": CONTENTS}, "generationConfig", {"maxOutputTokens": 1, "candidateCount": 1}),
    ("bedrock-converse", CONVERSE, "inferenceConfig", {"maxTokens": 1}),
    ("bedrock-converse", CONVERSE, "additionalModelRequestFields", {"max_new_tokens": 1, "maxTokenCount": 1, "n": 1}),
    ("bedrock-invoke", {}, "inferenceConfig", {"maxTokens": 1, "max_new_tokens": 1}),
]
KEYS = [(dialect, json.dumps(form), name) for dialect, form in FORMS for name in form]
KEYS += [
    ("openai-embeddings", '{"model": "m", "input": "hi"}', "model"),
    *((dialect, json.dumps({**form, outer: inner}), name) for dialect, form, outer, inner in NESTED for name in inner),
]


def read(dialect, body):
    return DIALECTS[dialect].read(Asked(body.encode(), model="m", content_type="application/json"))


def beside(body, name, other):
    """The body with the value of this name under another one, too."""
    at = body.index(f'"{name}": ') + len(f'"{name}": ')
    value, _ = json.JSONDecoder().raw_decode(body, at)
    return body.replace(f'"{name}": ', f'"{other}": {json.dumps(value)}, "{name}": ', 1)


@pytest.mark.parametrize(("dialect", "body", "name"), KEYS)
def test_a_name_in_another_case_is_refused(dialect, body, name):
    """Go's parser, which many who serve models have, takes it for the same, and of both the last: a dear model was held
    for as a cheap one."""
    assert read(dialect, body)
    for other in {name.upper(), name.title(), name[0].upper() + name[1:], name.replace("s", "\u017f")} - {name}:
        with pytest.raises(BadRequest, match="another name") as refused:
            read(dialect, beside(body, name, other))
        assert refused.value.param == other


@pytest.mark.parametrize(("dialect", "body", "name"), KEYS)
def test_a_twin_is_refused_whichever_letter_of_it_is_escaped(dialect, body, name):
    for at, letter in enumerate(name):
        for escape in (f"\\u{ord(letter):04x}", f"\\u{ord(letter):04X}"):
            with pytest.raises(BadRequest, match="twice"):
                read(dialect, beside(body, name, name[:at] + escape + name[at + 1 :]))


@pytest.mark.parametrize(
    ("dialect", "body", "name"),
    [
        ("bedrock-invoke", '{"maxTokens": 5000}', "maxTokens"),
        ("bedrock-invoke", '{"inferenceConfig": {"maxTokens": 5000}}', "inferenceConfig"),
        ("bedrock-converse", json.dumps({**CONVERSE, "inferenceConfig": {"maxTokens": 5000}}), "maxTokens"),
        ("bedrock-converse", json.dumps({**CONVERSE, "inferenceConfig": {"maxTokens": 5000}}), "inferenceConfig"),
        (
            "gemini",
            json.dumps({"contents": CONTENTS, "generationConfig": {"maxOutputTokens": 5000}}),
            "maxOutputTokens",
        ),
    ],
)
def test_a_cap_is_lowered_whichever_letter_of_its_name_is_escaped(dialect, body, name):
    """Where it was a capital, the cap was not found: another was added behind it, and either could count."""
    for at, letter in enumerate(name):
        hidden = body.replace(f'"{name}"', f'"{name[:at]}\\u{ord(letter):04x}{name[at + 1 :]}"')
        lower = capped(dialect, hidden.encode(), 100)
        assert b"5000" not in lower
        assert read(dialect, lower.decode()).output_tokens_max == 100
