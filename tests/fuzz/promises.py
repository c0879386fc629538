"""What must hold of money and counts, whatever was read from whatever bytes."""

from __future__ import annotations

from msgspec.structs import astuple

from gateway.core.lines import lines
from gateway.core.price import Price, Rates, Schedule
from gateway.core.usage import Extras, Report, Turn, Usage, summed

COUNT_MAX = 1 << 53
"""Shared stores count in doubles."""

_TOKENS = [name for name in Usage.__struct_fields__ if name not in ("requests", "final", "extras", "prompt")]
_RATES = [name for name in Rates.__dataclass_fields__ if name not in ("request", "extras", "least", "by_token", "sure")]
_COUNTED = [name for name in _RATES if not name.startswith("dearest_")]

PRICE = Price(
    "fuzz/1",
    Schedule(
        Rates(
            **{name: 1000 + number for number, name in enumerate(_COUNTED)},
            request=7,
            extras=dict.fromkeys(Extras.__struct_fields__, 13),
        )
    ),
)
"""Everything costs something, and each thing something else."""


def check_report(report: Report) -> None:
    """Counts are whole and never negative, and so is what they cost."""
    for usage in ([report.usage] if report.usage is not None else []) + [turn.usage for turn in report.turns]:
        check_usage(usage, report.service_tier)
    assert report.cost is None or report.cost.picos >= 0
    assert isinstance(report.raw, bytes)
    assert isinstance(report.answer_id, str)
    for name in (report.model, report.service_tier):
        assert name is None or isinstance(name, str)
    for turn in report.turns:
        assert isinstance(turn, Turn)
    if report.turns:
        check_usage(summed(turn.usage for turn in report.turns), None)


def check_usage(usage: Usage, tier: str | None) -> None:
    """See `check_report`."""
    counts = [getattr(usage, name) for name in (*_TOKENS, "requests")]
    counts += astuple(usage.extras) if usage.extras is not None else ()
    counts += [usage.prompt] if usage.prompt is not None else []
    assert all(type(count) is int and 0 <= count < COUNT_MAX for count in counts), usage
    cost = PRICE.of(usage, tier)
    assert cost.total is not None
    assert cost.total.picos >= 0
    assert sum(line.amount.picos for line in lines(usage, PRICE, tier)) == cost.total.picos


def same_tokens(told: Usage, meant: Usage) -> bool:
    """Whether one dialect's usage says the tokens of another's: all that was given, cached and made."""

    def sums(usage: Usage) -> tuple[int, ...]:
        read = usage.cache_read + usage.cache_read_audio + usage.cache_read_image
        return usage.input_total, read, usage.output_total

    return sums(told) == sums(meant)


def mixed(dialect: str, body: bytes) -> bool:
    """Whether these words are of several makers at once. Bedrock has models of many, whose bodies differ; it has none
    that speaks so."""
    return dialect == "bedrock-invoke" and (b'"prompt_tokens"' in body or b'"inputTokens"' in body)
