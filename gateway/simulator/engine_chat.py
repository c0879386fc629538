"""vLLM's `POST /v1/chat/completions`: text in, words out, and a usage with what the prefix cache had.

Shapes as in https://docs.vllm.ai/en/stable/serving/openai_compatible_server/; `prompt_tokens_details` as with
`--enable-prompt-tokens-details`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

from gateway.simulator import faults
from gateway.simulator.answers import Choice, compose
from gateway.simulator.asked import Asked
from gateway.simulator.bodies import read
from gateway.simulator.engine import EngineSettings, Job
from gateway.simulator.errors import RefusedError
from gateway.simulator.openai_chat import DONE, Chat, asked
from gateway.simulator.prefixes import chain
from gateway.simulator.said import event
from gateway.tokens import bpe
from gateway.tokens.families import O200K

_MARKS = 201_000  # Tokens of the template, beyond those of the vocabulary.
_ROLES = ("system", "developer", "user", "assistant", "tool")
_END = _MARKS + len(_ROLES)


@dataclass(frozen=True, slots=True)
class Talk:
    """One call: what is asked, what is answered, and a sequence for each choice."""

    id: str
    created: int
    asked: Asked
    choices: tuple[Choice, ...]
    jobs: tuple[Job, ...]


async def talk(body: bytes, settings: EngineSettings, *, seed: int, output_tokens: int) -> Talk:
    """Read a call and make up its answer. Raises RefusedError (400)."""
    call = replace(asked(body, {}), tools=(), form=None, results=(), forced=None, choice="none")
    orders = faults.read(None, call.orders)
    prompt = await asyncio.to_thread(_prompt_ids, read(Chat, body))
    room = settings.max_model_len - len(prompt)
    if room < (call.cap or 1):
        said = f"This model's maximum context length is {settings.max_model_len} tokens, the prompt has {len(prompt)}."
        raise RefusedError(400, said, param="messages")
    chance = random.Random(f"{seed} {orders.seed or call.seed} {call.orders}")  # noqa: S311 - the same each time
    capped = replace(call, cap=min(room, call.cap or room))
    answer = await compose(capped, orders, mean_tokens=output_tokens, reasons=False, chance=chance)
    name = f"chatcmpl-{uuid.uuid4().hex}"
    jobs = (_job(f"{name}-{place}", prompt, choice, settings) for place, choice in enumerate(answer.choices))
    return Talk(name, int(time.time()), call, answer.choices, tuple(jobs))


def _prompt_ids(chat: Chat) -> list[int]:
    """The conversation as tokens: of each message who speaks, its text and an end, and last the turn of the model."""
    tokens: list[int] = []
    for message in chat.messages:
        role = _ROLES.index(message.role) if message.role in _ROLES else 0
        tokens += [_MARKS + role, *_ids("".join(message.counted)), _END]
    return [*tokens, _MARKS + _ROLES.index("assistant")]


def _ids(text: str) -> list[int]:
    return bpe.ids(text, bpe.encoding(O200K))


def _job(name: str, prompt: list[int], choice: Choice, settings: EngineSettings) -> Job:
    """What it says belongs to its blocks, too: the next turn of the conversation finds it."""
    names = chain([*prompt, *_ids(choice.text)], settings.block_size, "")
    return Job(name, len(prompt), len(choice.pieces), names, capped=choice.finish == "length")


def whole(talk: Talk) -> dict[str, Any]:
    """The completion."""
    choices = [
        {
            "index": place,
            "message": {"role": "assistant", "content": choice.text, "tool_calls": []},
            "logprobs": None,
            "finish_reason": choice.finish,
            "stop_reason": None,
        }
        for place, choice in enumerate(talk.choices)
    ]
    return _head(talk, "chat.completion") | {"choices": choices, "usage": usage(talk)}


def opening(talk: Talk) -> bytes:
    """The first chunks of a stream."""
    return b"".join(_chunk(talk, place, {"role": "assistant", "content": ""}) for place in range(len(talk.choices)))


def pieces(talk: Talk, place: int, since: int, until: int) -> bytes:
    """The chunk with these tokens of one choice."""
    return _chunk(talk, place, {"content": "".join(talk.choices[place].pieces[since:until])})


def ending(talk: Talk) -> bytes:
    """Why each choice ends, the usage if it was asked for, and the end mark."""
    ends = [_chunk(talk, place, {}, choice.finish) for place, choice in enumerate(talk.choices)]
    if talk.asked.wants_usage:
        ends.append(event(_head(talk, "chat.completion.chunk") | {"choices": [], "usage": usage(talk)}))
    return b"".join((*ends, DONE))


def usage(talk: Talk) -> dict[str, Any]:
    """What was counted, by the first sequence as far as the prompt goes: the others share it."""
    first, made = talk.jobs[0], sum(job.made for job in talk.jobs)
    return {
        "prompt_tokens": first.prompt_tokens,
        "total_tokens": first.prompt_tokens + made,
        "completion_tokens": made,
        "prompt_tokens_details": {"cached_tokens": first.cached},
    }


def error(message: str, status: int, kind: str, param: str | None = None) -> dict[str, Any]:
    """An error in the envelope that vLLM has for it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}


def failure(message: str) -> bytes:
    """An error amid a stream, and the end mark, which vLLM sends even then."""
    return event(error(message, 500, "InternalServerError")) + DONE


def listed(model: str, settings: EngineSettings, created: int) -> dict[str, Any]:
    """The body of /v1/models."""
    card = {"id": model, "object": "model", "created": created, "owned_by": "vllm", "root": model, "parent": None}
    return {"object": "list", "data": [card | {"max_model_len": settings.max_model_len}]}


def _head(talk: Talk, kind: str) -> dict[str, Any]:
    return {"id": talk.id, "object": kind, "created": talk.created, "model": talk.asked.model}


def _chunk(talk: Talk, place: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": place, "delta": delta, "logprobs": None, "finish_reason": finish}
    data = _head(talk, "chat.completion.chunk") | {"choices": [choice]}
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
