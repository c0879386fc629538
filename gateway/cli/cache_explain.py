"""`fareway cache explain`: what broke a prompt's prefix at the provider's cache, and what that cost."""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.cli.books import reading
from gateway.cli.request import guessed
from gateway.cli.settings import Unusable, settings
from gateway.config.settings import Settings
from gateway.core.entry import Entry
from gateway.core.money import Money
from gateway.dialects.spoken import DIALECTS
from gateway.ledger.reader import Reader
from gateway.prices.stored import book_in_use
from gateway.prompt_cache.compared import compared
from gateway.prompt_cache.economics import LATER_S, SOON_S

BYTES_PER_TOKEN = 4  # About, in prose and code: enough for what is told of two files.


def add_to(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "what broke a prompt at the provider's cache: of a request, or between two bodies"
    parser = verbs.add_parser("explain", parents=[common], help=about)
    parser.add_argument("subject", nargs="+", metavar="REQUEST-ID | BEFORE.json AFTER.json")
    parser.add_argument("--dialect", choices=sorted(DIALECTS), help="of the bodies; default: guessed")
    parser.add_argument("--model", metavar="PROVIDER/MODEL", help="whose price the lost tokens are told at")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_explain)


def _explain(parsed: argparse.Namespace) -> int:
    found, subject = settings(parsed), parsed.subject
    if len(subject) > 2:
        raise Unusable("give one request id, or two files", 2)
    if len(subject) == 2:
        told = _of_bodies(found, Path(subject[0]), Path(subject[1]), parsed)
    else:
        with reading(found) as ledger:
            told = _of_request(ledger, subject[0])
    if parsed.format == "json":
        print(json.dumps(told, indent=2))
    else:
        for name, value in told.items():
            print(f"{name.replace('_', ' '):18}{value}")
    return 0


def _of_bodies(found: Settings, before: Path, after: Path, parsed: argparse.Namespace) -> dict[str, object]:
    one, other = _read(before), _read(after)
    dialect = parsed.dialect or guessed(other)
    break_ = compared(dialect, one, other)
    if break_ is None:
        raise Unusable(f"nobody caches calls of this kind ({dialect}), or a body is empty or no JSON")
    told: dict[str, object] = {"dialect": dialect, "kept_bytes": break_.kept}
    if not break_.place:
        return told | {"verdict": "the second goes on from the first: all of that may be read from the cache"}
    lost = break_.lost // BYTES_PER_TOKEN
    told |= {
        "broken_at": f"{break_.place}, byte {break_.offset:,}",
        "before": break_.before,
        "after": break_.after,
        "lost_tokens": f"about {lost:,}",
    }
    return told | ({"costs": _cost(found, parsed.model, lost)} if parsed.model else {})


def _cost(found: Settings, name: str, tokens: int) -> str:
    provider, _, model = name.partition("/")
    known = found.providers.get(provider)
    priced_as, region = (provider, "") if known is None else (known.priced_as, known.region)
    now = time.time()
    price = book_in_use(found.home, found.prices.overrides, now).price(priced_as, model, now, region)
    if price is None:
        raise Unusable(f"no price is known for {name}")
    rates = price.standard.base
    return f"{Money(tokens * (rates.input - rates.cache_read))} more than read from the cache"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read a body: {error}") from None


def _of_request(ledger: Reader, name: str) -> dict[str, object]:
    tried = ledger.request(name)
    if not tried:
        raise Unusable(f"the ledger knows no request {name}", 3)
    entry = tried[-1]
    usage, note = entry.usage, entry.prompt
    told: dict[str, object] = {
        "request": name,
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"),
        "deployment": entry.deployment,
        "session": entry.session or "none said: calls cannot be told to go on from one another",
        "input_tokens": usage.input_total,
        "read_from_cache": usage.cache_read,
        "written_to_cache": usage.cache_write + usage.cache_write_1h + usage.cache_write_12h,
    }
    told |= {"verdict": _verdict(entry, _before(ledger, entry))}
    if note is None:
        return told | {"note": "where prompts break is noted with `cache: {prompt: watch}`"}
    if note.broken:
        told |= {"broken_at": note.broken, "dropped_tokens": note.dropped}
    told |= {"expected_tokens": note.expected, "unread_tokens": note.unread}
    told |= {"lost": f"{Money.of_nanos(note.lost_nanos)} more than read from the cache"}
    return told | ({"marks": note.marks, "saved": str(Money.of_nanos(note.saved_nanos))} if note.marks else {})


def _before(ledger: Reader, entry: Entry) -> Entry | None:
    """The session's last call before this one, for as long as a cache may live."""
    if not entry.session:
        return None
    earlier = ledger.entries(entry.at - LATER_S, entry.at)
    same = [
        one
        for one in earlier
        if one.session == entry.session and one.caller.key_id == entry.caller.key_id and not one.adjusts
    ]
    return same[-1] if same else None


def _verdict(entry: Entry, before: Entry | None) -> str:
    if before is None:
        return "nothing to go on from: no call of this session in the hour before"
    if before.deployment != entry.deployment:
        return f"the session moved: its last call went to {before.deployment}, whose cache is another"
    if entry.prompt is not None and entry.prompt.broken:
        return "the prompt does not go on from the last one"
    gap = round(entry.at - before.at)
    if entry.usage.cache_read:
        return f"the prompt went on from the call {gap} s before, and was read from the cache"
    if gap > SOON_S:
        return f"nothing was read: the last call was {gap} s before, and caches of five minutes do not last so long"
    return f"nothing was read, although the last call was {gap} s before: was anything marked to be kept?"
