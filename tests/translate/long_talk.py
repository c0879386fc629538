"""A conversation of many turns, as a client of each dialect keeps it: answers come back just as they were given."""

import base64
import json
from itertools import count

from gateway.core.request import Asked

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x08\2\0\0\0" + bytes(40)).decode()
SYSTEM = "Answer in one sentence. " * 40
SCHEMA = {"type": "object", "properties": {"zone": {"type": "string"}, "day": {"type": "integer"}}, "required": ["day"]}
TOOLS = ("weather", "tides")
MARK = {"type": "ephemeral"}


class Talk:
    """What a client would send next. `say` a turn; `heard` takes the answer, in the client's own dialect."""

    def __init__(self):
        self.said, self.turn, self.calls = [], 0, []

    def say(self):
        """The user's next turn: results of what was called, or words, now and then with a picture; and sometimes what
        the system has to remind of."""
        self.turn += 1
        self.results() if self.calls else self.words(f'Question {self.turn}: and then? é\n"2"', self.turn % 4 == 3)
        self.calls = []
        if self.turn % 5 == 0:
            self.remind(f"{9999 - self.turn} tokens are left.")

    def asked(self):
        return Asked(json.dumps(self.body(), ensure_ascii=False).encode())


class Chat(Talk):
    dialect = "openai-chat"

    def words(self, text, picture):
        parts = [{"type": "text", "text": text}]
        if picture:
            parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})
        self.said.append({"role": "user", "content": parts if picture else text})

    def remind(self, text):
        self.said.append({"role": "system", "content": text})

    def results(self):
        self.said += [{"role": "tool", "tool_call_id": call, "content": f"Result of {call}."} for call in self.calls]

    def heard(self, answer):
        message = json.loads(answer)["choices"][0]["message"]
        self.said.append(message)
        self.calls = [call["id"] for call in message.get("tool_calls") or ()]

    def body(self):
        tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS]
        messages = [{"role": "system", "content": SYSTEM}, *self.said]
        return {"model": "m", "max_tokens": 4000, "messages": messages, "tools": tools}


class Responses(Talk):
    dialect = "openai-responses"

    def words(self, text, picture):
        parts = [{"type": "input_text", "text": text}]
        if picture:
            parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"})
        self.said.append({"role": "user", "content": parts})

    def remind(self, text):
        self.said.append({"role": "developer", "content": text})

    def results(self):
        self.said += [
            {"type": "function_call_output", "call_id": call, "output": f"Result of {call}."} for call in self.calls
        ]

    def heard(self, answer):
        output = json.loads(answer)["output"]
        self.said += output
        self.calls = [item["call_id"] for item in output if item["type"] == "function_call"]

    def body(self):
        tools = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in TOOLS]
        return {
            "model": "m",
            "max_output_tokens": 4000,
            "instructions": SYSTEM,
            "input": self.said,
            "tools": tools,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "medium", "summary": "auto"},
            "prompt_cache_key": "talk-1",
        }


class Messages(Talk):
    """Its mark for the cache moves with the conversation, as Claude Code's does."""

    dialect = "anthropic-messages"

    def words(self, text, picture):
        parts = [{"type": "text", "text": text}]
        if picture:
            source = {"type": "base64", "media_type": "image/png", "data": PNG}
            parts.append({"type": "image", "source": source})
        self.said.append({"role": "user", "content": parts})

    def remind(self, text):
        self.said.append({"role": "system", "content": text})

    def results(self):
        results = [{"type": "tool_result", "tool_use_id": call, "content": f"Result of {call}."} for call in self.calls]
        self.said.append({"role": "user", "content": results})

    def heard(self, answer):
        content = json.loads(answer)["content"]
        self.said.append({"role": "assistant", "content": content})
        self.calls = [block["id"] for block in content if block["type"] == "tool_use"]

    def body(self):
        last = max(at for at, message in enumerate(self.said) if message["role"] == "user")
        marked = {**self.said[last], "content": [*self.said[last]["content"]]}
        marked["content"][-1] = {**marked["content"][-1], "cache_control": MARK}
        return {
            "model": "m",
            "max_tokens": 4000,
            "system": [{"type": "text", "text": SYSTEM, "cache_control": MARK}],
            "messages": [*self.said[:last], marked, *self.said[last + 1 :]],
            "tools": [{"name": name, "input_schema": SCHEMA} for name in TOOLS],
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        }


