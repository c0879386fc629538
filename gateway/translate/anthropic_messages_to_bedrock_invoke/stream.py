"""The stream: Anthropic's own events, named again, without what Bedrock adds to the last one."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.translate.anthropic_messages_to_bedrock_invoke.answer import without_metrics
from gateway.translate.edge import Told

_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _Event(msgspec.Struct):
    type: Any = None


_events = msgspec.json.Decoder(_Event)


class Translation:
    """See `StreamTranslation`. The JSON of each event stays as it is, byte for byte."""

    def __init__(self, told: Told) -> None:
        del told
        self._begun = self._ended = False

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        try:
            name = _events.decode(data).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return b""
        if not isinstance(name, str) or not name.isidentifier():
            return b""
        self._begun = True
        self._ended = self._ended or name == "message_stop"
        lines = without_metrics(data).splitlines()  # A line break in JSON is only space.
        return b"event: %b\ndata: %b\n\n" % (name.encode(), b" ".join(lines))

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        return _STOP if self._begun and not self._ended else b""
