"""A whole chat completion as an answer of Gemini's.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.dialects.openai_report import read_report
from gateway.translate import pictures
from gateway.translate.chat_said import BROKEN_OFF, input_of, spoken
from gateway.translate.edge import Told
from gateway.translate.gemini.parts import NO_SIGNATURE_BYTES, excused, inline
from gateway.translate.gemini_to_openai_chat.caller import Caller, caller_of

Json = dict[str, Any]

_FINISHES = {
    "length": "MAX_TOKENS",
    "model_length": "MAX_TOKENS",
    "content_filter": "SAFETY",
} | dict.fromkeys(BROKEN_OFF, "OTHER")
"""By OpenAI's reasons, and others'. Gemini says STOP after calls, too."""

_objects = msgspec.json.Decoder(dict[str, Any])


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    answer = _objects.decode(body)
    choices = objects(answer.get("choices"))
    if not any(isinstance(choice.get("message"), dict) for choice in choices):
        raise ValueError("the answer has no message")
    caller = caller_of(told.asked)
    candidates = [_candidate(choice, place, caller) for place, choice in enumerate(choices)]
    usage = read_report(body, told.quirks).usage
    return msgspec.json.encode(response(told, answer.get("model"), candidates, usage))


def objects(found: Any) -> list[Json]:
    """The objects of an array, of what may be none."""
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def response(told: Told, model: Any, candidates: list[Json], usage: Usage | None) -> Json:
    """An answer, or a chunk of a stream. Without `usage`, if it is not known: missing is not zero."""
    made: Json = {"candidates": candidates}
    if usage is not None:
        made["usageMetadata"] = usage_block(usage)
    version = model if isinstance(model, str) and model else told.asked.model
    return made | {"modelVersion": version, "responseId": told.request_id}


def candidate(index: int, parts: list[Json], finish: str = "", probable: Json | None = None) -> Json:
    """One of several answers, or some more of it. `finish`: why it ended; empty while it goes on. Calls come all at
    once: newer models of Google's, which may be told of them later, want a signature at the first."""
    content = {"parts": excused(parts, NO_SIGNATURE_BYTES), "role": "model"} if parts else {"role": "model"}
    made: Json = {"content": content}
    if finish:
        made["finishReason"] = finish
    if probable:
        made["logprobsResult"] = probable
    return made | {"index": index}


def finish_of(reason: Any, *, refused: bool) -> str:
    """Why it ended, in Google's words. "STOP" for what nobody knows."""
    if refused:
        return "SAFETY"
    return _FINISHES.get(reason, "STOP") if isinstance(reason, str) else "STOP"


def said(message: Json, caller: Caller) -> list[Json]:
    """Thoughts, if they are to be shown, text and pictures of a message, or of a part of one."""
    thoughts, text = spoken(message)
    refused = message.get("refusal")
    parts: list[Json] = []
    if thoughts and caller.thoughts:
        parts.append({"text": thoughts, "thought": True})
    if text:
        parts.append({"text": text})
    parts += [_shown(picture) for picture in pictures.of_chat(message)]
    if isinstance(refused, str) and refused:
        parts.append({"text": refused})
    return parts


def _shown(picture: pictures.Picture) -> Json:
    """Where it lies elsewhere nobody says of what type it is, which Google's clients want to be told."""
    return inline(picture.mime, picture.data) if picture.data else {"text": pictures.instead(picture)}


def call_part(call_id: Any, name: Any, arguments: Any, extra: Any, caller: Caller) -> Json:
    """A function to be called. `extra`: where Google's compatible endpoint keeps its signature."""
    told = name if isinstance(name, str) else ""
    function: Json = {"name": caller.names.get(told, told), "args": input_of(arguments)}
    if isinstance(call_id, str) and call_id:
        function["id"] = call_id
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return {"functionCall": function} | ({"thoughtSignature": signature} if isinstance(signature, str) else {})


def logprobs_of(given: Any) -> Json:
    """How probable the tokens were, and which could have been; empty where nothing is told."""
    steps = objects(given.get("content")) if isinstance(given, dict) else []
    if not steps:
        return {}
    chosen = {"chosenCandidates": [_probable(step) for step in steps]}
    rivals = [[_probable(each) for each in objects(step.get("top_logprobs"))] for step in steps]
    return chosen | ({"topCandidates": [{"candidates": each} for each in rivals]} if any(rivals) else {})


def usage_block(usage: Usage) -> Json:
    """The counters in Google's convention: everything that was cached is inside the prompt, thoughts stand beside the
    candidates."""
    sound, pictures = usage.input_audio, usage.input_image
    made = usage.output + usage.output_audio + usage.output_image
    block: Json = {"promptTokenCount": usage.input_total, "candidatesTokenCount": made}
    block["totalTokenCount"] = usage.tokens
    if sound or pictures:
        block["promptTokensDetails"] = _by_kind(usage.input_total - sound - pictures, sound, pictures)
    if usage.cache_read:  # Chats count nothing else as read from a cache.
        block["cachedContentTokenCount"] = usage.cache_read
    if usage.output_audio or usage.output_image:
        block["candidatesTokensDetails"] = _by_kind(usage.output, usage.output_audio, usage.output_image)
    if usage.output_reasoning:
        block["thoughtsTokenCount"] = usage.output_reasoning
    return block


def _by_kind(text: int, sound: int, pictures: int) -> list[Json]:
    counts = {"TEXT": text, "AUDIO": sound, "IMAGE": pictures}
    return [{"modality": kind, "tokenCount": count} for kind, count in counts.items() if count]


def _candidate(choice: Json, place: int, caller: Caller) -> Json:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    parts = said(message, caller)
    for call in objects(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict):
            name, arguments = function.get("name"), function.get("arguments")
            parts.append(call_part(call.get("id"), name, arguments, call.get("extra_content"), caller))
    finish = finish_of(choice.get("finish_reason"), refused=bool(message.get("refusal")))
    index = choice.get("index")
    return candidate(index if type(index) is int else place, parts, finish, logprobs_of(choice.get("logprobs")))


def _probable(given: Json) -> Json:
    token, logprob = given.get("token"), given.get("logprob")
    made: Json = {"token": token if isinstance(token, str) else ""}
    return made | ({"logProbability": logprob} if isinstance(logprob, int | float) else {})
