"""A cap is written into a request as its vendor reads it, and nothing else in the body changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.providers import KNOWN
from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Quirk
from gateway.dialects.caps import ANSWER_TOKENS_MIN, cap_min, capped
from gateway.dialects.spoken import DIALECTS

SAID = '"messages":[{"role":"user","content":"max_tokens: 9"}]'
GOLDEN = [  # Dialect, a body, and the same body for at most 100 tokens.
    ("openai-chat", f'{{"model":"m",{SAID},"max_tokens":4000}}', f'{{"model":"m",{SAID},"max_tokens":100}}'),
    ("openai-chat", f'{{"model":"m",{SAID}}}', f'{{"model":"m",{SAID},"max_tokens":100}}'),
    (
        "openai-chat",
        f'{{"max_completion_tokens" : 500 , {SAID},"model":"m"}}\n',
        f'{{"max_completion_tokens" : 100 , {SAID},"model":"m"}}\n',
    ),
    ("openai-chat", f'{{"model":"m",{SAID},"max_tokens":null}}', f'{{"model":"m",{SAID},"max_tokens":100}}'),
    (
        "openai-chat",
        f'{{"model":"m",{SAID},"max_tokens":50,"max_completion_tokens":500}}',
        f'{{"model":"m",{SAID},"max_tokens":50,"max_completion_tokens":100}}',
    ),
    ("openai-chat", f'{{"model":"m",{SAID},"max\\u005ftokens":500}}', f'{{"model":"m",{SAID},"max\\u005ftokens":100}}'),
    ("openai-completions", '{"model":"m","prompt":"Hi"}', '{"model":"m","prompt":"Hi","max_tokens":100}'),
    ("openai-responses", '{"model":"m","input":"Hi"}', '{"model":"m","input":"Hi","max_output_tokens":100}'),
    (
        "openai-responses",
        '{"model":"m","max_output_tokens":900,"input":"Hi"}',
        '{"model":"m","max_output_tokens":100,"input":"Hi"}',
    ),
    ("anthropic-messages", f'{{"model":"m","max_tokens":1024,{SAID}}}', f'{{"model":"m","max_tokens":100,{SAID}}}'),
    (
        "gemini",
        '{"contents":[{"parts":[{"text":"Hi"}]}]}',
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":100}}',
    ),
    (
        "gemini",
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"temperature":0,"maxOutputTokens":800}}',
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"temperature":0,"maxOutputTokens":100}}',
    ),
    (
        "gemini",
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":"800"}}',
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":100}}',
    ),
    (
        "gemini",
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generation_config":{"max_output_tokens":0}}',
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generation_config":{"max_output_tokens":100}}',
    ),
    (
        "gemini",
        '{"contents":[{}],"generation\\u005fconfig":{"max_output\\u005ftokens":800,"top_k":5}}',
        '{"contents":[{}],"generation\\u005fconfig":{"max_output\\u005ftokens":100,"top_k":5}}',
    ),
    (
        "gemini",
        '{"contents":[{}],"generationConfig":{"max_output_tokens":800}}',
        '{"contents":[{}],"generationConfig":{"max_output_tokens":100}}',
    ),
    (
        "gemini",
        '{"contents":[{}],"generation_config":null}',
        '{"contents":[{}],"generation_config":{"maxOutputTokens":100}}',
    ),
    (
        "gemini",
        (
            '{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"mime_type":"a"}}}]}],"tools":'
            '[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"mime_type":{}},'
            '"required":["mime_type"]}}]}],"generationConfig":{"maxOutputTokens":800}}'
        ),
        (
            '{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"mime_type":"a"}}}]}],"tools":'
            '[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"mime_type":{}},'
            '"required":["mime_type"]}}]}],"generationConfig":{"maxOutputTokens":100}}'
        ),
    ),
    (
        "gemini",
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":null}',
        '{"contents":[{"parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":100}}',
    ),
    (
        "bedrock-converse",
        '{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}',
        '{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":100}}',
    ),
    (
        "bedrock-converse",
        (
            '{"messages":[{"content":[]}],"inferenceConfig":{"maxTokens":300},'
            '"additionalModelRequestFields":{"max_tokens":999,"top_k":5}}'
        ),
        (
            '{"messages":[{"content":[]}],"inferenceConfig":{"maxTokens":100},'
            '"additionalModelRequestFields":{"max_tokens":100,"top_k":5}}'
        ),
    ),
    (
        "bedrock-converse",
        (
            '{"messages":[{"content":[]}],"additionalModelRequestFields":{"inferenceConfig":{"max_new_tokens":999}},'
            '"inferenceConfig":{"maxTokens":300}}'
        ),
        (
            '{"messages":[{"content":[]}],"additionalModelRequestFields":{"inferenceConfig":{"max_new_tokens":100}},'
            '"inferenceConfig":{"maxTokens":100}}'
        ),
    ),
    (
        "bedrock-converse",
        '{"messages":[{"content":[]}],"additionalModelRequestFields":{"top_k":5}}',
        '{"messages":[{"content":[]}],"additionalModelRequestFields":{"top_k":5},"inferenceConfig":{"maxTokens":100}}',
    ),
    (
        "bedrock-invoke",
        f'{{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,{SAID}}}',
        f'{{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,{SAID}}}',
    ),
    (
        "bedrock-invoke",
        '{"inferenceConfig":{"maxTokens":1000},"messages":[]}',
        '{"inferenceConfig":{"maxTokens":100},"messages":[]}',
    ),
    (
        "bedrock-invoke",
        '{"textGenerationConfig":{"maxTokenCount":1000},"max_tokens":700,"inputText":"Hi"}',
        '{"textGenerationConfig":{"maxTokenCount":100},"max_tokens":100,"inputText":"Hi"}',
    ),
    ("cohere-chat", f'{{"model":"m",{SAID}}}', f'{{"model":"m",{SAID},"max_tokens":100}}'),
]


def read(dialect, body):
    return DIALECTS[dialect].read(Asked(body, model="m"))


@pytest.mark.parametrize(("dialect", "body", "lower"), GOLDEN)
def test_the_cap_stands_where_the_vendor_reads_it(dialect, body, lower):
    assert capped(dialect, body.encode(), 100).decode() == lower
    assert read(dialect, lower.encode()).output_tokens_max == 100


def test_openais_newer_models_know_another_name():
    body = f'{{"model":"m",{SAID}}}'.encode()
    for name in ("openai", "azure"):
        assert b'"max_completion_tokens":100' in capped("openai-chat", body, 100, KNOWN[name].quirks)
    assert KNOWN["openai"].quirks == {Quirk.CAPS_COMPLETION_TOKENS}


@pytest.mark.parametrize(("dialect", "body", "_lower"), GOLDEN)
@given(tokens=st.integers(16, 10**6))
def test_what_is_read_back_is_the_lower_of_the_two(dialect, body, _lower, tokens):
    before = read(dialect, body.encode()).output_tokens_max
    after = read(dialect, capped(dialect, body.encode(), tokens)).output_tokens_max
    assert after == (tokens if before is None else min(before, tokens))


def test_where_no_one_knows_the_name_nothing_is_written():
    for body in ('{"prompt":"Hi"}', '{"max_gen_len":null,"prompt":"Hi"}', '{"inferenceConfig":{"topP":1}}'):
        assert capped("bedrock-invoke", body.encode(), 100) is None
    assert capped("bedrock-invoke", b'{"max_gen_len":"many"}', 100) is None


@pytest.mark.parametrize("dialect", ["openai-embeddings", "openai-speech", "cohere-rerank", "anthropic-count-tokens"])
def test_what_generates_no_text_has_no_cap(dialect):
    assert capped(dialect, b'{"model":"m"}', 100) is None
    assert cap_min(dialect, b'{"model":"m"}') == ANSWER_TOKENS_MIN


def test_twins_are_no_cap():
    with pytest.raises(BadRequest, match="twice"):
        capped("bedrock-invoke", b'{"inferenceConfig":{"maxTokens":1,"maxTokens":900}}', 100)


@pytest.mark.parametrize(
    ("dialect", "more", "thoughts"),
    [
        ("openai-chat", {"reasoning_effort": "high"}, 0),
        ("anthropic-messages", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, 2000),
        ("anthropic-messages", {"thinking": {"type": "adaptive"}}, 0),
        ("anthropic-messages", {}, 0),
        ("anthropic-messages", {"thinking": {"type": "enabled", "budget_tokens": "many"}}, 0),
        ("bedrock-invoke", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, 1024),
        ("bedrock-converse", {"additionalModelRequestFields": {"thinking": {"budget_tokens": 1500}}}, 1500),
        ("bedrock-converse", {"additionalModelRequestFields": {"reasoning_config": {"budget_tokens": 1200}}}, 1200),
        ("bedrock-converse", {"additionalModelRequestFields": None}, 0),
        ("gemini", {"contents": [], "generationConfig": {"thinkingConfig": {"thinkingBudget": 512}}}, 512),
        ("gemini", {"contents": [], "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, 0),
        ("gemini", {"contents": []}, 0),
        ("cohere-chat", {"thinking": {"type": "enabled", "token_budget": 300}}, 300),
    ],
)
def test_an_answer_has_room_behind_the_thoughts_that_were_asked_for(dialect, more, thoughts):
    assert cap_min(dialect, json.dumps(more).encode()) == thoughts + ANSWER_TOKENS_MIN
