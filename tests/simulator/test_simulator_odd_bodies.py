"""A value of a wrong type, however deep in a body, is refused in the shape of the API that was asked."""

import copy

import pytest
from simbench import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris"]}}, "required": ["city"]}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CHAT = {
    "model": "sim-small",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi."}, PICTURE]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Sunny."},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
}
MESSAGES = {
    "model": "sim-small",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"city": "Paris"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Sunny."}]},
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "f"},
}
RESPONSES = {
    "model": "sim-small",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "Sunny."},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
}
GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "Hi."}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"city": "Paris"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"sky": "blue"}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {"responseMimeType": "application/json", "responseSchema": SCHEMA},
}
CONVERSE = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {"role": "user", "content": [{"text": "Hi."}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": {"city": "Paris"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "Sunny."}]}}]},
    ],
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"tool": {"name": "f"}},
    },
}
BODIES = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": {name: MESSAGES[name] for name in ("model", "system", "messages", "tools")},
    "/v1/responses": RESPONSES,
    "/v1/responses/input_tokens": RESPONSES,
    "/v1beta/models/sim-small:generateContent": GEMINI,
    "/v1beta/models/sim-small:countTokens": {"contents": GEMINI["contents"]},
    "/model/sim-small/converse": CONVERSE,
    "/v1/embeddings": {"model": "sim-embed", "input": ["Hi."]},
}
ODD = (None, True, -1, 1e300, "odd", [], [[]], {}, {"a": {}})


def places(value, path=()):
    """Of everything in a body."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from places(one, (*path, name))


def with_odd(body, path, odd):
    changed = copy.deepcopy(body)
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = odd
    return changed


@pytest.mark.parametrize("path", BODIES)
async def test_an_odd_value_is_the_callers_mistake(sim, path):
    failed, refused = [], 0
    for place in places(BODIES[path]):
        for odd in ODD:
            url, body = sim.running.url + path, with_odd(BODIES[path], place, odd)
            async with sim.http.post(url, json=body, headers=KEY) as got:
                said = await got.json(content_type=None) if got.status < 500 else await got.text()
            if got.status >= 500:
                failed.append((place, odd))
            elif got.status >= 400:
                refused += 1
                assert "error" in said or "message" in said
    assert not failed
    assert refused > 0
