"""The messages of Anthropic's, as contents and an instruction."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.anthropic_messages_to_gemini.blocks import shown
from gateway.translate.anthropic_messages_to_gemini.signatures import opened
from gateway.translate.fields import Fields
from gateway.translate.gemini import call, parts
from gateway.translate.instructions import in_turn
from gateway.translate.messages_asked import THOUGHTS, searched_tools

Json = dict[str, Any]


def conversation(body: Fields, model: str) -> Json:
    """`contents`, and `systemInstruction` where there is one."""
    said, last = _Conversation(model), ""
    said.instruct(body, "system")
    for message in body.each("messages"):
        said.add(message)
        last = message.path
    return call.conversation(body, said.contents, said.instruction, last)


class _Conversation:
    """What was said so far, turn by turn."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._names: dict[str, str] = {}  # Of the functions called, by the id of the call.
        self.instruction: list[Json] = []
        self.contents: list[Json] = []

    def add(self, message: Fields) -> None:
        """One message more. What a system says at the beginning is the instruction; later it stays in its place."""
        role = message.needed("role")
        if role == "user":
            self._asked(message)
        elif role == "assistant":
            self._say("model", self._answered(message))
        elif role == "system" and not self.contents:
            self.instruct(message, "content")
        elif role == "system":
            self._say("user", [part | {"text": in_turn(part["text"])} for part in _instructed(message, "content")])
        else:
            raise BadRequest(f"{message.at('role')} must be user, assistant or system", message.at("role"))

    def instruct(self, where: Fields, name: str) -> None:
        """What the model is told before everything else."""
        self.instruction += _instructed(where, name)

    def _say(self, role: str, said: list[Json]) -> None:
        if said:
            self.contents.append({"role": role, "parts": said})

    def _asked(self, message: Fields) -> None:
        """Results stand in a turn of their own, before what is said beside them."""
        results, said = [], []
        for block in message.content("content"):
            kind = block.needed("type")
            if kind == "tool_result":
                results.append(self._given_back(block))
            else:
                said += shown(block, kind)
        self._say("user", results)
        self._say("user", said)

    def _answered(self, message: Fields) -> list[Json]:
        """Thoughts are a summary for people. Only what signs them goes back, at the part that came next."""
        said: list[Json] = []
        signature = ""
        for block in message.content("content"):
            kind = block.needed("type")
            if kind == "thinking":
                signature = self._signature(block) or signature
            elif kind == "tool_use":
                said.append(self._called(block, signature))
                signature = ""
            elif kind == "redacted_thinking":
                block.any("data")
                block.leave(THOUGHTS)
            elif not searched_tools(block, kind):
                said += [part for part in shown(block, kind) if part.get("text") != ""]
        if signature:  # It came after the last word.
            said.append({"text": "", "thoughtSignature": signature})
        return parts.acceptable(said, self._model)

    def _signature(self, block: Fields) -> str:
        thoughts, signature = block.text("thinking"), opened(block.text("signature") or "")
        if thoughts and not signature:
            block.leave(THOUGHTS)
        return signature

    def _called(self, block: Fields, signature: str) -> Json:
        block.note("cache_control")
        block.drop("caller", "Only the model itself calls tools there.", unless=({"type": "direct"},))
        call_id, name = block.needed("id"), block.needed("name")
        self._names[call_id] = name
        return parts.call(call_id, name, block.mapping("input"), signature)

    def _given_back(self, block: Fields) -> Json:
        block.note("cache_control")
        call_id, failed = block.needed("tool_use_id"), bool(block.flag("is_error"))
        if call_id not in self._names:
            field = block.at("tool_use_id")
            raise BadRequest(f"{field} is that of no call in the messages before", field)
        said = [part for inner in block.content("content") for part in shown(inner, inner.needed("type"))]
        if not parts.fit_for_result(said, self._model):
            block.lose("content", parts.TEXT_ALONE)
            said = [part for part in said if "text" in part]
        return parts.result(call_id, self._names[call_id], said, failed=failed)


def _instructed(where: Fields, name: str) -> list[Json]:
    said = []
    for block in where.content(name):
        if (kind := block.needed("type")) == "text":
            said += shown(block, kind)
        else:
            block.drop_all(f"A system prompt has no {kind} there.", "type")
    return said
