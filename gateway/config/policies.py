"""Whether a policy can be loaded, and which ones come with the gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any, NamedTuple

from gateway.config.problems import did_you_mean, listed
from gateway.config.settings import Routing
from gateway.config.units import UnreadableError
from gateway.core.route import Signal
from gateway.plugins import NoPolicy, load_policy

BUILT_IN = "policies"


class Misread(NamedTuple):
    """A parameter that a policy does not know, or cannot use."""

    name: str
    message: str
    hint: str
    unknown: bool  # The name is wrong, rather than the value.


def known_policy(dotted: str) -> str:
    """The same name, if a policy is there. Raises UnreadableError, saying what is missing or wrong in it."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", dotted):
        raise UnreadableError("must be a policy by its dotted name, such as policies.cheapest")
    try:
        load_policy(dotted)
    except NoPolicy as error:
        names = built_in()
        hint = did_you_mean(dotted, names, otherwise=f"built in: {listed(names, 'and')}")
        raise UnreadableError(str(error), hint, quotes=True) from None
    except Exception as error:  # noqa: BLE001 - A policy is anybody's code, and may fail in any way when it is loaded.
        message = f"the policy {dotted} cannot be loaded: {type(error).__name__}: {error}"
        raise UnreadableError(message, quotes=True) from None
    return dotted


def read_params(dotted: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Misread]]:
    """The parameters of this policy as it reads them, and what is wrong with others. Raises NoPolicy."""
    readers = load_policy(dotted).params
    if readers is None:
        return dict(given), []
    read, misread = {}, []
    for name, value in given.items():
        if name not in readers:
            takes = f"{dotted} takes {listed(readers, 'and')}" if readers else f"{dotted} takes none"
            hint = did_you_mean(name, readers, otherwise=takes)
            misread.append(Misread(name, "there is no such parameter", hint, unknown=True))
            continue
        try:
            read[name] = readers[name](value)
        except ValueError as error:
            misread.append(Misread(name, str(error), "", unknown=False))
        except Exception as error:  # noqa: BLE001 - The same: a reader is anybody's code.
            misread.append(Misread(name, f"cannot be read: {type(error).__name__}: {error}", "", unknown=False))
    return read, misread


def built_in() -> list[str]:
    """The dotted names of the policies that come with the gateway."""
    spec = find_spec(BUILT_IN)
    folders = spec.submodule_search_locations if spec else None
    return [name for name in (f"{BUILT_IN}.{module.name}" for module in iter_modules(folders or [])) if _loads(name)]


def _loads(dotted: str) -> bool:
    try:
        load_policy(dotted)
    except NoPolicy:
        return False
    return True


def predicts(routing: Routing) -> bool:
    """Whether a policy asks how likely answers are to be good."""
    choices = (routing.choice, routing.auto, *routing.named.values())
    return any(Signal.SUCCESS in load_policy(choice.policy).reads for choice in choices)
