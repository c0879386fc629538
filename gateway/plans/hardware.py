"""The plans `gpus`, `training`, `scaling` and `request`: hardware, and what runs on it."""

from __future__ import annotations

from argparse import Namespace
from fractions import Fraction

from gateway.core.errors import BadRequest
from gateway.core.money import Money
from gateway.planning.amounts import HOURS_PER_MONTH, times
from gateway.planning.gpus import Hardware, Tier, catalogue
from gateway.planning.request import RequestCost, request_cost
from gateway.planning.scaling import UTILISATION, scale, training_run
from gateway.planning.sizing import Fit, Need, kv_bytes, sized
from gateway.planning.training import Job, job_cost
from gateway.plans.arguments import billions, count, dollars, milliseconds, not_negative, positive, utilisation
from gateway.plans.books import Source, add_period, books, routes
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Row, Sheet

TIERS = tuple(str(tier) for tier in Tier)
_LATENCY_MS = 5000


def gpus_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--params", type=billions, metavar="7B", help="size of the model")
    takes.add_argument("--bits", type=count, default=16, help="of each weight (default: 16)")
    takes.add_argument("--input", type=count, default=500, metavar="TOKENS", help="of a call (default: 500)")
    takes.add_argument("--output", type=count, default=200, metavar="TOKENS", help="of a call (default: 200)")
    takes.add_argument("--concurrency", type=count, default=1, help="calls answered together (default: 1)")
    takes.add_argument("--latency", type=milliseconds, metavar="5s", help="of a whole answer (default: 5s)")
    takes.add_argument("--kv-bytes", type=count, help="of the cache, for each token (default: by size)")
    takes.add_argument("--tier", choices=TIERS, default=TIERS[0])
    takes.add_argument("--model", help="with --from-ledger: the model whose calls count")
    add_period(takes)


def training_parameters(takes: Takes) -> None:
    """Declare them."""
    add_device(takes, "A100-80", Tier.SPOT)
    takes.add_argument("--gpus", type=count, default=1, help="how many (default: 1)")
    takes.add_argument("--hours", type=positive, required=True)
    takes.add_argument("--params", type=billions, required=True, metavar="7B")
    takes.add_argument("--dataset", type=not_negative, required=True, metavar="GB")
    takes.add_argument("--epochs", type=count, default=1)


def scaling_parameters(takes: Takes) -> None:
    """Declare them."""
    add_device(takes, "H100", Tier.SPOT)
    takes.add_argument("--params", type=billions, required=True, metavar="7B")
    takes.add_argument("--tokens", type=billions, required=True, metavar="1T")
    takes.add_argument("--mfu", type=utilisation, default=UTILISATION, metavar="40%", help="model FLOPs utilisation")


def request_parameters(takes: Takes) -> None:
    """Declare them."""
    add_device(takes, "A10G", Tier.ON_DEMAND)
    takes.add_argument("--batch", type=count, default=8, help="requests answered together (default: 8)")
    takes.add_argument("--latency", type=milliseconds, default=Fraction(150), metavar="150ms", help="of a batch")
    takes.add_argument("--input", type=count, default=500, metavar="TOKENS")
    takes.add_argument("--output", type=count, default=200, metavar="TOKENS")
    takes.add_argument("--model", help="with --from-ledger: only this one; its batches and times are measured")
    add_period(takes)


def add_device(takes: Takes, name: str, tier: Tier) -> None:
    """Declare the hardware, how it is bought, and a price that is not the catalogue's."""
    names = ", ".join(one.name for one in catalogue().hardware)
    takes.add_argument("--gpu", default=name, metavar="NAME", help=f"of {names} (default: {name})")
    takes.add_argument("--tier", choices=TIERS, default=str(tier), help=f"default: {tier}")
    takes.add_argument("--rate", type=dollars, metavar="USD", help="for an hour of one, instead of the catalogue's")


def device(parsed: Namespace) -> tuple[Hardware, Money]:
    """The hardware that is meant, and what an hour of one costs. Raises BadRequest."""
    found = named(parsed.gpu)
    hourly = parsed.rate if parsed.rate is not None else found.hourly[Tier(parsed.tier)]
    if not hourly:
        raise BadRequest("hardware that costs nothing needs no plan", "rate")
    return found, hourly


def named(gpu: str) -> Hardware:
    """The hardware of that name. Raises BadRequest."""
    try:
        return catalogue().named(gpu)
    except ValueError as error:
        raise BadRequest(str(error), "gpu") from None


