"""An answer of Gemini's as a chat completion."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.translate import chat_answer
from gateway.translate.edge import Told
from gateway.translate.gemini import answer as gemini

Json = dict[str, Any]

_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}


class Caller(msgspec.Struct):
    """What the call says that its answer repeats."""

    model: str = ""
    n: int | None = None


_callers = msgspec.json.Decoder(Caller)


def caller_of(told: Told) -> Caller:
    """The same, read from the call."""
    return _callers.decode(told.asked.body)


def translated(body: bytes, told: Told) -> bytes:
    """The whole answer. Raises ValueError for what is none."""
    answer = gemini.read(body)
    if answer is None or not (answer.candidates or answer.blocked):
        raise ValueError("an answer without candidates")
    ids = Ids(told)
    if answer.candidates:
        choices = [_choice(candidate, ids) for candidate in answer.candidates]
    else:
        said = {"refusal": gemini.told_blocked(answer.blocked)}
        choices = [chat_answer.choice(said, "content_filter", each) for each in range(caller_of(told).n or 1)]
    model = answer.model or caller_of(told).model
    usage, tier = gemini.usage_of(answer.usage), _TIERS.get(gemini.tier_of(answer.usage))
    return msgspec.json.encode(chat_answer.completion(ids.answer, told.created, model, choices, usage, tier=tier))


class Ids:
    """Names for what this answer holds, made of the call's."""

    def __init__(self, told: Told) -> None:
        self._call = told.request_id.removeprefix("req_")
        self._given = 0
        self.answer = f"chatcmpl-{told.request_id}"

    def of_call(self, call: gemini.Call) -> str:
        """Google's own, where it gives one: newer models do."""
        self._given += 1
        return call.id or f"call_{self._call}_{self._given}"


def _choice(candidate: gemini.Candidate, ids: Ids) -> Json:
    texts = [part.text for part in candidate.parts if part.text and not part.thought]
    thoughts = [part.text for part in candidate.parts if part.text and part.thought]
    calls = [_call(part, ids) for part in candidate.parts if part.call is not None]
    images = [image(part) for part in candidate.parts if part.data]
    signatures = [part.signature for part in candidate.parts if part.signature and part.call is None]
    message: Json = {"content": "".join(texts) if texts else None}
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    if images:
        message["images"] = images
    if signatures:
        message |= signed(signatures[-1])
    if gemini.failed(candidate.finish):
        message["refusal"] = gemini.told(candidate.finish, candidate.message)
    choice = chat_answer.choice(message, gemini.reason(candidate.finish, called=bool(calls)), candidate.choice)
    if probable := logprobs(candidate.logprobs):
        choice["logprobs"] = {"content": probable, "refusal": None}
    return choice


def _call(part: gemini.Part, ids: Ids) -> Json:
    assert part.call is not None, "the caller has looked"
    function = {"name": part.call.name, "arguments": arguments(part.call)}
    made: Json = {"id": ids.of_call(part.call), "type": "function", "function": function}
    return made | signed(part.signature)


def arguments(call: gemini.Call) -> str:
    """JSON, as OpenAI writes them."""
    return msgspec.json.encode(call.args).decode()


def signed(signature: str) -> Json:
    """Where Google's own compatible endpoint keeps a signature:
    https://ai.google.dev/gemini-api/docs/thought-signatures#openai."""
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def image(part: gemini.Part) -> Json:
    """A picture as OpenRouter writes it: https://openrouter.ai/docs/features/multimodal/image-generation."""
    return {"type": "image_url", "image_url": {"url": f"data:{part.mime};base64,{part.data}"}}


def logprobs(result: Json) -> list[Json]:
    """Each token that was chosen, with those that could have been."""
    steps = [_objects(step, "candidates") for step in _objects(result, "topCandidates")]
    chosen = _objects(result, "chosenCandidates")
    steps += [[]] * (len(chosen) - len(steps))
    return [
        _probable(token) | {"top_logprobs": [_probable(rival) for rival in rivals]}
        for token, rivals in zip(chosen, steps, strict=False)
    ]


def _objects(given: Json, name: str) -> list[Json]:
    found = given.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _probable(given: Json) -> Json:
    token, logprob = given.get("token"), given.get("logProbability")
    token = token if isinstance(token, str) else ""
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, int | float) else 0,  # What protobuf leaves out is nought.
        "bytes": list(token.encode(errors="replace")),
    }
