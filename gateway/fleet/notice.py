"""Whether a cloud says that it takes a machine back, as its metadata service has it. Pure.

* AWS: 404, or `{"action": "terminate", "time": …}`, two minutes before.
  https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
* Google Cloud: FALSE, or TRUE for the last half minute.
  https://cloud.google.com/compute/docs/instances/create-use-preemptible
* Azure: events, of which Preempt, Terminate and Redeploy end the machine.
  https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events

Anybody's own page may answer in the same ways: 404 or an empty body is no notice, another body is one.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from gateway.dialects.openai_usage import UNREADABLE

HEADERS = {"Metadata-Flavor": "Google", "Metadata": "true"}
"""Without them Google's and Azure's services do not answer."""

WORDS_MAX = 100
_OK = 200
_NO = frozenset({"", "FALSE", "NONE"})
_ENDS = frozenset({"Preempt", "Terminate", "Redeploy"})


class _Event(Struct):
    type: str = field(name="EventType", default="")
    not_before: str = field(name="NotBefore", default="")


class _Document(Struct):
    action: str = ""
    time: str = ""
    events: tuple[_Event, ...] | None = field(name="Events", default=None)


_document = msgspec.json.Decoder(_Document)


def notice(status: int, body: bytes) -> str:
    """What is said of taking the machine back, in words; empty where nothing is."""
    text = body.decode(errors="replace").strip()
    if status != _OK or text.upper() in _NO:
        return ""
    try:
        document = _document.decode(body)
    except UNREADABLE:
        return _words(text)
    if document.events is not None:
        ending = next((event for event in document.events if event.type in _ENDS), None)
        return _words(f"{ending.type} {ending.not_before}") if ending is not None else ""
    return _words(f"{document.action} {document.time}") or _words(text)


def _words(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text[:WORDS_MAX]).split())
