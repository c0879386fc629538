"""Settings for a command: from --config, $FAREWAY_CONFIG, ./fareway.yaml, or the environment alone."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gateway.config.load import load
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
    try:
        return load(config_path(parsed), os.environ)
    except ConfigError as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(f"cannot read the configuration: {error}") from None
