"""How much to think, by `thinking` and `output_config.effort`."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini import models

Json = dict[str, Any]

_THINKING = ("enabled", "adaptive", "between_tools")


def thinking(body: Fields, effort: str | None, model: str) -> Json | None:
    """`thinkingConfig`; None where nothing is asked for. A budget goes before an effort, and `disabled` before both."""
    if effort is not None and effort not in models.EFFORTS:
        field = "output_config.effort"
        raise BadRequest(f"{field} must be one of {', '.join(models.EFFORTS)}", field)
    asked = body.object("thinking")
    kind = None if asked is None else asked.needed("type")
    tokens = None if asked is None else asked.whole("budget_tokens")
    display = None if asked is None else asked.text("display")
    if kind not in (None, "disabled", *_THINKING):
        raise BadRequest(f"thinking.type must be disabled, {' or '.join(_THINKING)}", "thinking.type")
    if not models.thinks(model):
        _unthinking(body, kind, effort)
        return None
    if kind == "between_tools":
        body.hint("thinking")
    shown = {"includeThoughts": True} if kind in _THINKING and display != "omitted" else {}
    return (_config(body, kind, tokens, effort, model) | shown) or None


def _unthinking(body: Fields, kind: str | None, effort: str | None) -> None:
    """A model that never thinks does what `adaptive` allows."""
    if kind == "enabled":
        body.lose("thinking", "This model does not think before it answers.")
    elif kind in _THINKING:
        body.hint("thinking")
    if effort is not None:
        body.hint("output_config.effort")


def _config(body: Fields, kind: str | None, tokens: int | None, effort: str | None, model: str) -> Json:
    """The nearest that the model has, named where it is not what was asked for."""
    if kind == "disabled":
        found, field = models.by_effort(model, "none"), "thinking"
    elif tokens is not None:
        found, field = models.by_tokens(model, tokens), "thinking.budget_tokens"
    elif effort is not None:
        found, field = models.by_effort(model, effort), "output_config.effort"
    else:
        return {}
    if not found.exact:
        body.hint(field)
    return found.config
