"""The messages of a chat completion, as contents and an instruction."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini import call, parts
from gateway.translate.instructions import in_turn

Json = dict[str, Any]

_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mp3"}
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
"""By all names that they have. On the way back they are a summary for people."""

_OLDER = "Calls of functions are not known there: use tools."

_arguments = msgspec.json.Decoder(dict[str, Any])


def conversation(body: Fields, model: str) -> Json:
    """`contents`, and `systemInstruction` where there is one."""
    said, last = _Conversation(model), ""
    for message in body.each("messages"):
        said.add(message)
        last = message.path
        message.drop("name", "Who speaks cannot be named there.")
        message.note("cache_control")
    said.remind()
    return call.conversation(body, said.contents, said.instruction, last)


class _Conversation:
    """What was said so far, turn by turn."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._names: dict[str, str] = {}  # Of the functions called, by the id of the call.
        self._reminders: list[Json] = []  # What a system said while results were to come.
        self._results: list[Json] = []  # The parts of the last turn, while it is one of results.
        self.instruction: list[Json] = []
        self.contents: list[Json] = []

    def add(self, message: Fields) -> None:
        """One message more. What a system says at the beginning is the instruction; later it stays in its place."""
        role = message.needed("role")
        if role in ("system", "developer") and not self.contents:
            self.instruction += _spoken(message)
        elif role in ("system", "developer"):
            self._reminders += [_later(part) for part in _spoken(message)]
            if not self._owed:
                self.remind()
        elif role == "user":
            self.remind()
            self._say("user", _spoken(message) or [{"text": ""}])
        elif role == "assistant":
            self.remind()
            self._say("model", self._answered(message))
        elif role == "tool":
            self._give_back(message)
        else:
            message.drop_all(_OLDER if role == "function" else "There is no such role.", "role")

    @property
    def _owed(self) -> bool:
        """Whether results may come next, which must follow their calls at once."""
        return bool(self._results) or any("functionCall" in part for part in self.contents[-1]["parts"])

    def remind(self) -> None:
        """Say what a system said in between, at the latest when there is no further message."""
        if self._reminders:
            self._say("user", self._reminders)
            self._reminders = []

    def _say(self, role: str, said: list[Json]) -> None:
        self._results = []
        if said:
            self.contents.append({"role": role, "parts": said})

    def _answered(self, message: Fields) -> list[Json]:
        message.drop("audio", "What was spoken lies at another provider.")
        message.drop("function_call", _OLDER)
        message.note("annotations", "provider_specific_fields", *_THOUGHTS)
        said = [part for part in _spoken(message) if part.get("text") != ""]
        if refusal := message.text("refusal"):
            said.append({"text": refusal})
        said += _pictures(message)
        if signature := _signature(message):
            said = _signed(said, signature)
        for made in message.each("tool_calls"):
            said += self._called(made)
        return parts.acceptable(said, self._model)

    def _called(self, made: Fields) -> list[Json]:
        function = made.object("function")
        made.any("index")  # As it stood in a stream.
        if (made.text("type") or "function") != "function" or function is None:
            made.drop_all("Only tools with a JSON schema are known there.", "type")
            return []
        call_id, name = made.needed("id"), function.needed("name")
        self._names[call_id] = name
        return [parts.call(call_id, name, _decoded(function), _signature(made))]

    def _give_back(self, message: Fields) -> None:
        """Results stand together in one turn, as many as there were calls."""
        call_id = message.needed("tool_call_id")
        message.note_once("name", "messages.name")  # The call is known by its id.
        if call_id not in self._names:
            field = message.at("tool_call_id")
            raise BadRequest(f"{field} is that of no call in the messages before", field)
        said = _spoken(message)
        if not parts.fit_for_result(said, self._model):
            message.lose("content", parts.TEXT_ALONE)
            said = [part for part in said if "text" in part]
        result = parts.result(call_id, self._names[call_id], said)
        if self._results:
            self._results.append(result)
        else:
            self._say("user", [result])
            self._results = self.contents[-1]["parts"]


def _pictures(message: Fields) -> list[Json]:
    """What the model drew, as its answers have it."""
    made = []
    for image in message.each("images"):
        image.any("type")
        image.any("index")
        made.append(parts.of_url(image.inner("image_url"), "url"))
    return [part for part in made if part is not None]


def _spoken(message: Fields) -> list[Json]:
    """The content of a message."""
    return [made for part in message.content("content") if (made := _part(part)) is not None]


def _later(part: Json) -> Json:
    return part | {"text": in_turn(part["text"])} if "text" in part else part


def _part(part: Fields) -> Json | None:
    kind = part.needed("type")
    part.note("prompt_cache_breakpoint", "cache_control")
    if kind in ("text", "refusal"):
        return {"text": part.needed(kind)}
    if kind == "image_url":
        image = part.inner("image_url")
        if image.any("detail") not in (None, "auto"):
            image.hint("detail")
        return parts.of_url(image, "url")
    if kind == "input_audio":
        return _sound(part.inner("input_audio"))
    if kind == "file":
        return _file(part.inner("file"))
    part.drop_all("There are no parts of this type there.", "type")
    return None


def _sound(sound: Fields) -> Json:
    form, data = sound.needed("format"), sound.needed("data")
    if form not in _SOUNDS:
        raise BadRequest(f"{sound.at('format')} must be {' or '.join(_SOUNDS)}", sound.at("format"))
    return parts.inline(_SOUNDS[form], data)


def _file(file: Fields) -> Json | None:
    file.drop("file_id", "Files that lie at another provider cannot be read there: send file_data.")
    file.note("filename")
    return parts.of_url(file, "file_data") if "file_data" in file else None


def _decoded(function: Fields) -> Json:
    given = function.text("arguments") or "{}"
    try:
        return _arguments.decode(given)
    except (msgspec.DecodeError, RecursionError):
        function.lose("arguments", "It is not a JSON object.")
        return {}


def _signature(of: Fields) -> str:
    """Where Google's own compatible endpoint keeps it."""
    extra = of.mapping("extra_content")
    google = extra.pop("google", None)
    if extra:
        of.hint("extra_content")
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""


def _signed(said: list[Json], signature: str) -> list[Json]:
    """The signature stands at the last part of an answer, which may hold nothing else."""
    last = said[-1] if said else {"text": ""}
    return [*said[:-1], {**last, "thoughtSignature": signature}]
