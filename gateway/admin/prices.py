"""Prices: which feed counts, what a model costs, and a yes to the feed that waits."""

from __future__ import annotations

from msgspec import Struct, convert

from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.site import ADMIN, WATCHING, Call, Route, page
from gateway.catalog.providers import priced_as
from gateway.core.errors import Conflict, NotFound
from gateway.prices.spelled_out import rates

PriceList = d.page_of(d.ModelPrice)


async def _feed(call: Call) -> Struct:
    pricing = call.site.pricing
    book = pricing.book
    return d.PriceFeed(
        id=book.id,
        date=book.date,
        pinned=pricing.pinned,
        quarantined=pricing.waiting is not None,
        providers={name: len(book.models(name)) for name in sorted(book.feed.providers)},
    )


async def _quarantine(call: Call) -> Struct:
    waiting = call.site.pricing.waiting
    if waiting is None:
        return d.Quarantine(waiting=False, id=None, date=None, sha256=None, reasons=())
    return d.Quarantine(
        waiting=True, id=waiting.id, date=waiting.date, sha256=waiting.sha256, reasons=tuple(waiting.reasons)
    )


async def _approve(call: Call) -> Struct:
    site = call.site
    await site.pricing.look()  # Another process may have put another feed there.
    waiting = site.pricing.waiting
    if waiting is None:
        return d.Approval(approved=False)
    if call.body.sha256 not in ("", waiting.sha256):
        raise Conflict(f"Another feed waits for a yes by now: {waiting.id} of {waiting.date}.")
    approved = await site.together.approve(waiting.sha256)
    if approved:
        await site.ask(site.audited.note, call.actor, "prices.approve", waiting.id)
    return d.Approval(approved=approved)


async def _list(call: Call) -> Struct:
    provider = call.path["provider"]
    names = call.site.pricing.book.models(_priced_as(call, provider))
    rows, following = page(names, lambda name: name, call.query.cursor, call.query.limit)
    found = (_document(call, provider, name) for name in rows)
    return PriceList(data=[price for price in found if price is not None], next=following)


async def _show(call: Call) -> Struct:
    provider, model = call.path["provider"], call.path["model"]
    price = _document(call, provider, model)
    if price is None:
        raise NotFound(f"No price is known for {provider}/{model}.")
    return price


ROUTES = [
    Route("GET", "/prices", _feed, "The feed in use", WATCHING, d.PriceFeed),
    Route("GET", "/prices/quarantine", _quarantine, "The feed that waits for a yes", WATCHING, d.Quarantine),
    Route("POST", "/prices/approve", _approve, "Say yes to it, for all workers", ADMIN, d.Approval, body=b.Yes),
    Route("GET", "/prices/{provider}", _list, "What a provider's models cost now", WATCHING, PriceList, query=b.Page),
    Route("GET", "/prices/{provider}/{model:.+}", _show, "What a model costs now", WATCHING, d.ModelPrice),
]


def _document(call: Call, provider: str, model: str) -> d.ModelPrice | None:
    price = call.site.pricing.book.price(_priced_as(call, provider), model, call.site.clock())
    if price is None:
        return None
    shown = convert(list(rates(price)), list[d.Rate])
    return d.ModelPrice(provider=provider, model=model, price=price.id, rates=shown)


def _priced_as(call: Call, provider: str) -> str:
    return priced_as(provider, call.site.catalog().providers)