class Gemini(Talk):
    dialect = "gemini"

    def words(self, text, picture):
        parts = [{"text": text}]
        if picture:
            parts.append({"inlineData": {"mimeType": "image/png", "data": PNG}})
        self.said.append({"role": "user", "parts": parts})

    def remind(self, text):
        """Its system speaks once."""

    def results(self):
        parts = [
            {"functionResponse": {"name": name, "response": {"output": f"Result {self.turn}."}} | called}
            for name, called in self.calls
        ]
        self.said.append({"role": "user", "parts": parts})

    def heard(self, answer):
        content = json.loads(answer)["candidates"][0]["content"]
        self.said.append(content)
        found = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        self.calls = [(call["name"], {"id": call["id"]} if "id" in call else {}) for call in found]

    def body(self):
        tools = [{"functionDeclarations": [{"name": name, "parametersJsonSchema": SCHEMA} for name in TOOLS]}]
        return {
            "systemInstruction": {"parts": [{"text": SYSTEM}]},
            "contents": self.said,
            "tools": tools,
            "generationConfig": {"maxOutputTokens": 4000, "thinkingConfig": {"includeThoughts": True}},
        }

    def asked(self):
        return Asked(json.dumps(self.body()).encode(), model="m", verb="generateContent")


TALKS = {talk.dialect: talk for talk in (Chat, Responses, Messages, Gemini)}
_numbers = count(1)


def answer(dialect):
    """An answer of a provider's: it thinks, says something, and every other time calls two tools."""
    n = next(_numbers)
    return json.dumps(_ANSWERS[dialect](n, [f"{name}" for name in TOOLS] if n % 2 else [])).encode()


def _claude(n, called):
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}_{name}", "name": name, "input": {"zone": "b", "day": n}}
        for name in called
    ]
    thought = {"type": "thinking", "thinking": f"Hm, {n}.", "signature": f"c2lnbmF0dXJl{n}=="}
    return {
        "id": f"msg_{n}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [thought, {"type": "text", "text": f"Answer {n}."}, *calls],
        "stop_reason": "tool_use" if called else "end_turn",
        "usage": {"input_tokens": 9, "output_tokens": 9},
    }


def _chat(n, called):
    calls = [
        {"id": f"call_{n}_{at}", "type": "function", "function": {"name": name, "arguments": '{"zone": "b", "day": 1}'}}
        for at, name in enumerate(called)
    ]
    message = {"role": "assistant", "content": f"Answer {n}.", "reasoning_content": f"Hm, {n}."}
    return {
        "id": f"chatcmpl-{n}",
        "object": "chat.completion",
        "created": n,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": message | ({"tool_calls": calls} if calls else {}),
                "finish_reason": "tool_calls" if calls else "stop",
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
    }


def _gemini(n, called):
    signed = {"thoughtSignature": base64.b64encode(f"signature {n}".encode()).decode()}
    calls = [{"functionCall": {"name": name, "args": {"zone": "b", "day": n}}} for name in called]
    parts = [{"text": f"Hm, {n}.", "thought": True}, {"text": f"Answer {n}."}, *calls]
    parts[-1 if not calls else -len(calls)].update(signed)
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18},
        "modelVersion": "gemini-2.5-flash",
        "responseId": f"r{n}",
    }


def _converse(n, called):
    thought = {"reasoningContent": {"reasoningText": {"text": f"Hm, {n}.", "signature": f"c2ln{n}=="}}}
    calls = [
        {"toolUse": {"toolUseId": f"tooluse_{n}_{name}", "name": name, "input": {"zone": "b", "day": n}}}
        for name in called
    ]
    return {
        "output": {"message": {"role": "assistant", "content": [thought, {"text": f"Answer {n}."}, *calls]}},
        "stopReason": "tool_use" if called else "end_turn",
        "usage": {"inputTokens": 9, "outputTokens": 9, "totalTokens": 18},
    }


def _responses(n, called):
    calls = [
        {
            "type": "function_call",
            "id": f"fc_{n}_{at}",
            "call_id": f"call_{n}_{at}",
            "name": name,
            "arguments": '{"day": 1}',
            "status": "completed",
        }
        for at, name in enumerate(called)
    ]
    thought = {"type": "reasoning", "id": f"rs_{n}", "summary": [], "encrypted_content": f"c2VhbGVk{n}=="}
    text = {"type": "output_text", "text": f"Answer {n}.", "annotations": []}
    said = {"type": "message", "id": f"msg_{n}", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": f"resp_{n}",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": [thought, said, *calls],
        "usage": {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18},
    }


_ANSWERS = {
    "anthropic-messages": _claude,
    "bedrock-invoke": _claude,
    "openai-chat": _chat,
    "openai-responses": _responses,
    "gemini": _gemini,
    "bedrock-converse": _converse,
}
