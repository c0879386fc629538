"""What `fareway serve` says when it is ready, and the keys that it makes on the first start."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from gateway.assembly.stores import directory
from gateway.cli.running import say
from gateway.config.settings import Settings
from gateway.core.caller import Caller, Key, Role
from gateway.directory.actor import Actor
from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book

TEXT_TOKENS_MIN = 4096
"""What a model can write at once that writes texts; one that judges or embeds them writes less."""


@dataclass(frozen=True, slots=True)
class Started:
    """What there is to tell about a gateway that has started."""

    settings: Settings  # As the user wrote them: without providers, the simulator answers.
    file: Path | None
    port: int
    admin_port: int | None  # None where the admin API is off.
    prices: str
    recovered: tuple[int, int]
    seconds: float


def first_keys(found: Settings) -> tuple[str, str] | None:
    """On the first start: an admin's key and one for calls. Shown once, like every key."""
    with directory(found) as kept:
        if kept.keys():
            return None
        actor, team = Actor.of_machine("start"), Caller(team="default")
        kept.make_missing(actor, team)
        _, admin = kept.add_key(actor, Key(id="", digest=b"", alias="admin", role=Role.ADMIN))
        _, first = kept.add_key(actor, Key(id="", digest=b"", alias="first", caller=team))
        return admin, first


def greet(started: Started, tokens: tuple[str, str] | None) -> None:
    """Where it is, what it uses, and how to make a first call: said in one go, for who waits to read all of it."""
    url = f"http://{started.settings.server.host}:{started.port}"
    lines = _where(started, url)
    if tokens is not None:
        lines += _first_call(url, _some_model(started.settings), tokens)
    elif started.admin_port is not None and not _has_admin(started.settings):
        lines.append("No key of an admin is good. For the dashboard: fareway keys create admin --admin")
    say("\n".join(lines))


def _has_admin(found: Settings) -> bool:
    with directory(found) as kept:
        return any(key.role is Role.ADMIN and key.good(time.time()) for key in kept.keys().values())


def _some_model(settings: Settings) -> str:
    """A name that may be asked for; a word that stands for one where nobody lists what the providers have."""
    if not settings.providers:
        return "sim-small"
    if settings.models:
        return next(iter(settings.models))
    book = price_book(settings.prices.overrides)
    cheapest = ((name, _cheapest(book, provider.priced_as)) for name, provider in settings.providers.items())
    return next((f"{name}/{model}" for name, model in cheapest if model), "MODEL")


def _cheapest(book: PriceBook, provider: str) -> str:
    """Of the models that write texts; empty where none is known."""
    sums = {}
    for model in book.models(provider):
        price = book.price(provider, model, time.time())
        rates = price.standard.base if price is not None else None
        if rates and rates.input and rates.output and (book.output_max(provider, model) or 0) >= TEXT_TOKENS_MIN:
            sums[model] = rates.input + rates.output
    return min(sums, key=sums.__getitem__, default="")


def _where(started: Started, url: str) -> list[str]:
    settings, file = started.settings, started.file
    source = f"configured by {file}" if file else "no configuration file: providers from the environment"
    several = f"{settings.server.workers} workers, " if settings.server.workers > 1 else ""
    lines = [f"Fareway is at {url}  ({several}started in {started.seconds:.2f} s; {source})"]
    if started.admin_port is not None:
        admin = f"http://{settings.server.admin_host}:{started.admin_port}"
        lines.append(f"The admin API is at {admin}/admin/v1")
        lines.append(f"The dashboard is at {admin}/dashboard, and for holders of keys at {url}/dashboard")
    if settings.providers:
        lines.append(f"Providers: {', '.join(settings.providers)}")
    else:
        lines.append(
            "No provider is configured, so only the built-in simulator answers: no call leaves this machine, and"
        )
        lines.append("its costs are play money. Set OPENAI_API_KEY, or write fareway.yaml, for real ones.")
    lines += settings.left_alone
    ledger = " and PostgreSQL" if settings.ledger_url else ""
    lines.append(f"Prices: {started.prices}. Books: {settings.home}{ledger}")
    settled, unresolved = started.recovered
    if settled or unresolved:
        lines.append(
            f"From the journal of an earlier run: {settled} settled calls, {unresolved} unresolved at their full hold."
        )
    return lines


def _first_call(url: str, model: str, tokens: tuple[str, str]) -> list[str]:
    return [
        f"\nShown once:\n  admin key  {tokens[0]}\n  first key  {tokens[1]}\n",
        f"  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={tokens[1]}",
        f"  curl -i {url}/v1/chat/completions -H 'Authorization: Bearer {tokens[1]}' \\",
        f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'\n""",
    ]
