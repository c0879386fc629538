"""A policy on the command line: `--policy policies.x --params key=value`, in the place of the configured one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import yaml

from gateway.cli.settings import Unusable
from gateway.config.policies import known_policy, read_params
from gateway.config.settings import PolicyChoice, Settings
from gateway.config.units import UnreadableError
from gateway.core.errors import PolicyFailed


def add_params(parser: argparse.ArgumentParser) -> None:
    """Declare `--params`."""
    what = "of the policy that --policy names, as in the configuration"
    parser.add_argument("--params", action="append", default=[], metavar="key=value", help=what)


def with_policy(found: Settings, dotted: str, params: Sequence[str]) -> Settings:
    """The settings where this policy decides on every call, `auto` included; the same ones where none is named. Raises
    Unusable."""
    if not dotted:
        if params:
            raise Unusable("--params needs --policy", 2)
        return found
    try:
        read, misread = read_params(known_policy(dotted), dict(map(_param, params)))
    except UnreadableError as error:
        raise Unusable(f"--policy: {error}{f' ({error.hint})' if error.hint else ''}", 2) from None
    if misread:
        wrong = misread[0]
        raise Unusable(f"--params: {wrong.name}: {wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}", 2)
    choice = PolicyChoice(dotted, read)
    return replace(found, routing=replace(found.routing, choice=choice, auto=choice, named={}))


def failed(error: PolicyFailed) -> Unusable:
    """What the policy raised, for whoever tries it; callers are not shown it."""
    cause = error.__cause__
    return Unusable(f"{error} It raised {type(cause).__name__}: {cause}")


def _param(text: str) -> tuple[str, Any]:
    """A parameter with its value, written as in YAML: a number, a word, a list."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Unusable(f"--params: {text!r} is not key=value", 2)
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise Unusable(f"--params: {value!r} is not a value", 2) from None
