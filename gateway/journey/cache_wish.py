"""What a caller says about the response cache, in its head: ours first, else what HTTP has for it (RFC 9111, 5.2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from gateway.core.caller import Key
from gateway.core.errors import BadRequest

HEADER = "x-fareway-cache"
TTL, NAMESPACE, TOOLS = f"{HEADER}-ttl", f"{HEADER}-namespace", f"{HEADER}-tools"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TTL = re.compile(r"([0-9]{1,9}) ?([smhd])")
_NAMESPACE = re.compile(r"[!-~]{1,100}")
_MAX_AGE = re.compile(r"max-age=([0-9]{1,9})")


class CacheUse(StrEnum):
    """How a call uses the cache: by its header, else by its key's setting."""

    USE = "use"
    SEMANTIC = "semantic"  # An answer to a similar question will do, where the configuration has that.
    REFRESH = "refresh"  # Ask anew, and keep the new answer.
    BYPASS = "bypass"


class Wish(NamedTuple):
    """How one call wants to use the cache."""

    use: CacheUse
    ttl_s: float | None = None  # No answer that is older, and the new one is kept no longer.
    namespace: str = ""  # Divides the tenant's answers.
    tools: bool = False  # Answers that call tools, or were found by them, are welcome.


BYPASS = Wish(CacheUse.BYPASS)


def wish(headers: Mapping[str, str], key: Key) -> Wish:
    """What the headers say, else what the key is set to. Raises BadRequest for what means nothing."""
    word = headers.get(HEADER)
    if word is None and not key.cache:
        return BYPASS
    use, ttl_s = _said(word) if word is not None else _of_http(headers.get("cache-control", ""))
    if use is CacheUse.BYPASS:
        return BYPASS
    if (text := headers.get(TTL)) is not None:
        ttl_s = _seconds(text)
    return Wish(use, ttl_s, _namespace(headers.get(NAMESPACE)), _allowed(headers.get(TOOLS)))


def _said(word: str) -> tuple[CacheUse, None]:
    try:
        return CacheUse(word.strip().lower()), None
    except ValueError:
        raise BadRequest(f"{HEADER} must be one of {', '.join(CacheUse)}", HEADER) from None


def _of_http(said: str) -> tuple[CacheUse, float | None]:
    said = said.lower()
    if "no-store" in said:
        return CacheUse.BYPASS, None
    if "no-cache" in said:
        return CacheUse.REFRESH, None
    age = _MAX_AGE.search(said)
    return CacheUse.USE, float(age[1]) if age else None


def _seconds(text: str) -> float:
    found = _TTL.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise BadRequest(f"{TTL} must be a duration, such as 10m", TTL)
    return float(int(found[1]) * _UNITS[found[2]])


def _namespace(text: str | None) -> str:
    if text is not None and _NAMESPACE.fullmatch(text) is None:
        raise BadRequest(f"{NAMESPACE} must have 1 to 100 printable characters and no spaces", NAMESPACE)
    return text or ""


def _allowed(text: str | None) -> bool:
    if text not in (None, "allow"):
        raise BadRequest(f"{TOOLS} must be allow", TOOLS)
    return text is not None
