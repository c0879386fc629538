"""Settings for a command: from --config, $FAREWAY_CONFIG, ./fareway.yaml, or the environment alone."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.config.load import load, load_books
from gateway.config.problems import ConfigError
from gateway.config.settings import Settings


class Unusable(Exception):
    """The command cannot run; the text says why, for a person. `status` is its exit code."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def config_path(parsed: argparse.Namespace) -> Path | None:
    """The configuration file that counts, if there is one."""
    given = parsed.config or (Path(os.environ["FAREWAY_CONFIG"]) if os.environ.get("FAREWAY_CONFIG") else None)
    if given is not None:
        return Path(given)
    here = Path("fareway.yaml")
    return here if here.exists() else None


def settings(parsed: argparse.Namespace) -> Settings:
    """The settings. Raises Unusable with every problem of the file, line by line."""
    return _read(load, parsed)


def settings_of_books(parsed: argparse.Namespace) -> Settings:
    """What a command needs that asks no provider: see `load_books`. Raises Unusable as `settings` does."""
    return _read(load_books, parsed)


def _read(how: Callable[[Path | None, Mapping[str, str]], Settings], parsed: argparse.Namespace) -> Settings:
    try:
        return how(config_path(parsed), os.environ)
    except ConfigError as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(f"cannot read the configuration: {error}") from None
