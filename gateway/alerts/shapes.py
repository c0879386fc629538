"""Alerts as their receivers want them. Pure.

Programs get one request for each alert in the format of Standard Webhooks (https://www.standardwebhooks.com), which
they can verify; chats and mail get one message for all that are due, so that a bad day is no flood.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from enum import StrEnum

import msgspec
from msgspec import Struct

from gateway.core.alert import Alert, AlertKind

LINES_MAX = 20
"""Of one message; it says how many more there are."""

DISCORD_MAX = 2000
"""Characters of one message."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks writes that a secret follows, in base64

_GOOD = (AlertKind.PROVIDER_RECOVERED, AlertKind.STORE_RECOVERED, AlertKind.TEST)
_SIGNS = {True: "✅", False: "⚠️"}


class Shape(StrEnum):
    """Who is told."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    MAIL = "mail"


class Post(Struct, frozen=True):
    """One HTTP request."""

    body: bytes
    headers: dict[str, str]


def webhook(alert: Alert, secret: str, now: float) -> Post:
    """For a program, signed where there is a secret."""
    told = {"type": alert.kind, "timestamp": _moment(alert.at), "data": {"sentence": alert.sentence, **alert.data}}
    return signed(alert.id, msgspec.json.encode(told), secret, now)


def signed(name: str, body: bytes, secret: str, now: float) -> Post:
    """A webhook with this body. The same `name` is the same message, however often it comes."""
    moment = str(int(now))
    headers = {"Content-Type": "application/json", "webhook-id": name, "webhook-timestamp": moment}
    if secret:
        digest = hmac.digest(_key(secret), b".".join((name.encode(), moment.encode(), body)), "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return Post(body, headers)


def chat(alerts: Sequence[Alert], shape: Shape) -> Post:
    """One message for a channel."""
    if shape is Shape.SLACK:
        told: object = {"text": _slack("\n".join(_lines(alerts)))}
    elif shape is Shape.DISCORD:
        told = {"content": _discord(alerts), "allowed_mentions": {"parse": []}}
    else:
        told = _card(_lines(alerts))
    return Post(msgspec.json.encode(told), {"Content-Type": "application/json"})


def mail(alerts: Sequence[Alert], sender: str, to: str) -> EmailMessage:
    """One message by mail."""
    message = EmailMessage()
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    message["Subject"] = f"Fareway: {' '.join(alerts[0].sentence.split())[:200]}{more}"
    message["From"], message["To"] = sender, to
    message.set_content("\n".join(_lines(alerts)) + "\n")
    return message


def _lines(alerts: Sequence[Alert], most: int = LINES_MAX) -> list[str]:
    """One for each, whatever names it tells of."""
    lines = [f"{_SIGNS[alert.kind in _GOOD]} {' '.join(alert.sentence.split())}" for alert in alerts[:most]]
    return [*lines, f"… and {len(alerts) - most} more"] if len(alerts) > most else lines


def _slack(text: str) -> str:
    """Without what Slack takes for a mention or a link: https://docs.slack.dev/messaging/formatting-message-text/."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _discord(alerts: Sequence[Alert]) -> str:
    """As many whole lines as Discord takes; a first one that is too long for it is cut where one sees it."""
    for most in range(LINES_MAX, 0, -1):
        text = "\n".join(map(_unlinked, _lines(alerts, most)))
        if len(text) <= DISCORD_MAX:
            return text
    first, *more = map(_unlinked, _lines(alerts, 1))
    end = "\n".join(["…", *more])
    return first[: DISCORD_MAX - len(end)] + end


def _unlinked(text: str) -> str:
    """Without what Discord takes for a link that looks like something else."""
    return text.replace("\\", "\\\\").replace("[", "\\[")


def _card(lines: Sequence[str]) -> object:
    """An Adaptive Card, as Teams' workflows take it. A TextBlock would read Markdown, with links, out of names."""
    blocks = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attached]}


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return secret.encode()


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