def gpus(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    known = catalogue()
    dated = f"List prices of {known.date}, USD per hour of one device."
    if parsed.params is None:
        if parsed.from_ledger:
            raise BadRequest("how large the model is, the ledger cannot know", "params")
        return Sheet(rows=[_offer(one) for one in known.hardware], notes=[dated])
    need = _need(parsed, source)
    fits = sized(need, known.hardware, Tier(parsed.tier))
    notes = [dated, "Speeds are estimates from arithmetic and memory bandwidth: measure before you buy."]
    if not fits[0].fits:
        notes.insert(0, "Nothing in the catalogue holds it and is in time.")
    figures: Row = {
        "weights_gb": need.weights_bytes / 10**9,
        "kv_cache_gb": Fraction(need.cache_bytes, 10**9),
        "memory_with_headroom_gb": need.memory_gb,
        "latency_target_ms": need.latency_ms,
        "cheapest": f"{fits[0].count} x {fits[0].hardware.name}" if fits[0].fits else None,
    }
    return Sheet(figures, [_fit(fit) for fit in fits], notes)


def _need(parsed: Namespace, source: Source) -> Need:
    latency = int(parsed.latency) if parsed.latency is not None else _LATENCY_MS
    tokens, made, together = parsed.input, parsed.output, parsed.concurrency
    if parsed.from_ledger:
        with books(parsed, source) as told:
            found = routes(told, parsed.model)[0]
        tokens, made, together = found.input_tokens, max(1, found.output_tokens), found.concurrency
        latency = int(parsed.latency) if parsed.latency is not None else max(1, found.duration_ms)
    each = parsed.kv_bytes if parsed.kv_bytes is not None else kv_bytes(parsed.params)
    return Need(parsed.params, tokens, made, together, latency, parsed.bits, each)


def _offer(one: Hardware) -> Row:
    prices = {f"{tier.replace('-', '_')}_usd": one.hourly[tier] for tier in Tier}
    return {
        "name": one.name,
        "memory_gb": one.memory_gb,
        "tflops": one.tflops,
        "gb_s": one.bandwidth_gb_s,
        **prices,
    }


def _fit(fit: Fit) -> Row:
    lacking = [word for word, holds in (("memory", fit.holds), ("speed", fit.in_time)) if not holds]
    return {
        "hardware": fit.hardware.name,
        "count": fit.count,
        "memory_gb": fit.hardware.memory_gb * fit.count,
        "latency_ms": fit.latency_ms,
        "hour_usd": fit.hourly,
        "month_usd": fit.monthly,
        "fits": "yes" if fit.fits else f"no: {' and '.join(lacking)}",
    }


def training(parsed: Namespace, _: Source) -> Sheet:
    """Raises BadRequest."""
    hourly = device(parsed)[1]
    spot = Tier(parsed.tier) is Tier.SPOT
    cost = job_cost(Job(hourly, parsed.gpus, parsed.hours, parsed.params, parsed.dataset, parsed.epochs, spot=spot))
    figures: Row = {
        "compute_usd": cost.compute,
        "storage_usd": cost.storage,
        "transfer_usd": cost.transfer,
        "tooling_usd": cost.tooling,
        "total_usd": cost.total,
        "per_epoch_usd": cost.per_epoch,
        "per_billion_parameters_usd": cost.per_billion,
    }
    notes = ["Compute has 15 % for interruptions in it."] if spot else []
    return Sheet(figures, notes=notes)


def scaling(parsed: Namespace, _: Source) -> Sheet:
    """Raises BadRequest."""
    hardware, hourly = device(parsed)
    run = training_run(parsed.params, parsed.tokens, hardware, hourly, parsed.mfu)
    figures: Row = {
        "gpu_hours": run.gpu_hours,
        "gpu_months": run.gpu_hours / HOURS_PER_MONTH,
        "total_usd": run.total,
        "per_billion_tokens_usd": run.per_billion_tokens,
        "as_a_rule": scale(parsed.params),
    }
    return Sheet(figures)


def request(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    _, hourly = device(parsed)
    if not parsed.from_ledger:
        cost = request_cost(hourly, parsed.batch, parsed.latency, parsed.input + parsed.output)
        return Sheet(_cost(cost))
    with books(parsed, source) as told:
        found = routes(told, parsed.model)
    rows = []
    for one in found:
        tokens, took = max(1, one.tokens // one.calls), Fraction(max(1, one.mean_duration_ms))
        cost = request_cost(hourly, one.usual_concurrency, took, tokens)
        measured: Row = {
            "route": f"{one.provider}/{one.model}",
            "calls": one.calls,
            "batch": one.usual_concurrency,
            "mean_ms": one.mean_duration_ms,
            "booked_usd": times(one.cost, Fraction(1, one.priced_calls)) if one.priced_calls else None,
        }
        rows.append({**measured, **{name: value for name, value in _cost(cost).items() if name in _BRIEF}})
    notes = ["Batch and time are those of real calls, which your hardware need not reach: `plan gpus` estimates it."]
    return Sheet(rows=rows, notes=notes)


_BRIEF = ("request_usd", "per_1k_requests_usd", "requests_per_dollar")


def _cost(cost: RequestCost) -> Row:
    return {
        "compute_usd": cost.compute,
        "overhead_usd": cost.overhead,
        "memory_usd": cost.memory,
        "request_usd": cost.total,
        "per_1k_requests_usd": cost.per_thousand,
        "per_1m_tokens_usd": cost.per_million_tokens,
        "requests_per_dollar": cost.per_dollar,
    }
