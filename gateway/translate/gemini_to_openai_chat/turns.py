"""Gemini's contents as the messages of a chat: calls with ids, and what functions gave back apart."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.chat_effort import recalls
from gateway.translate.fields import Fields
from gateway.translate.gemini.parts import NO_SIGNATURE_BYTES
from gateway.translate.gemini_to_openai_chat.caller import fitting
from gateway.translate.gemini_to_openai_chat.parts import URL_SAFE, Part, spoken, text_part

Message = dict[str, Any]

_SIGNING = "gemini"
"""In the names of models that sign their calls: https://ai.google.dev/gemini-api/docs/thought-signatures#openai"""

SHOWN_BELOW = "The result is in the user's next message."
"""Instead of a picture or a document in what a function gave back, which can only be text in a chat."""

DRAWN_BELOW = "(The picture is in the user's next message.)"
"""Of a turn in which the model said nothing and drew: a chat has pictures in what the user says alone."""

_MEDIA = ("inlineData", "fileData")


def messages(body: Fields, model: str) -> list[Message]:
    """The instruction and all that was said since. Raises BadRequest."""
    said = _Conversation(model)
    turns = [said.messages_of(turn) for turn in body.each("contents")]
    if turns and turns[-1] and turns[-1][-1]["role"] == "assistant":
        body.lose(f"contents[{len(turns) - 1}]", "A chat's model does not go on with a turn of its own.")
        turns.pop()
    made = [message for turn in turns for message in turn]
    if not made:
        raise BadRequest("contents must hold something that is said to the model", "contents")
    return _instruction(body) + made


def _instruction(body: Fields) -> list[Message]:
    given = body.object("systemInstruction")
    if given is None:
        return []
    given.any("role")
    texts = [text for part in given.each("parts") if (text := _only_text(part))]
    return [{"role": "system", "content": "\n\n".join(texts)}] if texts else []


def _only_text(part: Fields) -> str:
    if any(name in part for name in _MEDIA):
        part.drop_all("A chat has text alone here.")
        return ""
    return "".join(each["text"] for each in spoken(part))


class _Conversation:
    """Which calls wait for what their functions give back, turn by turn."""

    def __init__(self, model: str) -> None:
        self._recalls = recalls(model)
        self._signs = _SIGNING in model.lower()
        self._made = 0  # Ids.
        self._waiting: list[tuple[str, str]] = []  # The id and the name of each call.
        self._drawn: list[Part] = []  # By the model, since the user last spoke.

    def messages_of(self, turn: Fields) -> list[Message]:
        """One turn."""
        role = turn.text("role") or "user"
        if role == "model":
            return self._answered(turn)
        if role in ("user", "function", "tool"):
            return self._said(turn)
        raise BadRequest(f"{turn.at('role')} must be user or model", turn.at("role"))

    def _said(self, turn: Fields) -> list[Message]:
        """What functions gave back comes first, since it must follow the calls; what it shows goes before the rest."""
        results: list[Message] = []
        shown: list[Part] = []
        said: list[Part] = []
        for part in turn.each("parts"):
            for of_model in ("thought", "thoughtSignature"):
                part.any(of_model)
            given = part.object("functionResponse")
            if given is None:
                said += spoken(part)
            else:
                result, media = self._result(given)
                results.append(result)
                shown += media
        said = self._pictures() + shown + said
        if not said:
            return results
        alone = len(said) == 1 and said[0]["type"] == "text"
        return [*results, {"role": "user", "content": said[0]["text"] if alone else said}]

    def _answered(self, turn: Fields) -> list[Message]:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[Message] = []
        for part in turn.each("parts"):
            signature = part.text("thoughtSignature")
            called = part.object("functionCall")
            if called is not None:
                calls.append(self._called(called, signature))
            elif part.flag("thought"):
                thoughts.append(self._thought(part))
            else:
                texts.append(self._answer(part))
            if signature not in (None, "", NO_SIGNATURE_BYTES) and not (called is not None and self._signs):
                part.leave("contents.parts.thoughtSignature")
        if not (calls or any(texts)):
            if not self._drawn:
                return []
            texts = [DRAWN_BELOW]
        said: Message = {"role": "assistant", "content": "".join(texts) or None}
        if any(thoughts):
            said["reasoning_content"] = "".join(thoughts)
        return [said | ({"tool_calls": calls} if calls else {})]

    def _answer(self, part: Fields) -> str:
        """What the model said. What it drew is kept for the user's next message."""
        said = spoken(part)
        if any(each["type"] not in ("text", "image_url") for each in said):
            part.drop_all("A chat's model has said text and drawn pictures alone.")
            return ""
        self._drawn += [each for each in said if each["type"] == "image_url"]
        return "".join(each["text"] for each in said if each["type"] == "text")

    def _pictures(self) -> list[Part]:
        drawn, self._drawn = self._drawn, []
        return text_part("What you drew:") + drawn if drawn else []

    def _thought(self, part: Fields) -> str:
        """What was thought, if it may come back: no model takes the pictures again that it drew while it thought."""
        text, drawn = part.text("text") or "", [part.any(name) for name in _MEDIA]
        if any(drawn) or not self._recalls:
            part.leave("contents.parts.thought")
        return text if self._recalls else ""

    def _called(self, given: Fields, signature: str | None) -> Message:
        name, call_id = given.needed("name"), given.text("id")
        if not call_id:
            self._made += 1
            call_id = f"call_{self._made}"
        self._waiting.append((call_id, name))
        arguments = msgspec.json.encode(given.mapping("args")).decode()
        given.drop("partialArgs", "A call is whole here.", unless=([],))
        given.drop("willContinue", "A call is whole here.", unless=(False,))
        made = {"id": call_id, "type": "function", "function": {"name": fitting(name), "arguments": arguments}}
        if signature and self._signs:
            made["extra_content"] = {"google": {"thought_signature": signature.translate(URL_SAFE)}}
        return made

    def _result(self, given: Fields) -> tuple[Message, list[Part]]:
        """The message of one result, and what of it is not text."""
        call_id = self._matched(given)
        given.drop("willContinue", "A function gives back all at once here.", unless=(False,))
        given.note("scheduling")
        said = [each for part in given.each("parts") for each in spoken(part)]
        text = "\n\n".join(filter(None, [_told(given.mapping("response")), *(p["text"] for p in said if "text" in p)]))
        shown = [each for each in said if "text" not in each]
        if shown:
            text = f"{text}\n\n{SHOWN_BELOW}" if text else SHOWN_BELOW
            shown = text_part(f"The result of tool call {call_id}:") + shown
        return {"role": "tool", "tool_call_id": call_id, "content": text}, shown

    def _matched(self, given: Fields) -> str:
        """The id of the call: by its own, else the first that waits under this name."""
        own, name = given.text("id"), given.needed("name")
        found = next((call for call in self._waiting if own and call[0] == own), None)
        found = found or next((call for call in self._waiting if call[1] == name), None)
        if found is None:
            raise BadRequest(f"{given.path} answers no call in the contents before", given.path)
        self._waiting.remove(found)
        return found[0]


def _told(response: dict[str, Any]) -> str:
    """What a function gave back as text: https://ai.google.dev/api/caching#FunctionResponse knows two names."""
    if len(response) == 1:
        ((name, value),) = response.items()
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if name == "output":
            return text
        if name == "error":
            return f"Error: {text}"
    return msgspec.json.encode(response).decode() if response else ""
