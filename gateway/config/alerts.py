"""From what the file says of alerts to whom is told."""

from __future__ import annotations

import binascii
from base64 import b64decode
from email.utils import parseaddr
from urllib.parse import SplitResult, urlsplit

from gateway.alerts.sending import MAIL_PORTS, Target
from gateway.alerts.shapes import SECRET_PREFIX, Shape
from gateway.config.findings import Findings
from gateway.config.references import Source
from gateway.config.schema import FarewayFile
from gateway.config.schema_telling import AlertSection
from gateway.config.yaml_file import KeyPath

_SECRET_ITSELF = (Shape.SLACK, Shape.TEAMS, Shape.DISCORD)
"""Whoever knows such a URL may write there."""

_ELSEWHERE = "write ${ALERT_URL} and set that variable"


def targets(file: FarewayFile, findings: Findings) -> tuple[Target, ...]:
    """Who is told. What does not fit is noted, and the target must then not be used."""
    found = [_target(number, section, findings) for number, section in enumerate(file.alerts)]
    names = [target.name for target in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            findings.add(("alerts", number), f"another target is called {name} already", "give it a name of its own")
    return tuple(found)


def _target(number: int, section: AlertSection, findings: Findings) -> Target:
    path: KeyPath = ("alerts", number)
    to = section.to.get_secret_value()
    if section.shape is Shape.MAIL:
        _check_mail(path, section, to, findings)
    else:
        _check_url(path, section, to, findings)
    secret = section.secret.get_secret_value() if section.secret else ""
    if secret and findings.source((*path, "secret")) is Source.LITERAL:
        findings.add((*path, "secret"), "must not stand in the file", "write ${ALERT_SECRET} and set that variable")
    elif secret.startswith(SECRET_PREFIX) and not _is_base64(secret.removeprefix(SECRET_PREFIX)):
        findings.add((*path, "secret"), f"must be base64 after {SECRET_PREFIX}")
    return Target(
        name=section.name or f"{section.shape}-{number + 1}",
        shape=section.shape,
        to=to,
        events=frozenset(section.events),
        secret=secret,
        server=section.server.get_secret_value() if section.server else "",
        sender=section.sender or "",
        private=section.private,
    )


def _check_url(path: KeyPath, section: AlertSection, to: str, findings: Findings) -> None:
    url = _parts(to)
    if url.scheme not in ("http", "https") or not url.hostname:
        findings.add((*path, "to"), "must be a URL that begins with https://")
    elif url.scheme == "http" and not section.private:
        findings.add((*path, "to"), "must begin with https://", "or write private: true for a place of your own")
    elif section.shape in _SECRET_ITSELF and not section.private and findings.source((*path, "to")) is Source.LITERAL:
        findings.add((*path, "to"), "is a secret, and must not stand in the file", _ELSEWHERE)
    for name in ("server", "sender"):
        if getattr(section, name) is not None:
            findings.add((*path, name), "is of mail alone", at_key=True)


def _check_mail(path: KeyPath, section: AlertSection, to: str, findings: Findings) -> None:
    for name, address in (("to", to), ("sender", section.sender)):
        if "@" not in parseaddr(address or "")[1]:
            findings.add((*path, name) if address else path, f"{name} must be an address of mail")
    if section.server is None:
        findings.add(path, "server is missing", "such as smtp://mail.example.com:587")
        return
    server = _parts(section.server.get_secret_value())
    if server.scheme not in MAIL_PORTS or not server.hostname:
        findings.add((*path, "server"), f"must begin with {' or '.join(f'{scheme}://' for scheme in MAIL_PORTS)}")
    elif server.password and findings.source((*path, "server")) is Source.LITERAL:
        findings.add(
            (*path, "server"), "must not hold a password in the file", "write ${SMTP_URL} and set that variable"
        )


def _parts(address: str) -> SplitResult:
    """Of an address that cannot be read, none."""
    try:
        parts = urlsplit(address)
        return parts if parts.port != 0 else urlsplit("")
    except ValueError:
        return urlsplit("")


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except binascii.Error:
        return False
